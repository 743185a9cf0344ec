package schemahistory

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// KeyFile is the option that names the file (DM-190).
const KeyFile = "schema.history.internal.file.filename"

// File keeps the history in a file, one record a line, as Debezium's FileSchemaHistory does
// (DM-190).
type File struct {
	path string
	log  *slog.Logger
	mu   sync.Mutex
	f    *os.File // guarded by mu; open for appending, nil until the first Append
}

var _ Store = (*File)(nil)

// NewFile makes a File; it opens nothing. log may be nil.
func NewFile(path string, log *slog.Logger) *File { return &File{path: path, log: orDefault(log)} }

func (f *File) fail(op string, err error) error {
	return &Error{Op: op, Subject: "file " + f.path, Cause: err,
		Hint: "check that the path of " + KeyFile + " can be written and has room", CanRetry: true}
}

// Exists reports whether the file is there and not empty.
func (f *File) Exists(context.Context) (bool, error) {
	st, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, f.fail("look at schema history", err)
	}
	return st.Size() > 0, nil
}

// Initialize makes the directory and an empty file.
func (f *File) Initialize(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open()
}

// open is called with mu held. It ends a line that a crash left half written, so that what
// follows is not lost with it.
func (f *File) open() error {
	if f.f != nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o777); err != nil {
		return f.fail("create schema history", err)
	}
	h, err := os.OpenFile(f.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o666)
	if err != nil {
		return f.fail("open schema history", err)
	}
	if st, err := h.Stat(); err == nil && st.Size() > 0 {
		last := make([]byte, 1)
		if _, err := h.ReadAt(last, st.Size()-1); err == nil && last[0] != '\n' {
			if _, err := h.Write([]byte("\n")); err != nil {
				h.Close()
				return f.fail("write schema history", err)
			}
		}
	}
	f.f = h
	return nil
}

// Append writes the records in one piece and syncs.
func (f *File) Append(_ context.Context, recs ...Record) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.open(); err != nil {
		return err
	}
	var b []byte
	for i := range recs {
		b = append(AppendRecordLine(b, &recs[i]), '\n')
	}
	_, err := f.f.Write(b)
	if err == nil {
		err = f.f.Sync()
	}
	if err != nil {
		f.f.Close() // the next Append looks at the end of the file again
		f.f = nil
		return f.fail("write schema history", err)
	}
	return nil
}

// Read calls fn for every line that holds a record.
func (f *File) Read(ctx context.Context, fn func(Record) error) error {
	h, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return f.fail("read schema history", err)
	}
	defer h.Close()
	skips := skipLog{log: f.log}
	r := bufio.NewReader(h)
	for n := 1; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		line, err := r.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return f.fail("read schema history", err)
		}
		end := err == io.EOF
		if len(line) > 1 {
			rec, err := ParseRecord(line)
			if err != nil {
				skips.skip("it cannot be read", slog.String(logFile, f.path), slog.Int(logLine, n), slog.Any(logErr, err))
			} else if err := fn(rec); err != nil {
				return err
			}
		}
		if end {
			return nil
		}
	}
}

// Close closes the file.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.f == nil {
		return nil
	}
	err := f.f.Close()
	f.f = nil
	return err
}
