package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is USER_HZ, which is 100 on every Linux that Go runs on.
const ticksPerSecond = 100

// processor is the time that all threads of a process, dead ones included, have spent in user
// and kernel mode.
func processor(pid int) (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The command's name is in brackets and may hold anything. Behind it, utime and stime
	// are the 12th and 13th field.
	f := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if len(f) < 13 {
		return 0, fmt.Errorf("read /proc/%d/stat: %d fields", pid, len(f))
	}
	var ticks int64
	for _, s := range f[11:13] {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read /proc/%d/stat: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}

// memory is what /proc/<pid>/status tells, in bytes.
type memory struct {
	resident  int64 // VmRSS
	anonymous int64 // RssAnon: without mapped files, which the kernel can drop
	peak      int64 // VmHWM since the last resetPeak
}

func memoryOf(pid int) (memory, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, err
	}
	var m memory
	for line := range strings.Lines(string(raw)) {
		key, value, _ := strings.Cut(line, ":")
		into := map[string]*int64{"VmRSS": &m.resident, "RssAnon": &m.anonymous, "VmHWM": &m.peak}[key]
		if into == nil {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		if err != nil {
			return memory{}, fmt.Errorf("read %s of process %d: %w", key, pid, err)
		}
		*into = kib * 1024
	}
	if m.resident == 0 {
		return memory{}, fmt.Errorf("process %d has no memory: it has ended", pid)
	}
	return m, nil
}

// resetPeak makes the kernel forget the largest resident size so far.
func resetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// usage is the processor time of the processes that work together in a scenario.
type usage struct{ worker, broker, database time.Duration }

func (u usage) minus(v usage) usage {
	return usage{u.worker - v.worker, u.broker - v.broker, u.database - v.database}
}
