package kafka

import "github.com/twmb/franz-go/pkg/kgo"

// partitioner honours the partition that a record brings and asks the inner one otherwise (CW-268).
// Offsets always go where compaction finds them: murmur2 of the key (CW-155).
type partitioner struct {
	inner   kgo.Partitioner
	offsets string // topic of the offsets, "" if the sink writes none
}

func (p *partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	if p.offsets != "" && topic == p.offsets {
		return kgo.StickyKeyPartitioner(nil).ForTopic(topic)
	}
	t := p.inner.ForTopic(topic)
	if b, ok := t.(kgo.TopicBackupPartitioner); ok {
		return backupPartitioner{b}
	}
	return plainPartitioner{t}
}

type plainPartitioner struct{ inner kgo.TopicPartitioner }

func (p plainPartitioner) RequiresConsistency(r *kgo.Record) bool {
	return r.Partition >= 0 || p.inner.RequiresConsistency(r)
}

func (p plainPartitioner) Partition(r *kgo.Record, n int) int {
	if r.Partition >= 0 {
		return int(r.Partition)
	}
	return p.inner.Partition(r, n)
}

type backupPartitioner struct{ inner kgo.TopicBackupPartitioner }

func (p backupPartitioner) RequiresConsistency(r *kgo.Record) bool {
	return r.Partition >= 0 || p.inner.RequiresConsistency(r)
}

func (p backupPartitioner) Partition(r *kgo.Record, n int) int {
	if r.Partition >= 0 {
		return int(r.Partition)
	}
	return p.inner.Partition(r, n)
}

func (p backupPartitioner) PartitionByBackup(r *kgo.Record, n int, it kgo.TopicBackupIter) int {
	if r.Partition >= 0 {
		return int(r.Partition)
	}
	return p.inner.PartitionByBackup(r, n, it)
}
