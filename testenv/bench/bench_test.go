package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFigures(t *testing.T) {
	f := Figures{5, 1, 4, 2, 3}
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"median of an odd number", f.Median(), 3},
		{"median of an even number", f[:4].Median(), 3},
		{"median of nothing", Figures(nil).Median(), 0},
		{"smallest", f.Min(), 1}, {"largest", f.Max(), 5},
		{"half", f.Quantile(.5), 3}, {"p99", f.Quantile(.99), 5}, {"p0", f.Quantile(0), 1},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestOrderID_ReadsBothVariants(t *testing.T) {
	key, _ := orderNo(17).record()
	for _, k := range []string{string(key), `{"id":17}`} {
		if n, err := orderID([]byte(k)); err != nil || n != 17 {
			t.Errorf("%s: %d, %v", k, n, err)
		}
	}
	if _, err := orderID([]byte("17")); err == nil {
		t.Error("a key without id is accepted")
	}
}

func TestDecimal_IsTwosComplement(t *testing.T) {
	for unscaled, want := range map[int64]string{0: "AA==", 127: "fw==", 128: "AIA=", 12345: "MDk="} {
		if got := decimal(unscaled); got != want {
			t.Errorf("%d: %s, want %s", unscaled, got, want)
		}
	}
}

func TestReport_KeepsTheOrderAndJudges(t *testing.T) {
	r := newReport(Options{Runs: 1, Rows: 1000})
	for _, who := range []string{Ours, Tuned} {
		for _, variant := range []string{schemaless, inline} {
			r.add("stream", variant, who, "events/s", map[string]float64{Ours: 4000, Tuned: 1000}[who])
		}
	}
	rows := r.table("stream")
	var who []string
	for _, row := range rows[1:] {
		who = append(who, row[0]+"/"+row[1])
	}
	if got, want := strings.Join(who, " "), "schemaless/tuned schemaless/anabranch schemas/tuned schemas/anabranch"; got != want {
		t.Errorf("lines %s, want %s", got, want)
	}
	targets := r.targets("stream")
	if len(targets) != 2 || !targets[0].reached() || targets[1].reached() {
		t.Errorf("4 times is at least 3 and not at least 6: %v", targets)
	}
}

func TestReplaceSection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "figures.md")
	for _, section := range []string{"first\n", "second\n"} {
		if section == "first\n" {
			if err := os.WriteFile(path, []byte("head\n<!-- sink begin -->\n<!-- sink end -->\ntail\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := replaceSection(path, "sink", section); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if want := "head\n<!-- sink begin -->\n\n" + section + "\n<!-- sink end -->\ntail\n"; err != nil || string(got) != want {
			t.Errorf("%q, want %q (%v)", got, want, err)
		}
	}
	if err := replaceSection(path, "start", "x"); err == nil {
		t.Error("a file without the marks is accepted")
	}
}

func TestStage_CleansUpAfterAFatalError(t *testing.T) {
	var out bytes.Buffer
	var calls []string
	ok := NewStage(t.Context(), "outer", &out).Run(func(s *Stage) {
		s.Cleanup(func() { calls = append(calls, "outer") })
		s.Sub("inner", func(s *Stage) {
			s.Cleanup(func() { calls = append(calls, "inner") })
			s.Fatalf("no %s", "luck")
		})
		calls = append(calls, "next")
	})
	if got := strings.Join(calls, " "); ok || got != "inner next outer" || !strings.Contains(out.String(), "outer/inner: error: no luck") {
		t.Errorf("ok %v, calls %s, output %s", ok, got, out.String())
	}
}

func TestTransactions_CoverManySizes(t *testing.T) {
	smallest, largest := transactions[0], transactions[0]
	for _, n := range transactions {
		smallest, largest = min(smallest, n), max(largest, n)
	}
	if smallest != 1 || largest < 1000 {
		t.Errorf("sizes %d to %d", smallest, largest)
	}
}
