package daemon

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/testenv"
)

// restBench asks for the figures of a worker with many connectors; it is their number.
const restBench = "ANABRANCH_BENCH_REST"

// Figures of REST and memory with many paused connectors, on a real broker: make bench-rest.
func TestBench_ManyPausedConnectors(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv(restBench))
	if n < 1 {
		t.Skip("set " + restBench + " to a number of connectors")
	}
	k := testenv.Kafka(t)
	prefix := k.TopicPrefix(t)
	file := workerFile(t, k.Bootstrap(), prefix)
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	ours := startWorker(t, Options{WorkerFile: file})
	waitFor(t, "ready", func() bool { code, _ := get(t, "GET", ours.url+"/health", ""); return code == http.StatusOK })
	before, at := heap(), time.Now()
	dir := t.TempDir()
	for i := range n {
		body := fmt.Sprintf(`{"name":"%s-%d","initial_state":"PAUSED","config":{"connector.class":"FileStreamSource","topic":"t","file":"%s"}}`, prefix, i, filepath.Join(dir, "in.txt"))
		if code, answer := get(t, "POST", ours.url+"/connectors", body); code != http.StatusCreated {
			t.Fatal(code, answer)
		}
	}
	paused := func(url string) func() bool {
		return func() bool {
			_, body := get(t, "GET", url+"/connectors?expand=status", "")
			return strings.Count(body, `"PAUSED"`) >= n
		}
	}
	waitForLong(t, paused(ours.url))
	t.Logf("created %d connectors in %v", n, time.Since(at).Round(time.Millisecond))
	grown := heap() - before
	t.Logf("memory: %d KiB for each idle connector", grown/1024/uint64(n))
	times := make([]time.Duration, 200)
	var size int
	client := &http.Client{}
	for i := range times {
		at := time.Now()
		resp, err := client.Get(ours.url + "/connectors?expand=info&expand=status")
		if err != nil {
			t.Fatal(err)
		}
		var buf bytes.Buffer
		if _, err := buf.ReadFrom(resp.Body); err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close() // it was read to its end
		times[i], size = time.Since(at), buf.Len()
	}
	slices.Sort(times)
	t.Logf("list with expand=info&expand=status: %d KiB, p50 %v, p99 %v, most %v", size/1024, times[100], times[197], times[199])
	if err := ours.stop(); err != nil {
		t.Fatal(err)
	}
	at = time.Now()
	ours = startWorker(t, Options{WorkerFile: file})
	waitForLong(t, func() bool { code, _ := get(t, "GET", ours.url+"/health", ""); return code == http.StatusOK })
	t.Logf("ready after %v", time.Since(at).Round(time.Millisecond))
	waitForLong(t, paused(ours.url))
	t.Logf("all paused again after %v", time.Since(at).Round(time.Millisecond))
	if times[197] > 50*time.Millisecond {
		t.Errorf("p99 %v", times[197])
	}
	if each := grown / uint64(n); each > 256<<10 {
		t.Errorf("%d bytes for each connector", each)
	}
}

func waitForLong(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal("it never came true")
		}
		<-time.After(20 * time.Millisecond)
	}
}
