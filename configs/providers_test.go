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
