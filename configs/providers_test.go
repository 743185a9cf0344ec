package configs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProviders_Resolve(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("db.properties", "password=s3cret\nuser=dbz\n")
	write("token", "abc\n")
	t.Setenv("ANABRANCH_TEST_HOST", "db1")
	t.Setenv("SECRET_OTHER", "no")
	ps, err := NewProviders(map[string]string{
		"config.providers":                             "file, env ,dir",
		"config.providers.file.class":                  "org.apache.kafka.common.config.provider.FileConfigProvider",
		"config.providers.file.param.allowed.paths":    dir,
		"config.providers.env.class":                   "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
		"config.providers.env.param.allowlist.pattern": "ANABRANCH_.*",
		"config.providers.dir.class":                   "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
	})
	if err != nil {
		t.Fatal(err)
	}
	raw := map[string]string{
		"p":       "${file:" + dir + "/db.properties:password}",
		"many":    "${file:" + dir + "/db.properties:user}@${env:ANABRANCH_TEST_HOST}:3306",
		"token":   "${dir:" + dir + ":token}",
		"unknown": "${vault:x:y} ${env:NOT_THERE} ${env:SECRET_OTHER}",
		"outside": "${file:/etc/passwd:root}",
		"plain":   "$1 ${x}",
		"up":      "${dir:" + dir + "/x:../token}",
	}
	got, err := ps.Resolve(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"p": "s3cret", "many": "dbz@db1:3306", "token": "abc\n",
		"unknown": raw["unknown"], "outside": raw["outside"], "plain": raw["plain"], "up": raw["up"],
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if !ps.HasVariable(raw["p"]) || ps.HasVariable(raw["plain"]) || ps.HasVariable("${vault:x:y}") {
		t.Error("HasVariable")
	}
	if _, err := ps.Resolve(map[string]string{"a": "${file:" + dir + "/none:x}"}); err == nil || !strings.Contains(err.Error(), dir+"/none") {
		t.Errorf("missing file: %v", err)
	}
}

func TestNewProviders_RefusesUnknownClass(t *testing.T) {
	_, err := NewProviders(map[string]string{"config.providers": "v", "config.providers.v.class": "com.example.Vault"})
	if err == nil || !strings.Contains(err.Error(), "config.providers.v.class") {
		t.Errorf("got %v", err)
	}
}

// Seen with Kafka 4.3.1's own providers.
func TestProviders_EdgesAsJavas(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"in", "in/sub", "out"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"in/k": "val\n", "out/k": "o", "in/s.properties": "a=1\nb=${env:HOME}\n\u00fc=x\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME_X", "home")
	const pkg = "org.apache.kafka.common.config.provider."
	base := map[string]string{"config.providers": "file,dir,env,file,empty", "config.providers.file.class": pkg + "FileConfigProvider",
		"config.providers.dir.class": pkg + "DirectoryConfigProvider", "config.providers.env.class": pkg + "EnvVarConfigProvider"}
	limited := Overlay(base, map[string]string{"config.providers.file.param.allowed.paths": dir + "/in", "config.providers.dir.param.allowed.paths": dir + "/in",
		"config.providers.env.param.allowlist.pattern": "H(?!I).*"})
	for _, c := range []struct{ text, open, closed string }{
		{"${file:DIR/in/s.properties:a}", "1", "1"},
		{"${file:DIR/in/s.properties:b}", "${env:HOME}", "${env:HOME}"}, // not looked at again
		{"${file:DIR/in/s.properties:ü}", "x", "x"},
		{"${file:DIR/in/s.properties:zz}", "${file:DIR/in/s.properties:zz}", "${file:DIR/in/s.properties:zz}"},
		{"${file:DIR/none:zz}", "!Could not read properties from file DIR/none", "${file:DIR/none:zz}"},
		{"${file:a}", "${file:a}", "${file:a}"},
		{"x${dir:DIR/in:k}y", "xval\ny", "xval\ny"},
		{"${dir:DIR/in:../out/k}", "${dir:DIR/in:../out/k}", "${dir:DIR/in:../out/k}"},
		{"${dir:DIR/out:k}", "o", "${dir:DIR/out:k}"},
		{"${dir:DIR/in/../out:k}", "o", "${dir:DIR/in/../out:k}"},
		{"${dir:DIR/none:k}", "${dir:DIR/none:k}", "${dir:DIR/none:k}"},
		{"${dir:DIR/in:sub}", "${dir:DIR/in:sub}", "${dir:DIR/in:sub}"},
		{"$${env:HOME_X}", "$home", "$home"},
		{"${env::HOME_X}", "home", "home"},
		{"${env:PATH_NONE}${nope:a:b}${env:HOME_X", "${env:PATH_NONE}${nope:a:b}${env:HOME_X", "${env:PATH_NONE}${nope:a:b}${env:HOME_X"},
		{"${env:/p:HOME_X}", "!Path is not supported for EnvVarConfigProvider, invalid value '/p'", "!Path is not supported for EnvVarConfigProvider, invalid value '/p'"},
		{"${empty:a}", "${empty:a}", "${empty:a}"},
	} {
		for i, worker := range []map[string]string{base, limited} {
			ps, err := NewProviders(worker)
			if err != nil {
				t.Fatal(err)
			}
			here := func(s string) string { return strings.ReplaceAll(s, "DIR", dir) }
			want := here([]string{c.open, c.closed}[i])
			got, err := ps.Resolve(map[string]string{"k": here(c.text)})
			switch {
			case strings.HasPrefix(want, "!"):
				if err == nil || !strings.Contains(err.Error(), want[1:]) {
					t.Errorf("%s: %v", c.text, err)
				}
			case err != nil || got["k"] != want:
				t.Errorf("%s: %q %v, want %q", c.text, got["k"], err, want)
			}
		}
	}
	for path, want := range map[string]string{"relative": "Path relative is not absolute", dir + "/none": "Path " + dir + "/none does not exist"} {
		if _, err := NewProviders(Overlay(base, map[string]string{"config.providers.file.param.allowed.paths": path})); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestProviders_ScrubPutsVariablesBack(t *testing.T) {
	t.Setenv("SECRET_A", "topsecret-value")
	t.Setenv("SECRET_B", "topsecret-value-longer")
	t.Setenv("SHORT", "abc")
	ps, err := NewProviders(map[string]string{"config.providers": "env", "config.providers.env.class": "org.apache.kafka.common.config.provider.EnvVarConfigProvider"})
	if err != nil {
		t.Fatal(err)
	}
	if got := ps.Scrub("topsecret-value"); got != "topsecret-value" {
		t.Errorf("nothing was resolved yet: %s", got)
	}
	if _, err := ps.Resolve(map[string]string{"a": "x${env:SECRET_A}", "b": "${env:SECRET_B}", "c": "${env:SHORT}"}); err != nil {
		t.Fatal(err)
	}
	got := ps.Scrub("connect with topsecret-value-longer and topsecret-value: abc")
	if got != "connect with ${env:SECRET_B} and ${env:SECRET_A}: abc" {
		t.Error(got)
	}
}
