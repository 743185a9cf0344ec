package kafka

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/records"
)

// sourceTaskClass is what Connect names for records that could not be written (CW-264).
const sourceTaskClass = "org.apache.kafka.connect.runtime.WorkerSourceTask"

// skips reports whether a record that is too large for the client is dropped on purpose
// (CW-264). The client refuses it alone and before it is sent. A batch that a broker refuses takes
// the records behind it down, good ones too: none of them is skipped, and gate ends s.life before
// their promises are told. In a transaction nothing is skipped (CW-275).
func (s *Sink) skips(r *kgo.Record, err error) bool {
	if !s.cfg.SkipRefused || s.txn != nil || !errors.Is(err, kerr.MessageTooLarge) || s.life.Err() != nil || s.failure.Load() != nil {
		return false
	}
	s.m.refused.Inc()
	return s.cfg.Failures.Handle(s.life, &records.Failure{Stage: records.StageKafkaProduce, Class: sourceTaskClass, Err: s.produceError(r, err)}) == nil
}
