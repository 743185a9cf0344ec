package file

import (
	"bytes"
	"fmt"
	"io"
)

// maxLineBytes bounds the memory of a line that never ends.
const maxLineBytes = 64 << 20

// lineReader cuts a growing stream of bytes into lines. A line ends at LF, CR or CRLF; a CR
// that is the last byte read so far waits, because an LF may follow; a last line without an
// end is kept back until its end arrives (SF-022).
type lineReader struct {
	r   io.Reader
	buf []byte
	// start is where the unread part of buf begins; scanned is how far it was searched for an end.
	start, scanned int
	// pos is the byte position in the stream of buf[start].
	pos int64
}

func newLineReader(r io.Reader, pos int64) *lineReader { return &lineReader{r: r, pos: pos} }

// fill reads once from the stream and returns the number of bytes; io.EOF is passed on.
func (l *lineReader) fill() (int, error) {
	if l.start > 0 {
		l.buf = append(l.buf[:0], l.buf[l.start:]...)
		l.scanned -= l.start
		l.start = 0
	}
	if len(l.buf) > maxLineBytes {
		return 0, fmt.Errorf("line longer than %d bytes at byte %d", maxLineBytes, l.pos)
	}
	if cap(l.buf)-len(l.buf) < 16<<10 {
		grown := make([]byte, len(l.buf), 2*cap(l.buf)+64<<10)
		copy(grown, l.buf)
		l.buf = grown
	}
	n, err := l.r.Read(l.buf[len(l.buf):cap(l.buf)])
	l.buf = l.buf[:len(l.buf)+n]
	return n, err
}

// next returns the next complete line without its end; the slice is valid until fill.
func (l *lineReader) next() (line []byte, ok bool) {
	for {
		i := bytes.IndexAny(l.buf[l.scanned:], "\r\n")
		if i < 0 {
			l.scanned = len(l.buf)
			return nil, false
		}
		end := l.scanned + i
		after := end + 1
		if l.buf[end] == '\r' {
			if after == len(l.buf) {
				l.scanned = end
				return nil, false
			}
			if l.buf[after] == '\n' {
				after++
			}
		}
		line = l.buf[l.start:end]
		l.pos += int64(after - l.start)
		l.start, l.scanned = after, after
		return line, true
	}
}
