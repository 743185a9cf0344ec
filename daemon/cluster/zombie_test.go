package cluster

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

// zombieEnv makes this program a worker: "broker group config-tasks".
const zombieEnv = "ANABRANCH_CLUSTER_WORKER"

func TestMain(m *testing.M) {
	if what := os.Getenv(zombieEnv); what != "" {
		if err := zombie(strings.Fields(what)); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// teller is a host that tells what it does, a line each, with the time.
type teller struct {
	configs Configs

	mu      sync.Mutex // guards the field below and the order of lines
	running set
}

func (h *teller) say(at time.Time, text string, args ...any) {
	fmt.Printf("%d %s\n", at.UnixNano(), fmt.Sprintf(text, args...))
}

func (h *teller) URL() string                     { return "http://child:8083/" }
func (h *teller) Configs() Configs                { return h.configs }
func (h *teller) ReadToEnd(context.Context) error { return nil }
func (h *teller) Lost(reason error)               { h.say(time.Now(), "lost %v", reason) }
func (h *teller) Assigned(_ context.Context, g Given) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running = setOf(g.Owned)
	h.say(time.Now(), "assigned %d", len(g.Owned))
}

func (h *teller) Revoke(_ context.Context, list []Work) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running = h.running.minus(setOf(list))
	h.say(time.Now(), "revoked %d", len(list))
}

// zombie is the worker of the child process: it writes all the time, as long as it is allowed.
func zombie(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cl, err := kgo.NewClient(kgo.SeedBrokers(args[0]))
	if err != nil {
		return err
	}
	defer cl.Close()
	h := &teller{running: set{}}
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	h.configs = Configs{Offset: 2, Tasks: map[string]int{"c": n}}
	m, err := New(quick(args[1]), cl, h)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }() // waited for below
	for tick := time.NewTicker(time.Millisecond); ; {
		select {
		case err := <-ended:
			return err
		case <-tick.C:
			h.mu.Lock()
			if at := time.Now(); m.Fresh() && len(h.running) > 0 {
				h.say(at, "write")
			}
			h.mu.Unlock()
		}
	}
}

// TestMember_StoppedProcessWritesNothingWhenItGoesOn is the walk at [session] with a real process: SIGSTOP,
// others get its work, SIGCONT.
func TestMember_StoppedProcessWritesNothingWhenItGoesOn(t *testing.T) {
	t.Parallel()
	k := broker(t)
	w := newWorld(t)
	w.configure(func(tasks map[string]int) { tasks["c"] = 8 })
	group := k.TopicPrefix(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), zombieEnv+"="+strings.Join([]string{k.Bootstrap(), group, "8"}, " "))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var lines []string
	read := make(chan struct{})
	go func() { // ends with the child
		defer close(read)
		for sc := bufio.NewScanner(out); sc.Scan(); {
			mu.Lock()
			lines = append(lines, sc.Text())
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGCONT)
		cmd.Process.Signal(syscall.SIGTERM)
		<-read
		if err := cmd.Wait(); err != nil {
			t.Errorf("the child: %v", err)
		}
	})
	told := func(what string, after time.Time) error {
		mu.Lock()
		defer mu.Unlock()
		for _, l := range lines {
			at, text, _ := strings.Cut(l, " ")
			if n, _ := strconv.ParseInt(at, 10, 64); n > after.UnixNano() && strings.HasPrefix(text, what) {
				return nil
			}
		}
		return fmt.Errorf("it never said %q", what)
	}
	eventually(t, 15*time.Second, "the child works", func() error { return told("write", time.Time{}) })
	mine := w.join(t, k, "parent", quick(group))
	eventually(t, 15*time.Second, "both work", func() error {
		return mustBe(mine.member.Settled() && len(mine.runs()) == 4, "the parent runs %v", mine.runs())
	})
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, 15*time.Second, "the parent has everything", func() error { return w.settled(mine) })
	taken := time.Now()
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, 15*time.Second, "the child works again", func() error { return told("write", taken) })
	mu.Lock()
	defer mu.Unlock()
	assigned := false
	for _, l := range lines {
		at, text, _ := strings.Cut(l, " ")
		n, _ := strconv.ParseInt(at, 10, 64)
		if n <= taken.UnixNano() {
			continue
		}
		if strings.HasPrefix(text, "assigned") {
			assigned = true
		}
		if text == "write" && !assigned {
			t.Fatalf("it wrote %s after others had its work", time.Duration(n-taken.UnixNano()))
		}
	}
}

func (h *host) runs() set {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running.minus()
}
