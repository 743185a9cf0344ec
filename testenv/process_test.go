package testenv

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestSpawn_DetachesAndKillFamilyEndsChildrenToo(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	pid, err := spawn(command{path: "/bin/sh", args: []string{"-c", "echo up; sleep 1000 & sleep 1000; echo never"}}, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := poll(ctx, func() (bool, error) { return len(family(pid)) == 3 && tail(log) == "up", nil }); err != nil {
		t.Fatalf("family %v, log %q: %v", family(pid), tail(log), err)
	}
	all := family(pid)
	if s, _ := readStat(pid); s.parent == os.Getpid() {
		t.Error("it is our child")
	}
	gone, err := killFamily(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := poll(ctx, func() (bool, error) { return gone(), nil }); err != nil {
		t.Fatal(err)
	}
	for _, id := range all {
		if s, ok := readStat(id); ok && s.state != 'Z' {
			t.Errorf("process %d lives", id)
		}
	}
}

func TestRun_ErrorCarriesTheOutput(t *testing.T) {
	_, err := run(t.Context(), command{path: "/bin/sh", args: []string{"-c", "cat; exit 3"}, input: "the cause"})
	if err == nil || !strings.Contains(err.Error(), "the cause") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errors.New("my deadline"))
	defer cancel()
	if _, err := run(ctx, command{path: "sleep", args: []string{"1000"}}); err == nil || !strings.Contains(err.Error(), "my deadline") {
		t.Errorf("error %v", err)
	}
}

func TestStrays_AreOursOnly(t *testing.T) {
	home := t.TempDir()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, name := range []string{"java", "vi"} {
		path := filepath.Join(t.TempDir(), name)
		if err := exec.Command("cp", sh, path).Run(); err != nil {
			t.Fatal(err)
		}
		pid, err := spawn(command{path: path, args: []string{"-c", "sleep 1000; :", filepath.Join(home, "server.properties")}}, filepath.Join(t.TempDir(), "log"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := killFamily(pid); err != nil {
				t.Error(err)
			}
		})
		pids = append(pids, pid)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got []int
	err = poll(ctx, func() (bool, error) {
		got = strays("/nowhere", []string{home})
		return slices.Equal(got, pids[:1]), nil
	})
	if err != nil {
		t.Errorf("strays %v, want %v", got, pids[:1])
	}
	if got := strays("/nowhere", []string{t.TempDir()}); len(got) > 0 {
		t.Errorf("strays %v below a directory that nobody uses", got)
	}
}

func TestLastLines(t *testing.T) {
	for in, want := range map[string]string{"": "", "\n": "", "a": "a", "a\nb\n": "a\nb", "a\nb\nc\n\n": "b\nc"} {
		if got := lastLines([]byte(in), 2); got != want {
			t.Errorf("of %q: %q, want %q", in, got, want)
		}
	}
}

func TestLock_HoldsOthersOff(t *testing.T) {
	t.Setenv(EnvRoot, t.TempDir())
	release, err := lock(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*tick)
	defer cancel()
	if _, err := lock(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("second lock: %v", err)
	}
	release()
	again, err := lock(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	again()
}

// The life of a shared server in a state directory of its own: many callers start one,
// a dead one is replaced, and Down finds what the state forgot.
func TestShared_StartsOnceAndIsReplacedWhenDead(t *testing.T) {
	root := filepath.Join(t.TempDir(), "env")
	t.Setenv(EnvRoot, root)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	p := postgresPlan(PostgresOptions{})
	base, _, err := postgresHome()
	settle(t, err)
	t.Cleanup(func() {
		if err := removeTree(base); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		if _, err := Down(context.Background()); err != nil {
			t.Error(err)
		}
	})

	var wg sync.WaitGroup
	servers, errs := make([]*Server, 6), make([]error, 6)
	for i := range servers {
		wg.Go(func() { servers[i], errs[i] = p.shared(ctx) })
	}
	wg.Wait()
	settle(t, errors.Join(errs...))
	for _, s := range servers {
		if s.PID() != servers[0].PID() {
			t.Fatalf("started twice: %d and %d", s.PID(), servers[0].PID())
		}
	}

	first := servers[0]
	if err := syscall.Kill(first.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	second, err := p.shared(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if second.PID() == first.PID() || !second.Running() {
		t.Errorf("after a kill: process %d, was %d", second.PID(), first.PID())
	}

	if err := os.RemoveAll(stateDir()); err != nil {
		t.Fatal(err)
	}
	ended, err := Down(ctx)
	if err != nil || len(ended) == 0 || second.Running() {
		t.Errorf("down ended %v, %v; running %v", ended, err, second.Running())
	}
}
