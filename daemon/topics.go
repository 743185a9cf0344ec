package daemon

import (
	"context"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
)

// activeTopics is the store of the topics that connectors use (CW-182, CW-270).
type activeTopics interface {
	UsesTopic(connector, topic string) bool
	UseTopic(connector string, task int, topic string)
}

// topicWatch is the sink of a source connector; it notes the topics that records went to. It
// remembers none itself: after a reset they are noted again, as in Connect.
type topicWatch struct {
	deliver.Sink
	active    activeTopics
	connector string
	task      int
}

// Write implements deliver.Sink. Topics that are known cost a look-up a batch and nothing else.
func (w *topicWatch) Write(ctx context.Context, b *records.Batch, done deliver.Done) error {
	var fresh []string
	if len(b.Records) > 0 {
		for _, t := range b.Topics {
			if !w.active.UsesTopic(w.connector, t) {
				fresh = append(fresh, t)
			}
		}
	}
	if fresh == nil {
		return w.Sink.Write(ctx, b, done)
	}
	return w.Sink.Write(ctx, b, func(err error) {
		if err == nil {
			for _, t := range fresh {
				w.active.UseTopic(w.connector, w.task, t)
			}
		}
		done(err)
	})
}
