package store

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ReadCommitted makes the log one that shows records of transactions only when they are committed
// (CW-157). Call it before Open.
//
// Its end is that of all records, committed or not: whoever reads to the end waits for the
// transactions that are open at that moment, because one of them may hold back records that were
// committed behind it. Open does not: what a killed worker left open is ended by its tasks when
// they start again, and they start after this.
func (l *KafkaLog) ReadCommitted() { l.committed = true }

func (l *KafkaLog) isolation() kgo.Opt {
	if l.committed {
		return kgo.FetchIsolationLevel(kgo.ReadCommitted())
	}
	return kgo.FetchIsolationLevel(kgo.ReadUncommitted())
}

// readable lists the offsets up to which Open reads.
func (l *KafkaLog) readable(adm *kadm.Client) func(context.Context, ...string) (kadm.ListedOffsets, error) {
	if l.committed {
		return adm.ListCommittedOffsets
	}
	return adm.ListEndOffsets
}

// heldBack tells whether an open transaction is why nothing comes although the end of the log is
// not reached.
func (l *KafkaLog) heldBack(ctx context.Context, ends []int64) (bool, error) {
	if !l.committed {
		return false, nil
	}
	stable, err := l.offsets(ctx, kadm.NewClient(l.cl).ListCommittedOffsets, len(ends))
	if err != nil {
		return false, fmt.Errorf("internal topic %s: %w", l.topic.Name, err)
	}
	for p, end := range ends {
		if stable[p] < end {
			return true, nil
		}
	}
	return false, nil
}
