package file

import (
	"context"
	"fmt"
	"os"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters"
)

// sink is used by one worker of deliver.Blocking: lanes write to one file, one after the other.
type sink struct {
	path string
	env  deliver.Env
	file *os.File
	text converters.Converter
	blob converters.Converter
	buf  []byte
}

var _ deliver.BlockingSink = (*sink)(nil)

// New makes a sink from validated values.
func New(v *configs.Values, env deliver.Env) (deliver.Sink, error) {
	text, err := converters.New(converters.StringClass, nil, false)
	if err != nil {
		return nil, err
	}
	blob, err := converters.New(converters.SimpleHeaderClass, nil, false)
	if err != nil {
		return nil, err
	}
	return deliver.NewBlocking(&sink{path: v.Str(FileKey), env: env, text: text(), blob: blob()}, deliver.BlockingOptions{}), nil
}

// Open opens the file for appending, creating it if needed.
func (s *sink) Open(context.Context) error {
	if s.path == "" {
		s.file = os.Stdout
		return nil
	}
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return deliver.Errorf("open file", s.path, "the directory must exist and be writable for the daemon's user", "%w", err)
	}
	s.file = f
	return nil
}

// WriteBatch appends the batch's lines and returns when they are on disk.
func (s *sink) WriteBatch(ctx context.Context, b *records.Batch) error {
	s.buf = s.buf[:0]
	for i := range b.Records {
		r := &b.Records[i]
		c := s.text
		if r.Value.Kind == records.KindBytes {
			c = s.blob
		}
		out, isNull, err := c.Append(s.buf, "", b, b.Schemas[r.ValueSchema], r.Value)
		if err != nil {
			err = deliver.Errorf("format line", fmt.Sprintf("%s offset %d", b.Origin.Table, r.Offset), "", "%w", err)
			if err = s.env.Errant(ctx, b, i, err); err != nil {
				return err
			}
			continue
		}
		if s.buf = out; isNull {
			s.buf = append(s.buf, "null"...)
		}
		s.buf = append(s.buf, '\n')
	}
	n, err := s.file.Write(s.buf)
	if err == nil && s.path != "" {
		err = s.file.Sync()
	}
	if err != nil {
		s.undo(n)
		return &deliver.Error{Op: "append to file", Subject: s.path, Cause: err, CanRetry: true,
			Hint: "free space on the disk; the task tries again by itself"}
	}
	return nil
}

// undo takes back a partial write, so that the repetition does not follow half a line. It
// leaves the file alone when somebody else has appended since.
func (s *sink) undo(n int) {
	if s.path == "" || n == 0 {
		return
	}
	if info, err := s.file.Stat(); err == nil && info.Mode().IsRegular() {
		at := info.Size() - int64(n)
		tail := make([]byte, n)
		if f, err := os.Open(s.path); err == nil {
			_, err = f.ReadAt(tail, at)
			_ = f.Close() // only read from
			if err == nil && string(tail) == string(s.buf[:n]) {
				if err := s.file.Truncate(at); err != nil {
					s.env.Log.Warn("half-written lines remain", "file", s.path, "position", at, "err", err)
				}
			}
		}
	}
}

// Close closes the file.
func (s *sink) Close() error {
	if s.file == nil || s.path == "" {
		return nil
	}
	f := s.file
	s.file = nil
	return f.Close()
}
