package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/anabranch/anabranch/deliver"
)

const (
	// recently is how long after a failed write a client's error is put down to it.
	recently = 30 * time.Second
	sayEvery = 30 * time.Second
	hint     = "free space on the disk of the data directory; nothing is lost, it goes on by itself"
)

// maxHoles bounds the producers that are remembered. A task that fails comes again as another
// producer, so old ones do not return.
const maxHoles = 256

// producer is one incarnation of an idempotent producer.
type producer struct {
	id    int64
	epoch int16
}

// storage hears from kfake what could not be written. kfake tells its clients only that
// something unexpected happened, and its log is the one place where the disk's error shows.
type storage struct {
	dir string
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex // guards the fields below
	last    error      // the newest failure
	at      time.Time
	nextSay time.Time
	held    int
	current producer   // whose request kfake handles; it handles one after the other
	holes   []producer // who has lost a batch, oldest first
}

var _ kfake.Logger = (*storage)(nil)

// Logf implements kfake.Logger. kfake reports failed writes as warnings about "persist"; the
// rest of its log is about its inner life.
func (s *storage) Logf(level kfake.LogLevel, msg string, args ...any) {
	if level > kfake.LogLevelWarn || level == kfake.LogLevelNone || !strings.HasPrefix(msg, "persist") {
		return
	}
	err := fmt.Errorf("%s", fmt.Sprintf(msg, args...))
	for _, a := range args {
		if e, ok := a.(error); ok {
			err = e
		}
	}
	s.mu.Lock()
	s.last, s.at = err, s.now()
	if strings.HasPrefix(msg, "persist batch") && s.current.id >= 0 && !slices.Contains(s.holes, s.current) {
		if s.holes = append(s.holes, s.current); len(s.holes) > maxHoles {
			s.holes = slices.Delete(s.holes, 0, 1)
		}
	}
	say := !s.at.Before(s.nextSay)
	held := s.held
	if say {
		s.nextSay, s.held = s.at.Add(sayEvery), 0
	} else {
		s.held++
	}
	s.mu.Unlock()
	if say {
		s.log.Error("embedded broker cannot write", "data", s.dir, "err", err, "hint", hint, "repeated", held)
	}
}

// explain puts an error of a client down to the disk if the broker could not write a moment ago.
func (s *storage) explain(err error) error {
	if !errors.Is(err, kerr.UnknownServerError) { // what kfake answers when a batch could not be written
		return err
	}
	s.mu.Lock()
	last, at := s.last, s.at
	s.mu.Unlock()
	if last == nil || s.now().Sub(at) > recently {
		return err
	}
	return &deliver.Error{Op: "write to the embedded broker's data directory", Subject: s.dir, Cause: last, Hint: hint, CanRetry: true,
		Class: "org.apache.kafka.common.errors.KafkaStorageException"}
}

// guard looks at a produce request before kfake does. kfake counts a batch that it could not
// write as written: what the same producer had in flight behind it would go into the log behind
// a hole. A real broker answers OUT_OF_ORDER_SEQUENCE_NUMBER then, and clients begin anew under
// another epoch; so do we.
func (s *storage) guard(req *kmsg.ProduceRequest) (kmsg.Response, bool) {
	p := producerOf(req)
	s.mu.Lock()
	s.current = p
	refuse := len(s.holes) > 0 && slices.Contains(s.holes, p)
	s.mu.Unlock()
	if !refuse {
		return nil, false
	}
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	for _, rt := range req.Topics {
		t := kmsg.NewProduceResponseTopic()
		t.Topic, t.TopicID = rt.Topic, rt.TopicID
		for _, rp := range rt.Partitions {
			part := kmsg.NewProduceResponseTopicPartition()
			part.Partition, part.ErrorCode = rp.Partition, kerr.OutOfOrderSequenceNumber.Code
			t.Partitions = append(t.Partitions, part)
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp, true
}

// Where a record batch has the id and the epoch of its producer.
const (
	producerIDAt    = 43
	producerEpochAt = 51
)

// producerOf is the producer of a request; all its batches have the same. An id of -1 is none.
func producerOf(req *kmsg.ProduceRequest) producer {
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			if len(p.Records) >= producerEpochAt+2 {
				return producer{int64(binary.BigEndian.Uint64(p.Records[producerIDAt:])), int16(binary.BigEndian.Uint16(p.Records[producerEpochAt:]))}
			}
		}
	}
	return producer{id: -1}
}
