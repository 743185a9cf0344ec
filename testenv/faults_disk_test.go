package testenv

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// smallDisk mounts a file system of the given size and skips the test where that is not allowed.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a full disk is made by mounting a small tmpfs, which needs root and CAP_SYS_ADMIN: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// TestFaults_DiskFull fills the disk under the embedded broker: the task says so, the worker
// lives, and all goes on when there is space again, also after a kill with the disk full.
func TestFaults_DiskFull(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the binary; not in short mode")
	}
	disk := smallDisk(t, "8m")
	data := filepath.Join(disk, "data")
	d := startEmbedded(t, data)
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 6<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	in, out := &textFile{path: filepath.Join(t.TempDir(), "in.txt")}, filepath.Join(t.TempDir(), "out.txt")
	in.grow(t, 1000)
	d.Create(t, "in", with(fileSource(in.path, "lines"), "producer.override.compression.type", "none"))
	d.Create(t, "out", fileSink(out, "lines"))
	waitFor(t, d.ConnectWorker, "the first lines", 20*time.Second, func() bool { return len(lines(t, out)) == in.n })

	in.grow(t, 200_000) // more than fits, compressed or not
	text := expectTrace(t, d.ConnectWorker, "in", []string{"RESTARTING"}, "no space left on device", data, "free space", "KafkaStorageException")
	t.Log(strings.SplitN(text, "\n", 2)[0])
	log, err := os.ReadFile(d.Log())
	if err != nil || !strings.Contains(string(log), "embedded broker cannot write") {
		t.Errorf("the log does not tell of the full disk: %v", err)
	}
	if n := strings.Count(string(log), "embedded broker cannot write"); n > 3 {
		t.Errorf("the log tells of the full disk %d times within seconds", n)
	}
	rest(t, d.ConnectWorker, http.MethodGet, "/health", nil, http.StatusOK)
	rest(t, d.ConnectWorker, http.MethodGet, connectorPath("out", "/status"), nil, http.StatusOK)
	body := rest(t, d.ConnectWorker, http.MethodPut, connectorPath("more", "/config"), with(fileSource(in.path, "more"), "file", in.path+strings.Repeat("x", 4096)), http.StatusInternalServerError, http.StatusCreated)
	if strings.Contains(body, "error_code") && !strings.Contains(body, "no space left on device") {
		t.Errorf("a create on a full disk fails without the reason: %s", body)
	}

	d.Kill(t)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	// What was there is more than half of what is needed; the rest comes from a larger disk.
	if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	d.Start(t)
	recovers(t, d.ConnectWorker, "in")
	recovers(t, d.ConnectWorker, "out")
	awaitAllLines(t, d, in.n)
}

// TestFaults_DiskFullAlone lets the space come back under the running process: nobody does
// anything.
func TestFaults_DiskFullAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the binary; not in short mode")
	}
	disk := smallDisk(t, "2m")
	d := startEmbedded(t, filepath.Join(disk, "data"))
	in := &textFile{path: filepath.Join(t.TempDir(), "in.txt")}
	in.grow(t, 200_000)
	d.Create(t, "in", with(fileSource(in.path, "lines"), "producer.override.compression.type", "none"))
	expectTrace(t, d.ConnectWorker, "in", []string{"RESTARTING"}, "no space left on device")
	if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	recovers(t, d.ConnectWorker, "in")
	awaitAllLines(t, d, in.n)
}

// awaitAllLines waits until the topic ends with the last line, and wants every line, in order: what
// comes again after a failure comes again from there on.
func awaitAllLines(t *testing.T, d *embeddedDaemon, n int) {
	t.Helper()
	waitFor(t, d.ConnectWorker, "all lines", 40*time.Second, func() bool {
		return strings.Contains(lastValue(t, d.broker, "lines"), itoa6(n))
	})
	var got []string
	for _, r := range d.broker.ReadAll(t, "lines") {
		got = append(got, string(r.Value))
	}
	if err := judgeLines(got, n, 50); err != nil {
		t.Errorf("topic: %v", err)
	}
}
