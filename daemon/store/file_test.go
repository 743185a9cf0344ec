package store

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/records"
)

// The file that a JVM writes for one entry (CW-191).
const javaFile = "aced0005737200116a6176612e7574696c2e486173684d61700507dac1c31660d103000246000a6c6f6164466163746f724900097468726573686f6c6478703f4000000000000c77080000001000000001757200025b42acf317f8060854e00200007870000000245b2266696c65222c7b2266696c656e616d65223a222f646174612f696e2e747874227d5d7571007e00020000000f7b22706f736974696f6e223a31327d78"

func TestFileLog_ReadsAndWritesWhatJavaDoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "connect.offsets")
	o := NewOffsets(NewFileLog(path), quiet)
	ctx := within(t)
	if err := o.Open(ctx); err != nil {
		t.Fatal(err)
	}
	pos := records.Position{
		Partition: records.Doc{{Key: "filename", Value: "/data/in.txt"}},
		Offset:    records.Doc{{Key: "position", Value: int64(12)}},
	}
	if err := o.Store(ctx, "file", []records.Position{pos}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(data); got != javaFile {
		t.Errorf("got  %s\nwant %s", got, javaFile)
	}
	again := NewOffsets(NewFileLog(path), quiet)
	if err := again.Open(ctx); err != nil {
		t.Fatal(err)
	}
	got, err := again.Load(ctx, "file")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]records.Position{pos}, got); d != "" {
		t.Error(d)
	}
}

func TestJavaMap_RoundTrip(t *testing.T) {
	var recs []Record
	for i := range 30 {
		r := Record{Key: []byte{byte(i)}}
		if i%3 > 0 {
			r.Value = []byte(strings.Repeat("x", i))
		}
		recs = append(recs, r)
	}
	got, err := readJavaMap(writeJavaMap(recs))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(recs, got); d != "" {
		t.Error(d)
	}
	empty := writeJavaMap(nil)
	if got, err := readJavaMap(empty); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
}

func FuzzReadJavaMap(f *testing.F) {
	data, _ := hex.DecodeString(javaFile)
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) { _, _ = readJavaMap(data) })
}
