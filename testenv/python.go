package testenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pythonPackages are clients that others wrote, at pinned versions.
var pythonPackages = []string{
	"confluent-kafka==2.16.1", "fastavro==1.13.1", "httpx2==2.16.2", "authlib==1.9.10", "attrs==26.1.0", "cachetools==8.0.2",
	"requests==2.34.2", "certifi==2026.10.19.post1", "typing-extensions==4.16.0", "kafka-connect-py==1.0.0", "kafka-connect-api==0.5.10",
	"jsonschema==4.26.0", "jsonschema-specifications==2025.9.1", "referencing==0.37.0", "rpds-py==2026.9.1",
	"protobuf==7.36.2", "googleapis-common-protos==1.76.0", "grpcio-tools==1.85.1", "grpcio==1.85.3",
}

// Python runs a script with other people's Kafka clients, Avro, JSON Schema and Protobuf readers and returns what it prints.
// The packages live in an environment of their own, made the first time.
func Python(t testing.TB, script, input string, args ...string) string {
	t.Helper()
	ctx, cancel := patience(t, prepareWithin)
	defer cancel()
	bin, err := python(ctx)
	settle(t, err)
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, bin, append([]string{"-c", script}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("testenv: python: %v\n%s", err, errs.String())
	}
	return string(out)
}

func python(ctx context.Context) (string, error) {
	dir := filepath.Join(Root(), "python-"+shortHash(pythonPackages...))
	bin, stamp := filepath.Join(dir, "bin", "python"), filepath.Join(dir, ".complete")
	if exists(stamp) {
		return bin, nil
	}
	release, err := lock(ctx, "python")
	if err != nil {
		return "", err
	}
	defer release()
	if exists(stamp) {
		return bin, nil
	}
	base, err := exec.LookPath("python3")
	if err != nil {
		return "", fmt.Errorf("%w: python3 is missing", ErrUnavailable)
	}
	if err := removeTree(dir); err != nil {
		return "", err
	}
	if _, err := run(ctx, command{path: base, args: []string{"-m", "venv", dir}}); err != nil {
		return "", fmt.Errorf("%w: make a Python environment: %w", ErrUnavailable, err)
	}
	if _, err := run(ctx, command{path: bin, args: append([]string{"-m", "pip", "install", "-q", "--disable-pip-version-check"}, pythonPackages...)}); err != nil {
		return "", fmt.Errorf("%w: fetch Python packages: %w", ErrUnavailable, err)
	}
	return bin, os.WriteFile(stamp, nil, 0o644)
}
