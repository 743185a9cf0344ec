package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

const (
	// pollInterval is how often a file without news is looked at.
	pollInterval = 100 * time.Millisecond
	// missingInterval is the wait for a file that is not there (SF-024).
	missingInterval = time.Second
	maxFrameBytes   = 1 << 20
)

var lineSchema = &records.Schema{Type: records.String}

type source struct {
	path, topic string
	batchSize   int
	env         capture.Env

	file   *os.File
	id     os.FileInfo // of file, to see a replacement
	lines  *lineReader
	start  int64
	warned bool
	stdin  chan stdinRead
}

type stdinRead struct {
	n   int
	err error
}

var _ capture.Source = (*source)(nil)

// New makes a source from validated values.
func New(v *configs.Values, env capture.Env) capture.Source {
	return &source{path: v.Str(FileKey), topic: v.Str(TopicKey), batchSize: int(v.Int(BatchSizeKey)), env: env}
}

// Open takes up the stored position; the file itself may appear later.
func (s *source) Open(_ context.Context, offsets []records.Position) error {
	for _, p := range offsets {
		if p.Partition.Str("filename") != s.path {
			continue
		}
		pos, ok := p.Offset.Int("position")
		if !ok || pos < 0 {
			return capture.Errorf("open file", s.path, "delete the connector's offset, or set it to a byte position",
				"stored offset has no valid position")
		}
		s.start = pos
	}
	if s.path == "" {
		s.lines = newLineReader(os.Stdin, 0)
	}
	return nil
}

// Read returns the next lines; it waits while there are none.
func (s *source) Read(ctx context.Context) (*records.Frame, error) {
	for {
		if s.lines == nil {
			ok, err := s.openFile()
			if err != nil {
				return nil, err
			}
			if !ok {
				if err := wait(ctx, missingInterval); err != nil {
					return nil, err
				}
				continue
			}
		}
		if f := s.frame(); f != nil {
			return f, nil
		}
		n, err := s.fill(ctx)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if n > 0 {
			continue
		}
		if s.path == "" {
			return nil, io.EOF
		}
		if s.replaced() {
			continue
		}
		if err := wait(ctx, pollInterval); err != nil {
			return nil, err
		}
	}
}

func (s *source) openFile() (bool, error) {
	f, err := os.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		if !s.warned {
			s.env.Log.Warn("file does not exist, waiting for it", "file", s.path)
			s.warned = true
		}
		return false, nil
	}
	if err != nil {
		return false, capture.Errorf("open file", s.path, "", "%w", err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("is a directory")
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return false, capture.Errorf("open file", s.path, "name a file", "%w", err)
	}
	if info.Mode().IsRegular() && s.start > info.Size() {
		s.env.Log.Warn("file is shorter than the stored position, reading it from its start", "file", s.path, "position", s.start, "size", info.Size())
		s.start = 0
	}
	if s.start > 0 {
		if _, err := f.Seek(s.start, io.SeekStart); err != nil {
			_ = f.Close() // nothing was written
			return false, capture.Errorf("seek file", fmt.Sprintf("%s:%d", s.path, s.start), "", "%w", err)
		}
	}
	s.file, s.id, s.warned = f, info, false
	s.lines = newLineReader(f, s.start)
	return true, nil
}

// replaced looks whether the path now names another file, or the open one became shorter. It
// is asked only at the end of the open file, so nothing of it is skipped except a last line
// that was never ended.
func (s *source) replaced() bool {
	now, err := os.Stat(s.path)
	if err != nil {
		return false // gone: keep reading the open one until a new one appears
	}
	shorter := now.Mode().IsRegular() && now.Size() < s.lines.pos
	if os.SameFile(now, s.id) && !shorter {
		return false
	}
	s.env.Log.Warn("file was truncated or replaced, reading it from its start", "file", s.path, "position", s.lines.pos)
	_ = s.file.Close() // only read from
	s.file, s.lines, s.start = nil, nil, 0
	return true
}

// fill reads more bytes. Standard input cannot be interrupted, so its read runs in a goroutine
// that lives as long as the process.
func (s *source) fill(ctx context.Context) (int, error) {
	if s.path != "" {
		n, err := s.lines.fill()
		if err != nil && !errors.Is(err, io.EOF) {
			return n, capture.Errorf("read file", fmt.Sprintf("%s:%d", s.path, s.lines.pos), "", "%w", err)
		}
		return n, err
	}
	if s.stdin == nil {
		s.stdin = make(chan stdinRead, 1)
		go func(c chan stdinRead) {
			n, err := s.lines.fill()
			c <- stdinRead{n, err}
		}(s.stdin)
	}
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case r := <-s.stdin:
		s.stdin = nil
		return r.n, r.err
	}
}

// frame makes a frame of the complete lines in the buffer, nil if there is none.
func (s *source) frame() *records.Frame {
	line, ok := s.lines.next()
	if !ok {
		return nil
	}
	name := s.path
	if name == "" {
		name = "standard input"
	}
	b := records.NewBatch(records.Origin{Table: name})
	topic, schema := b.TopicIndex(s.topic), b.SchemaIndex(lineSchema)
	now := time.Now().UnixMilli()
	for ok {
		b.Records = append(b.Records, records.Record{Value: b.AddUTF8(line), ValueSchema: schema, Topic: topic,
			Partition: records.NoPartition, Timestamp: now})
		if len(b.Records) >= s.batchSize || len(b.Arena) >= maxFrameBytes {
			break
		}
		line, ok = s.lines.next()
	}
	f := &records.Frame{Batches: []*records.Batch{b}}
	if s.path != "" {
		f.Position = records.Position{
			Partition: records.Doc{{Key: "filename", Value: s.path}},
			Offset:    records.Doc{{Key: "position", Value: s.lines.pos}},
		}
	}
	return f
}

// Commit has nothing to tell a file.
func (s *source) Commit(context.Context, records.Position) error { return nil }

// Close closes the file.
func (s *source) Close() error {
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return f.Close()
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
