package file

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/records"
)

type reader struct {
	t   *testing.T
	src capture.Source
	pos records.Position
}

func open(t *testing.T, path string, from ...records.Position) *reader {
	t.Helper()
	v, ps := Definition().Parse(map[string]string{FileKey: path, TopicKey: "lines", BatchSizeKey: "3"})
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	src := New(v, capture.Env{Log: slog.New(slog.DiscardHandler)})
	if err := src.Open(t.Context(), from); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	return &reader{t: t, src: src}
}

// lines reads until n lines have come, and fails after five seconds.
func (r *reader) lines(n int) []string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
	defer cancel()
	var out []string
	for len(out) < n {
		f, err := r.src.Read(ctx)
		if err != nil {
			r.t.Fatalf("after %q: %v", out, err)
		}
		for _, b := range f.Batches {
			for i := range b.Records {
				out = append(out, b.Str(b.Records[i].Value))
			}
		}
		r.pos = f.Position
		f.Release()
	}
	return out
}

func (r *reader) expect(want ...string) {
	r.t.Helper()
	if got := r.lines(len(want)); !slices.Equal(got, want) {
		r.t.Fatalf("got %q, want %q", got, want)
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSource_CutsLinesAndResumesByBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in.txt")
	appendTo(t, path, "größe\n\nb\rc\r\nd\nunfin")
	r := open(t, path)
	r.expect("größe", "", "b", "c", "d")
	if got, _ := r.pos.Offset.Int("position"); got != 16 {
		t.Errorf("position %d, want the byte after d, 16", got)
	}
	r2 := open(t, path, r.pos)
	appendTo(t, path, "ished\nmore\r")
	r2.expect("unfinished")
	appendTo(t, path, "\nlast\n")
	r2.expect("more", "last")
}

func TestSource_PutsReplacementsForWhatIsNotUTF8(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in.txt")
	appendTo(t, path, "a\xff\xe2\x82b\n")
	r := open(t, path)
	r.expect("a\ufffd\ufffdb")
	if got, _ := r.pos.Offset.Int("position"); got != 6 {
		t.Errorf("position %d, want the byte behind the line, 6", got)
	}
}

func TestSource_WaitsForAMissingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "later.txt")
	r := open(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.src.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("read of a missing file: %v", err)
	}
	appendTo(t, path, "here\n")
	r.expect("here")
}

func TestSource_SeesTruncationAndReplacement(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in.txt")
	appendTo(t, path, "one\ntwo\n")
	r := open(t, path)
	r.expect("one", "two")
	if err := os.WriteFile(path, []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.expect("x")
	next := path + ".new"
	appendTo(t, next, "a longer first line\n")
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
	r.expect("a longer first line")
}

func TestSource_RefusesABadOffset(t *testing.T) {
	v, _ := Definition().Parse(map[string]string{FileKey: "/tmp/x", TopicKey: "t"})
	src := New(v, capture.Env{Log: slog.New(slog.DiscardHandler)})
	err := src.Open(t.Context(), []records.Position{{Partition: records.Doc{{Key: "filename", Value: "/tmp/x"}},
		Offset: records.Doc{{Key: "position", Value: "many"}}}})
	if err == nil || capture.Retriable(err) {
		t.Fatalf("got %v", err)
	}
}
