package mysql

import (
	"bytes"
	"context"
	"net"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// scripted is a connection that gives out bytes in pieces of given sizes; 0 is a timeout.
type scripted struct {
	net.Conn
	data   []byte
	pieces []int
}

func (s *scripted) Read(p []byte) (int, error) {
	n := len(p)
	if len(s.pieces) > 0 {
		n, s.pieces = s.pieces[0], s.pieces[1:]
	}
	if n == 0 || len(s.data) == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	n = copy(p, s.data[:min(n, len(s.data))])
	s.data = s.data[n:]
	return n, nil
}

func frame(seq *byte, payload []byte) []byte {
	var out []byte
	for {
		n := min(len(payload), maxPacketPayload)
		out = append(out, byte(n), byte(n>>8), byte(n>>16), *seq)
		*seq++
		out = append(out, payload[:n]...)
		payload = payload[n:]
		if n < maxPacketPayload {
			return out
		}
	}
}

func TestPackets_AnySplitAndAnyInterruptionGiveTheSamePayloads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want [][]byte
		var wire []byte
		seq := byte(0)
		for range rapid.IntRange(1, 30).Draw(t, "packets") {
			p := rapid.SliceOfN(rapid.Byte(), 0, 700).Draw(t, "payload")
			want = append(want, p)
			wire = append(wire, frame(&seq, p)...)
		}
		p := newPackets(&scripted{data: wire, pieces: rapid.SliceOfN(rapid.IntRange(0, 900), 0, 200).Draw(t, "pieces")})
		for i, w := range want {
			got, err := p.next()
			for tries := 0; timedOut(err) && tries < 300; tries++ {
				got, err = p.next()
			}
			if err != nil || !bytes.Equal(got, w) {
				t.Fatalf("packet %d: %d bytes, %v; want %d", i, len(got), err, len(w))
			}
		}
	})
}

func TestPackets_LongPayloadSurvivesAnInterruption(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789"), 2*maxPacketPayload/10+1)
	seq := byte(0)
	wire := append(frame(&seq, long), frame(&seq, []byte("next"))...)
	p := newPackets(&scripted{data: wire, pieces: []int{100, maxPacketPayload, 0, 5, 0}})
	var got []byte
	err := error(os.ErrDeadlineExceeded)
	for timedOut(err) {
		got, err = p.next()
	}
	if err != nil || !bytes.Equal(got, long) {
		t.Fatalf("got %d bytes, %v; want %d", len(got), err, len(long))
	}
	if got, err = p.next(); err != nil || string(got) != "next" {
		t.Fatalf("got %q, %v", got, err)
	}
	if cap(p.long) > maxKeptBytes {
		t.Error("the memory of the long packet is kept")
	}
}

func TestPackets_LostPacketIsAnError(t *testing.T) {
	seq := byte(3)
	p := newPackets(&scripted{data: frame(&seq, []byte("x"))})
	if _, err := p.next(); err != errPacketOrder {
		t.Fatalf("got %v", err)
	}
}

func TestPackets_MoreDoesNotWait(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	peer := make(chan net.Conn, 1)
	go func() { // ends with the listener
		if c, err := ln.Accept(); err == nil {
			peer <- c
		}
	}()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	far := <-peer
	defer far.Close()
	p := newPackets(c)
	if p.more() {
		t.Fatal("there is nothing to read")
	}
	seq := byte(0)
	wire := frame(&seq, []byte("hello"))
	if _, err := far.Write(wire[:3]); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	until(ctx, t, func() bool { p.more(); return p.w == 3 })
	if p.ready() {
		t.Fatal("half a packet is not a packet")
	}
	if _, err := far.Write(wire[3:]); err != nil {
		t.Fatal(err)
	}
	until(ctx, t, p.more)
	if got, err := p.next(); err != nil || string(got) != "hello" {
		t.Fatalf("got %q, %v", got, err)
	}
}

func until(ctx context.Context, t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("it did not happen in time")
		}
	}
}

func TestLenencInt(t *testing.T) {
	for _, c := range []struct {
		in   []byte
		n    uint64
		size int
	}{
		{[]byte{0}, 0, 1}, {[]byte{0xfa}, 250, 1}, {[]byte{0xfc, 1, 2}, 0x201, 3}, {[]byte{0xfd, 1, 2, 3}, 0x30201, 4},
		{[]byte{0xfe, 1, 0, 0, 0, 0, 0, 0, 1}, 1<<56 | 1, 9}, {nil, 0, 0}, {[]byte{0xfc, 1}, 0, 0}, {[]byte{0xff}, 0, 0},
	} {
		if n, size := lenencInt(c.in); n != c.n || size != c.size {
			t.Errorf("lenencInt(%x) = %d, %d", c.in, n, size)
		}
	}
}
