package converters

import (
	"os"
	"testing"

	"github.com/anabranch/anabranch/records"
)

func TestMain(m *testing.M) {
	records.Poison.Store(true)
	os.Exit(m.Run())
}

// must makes a converter or fails the test.
func must(t testing.TB, class string, cfg ...string) Converter {
	t.Helper()
	m := map[string]string{}
	for i := 0; i < len(cfg); i += 2 {
		m[cfg[i]] = cfg[i+1]
	}
	f, err := New(class, m, false)
	if err != nil {
		t.Fatal(err)
	}
	return f()
}

// out converts one value to text; "<null>" is a Kafka null.
func out(t testing.TB, c Converter, b *records.Batch, s *records.Schema, v records.Value) string {
	t.Helper()
	p, isNull, err := c.Append([]byte("prefix:"), "t", b, s, v)
	if err != nil {
		return "error: " + err.Error()
	}
	if string(p[:7]) != "prefix:" {
		t.Fatal("Append changed what was before")
	}
	if isNull {
		if len(p) != 7 {
			t.Fatal("Append wrote bytes for a null")
		}
		return "<null>"
	}
	return string(p[7:])
}
