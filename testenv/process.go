package testenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// command is a native server process to be.
type command struct {
	path string
	args []string
	dir  string
	env  []string // added to ours
	jail string   // chroot directory; path and dir are meant inside it
	uid  int      // with gid; 0 keeps our own
	gid  int

	input string // standard input, for run only
}

// spawn starts c detached: in a session of its own, not our child, its output
// appended to the file log. It outlives the test process.
//
// The process is started through a shell that puts it into the background, tells
// its pid and leaves: so it belongs to init, which reaps it, and no goroutine of
// ours has to wait for it (one that waited would be a leak in the eyes of tests
// that look for leaks).
func spawn(c command, log string) (pid int, err error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, err
	}
	defer out.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	defer w.Close()

	sh := exec.Command("/bin/sh", append([]string{"-c", `"$@" 3>&- </dev/null & echo $! >&3`, "sh", c.path}, c.args...)...)
	sh.Dir = c.dir
	sh.Env = append(os.Environ(), c.env...)
	sh.Stdout, sh.Stderr = out, out
	sh.ExtraFiles = []*os.File{w}
	sh.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Chroot: c.jail}
	if c.uid != 0 {
		sh.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(c.uid), Gid: uint32(c.gid)}
	}
	if err := sh.Run(); err != nil {
		return 0, fmt.Errorf("start %s: %w", c.path, err)
	}
	w.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		return 0, fmt.Errorf("start %s: read its pid: %w", c.path, err)
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return 0, fmt.Errorf("start %s: read its pid: %w", c.path, err)
	}
	return pid, nil
}

// run executes a short-lived command to its end. The error carries the last lines
// of what it printed.
func run(ctx context.Context, c command) (output string, err error) {
	cmd := exec.CommandContext(ctx, c.path, c.args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), c.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: c.jail, Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	if c.uid != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(c.uid), Gid: uint32(c.gid)}
	}
	cmd.Stdin = strings.NewReader(c.input)
	var buf bytes.Buffer
	cmd.Stdout, cmd.Stderr = &buf, &buf
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return buf.String(), fmt.Errorf("run %s %s: %w\n%s", c.path, strings.Join(c.args, " "), err, lastLines(buf.Bytes(), 30))
	}
	return buf.String(), nil
}

// stat is the part of /proc/<pid>/stat that we look at.
type stat struct {
	state  byte
	parent int
	birth  uint64
}

func readStat(pid int) (stat, bool) {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return stat{}, false
	}
	// The command name stands in brackets and may hold anything; fields count
	// from behind it: state is the third of all, parent the fourth, start the 22nd.
	end := bytes.LastIndexByte(raw, ')')
	if end < 0 {
		return stat{}, false
	}
	f := strings.Fields(string(raw[end+1:]))
	if len(f) < 20 {
		return stat{}, false
	}
	parent, _ := strconv.Atoi(f[1])
	birth, _ := strconv.ParseUint(f[19], 10, 64)
	return stat{state: f[0][0], parent: parent, birth: birth}, true
}

// sameProcess reports whether pid runs and is the process that was born then. A
// zombie does not run, unless it still has threads: a killed process shows as one when
// its first thread has ended, and the others may hold its files and ports a moment longer.
func sameProcess(pid int, birth uint64) bool {
	if pid <= 0 {
		return false
	}
	s, ok := readStat(pid)
	if !ok || s.birth != birth || s.state == 'X' {
		return false
	}
	if s.state == 'Z' {
		threads, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "task"))
		return err == nil && len(threads) > 1
	}
	return true
}

// family returns pid and all its descendants, parents before children.
func family(pid int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return []int{pid}
	}
	children := map[int][]int{}
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, ok := readStat(id); ok {
			children[s.parent] = append(children[s.parent], id)
		}
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// signalFamily sends sig to pid and its descendants. PostgreSQL puts each backend
// into a process group of its own, so the group of the parent is not enough.
func signalFamily(pid int, sig syscall.Signal) error {
	for _, id := range family(pid) {
		if err := syscall.Kill(id, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("signal %v to process %d: %w", sig, id, err)
		}
	}
	return nil
}

// killFamily kills pid and its descendants and returns a check that all are gone.
// The parent is frozen first: otherwise a child that it makes between our look and
// our signal would live on with the parent's files and sockets.
func killFamily(pid int) (gone func() bool, err error) {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return func() bool { return true }, err
	}
	births := map[int]uint64{}
	for _, id := range family(pid) {
		if s, ok := readStat(id); ok {
			births[id] = s.birth
		}
	}
	for id := range births {
		if err := syscall.Kill(id, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return nil, fmt.Errorf("process %d: %w", id, err)
		}
	}
	return func() bool {
		for id, birth := range births {
			if sameProcess(id, birth) {
				return false
			}
		}
		return true
	}, nil
}

// strays returns the server processes that run in the jail, or that share our root
// directory and have an argument below one of the homes. Programs of other names are
// left alone: it may be a person's editor. So are processes of other roots: in a chroot
// or container beside us, the same path is another directory.
func strays(jail string, homes []string) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		raw, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err != nil {
			continue
		}
		args := strings.Split(string(raw), "\x00")
		switch name := filepath.Base(args[0]); {
		case name == "mysqld":
			if hasRoot(pid, jail) {
				found = append(found, pid)
			}
		case name == "java", name == "postgres", name == "prometheus", strings.HasPrefix(name, "anabranch"):
			below := func(arg string) bool {
				return slices.ContainsFunc(homes, func(h string) bool { return strings.HasPrefix(arg, h+"/") })
			}
			if slices.ContainsFunc(args[1:], below) && hasRoot(pid, "/") {
				found = append(found, pid)
			}
		}
	}
	return found
}

// hasRoot reports whether dir is the root directory of a process. The directories are
// compared, not their names: a name means something else to a process in a chroot.
func hasRoot(pid int, dir string) bool {
	want, err := os.Stat(dir)
	if err != nil {
		return false
	}
	got, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid), "root"))
	return err == nil && os.SameFile(want, got)
}

func lastLines(raw []byte, n int) string {
	lines := strings.Split(strings.TrimRight(string(raw), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// tail returns the end of a log file for an error message.
func tail(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return "(no log: " + err.Error() + ")"
	}
	defer f.Close()
	const most = 16 << 10
	if info, err := f.Stat(); err == nil && info.Size() > most {
		_, _ = f.Seek(-most, io.SeekEnd) // a failed seek only shows the wrong end
	}
	raw, err := io.ReadAll(f)
	if err != nil {
		return "(no log: " + err.Error() + ")"
	}
	return lastLines(raw, 40)
}

// account looks up a system user.
func account(name string) (uid, gid int, home string, err error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, 0, "", err
	}
	if uid, err = strconv.Atoi(u.Uid); err != nil {
		return 0, 0, "", err
	}
	if gid, err = strconv.Atoi(u.Gid); err != nil {
		return 0, 0, "", err
	}
	return uid, gid, u.HomeDir, nil
}

// copyTree copies a directory with owners, times and holes kept.
func copyTree(ctx context.Context, from, to string) error {
	_, err := run(ctx, command{path: "cp", args: []string{"-a", "--reflink=auto", from, to}})
	return err
}
