package file

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
)

func TestSink_AppendsJavaStrings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.txt")
	if err := os.WriteFile(path, []byte("old\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	v, ps := Definition().Parse(map[string]string{FileKey: path})
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	s, err := New(v, deliver.Env{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	row := &records.Schema{Type: records.Struct, Fields: []records.Field{
		{Name: "a", Schema: &records.Schema{Type: records.Int32}},
		{Name: "b", Schema: &records.Schema{Type: records.String, Optional: true}}}}
	b := records.NewBatch(records.Origin{Table: "t-0"})
	off := b.AddVals(2)
	x := b.AddString("x")
	b.Vals[off], b.Vals[off+1] = records.Int32Value(1), x
	b.Records = append(b.Records,
		records.Record{Value: b.AddString("line"), ValueSchema: b.SchemaIndex(&records.Schema{Type: records.String})},
		records.Record{Value: records.StructAt(off, 2), ValueSchema: b.SchemaIndex(row)},
		records.Record{})
	done := make(chan error, 1)
	if err := s.Write(t.Context(), b, func(err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := "old\nline\nStruct{a=1,b=x}\nnull\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSink_OpenNamesTheFile(t *testing.T) {
	v, _ := Definition().Parse(map[string]string{FileKey: filepath.Join(t.TempDir(), "no", "such", "dir")})
	s, err := New(v, deliver.Env{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(t.Context()); err == nil {
		t.Fatal("opened a file in a directory that does not exist")
	}
}
