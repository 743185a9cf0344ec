package daemon

import (
	"context"
	"sync"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
)

// topicWatch is a Sink that notes the active topics of its task (CW-182, CW-270): for a source
// connector those that its records went to, for a sink connector those that they came from.
type topicWatch struct {
	deliver.Sink
	consumed bool // the topic is the origin of the batch
	note     func(topic string)

	mu   sync.RWMutex // guards seen
	seen map[string]struct{}
}

func watchTopics(s deliver.Sink, consumed bool, note func(topic string)) deliver.Sink {
	return &topicWatch{Sink: s, consumed: consumed, note: note, seen: map[string]struct{}{}}
}

// Write implements deliver.Sink. Topics that are known cost a look-up a batch and nothing else.
func (w *topicWatch) Write(ctx context.Context, b *records.Batch, done deliver.Done) error {
	var fresh []string
	w.mu.RLock()
	if w.consumed {
		if _, ok := w.seen[b.Origin.Topic]; !ok && b.Origin.Topic != "" {
			fresh = append(fresh, b.Origin.Topic)
		}
	} else if len(b.Records) > 0 {
		for _, t := range b.Topics {
			if _, ok := w.seen[t]; !ok {
				fresh = append(fresh, t)
			}
		}
	}
	w.mu.RUnlock()
	if fresh == nil {
		return w.Sink.Write(ctx, b, done)
	}
	return w.Sink.Write(ctx, b, func(err error) {
		if err == nil {
			w.mark(fresh)
		}
		done(err)
	})
}

// OnTrouble implements deliver.Redeliverer for sinks that do.
func (w *topicWatch) OnTrouble(hear func(error)) {
	if r, ok := w.Sink.(deliver.Redeliverer); ok {
		r.OnTrouble(hear)
	}
}

func (w *topicWatch) mark(topics []string) {
	for _, t := range topics {
		w.mu.Lock()
		_, known := w.seen[t]
		w.seen[t] = struct{}{}
		w.mu.Unlock()
		if !known {
			w.note(t)
		}
	}
}
