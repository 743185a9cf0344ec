package testenv

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// AnabranchOptions shape a daemon of our own that a test starts as a child process.
type AnabranchOptions struct {
	Props map[string]string // over the worker.properties that a Connect worker gets too
	CPUs  string            // list for taskset(1); all if empty
	Env   []string
	// Standalone are the connector files of a worker without a group.
	Standalone []string
}

// PrivateAnabranch builds our binary and runs it on the given broker, in distributed mode,
// with the same worker.properties as [PrivateConnect] uses. It answers the same REST calls,
// so it has the same type.
func PrivateAnabranch(t testing.TB, k *KafkaServer, o AnabranchOptions) *ConnectWorker {
	t.Helper()
	return &ConnectWorker{anabranchPlan(k.Bootstrap(), unique("anabranch"), o).private(t), k.Bootstrap()}
}

var build struct {
	once sync.Once
	path string
	err  error
}

// Binary builds the program once per test process and returns its path. ANABRANCH_BIN names
// one that is already built.
func Binary(ctx context.Context) (string, error) {
	if p := os.Getenv("ANABRANCH_BIN"); p != "" {
		return p, nil
	}
	build.once.Do(func() {
		out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
		if err != nil {
			build.err = fmt.Errorf("find the module: %w", err)
			return
		}
		root := strings.TrimSpace(string(out))
		dir := filepath.Join(Root(), "bin")
		if build.err = os.MkdirAll(dir, 0o755); build.err != nil {
			return
		}
		// A name of its own: other test processes may be running theirs.
		build.path = filepath.Join(dir, fmt.Sprintf("anabranch-%d", os.Getpid()))
		cmd := exec.CommandContext(ctx, "go", "build", "-o", build.path, ".")
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			build.err = fmt.Errorf("build anabranch: %w\n%s", err, text)
		}
	})
	return build.path, build.err
}

func anabranchPlan(bootstrap, group string, o AnabranchOptions) *plan {
	return &plan{
		part:   "anabranch",
		print:  "anabranch on " + bootstrap,
		ports:  []string{"rest"},
		within: 30 * time.Second,
		stop:   syscall.SIGTERM,
		prepare: func(_ context.Context, r *record) error {
			props := workerProps(r, bootstrap, group)
			if o.Standalone != nil {
				maps.DeleteFunc(props, func(k, _ string) bool { return k == "group.id" || strings.Contains(k, ".storage.") })
				props["offset.storage.file.filename"] = filepath.Join(r.Dir, "connect.offsets")
			}
			maps.Copy(props, o.Props)
			return writeProps(filepath.Join(r.Dir, "worker.properties"), props)
		},
		launch: func(ctx context.Context, r *record) (command, error) {
			bin, err := Binary(ctx)
			if err != nil {
				return command{}, err
			}
			cmd := command{path: bin, args: append([]string{"run", filepath.Join(r.Dir, "worker.properties")}, o.Standalone...), dir: r.Dir, env: o.Env}
			if o.CPUs != "" {
				cmd.args = append([]string{"-c", o.CPUs, cmd.path}, cmd.args...)
				cmd.path = "taskset"
			}
			return cmd, nil
		},
		answers: func(ctx context.Context, r *record) error {
			code, body, err := call(ctx, http.MethodGet, "http://"+r.addr("rest")+"/connectors", nil)
			if err != nil {
				return err
			}
			if code != http.StatusOK {
				return fmt.Errorf("status %d: %.200s", code, body)
			}
			return nil
		},
	}
}
