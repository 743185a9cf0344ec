package testenv

import (
	"os"
	"path/filepath"
	"testing"
)

// TestGolden compares us with the real Debezium, case by case, to the byte. A folder of
// further cases can be named by ANABRANCH_GOLDEN.
func TestGolden(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a Kafka Connect worker; not in short mode")
	}
	dirs, err := filepath.Glob("testdata/golden/*")
	if err != nil {
		t.Fatal(err)
	}
	if more := os.Getenv("ANABRANCH_GOLDEN"); more != "" {
		found, err := filepath.Glob(filepath.Join(more, "*"))
		if err != nil || len(found) == 0 {
			t.Fatalf("ANABRANCH_GOLDEN=%s: no cases: %v", more, err)
		}
		dirs = append(dirs, found...)
	}
	g := NewGolden(t)
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err == nil && !info.IsDir() {
			continue
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			c, err := LoadGolden(dir)
			if err != nil {
				t.Fatal(err)
			}
			g.Run(t, c)
		})
	}
}
