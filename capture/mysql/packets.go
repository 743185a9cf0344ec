package mysql

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
)

const (
	packetHeader     = 4
	maxPacketPayload = 1<<24 - 1
	// readBufferBytes is how much is taken from the socket at once. Larger buffers do not make
	// it faster, and an idle source keeps it.
	readBufferBytes = 128 << 10
	// A buffer that one huge packet has grown is given back at the next packet.
	maxKeptBytes = 1 << 20
)

// packets reads packets of the MySQL protocol from a connection that somebody else has set up.
// A payload is a slice of its buffer and valid until the next call of next or more. An interrupted
// read (deadline) loses nothing: the next call goes on where it stopped.
type packets struct {
	conn  net.Conn
	raw   syscall.RawConn // of the socket below; nil if it has none
	plain bool            // no TLS: raw may be read directly
	buf   []byte
	r, w  int    // unread bytes are buf[r:w]
	long  []byte // payload of a packet of 16 MiB and more, put together
	part  bool   // long is incomplete
	seq   uint8
	total int64 // bytes handed out
}

func newPackets(conn net.Conn) *packets {
	p := &packets{conn: conn, buf: make([]byte, readBufferBytes)}
	below := conn
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		below = t.NetConn()
	} else {
		p.plain = true
	}
	if sc, ok := below.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			p.raw = raw
		}
	}
	return p
}

// errPacketOrder is a stream that does not count its packets: bytes were lost or invented.
var errPacketOrder = errors.New("packets out of order")

// next returns the payload of the next packet.
func (p *packets) next() ([]byte, error) {
	if !p.part {
		p.long = shrink(p.long)
	}
	for {
		n, payload, err := p.one()
		if err != nil {
			return nil, err
		}
		p.r += packetHeader + n
		p.total += int64(n)
		if n == maxPacketPayload {
			p.long = append(p.long, payload...)
			p.part = true
			continue
		}
		if p.part {
			p.long = append(p.long, payload...)
			p.part = false
			return p.long, nil
		}
		return payload, nil
	}
}

func shrink(b []byte) []byte {
	if cap(b) > maxKeptBytes {
		return nil
	}
	return b[:0]
}

// one makes sure that a whole packet is buffered.
func (p *packets) one() (int, []byte, error) {
	if err := p.fill(packetHeader); err != nil {
		return 0, nil, err
	}
	h := p.buf[p.r:]
	n := int(h[0]) | int(h[1])<<8 | int(h[2])<<16
	if err := p.fill(packetHeader + n); err != nil {
		return 0, nil, err
	}
	if p.buf[p.r+3] != p.seq {
		return 0, nil, errPacketOrder
	}
	p.seq++
	return n, p.buf[p.r+packetHeader : p.r+packetHeader+n], nil
}

// ready reports whether next would return without reading from the socket.
func (p *packets) ready() bool {
	if p.w-p.r < packetHeader {
		return false
	}
	h := p.buf[p.r:]
	n := int(h[0]) | int(h[1])<<8 | int(h[2])<<16
	return n < maxPacketPayload && p.w-p.r >= packetHeader+n
}

// room makes space for n bytes from r on.
func (p *packets) room(n int) {
	if p.r == p.w {
		p.r, p.w = 0, 0
		if cap(p.buf) > maxKeptBytes && n <= readBufferBytes {
			p.buf = make([]byte, readBufferBytes)
		}
	}
	if p.r+n <= len(p.buf) {
		return
	}
	if n <= len(p.buf) {
		p.w = copy(p.buf, p.buf[p.r:p.w])
		p.r = 0
		return
	}
	bigger := make([]byte, n+n/4)
	p.w = copy(bigger, p.buf[p.r:p.w])
	p.buf, p.r = bigger, 0
}

func (p *packets) fill(n int) error {
	if p.w-p.r >= n {
		return nil
	}
	p.room(n)
	for p.w-p.r < n {
		k, err := p.conn.Read(p.buf[p.w:])
		p.w += k
		if err != nil && p.w-p.r < n {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// more reads what the socket has without waiting and reports whether a whole packet is there.
// When it cannot tell (no socket, TLS holds back a record) it answers no: the caller then
// hands over what it has, which is never wrong.
func (p *packets) more() bool {
	if p.ready() {
		return true
	}
	if p.raw == nil {
		return false
	}
	if !p.plain {
		return p.readable() && p.fillSome() && p.ready()
	}
	p.room(p.want())
	got := 0
	err := p.raw.Read(func(fd uintptr) bool {
		k, err := syscall.Read(int(fd), p.buf[p.w:])
		if err == nil && k > 0 {
			got = k
		}
		return true // EAGAIN, end and errors are for the blocking read to find
	})
	p.w += got
	return err == nil && p.ready()
}

// want is how many bytes the present packet needs, as far as is known.
func (p *packets) want() int {
	if p.w-p.r < packetHeader {
		return packetHeader
	}
	h := p.buf[p.r:]
	return packetHeader + (int(h[0]) | int(h[1])<<8 | int(h[2])<<16)
}

// readable peeks at the socket below TLS.
func (p *packets) readable() bool {
	ok := false
	var one [1]byte
	err := p.raw.Read(func(fd uintptr) bool {
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		ok = err == nil && n > 0
		return true
	})
	return err == nil && ok
}

// fillSome reads one TLS record; the socket has bytes, so it does not wait for long.
func (p *packets) fillSome() bool {
	p.room(p.want())
	k, err := p.conn.Read(p.buf[p.w:])
	p.w += k
	return err == nil && k > 0
}

// timedOut reports whether an error is a deadline of ours.
func timedOut(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// wait sets how long reads may wait from now on; 0 waits for ever.
func (p *packets) wait(d time.Duration) error {
	if d == 0 {
		return p.conn.SetReadDeadline(time.Time{})
	}
	return p.conn.SetReadDeadline(time.Now().Add(d))
}

// serverError reads an ERR packet.
func serverError(payload []byte) error {
	if len(payload) < 3 {
		return fmt.Errorf("truncated error packet")
	}
	e := &gomysql.MyError{Code: uint16(payload[1]) | uint16(payload[2])<<8}
	msg := payload[3:]
	if len(msg) >= 6 && msg[0] == '#' {
		e.State, msg = string(msg[1:6]), msg[6:]
	}
	e.Message = string(msg)
	return e
}

// peek waits until a whole packet is buffered, without taking it.
func (p *packets) peek() error {
	for !p.ready() {
		n := p.want()
		if n >= packetHeader+maxPacketPayload {
			return nil // a long packet is read in one go by next
		}
		if p.w-p.r < packetHeader {
			n = packetHeader
		}
		if err := p.fill(n); err != nil {
			return err
		}
	}
	return nil
}
