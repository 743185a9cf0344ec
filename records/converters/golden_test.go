package converters

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/records"
)

// The tables in testdata were written by running Kafka Connect 4.3.1's own converters on
// JDK 17. converters.txt: message in, way, message out, all as JSON strings. headers.txt:
// header text, what SimpleHeaderConverter made of it as JsonConverter with schema writes it.

func lines(t *testing.T, file string) [][]string {
	t.Helper()
	f, err := os.Open("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out [][]string
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		if sc.Text() != "" {
			out = append(out, strings.Split(sc.Text(), "\t"))
		}
	}
	return out
}

func unquote(t *testing.T, s string) string {
	t.Helper()
	var out string
	if err := json.Unmarshal([]byte(s), &out); err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return out
}

func TestAppendFloat_EqualsJDK17(t *testing.T) {
	for _, l := range lines(t, "floats.txt") {
		p := strings.Fields(l[0])
		size := 64
		if p[0] == "f" {
			size = 32
		}
		u, err := strconv.ParseUint(p[1], 16, size)
		if err != nil {
			t.Fatal(err)
		}
		f := math.Float64frombits(u)
		if size == 32 {
			f = float64(math.Float32frombits(uint32(u)))
		}
		if got := string(records.AppendFloat(nil, f, size)); got != p[2] {
			t.Errorf("%s: %s, want %s", l[0], got, p[2])
		}
	}
}

// Where Java reads a message of the wrong shape as 0, false or null, or lets a number wrap,
// ours is an error; where Java prints an object's address ours prints a constant.
var differences = map[string]string{
	`{"schema":{"type":"bytes","optional":false},"payload":"AP8="}` + "\tstring": "[B",
}

func TestConverters_EqualConnect(t *testing.T) {
	in := map[string]Converter{"json-keepnull": must(t, JSONClass, "replace.null.with.default", "false"), "plain": must(t, JSONClass, "schemas.enable", "false")}
	std := must(t, JSONClass)
	outs := map[string]Converter{"json": std, "json-noschema": must(t, JSONClass, "schemas.enable", "false"), "json-numeric": must(t, JSONClass, "decimal.format", "numeric"),
		"json-keepnull": must(t, JSONClass, "replace.null.with.default", "false"), "string": must(t, StringClass), "header": must(t, SimpleHeaderClass), "plain": must(t, JSONClass, "schemas.enable", "false")}
	for _, l := range lines(t, "converters.txt") {
		text, way, want := unquote(t, l[0]), l[1], unquote(t, l[2])
		dec := in[way]
		if dec == nil {
			dec = std
		}
		b := records.NewBatch(records.Origin{})
		got := ""
		if s, v, err := dec.Decode("t", []byte(text), b); err != nil {
			got = "error: " + err.Error()
		} else {
			got = out(t, outs[way], b, s, v)
		}
		if d, ok := differences[text+"\t"+way]; ok {
			want = d
		}
		if strings.HasPrefix(want, "error: ") {
			// The beginning of the text is what alert filters look for.
			if !strings.HasPrefix(got, want) && !strings.HasPrefix(want, strings.TrimSuffix(strings.SplitN(got, " (field", 2)[0], ": ")) {
				t.Errorf("%s %s\n got %s\nwant %s", way, text, got, want)
			}
			continue
		}
		if got != want {
			t.Errorf("%s %s\n got %s\nwant %s", way, text, got, want)
		}
		b.Release()
	}
}

func TestSimpleHeader_ReadsAsConnect(t *testing.T) {
	h, j := must(t, SimpleHeaderClass), must(t, JSONClass)
	for _, l := range lines(t, "headers.txt") {
		text := unquote(t, l[0])
		b := records.NewBatch(records.Origin{})
		s, v, err := h.Decode("t", []byte(text), b)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		got := out(t, j, b, s, v)
		if strings.HasPrefix(l[1], "error: ") {
			continue // Java cannot write what it has read
		}
		if got != l[1] {
			t.Errorf("%q\n got %s\nwant %s", text, got, l[1])
		}
	}
}
