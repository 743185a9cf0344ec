package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// FileLog is the offset file of a standalone worker: a Java-serialized HashMap of byte
// arrays that FileOffsetBackingStore reads (CW-188 to CW-191). It is rewritten as a whole,
// but, unlike in Java, by rename, so that a crash leaves the old or the new file.
type FileLog struct {
	path string

	mu    sync.Mutex // guards the fields below and the calls of apply
	recs  []Record
	apply func(Record)
}

var _ Log = (*FileLog)(nil)

// NewFileLog makes a log over a file that need not exist yet.
func NewFileLog(path string) *FileLog { return &FileLog{path: path} }

// Open implements Log.
func (l *FileLog) Open(_ context.Context, apply func(Record)) error {
	data, err := os.ReadFile(l.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &Error{Op: "read offset file", Subject: l.path, Cause: errors.Unwrap(err), Config: true}
	}
	recs, err := readJavaMap(data)
	if err != nil {
		return &Error{Op: "read offset file", Subject: l.path, Cause: err,
			Hint: "the file is not one that Kafka Connect standalone writes; move it away to start without offsets"}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.apply, l.recs = apply, recs
	for _, r := range recs {
		apply(r)
	}
	return nil
}

// Append implements Log.
func (l *FileLog) Append(_ context.Context, recs ...Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := append([]Record(nil), l.recs...)
	for _, r := range recs {
		next = put(next, r)
	}
	if err := replaceFile(l.path, writeJavaMap(next)); err != nil {
		return &Error{Op: "write offset file", Subject: l.path, Cause: err}
	}
	l.recs = next
	for _, r := range recs {
		l.apply(r)
	}
	return nil
}

func put(recs []Record, r Record) []Record {
	for i := range recs {
		if bytes.Equal(recs[i].Key, r.Key) {
			recs[i] = r
			return recs
		}
	}
	return append(recs, r)
}

// Refresh implements Log; nobody else may write the file.
func (l *FileLog) Refresh(context.Context) error { return nil }

// Close implements Log.
func (l *FileLog) Close() error { return nil }

// replaceFile writes beside the file and renames: durable when it returns.
func replaceFile(path string, data []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tmp*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name()) // the error that brought us here counts
		}
	}()
	if _, err = tmp.Write(data); err == nil {
		err = tmp.Sync()
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Chmod(tmp.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	err = dir.Sync()
	if closeErr := dir.Close(); err == nil {
		err = closeErr
	}
	return err
}

// The parts of the stream that never change. Numbers and lengths are written between them.
var (
	mapHeader   = []byte("\xac\xed\x00\x05\x73\x72\x00\x11java.util.HashMap\x05\x07\xda\xc1\xc3\x16\x60\xd1\x03\x00\x02\x46\x00\x0aloadFactor\x49\x00\x09threshold\x78\x70\x3f\x40\x00\x00")
	firstArray  = []byte("\x75\x72\x00\x02[B\xac\xf3\x17\xf8\x06\x08\x54\xe0\x02\x00\x00\x78\x70")
	nextArray   = []byte("\x75\x71\x00\x7e\x00\x02")
	blockOf8    = []byte("\x77\x08")
	endOfBlock  = byte(0x78)
	nullElement = byte(0x70)
)

// writeJavaMap writes what ObjectOutputStream writes for the map (CW-189, CW-190).
func writeJavaMap(recs []Record) []byte {
	capacity, threshold := 16, 0
	if len(recs) > 0 {
		for threshold = 12; threshold < len(recs); {
			capacity, threshold = capacity*2, threshold*2
		}
	}
	out := append([]byte(nil), mapHeader...)
	out = binary.BigEndian.AppendUint32(out, uint32(threshold))
	out = append(out, blockOf8...)
	out = binary.BigEndian.AppendUint32(out, uint32(capacity))
	out = binary.BigEndian.AppendUint32(out, uint32(len(recs)))
	first := true
	array := func(b []byte) {
		if b == nil {
			out = append(out, nullElement)
			return
		}
		if first {
			out, first = append(out, firstArray...), false
		} else {
			out = append(out, nextArray...)
		}
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(b))), b...)
	}
	for _, r := range recs {
		array(r.Key)
		array(r.Value)
	}
	return append(out, endOfBlock)
}

// readJavaMap reads such a stream; an empty file is an empty map. Only the count is trusted.
func readJavaMap(data []byte) ([]Record, error) {
	if len(data) == 0 {
		return nil, nil
	}
	broken := errors.New("not a serialized java.util.HashMap of byte arrays")
	take := func(n int) ([]byte, bool) {
		if n < 0 || n > len(data) {
			return nil, false
		}
		b := data[:n]
		data = data[n:]
		return b, true
	}
	expect := func(want []byte) bool {
		rest, ok := bytes.CutPrefix(data, want)
		if ok {
			data = rest
		}
		return ok
	}
	if !expect(mapHeader) {
		return nil, broken
	}
	if _, ok := take(4); !ok || !expect(blockOf8) {
		return nil, broken
	}
	sizes, ok := take(8)
	if !ok {
		return nil, broken
	}
	count := int(int32(binary.BigEndian.Uint32(sizes[4:])))
	if count < 0 {
		return nil, broken
	}
	array := func() ([]byte, error) {
		if expect([]byte{nullElement}) {
			return nil, nil
		}
		if !expect(firstArray) && !expect(nextArray) {
			return nil, broken
		}
		length, ok := take(4)
		if !ok {
			return nil, broken
		}
		b, ok := take(int(int32(binary.BigEndian.Uint32(length))))
		if !ok {
			return nil, broken
		}
		return append(make([]byte, 0, len(b)), b...), nil
	}
	var recs []Record
	for i := range count {
		key, err := array()
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
		value, err := array()
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
		recs = append(recs, Record{Key: key, Value: value})
	}
	return recs, nil
}
