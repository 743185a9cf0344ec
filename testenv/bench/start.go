package bench

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// start measures from exec to the first REST answers: of the root, and of the list of
// connectors, which needs the worker's topics read. The topics exist already, as with every
// start but the first.
func (b *Bench) start(s *Stage) {
	workers := b.workers()
	lines := map[string]commandLine{}
	for _, c := range workers {
		lines[c.name] = commandLineOf(s, c.worker.PID())
		c.worker.Stop(s)
	}
	turns(s, workers, b.o.Warm, b.o.Runs, func(_ int, counts bool, c *contender) {
		root, list := b.startOnce(s, lines[c.name], c)
		s.Logf("%s: GET / after %v, GET /connectors after %v%s", c.name, root.Round(time.Millisecond), list.Round(time.Millisecond), discarded(counts))
		if counts {
			b.report.add("start", "", c.name, "GET / ms", millis(root))
			b.report.add("start", "", c.name, "GET /connectors ms", millis(list))
		}
	})
	for _, c := range workers {
		c.worker.Start(s)
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// commandLine is how a process was started.
type commandLine struct {
	args []string
	dir  string
}

func commandLineOf(s *Stage, pid int) commandLine {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		s.Fatalf("read the command line: %v", err)
	}
	dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	if err != nil {
		s.Fatalf("read the working directory: %v", err)
	}
	return commandLine{strings.Split(strings.TrimRight(string(raw), "\x00"), "\x00"), dir}
}

// startOnce starts the process, asks it until it answers, and ends it in an orderly way: a
// member that vanishes would hold up the next one's group for ten seconds.
func (b *Bench) startOnce(s *Stage, line commandLine, c *contender) (root, list time.Duration) {
	ctx, cancel := context.WithTimeout(s.ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, line.args[0], line.args[1:]...)
	cmd.Dir = line.dir
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		s.Fatalf("start %s: %v", c.name, err)
	}
	for _, ask := range []struct {
		path string
		took *time.Duration
	}{{"/", &root}, {"/connectors", &list}} {
		if err := answered(ctx, c.worker.URL()+ask.path); err != nil {
			_ = cmd.Process.Kill() // the error below tells more
			_ = cmd.Wait()
			s.Fatalf("%s: %v", c.name, err)
		}
		*ask.took = time.Since(begin)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.Fatalf("end %s: %v", c.name, err)
	}
	_ = cmd.Wait() // a JVM that was told to end reports 143
	return root, list
}

// answered asks every other millisecond until the answer is 200.
func answered(ctx context.Context, url string) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	t := time.NewTicker(2 * time.Millisecond)
	defer t.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if res, err := client.Do(req); err == nil {
			_ = res.Body.Close() // nothing of it is needed
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no answer from %s: %w", url, context.Cause(ctx))
		case <-t.C:
		}
	}
}
