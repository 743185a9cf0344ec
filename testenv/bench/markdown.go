package bench

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

// markdown is a scenario as a section for docs/benchmarks.md.
func (r *Report) markdown(scenario string) string {
	rows := r.table(scenario)
	if rows == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s; %s, medians of %d.\n\n", machine(), time.Now().UTC().Format(time.DateOnly), r.size(scenario), r.o.Runs)
	for i, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|---|---%s\n", strings.Repeat("|--:", len(row)-2)+"|")
		}
	}
	if targets := r.targets(scenario); len(targets) > 0 {
		b.WriteString("\n| goal | | reached | |\n|---|---|--:|---|\n")
		for _, t := range targets {
			want, got, verdict := t.words()
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", t.what, want, got, verdict)
		}
	}
	return b.String()
}

func (r *Report) size(scenario string) string {
	switch scenario {
	case "start":
		return "topics exist"
	case "latency":
		return fmt.Sprintf("%d transactions a second for %v", r.o.Rate, r.o.Latency)
	case "memory":
		return fmt.Sprintf("transaction of %s rows", thousands(int64(r.o.Big)))
	}
	return thousands(int64(r.o.Rows)) + " rows"
}

// machine describes this computer without naming it.
func machine() string {
	model, total := "unknown processor", ""
	if raw, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(raw)) {
			if k, v, _ := strings.Cut(line, ":"); strings.TrimSpace(k) == "model name" {
				model = strings.TrimSpace(v)
				break
			}
		}
	}
	if raw, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib int64
		if _, err := fmt.Sscanf(string(raw), "MemTotal: %d", &kib); err == nil {
			total = fmt.Sprintf(", %.0f GB memory", float64(kib)*1024/1e9)
		}
	}
	return fmt.Sprintf("%d cores (%s)%s, %s", runtime.NumCPU(), model, total, runtime.GOOS)
}

// finish prints every section as Markdown and, where asked, puts them into the file.
func (r *Report) finish(s *Stage, out io.Writer) {
	for _, scenario := range Scenarios {
		section := r.markdown(scenario)
		if section == "" {
			continue
		}
		fmt.Fprintf(out, "\n%s\n\n%s", mark(scenario, "begin"), section)
		fmt.Fprintf(out, "%s\n", mark(scenario, "end"))
		if r.o.Write != "" {
			if err := replaceSection(r.o.Write, scenario, section); err != nil {
				s.Errorf("write figures: %v", err)
			}
		}
	}
}

func mark(scenario, which string) string { return "<!-- " + scenario + " " + which + " -->" }

// replaceSection replaces what a file has between a scenario's marks.
func replaceSection(path, scenario, section string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, begins := bytes.Cut(raw, []byte(mark(scenario, "begin")+"\n"))
	_, tail, ends := bytes.Cut(rest, []byte(mark(scenario, "end")))
	if !begins || !ends {
		return fmt.Errorf("%s has no marks for %s", path, scenario)
	}
	text := string(head) + mark(scenario, "begin") + "\n\n" + section + "\n" + mark(scenario, "end") + string(tail)
	return os.WriteFile(path, []byte(text), 0o644)
}
