package jsontext

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMarshal(t *testing.T) {
	for _, c := range []struct {
		in   any
		want string
	}{
		{Object{{"b", int64(1)}, {"a", "x<y>&\u2028"}}, "{\"b\":1,\"a\":\"x<y>&\u2028\"}"},
		{"\"\\\b\t\n\f\r\x01\x1fä😀", "\"\\\"\\\\\\b\\t\\n\\f\\r\\u0001\\u001Fä\\uD83D\\uDE00\""},
		{[]any{nil, true, 1.0, 0.001, 9.999e-4, 1e7, 1.23456789123e8, -2.5}, "[null,true,1.0,0.001,9.999E-4,1.0E7,1.23456789123E8,-2.5]"},
		{json.Number("1.10"), "1.10"},
		{[]string{}, "[]"},
	} {
		if got := string(Marshal(c.in)); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestHashOrder_IsJavas(t *testing.T) {
	// The orders of CW-174, computed on a JVM.
	for _, c := range [][]string{
		{"server", "database"}, {"rs", "server_id"}, {"kafka_partition", "kafka_topic"},
		{"protocol", "table"}, {"cluster", "partition", "topic"},
	} {
		in := append([]string(nil), c...)
		for i, j := 0, len(in)-1; i < j; i, j = i+1, j-1 {
			in[i], in[j] = in[j], in[i]
		}
		if d := cmp.Diff(c, HashOrder(in)); d != "" {
			t.Error(d)
		}
	}
}

func TestParse(t *testing.T) {
	got, err := Parse([]byte(` {"z":1,"a":{"x":[1.10,null,"s",9223372036854775808]},"z":true} trailing`))
	if err != nil {
		t.Fatal(err)
	}
	want := Object{{"z", int64(1)}, {"a", Object{{"x", []any{json.Number("1.10"), nil, "s", json.Number("9223372036854775808")}}}}, {"z", true}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if v, _ := got.(Object).Get("z"); v != true {
		t.Error("the last of two must win")
	}
	for _, bad := range []string{"", "{", `{"a"`, `{a:1}`, "[1,", "nul"} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"a":[1,2.5,"x",null,{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Parse(data)
		if err != nil {
			return
		}
		text := Marshal(v)
		again, err := Parse(text)
		if err != nil {
			t.Fatalf("%q became %q: %v", data, text, err)
		}
		if d := cmp.Diff(v, again); d != "" {
			t.Fatal(d)
		}
	})
}
