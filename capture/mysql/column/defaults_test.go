package column

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/schemahistory"
)

// testdata/defaults.tsv holds what Debezium 3.6.1 on Java 17 makes of default expressions: time
// mode, type, JDBC type, length, scale, nullable, expression, result. The time mode stands for the
// other modes as well, see optionsOf.
func TestDefaults_AreDebeziums(t *testing.T) {
	f, err := os.Open("testdata/defaults.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		p := strings.Split(sc.Text(), "\t")
		jdbc, err := strconv.Atoi(p[2])
		if err != nil {
			t.Fatal(err)
		}
		c := schemahistory.Column{Name: "c", TypeName: p[1], JDBCType: jdbc, Length: number(t, p[3]), Scale: number(t, p[4]), Optional: p[5] == "1",
			CharsetName: "utf8mb4", HasDefault: true, Default: &p[6], EnumValues: []string{"'a'", "'b'"}}
		table, err := NewTable(&schemahistory.Table{Columns: []schemahistory.Column{c}}, "t", optionsOf(p[0]), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := showDefault(table); !sameDefault(p[7], got, p[1]) {
			t.Errorf("%q: got %s", p, got)
		}
	}
}

func number(t *testing.T, s string) *int {
	if s == "" {
		return nil
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return &n
}

func optionsOf(timeMode string) Options {
	o := Options{TimePrecision: timeMode, TimeAdjuster: true}
	switch timeMode {
	case "isostring":
		o.Decimal, o.Binary = "string", "base64"
	case "connect":
		o.Decimal, o.BigintUnsigned, o.Binary = "double", "precise", "hex"
	}
	return o
}

func showDefault(t *Table) string {
	s := t.Row.Fields[0].Schema
	switch x := s.Default.(type) {
	case nil:
		return "null"
	case []byte:
		out := "x" + hex.EncodeToString(x)
		if s.IsDecimal() {
			scale, _ := s.Param("scale")
			out += "s" + scale
		}
		return out
	case string:
		return "'" + x + "'"
	case float64:
		return fmt.Sprintf("f %v", x)
	default:
		return fmt.Sprint(x)
	}
}

func sameDefault(want, got, typ string) bool {
	if strings.HasPrefix(want, "f ") && strings.HasPrefix(got, "f ") {
		a, _ := strconv.ParseFloat(want[2:], 64)
		b, _ := strconv.ParseFloat(got[2:], 64)
		return a == b
	}
	if ms, ok := strings.CutPrefix(want, "date "); ok { // java.util.Date: Connect's logical types in milliseconds
		n, _ := strconv.ParseInt(ms, 10, 64)
		if typ == "DATE" {
			n /= 86400000
		}
		want = strconv.FormatInt(n, 10)
	}
	return want == got
}
