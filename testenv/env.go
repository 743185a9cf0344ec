package testenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Environment variables that steer this package.
const (
	// EnvRoot names the directory for downloads, state and server data.
	EnvRoot = "ANABRANCH_TESTENV"
	// EnvMode is native or docker and overrides the detection.
	EnvMode = "ANABRANCH_TESTENV_MODE"
	// EnvRequire set to 1 turns a missing part from a skip into a failure, and
	// allows the installation of system packages. CI=true means the same.
	EnvRequire = "ANABRANCH_TESTENV_REQUIRE"
)

const (
	tick          = 50 * time.Millisecond
	prepareWithin = 8 * time.Minute // downloads included, also those of another process
	portFirst     = 20100           // below the kernel's range for outgoing connections,
	portLast      = 29900           // so that a restarted server finds its port still free
)

// ErrUnavailable says that a part cannot be had on this machine: a tool is
// missing or a download was refused. Tests skip on it unless parts are required;
// every other error is a failure.
var ErrUnavailable = errors.New("part not available here")

// Root returns the directory below which everything of this package lives.
func Root() string {
	if dir := os.Getenv(EnvRoot); dir != "" {
		if abs, err := filepath.Abs(dir); err == nil {
			return abs
		}
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "anabranch-testenv")
}

// Required reports whether a missing part is a failure here.
func Required() bool {
	ci, _ := strconv.ParseBool(os.Getenv("CI"))
	must, _ := strconv.ParseBool(os.Getenv(EnvRequire))
	return ci || must
}

// settle ends the test when a part did not come up: skipped if it cannot be had
// and is not required, failed otherwise.
func settle(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrUnavailable) && !Required():
		t.Skipf("testenv: %v (to install it: go run ./testenv/cmd/parts up)", err)
	default:
		t.Fatalf("testenv: %v", err)
	}
}

// record is what the state directory keeps about one server, so that another
// process can find, use and end it.
type record struct {
	Part      string            `json:"part"`
	Name      string            `json:"name"`
	Print     string            `json:"print"` // versions and dependencies; a difference means start anew
	PID       int               `json:"pid,omitempty"`
	Birth     uint64            `json:"birth,omitempty"` // start time in kernel ticks: tells a reused pid
	Container string            `json:"container,omitempty"`
	Ports     map[string]int    `json:"ports"`
	Dir       string            `json:"dir"`
	Log       string            `json:"log"`
	Owner     int               `json:"owner,omitempty"` // pid of the test process; none for a shared server
	OwnBirth  uint64            `json:"ownBirth,omitempty"`
	Started   time.Time         `json:"started"`
	Facts     map[string]string `json:"facts,omitempty"` // addresses for people
}

func stateDir() string              { return filepath.Join(Root(), "state") }
func recordPath(name string) string { return filepath.Join(stateDir(), name+".json") }
func (r *record) orphaned() bool    { return r.Owner != 0 && !sameProcess(r.Owner, r.OwnBirth) }
func (r *record) addr(p string) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Ports[p]))
}

// alive reports whether the recorded process or container still runs.
func (r *record) alive() bool {
	if r.Container != "" {
		return containerRuns(r.Container)
	}
	return sameProcess(r.PID, r.Birth)
}

func (r *record) save() error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	tmp := fmt.Sprintf("%s.%d.%d.tmp", recordPath(r.Name), os.Getpid(), serial.Add(1))
	if err := os.WriteFile(tmp, append(raw, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, recordPath(r.Name))
}

// loadRecord returns nil without an error when nothing is recorded. A file that
// cannot be read as a record counts as nothing: it is overwritten.
func loadRecord(name string) (*record, error) {
	raw, err := os.ReadFile(recordPath(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r record
	if json.Unmarshal(raw, &r) != nil || r.Name != name {
		return nil, nil
	}
	return &r, nil
}

// records returns everything recorded, shared servers first, by name.
func records() ([]*record, error) {
	files, err := filepath.Glob(filepath.Join(stateDir(), "*.json"))
	if err != nil {
		return nil, err
	}
	var all []*record
	for _, f := range files {
		r, err := loadRecord(strings.TrimSuffix(filepath.Base(f), ".json"))
		if err != nil {
			return nil, err
		}
		if r != nil {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *record) int {
		if (a.Owner == 0) != (b.Owner == 0) {
			if a.Owner == 0 {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all, nil
}

// lock takes an advisory lock that all processes of this user share and returns
// its release. The kernel drops it when the holder dies, so none is ever stale.
func lock(ctx context.Context, name string) (release func(), err error) {
	dir := filepath.Join(Root(), "locks")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	err = poll(ctx, func() (bool, error) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}

// poll runs check until it says true or fails, or until ctx ends.
func poll(ctx context.Context, check func() (bool, error)) error {
	timer := time.NewTicker(tick)
	defer timer.Stop()
	for {
		done, err := check()
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}

// pickPorts chooses one free port a name. The caller holds the lock "ports" until
// the record with the result is saved, so two servers never get the same one even
// while neither listens yet.
func pickPorts(names []string) (map[string]int, error) {
	all, err := records()
	if err != nil {
		return nil, err
	}
	taken := map[int]bool{}
	for _, r := range all {
		for _, p := range r.Ports {
			taken[p] = true
		}
	}
	ports := make(map[string]int, len(names))
	for _, name := range names {
		for tries := 0; ports[name] == 0; tries++ {
			if tries == 2000 {
				return nil, fmt.Errorf("pick a port between %d and %d: all taken", portFirst, portLast)
			}
			p := portFirst + rand.IntN(portLast-portFirst)
			if taken[p] {
				continue
			}
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p)))
			if err != nil {
				continue
			}
			l.Close()
			taken[p], ports[name] = true, p
		}
	}
	return ports, nil
}

var serial atomic.Int64

// unique returns a name that no other call in any test process returns, made of
// letters, digits and underscores so that databases and topics accept it unquoted.
func unique(prefix string) string {
	return fmt.Sprintf("%s_%x_%x_%x", prefix, os.Getpid(), time.Now().UnixMilli()&0xffffff, serial.Add(1))
}

// slug makes a short prefix for unique from a test name.
func slug(t testing.TB) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '_'
	}, strings.TrimPrefix(t.Name(), "Test"))
	if len(name) > 24 {
		name = name[:24]
	}
	return "t_" + strings.Trim(name, "_")
}

func shortHash(parts ...string) string {
	h := fnv.New64a()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return fmt.Sprintf("%012x", h.Sum64()&0xffffffffffff)
}
