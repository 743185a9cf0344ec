package daemon

import (
	"context"

	"github.com/anabranch/anabranch/daemon/store"
	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
)

// explainer tells the cause behind an error of a Kafka client, where somebody in this process
// knows more than the protocol says: the embedded broker, about its disk.
type explainer func(error) error

// explainedSink explains the errors of a sink.
type explainedSink struct {
	deliver.Sink
	explain explainer
}

// Write implements deliver.Sink.
func (s *explainedSink) Write(ctx context.Context, b *records.Batch, done deliver.Done) error {
	return s.explain(s.Sink.Write(ctx, b, func(err error) { done(s.explain(err)) }))
}

// Flush implements deliver.Sink.
func (s *explainedSink) Flush(ctx context.Context) error { return s.explain(s.Sink.Flush(ctx)) }

// explainedLog explains the errors of writing to a log.
type explainedLog struct {
	store.Log
	explain explainer
}

// Append implements store.Log.
func (l *explainedLog) Append(ctx context.Context, recs ...store.Record) error {
	return l.explain(l.Log.Append(ctx, recs...))
}
