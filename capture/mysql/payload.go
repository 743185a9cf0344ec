package mysql

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// payload unpacks the events of a compressed transaction one by one (DM-123), so that a huge
// transaction needs memory for its compressed form and one event only.
type payload struct {
	src    bytes.Reader
	zip    *zstd.Decoder
	from   io.Reader
	buf    []byte
	active bool
}

// Fields of a TRANSACTION_PAYLOAD event's header.
const (
	payloadEnd         = 0
	payloadCompression = 2
	compressionZstd    = 0
	compressionNone    = 255
	// No event is larger than max_allowed_packet can be.
	maxEventBytes = 1 << 30
)

// open begins a payload. body must stay as it is until the last event was taken.
func (p *payload) open(body []byte) error {
	method := uint64(compressionNone)
	for {
		kind, n := lenencInt(body)
		if n == 0 {
			return errShortEvent
		}
		body = body[n:]
		if kind == payloadEnd {
			break
		}
		size, n := lenencInt(body)
		if n == 0 || size > uint64(len(body)-n) {
			return errShortEvent
		}
		if kind == payloadCompression {
			method, _ = lenencInt(body[n : n+int(size)])
		}
		body = body[n+int(size):]
	}
	p.src.Reset(body)
	switch method {
	case compressionNone:
		p.from = &p.src
	case compressionZstd:
		if p.zip == nil {
			z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
			if err != nil {
				return err
			}
			p.zip = z
		}
		if err := p.zip.Reset(&p.src); err != nil {
			return fmt.Errorf("unpack transaction: %w", err)
		}
		p.from = p.zip
	default:
		return fmt.Errorf("unpack transaction: unknown compression %d", method)
	}
	p.active = true
	return nil
}

// next takes an event; false is the end.
func (p *payload) next(e *event) (bool, error) {
	if cap(p.buf) < eventHeaderBytes {
		p.buf = make([]byte, 16<<10)
	}
	head := p.buf[:eventHeaderBytes]
	if _, err := io.ReadFull(p.from, head); err != nil {
		p.active = false
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		return false, fmt.Errorf("unpack transaction: %w", err)
	}
	size := int(binary.LittleEndian.Uint32(head[9:]))
	if size < eventHeaderBytes || size > maxEventBytes {
		return false, fmt.Errorf("unpack transaction: %w", errShortEvent)
	}
	whole, err := p.body(size)
	if err != nil {
		return false, fmt.Errorf("unpack transaction: %w", err)
	}
	if err := parseEvent(whole, 0, e); err != nil {
		return false, err
	}
	e.inner = true
	return true, nil
}

// body reads the rest of an event of size bytes behind its header. Memory grows with the bytes
// that are really there, not with what the header says.
func (p *payload) body(size int) ([]byte, error) {
	if cap(p.buf) > maxKeptBytes && size < maxKeptBytes {
		p.buf = append(make([]byte, 0, maxKeptBytes), p.buf[:eventHeaderBytes]...)
	}
	have := eventHeaderBytes
	for have < size {
		if have == cap(p.buf) {
			bigger := make([]byte, min(size, 2*cap(p.buf)))
			copy(bigger, p.buf[:have])
			p.buf = bigger
		}
		part := p.buf[have:min(size, cap(p.buf))]
		if _, err := io.ReadFull(p.from, part); err != nil {
			return nil, err
		}
		have += len(part)
	}
	return p.buf[:size], nil
}

func (p *payload) close() {
	if p.zip != nil {
		p.zip.Close()
	}
}
