package testenv

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestEmbedded runs the program as somebody does who tries it out: no file, one directory. A
// file goes through a topic into another file, over an orderly restart and a kill.
func TestEmbedded(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the binary; not in short mode")
	}
	d := startEmbedded(t, "")
	dir := t.TempDir()
	in, out := &textFile{path: filepath.Join(dir, "in.txt")}, filepath.Join(dir, "out.txt")
	in.grow(t, 500)

	raw, err := os.ReadFile(d.Log())
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	for _, want := range []string{"trying out", "at least once", d.data, d.broker.Bootstrap(), strings.TrimPrefix(d.URL(), "http://")} {
		if !strings.Contains(first, want) {
			t.Errorf("the start line does not say %q: %s", want, first)
		}
	}
	if body := rest(t, d.ConnectWorker, http.MethodGet, "/", nil, http.StatusOK); !strings.Contains(body, `"version":"4.3.1"`) {
		t.Errorf("GET / = %s", body)
	}

	d.Create(t, "lines-in", fileSource(in.path, "lines"))
	d.Create(t, "lines-out", fileSink(out, "lines"))
	arrives := func(what string) {
		t.Helper()
		want := in.n
		waitFor(t, d.ConnectWorker, what, 30*time.Second, func() bool {
			got := lines(t, out)
			return len(got) >= want && strings.HasSuffix(got[len(got)-1], itoa6(want))
		})
	}
	arrives("the first lines")

	d.Stop(t)
	in.grow(t, 500) // while nobody looks
	d.Start(t)
	d.WaitRunning(t, "lines-in")
	d.WaitRunning(t, "lines-out")
	arrives("lines written while the process was stopped")
	if err := judgeLines(lines(t, out), in.n, 0); err != nil {
		t.Errorf("after an orderly restart: %v", err)
	}

	d.Kill(t)
	in.grow(t, 500)
	d.Start(t)
	d.WaitRunning(t, "lines-in")
	d.WaitRunning(t, "lines-out")
	arrives("lines written while the process was dead")
	// At least once: the source and the sink may each go back once.
	if err := judgeLines(lines(t, out), in.n, 2); err != nil {
		t.Errorf("after a kill: %v", err)
	}
	var got []string
	for _, r := range d.broker.ReadAll(t, "lines") {
		got = append(got, string(r.Value))
	}
	if err := judgeLines(got, in.n, 1); err != nil {
		t.Errorf("topic after a kill: %v", err)
	}
}

// TestEmbedded_SecondProcess starts a second process on the same directory: it must be refused
// and the first one must not notice.
func TestEmbedded_SecondProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the binary; not in short mode")
	}
	d := startEmbedded(t, "")
	bin, err := Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	release, err := lock(t.Context(), "ports")
	if err != nil {
		t.Fatal(err)
	}
	ports, err := pickPorts([]string{"rest", "client"})
	release()
	if err != nil {
		t.Fatal(err)
	}
	other := &record{Dir: d.rec.Dir, Ports: ports}
	for name, c := range map[string]struct {
		r    *record
		want []string
	}{
		"other ports": {other, []string{"could not start", d.data, "another process uses this data directory", pidText(d.PID()), "-data"}},
		"same ports":  {d.rec, []string{"could not start", d.rec.addr("rest"), "address already in use", "running already", "-rest-port"}},
	} {
		text, err := exec.CommandContext(t.Context(), bin, embeddedArgs(c.r, d.data)...).CombinedOutput()
		exit, ok := err.(*exec.ExitError) //nolint:errorlint // exec returns it bare
		if !ok || exit.ExitCode() != 3 {
			t.Errorf("%s: the second process ended with %v, want exit status 3", name, err)
		}
		for _, want := range c.want {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s: the second process does not say %q:\n%s", name, want, text)
			}
		}
	}
	rest(t, d.ConnectWorker, http.MethodGet, "/health", nil, http.StatusOK)
	if len(d.broker.ReadAll(t, "connect-configs")) != 0 {
		t.Error("something was written to the configurations")
	}
}
