package testenv

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed poms/*.xml
var poms embed.FS

// jars returns the folder with the jars of poms/<name>.xml, fetching them the first
// time. The folder is named after the pom's content: a changed pom is a new folder.
func jars(ctx context.Context, name string) (string, error) {
	pom, err := poms.ReadFile("poms/" + name + ".xml")
	if err != nil {
		return "", fmt.Errorf("%w: no pom for %q", ErrUnavailable, name)
	}
	dir := filepath.Join(Root(), "jars", name+"-"+shortHash(string(pom)))
	stamp := filepath.Join(dir, ".complete")
	if exists(stamp) {
		return dir, nil
	}
	release, err := lock(ctx, "jars-"+name)
	if err != nil {
		return "", err
	}
	defer release()
	if exists(stamp) {
		return dir, nil
	}
	if _, err := need(ctx, "mvn", "maven"); err != nil {
		return "", err
	}
	if err := removeTree(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	file := filepath.Join(Root(), "jars", name+".pom.xml")
	if err := os.WriteFile(file, pom, 0o644); err != nil {
		return "", err
	}
	_, err = run(ctx, command{path: "mvn", args: []string{
		"-q", "-B", "-f", file, "dependency:copy-dependencies",
		"-DincludeScope=runtime", "-DoutputDirectory=" + dir,
	}})
	if err != nil {
		return "", fmt.Errorf("%w: fetch the jars of poms/%s.xml: %w", ErrUnavailable, name, err)
	}
	return dir, os.WriteFile(stamp, nil, 0o644)
}

func pomPrint(names ...string) string {
	var parts []string
	for _, n := range names {
		raw, err := poms.ReadFile("poms/" + n + ".xml")
		if err != nil {
			raw = []byte("absent")
		}
		parts = append(parts, n, string(raw))
	}
	return shortHash(parts...)
}

// java returns the java binary, of JAVA_HOME if that is set.
func java(ctx context.Context) (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		if bin := filepath.Join(home, "bin", "java"); exists(bin) {
			return bin, nil
		}
	}
	return need(ctx, "java", "java")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// need finds a program, and where installing is allowed installs what brings it:
// part is an argument of install.sh.
func need(ctx context.Context, program, part string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	if err := install(ctx, part); err != nil {
		return "", fmt.Errorf("%w: %s is missing: %w", ErrUnavailable, program, err)
	}
	return exec.LookPath(program)
}
