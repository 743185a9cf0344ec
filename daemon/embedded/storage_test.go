package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/anabranch/anabranch/deliver"
)

func TestStorage_ExplainsErrorsAfterAFailedWrite(t *testing.T) {
	var out bytes.Buffer
	now := time.Now()
	s := &storage{dir: "/data", log: slog.New(slog.NewTextHandler(&out, nil)), now: func() time.Time { return now }}
	plain := error(kerr.UnknownServerError)
	if got := s.explain(plain); got != plain { //nolint:errorlint // the very same
		t.Errorf("explained without a failure: %v", got)
	}
	for range 50 {
		s.Logf(kfake.LogLevelWarn, "persist batch %s-%d: %v", "lines", 0, fmt.Errorf("write: %w", syscall.ENOSPC))
		s.Logf(kfake.LogLevelInfo, "request %d", 1)
	}
	got := s.explain(plain)
	if !errors.Is(got, syscall.ENOSPC) || !deliver.Retriable(got) || !strings.Contains(got.Error(), "/data") || !strings.Contains(got.Error(), "free space") {
		t.Errorf("explained as %v", got)
	}
	if again := s.explain(got); again != got { //nolint:errorlint // the very same
		t.Errorf("explained twice: %v", again)
	}
	if n := strings.Count(out.String(), "cannot write"); n != 1 {
		t.Errorf("said %d times:\n%s", n, out.String())
	}
	if other := errors.New("cancelled"); s.explain(other) != other { //nolint:errorlint // the very same
		t.Error("an error that has nothing to do with the broker was explained")
	}
	now = now.Add(recently + time.Second)
	if got := s.explain(plain); got != plain || s.explain(nil) != nil { //nolint:errorlint // the very same
		t.Errorf("an old failure explains %v", got)
	}
}

func TestStorage_RefusesWhatStandsBehindAHole(t *testing.T) {
	s := &storage{dir: "/data", log: slog.New(slog.DiscardHandler), now: time.Now}
	request := func(id int64, epoch int16) *kmsg.ProduceRequest {
		batch := make([]byte, 61)
		binary.BigEndian.PutUint64(batch[producerIDAt:], uint64(id))
		binary.BigEndian.PutUint16(batch[producerEpochAt:], uint16(epoch))
		return &kmsg.ProduceRequest{Version: 9, Topics: []kmsg.ProduceRequestTopic{{Topic: "t", Partitions: []kmsg.ProduceRequestTopicPartition{{Records: batch}}}}}
	}
	if _, refused := s.guard(request(7, 0)); refused {
		t.Error("refused before anything failed")
	}
	s.Logf(kfake.LogLevelWarn, "persist batch %s-%d: %v", "t", 0, syscall.ENOSPC)
	resp, refused := s.guard(request(7, 0))
	if !refused || resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode != kerr.OutOfOrderSequenceNumber.Code {
		t.Errorf("what stands behind the hole is answered with %v", resp)
	}
	for _, p := range []producer{{7, 1}, {8, 0}, {-1, -1}} {
		if _, refused := s.guard(request(p.id, p.epoch)); refused {
			t.Errorf("producer %v is refused, which lost nothing", p)
		}
	}
	if got := producerOf(&kmsg.ProduceRequest{}); got.id != -1 {
		t.Errorf("a request without records is of %v", got)
	}
}
