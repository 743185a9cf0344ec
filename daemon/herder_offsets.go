package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/daemon/rest"
	"github.com/anabranch/anabranch/daemon/store"
	"github.com/anabranch/anabranch/records"
)

// Keys of sink offsets (CW-42).
const (
	offsetTopic     = "kafka_topic"
	offsetPartition = "kafka_partition"
	offsetOffset    = "kafka_offset"
)

// groupOffset is one committed offset of a consumer group; remove takes it away.
type groupOffset struct {
	topic     string
	partition int32
	offset    int64
	remove    bool
}

// sinkGroup is the consumer group of a sink connector (CW-193).
func sinkGroup(name string, config map[string]string) string {
	if g := strings.TrimSpace(config[consumerOverride+"group.id"]); g != "" {
		return g
	}
	return "connect-" + name
}

// Offsets implements rest.Herder (CW-42).
func (h *herder) Offsets(ctx context.Context, name string) ([]records.Position, error) {
	if err := h.await(ctx); err != nil {
		return nil, err
	}
	c, ok := h.configs.Get(name)
	if !ok {
		return nil, rest.NotFound("Connector %s not found", name)
	}
	if h.kind(c) != sinkType {
		offsets, err := h.sourceOffsets(c)
		if err != nil {
			return nil, err
		}
		defer offsets.close(h.log)
		return offsets.Load(ctx, name)
	}
	list, err := h.cluster.GroupOffsets(ctx, sinkGroup(name, c.Config))
	if err != nil {
		return nil, fmt.Errorf("read offsets of consumer group %s: %w", sinkGroup(name, c.Config), err)
	}
	sort.Slice(list, func(i, j int) bool {
		if list[i].topic != list[j].topic {
			return list[i].topic < list[j].topic
		}
		return list[i].partition < list[j].partition
	})
	var out []records.Position
	for _, o := range list {
		out = append(out, records.Position{
			Partition: records.Doc{{Key: offsetPartition, Value: int64(o.partition)}, {Key: offsetTopic, Value: o.topic}},
			Offset:    records.Doc{{Key: offsetOffset, Value: o.offset}},
		})
	}
	return out, nil
}

// AlterOffsets implements rest.Herder (CW-43, CW-44).
func (h *herder) AlterOffsets(ctx context.Context, name string, positions []records.Position) (string, error) {
	verb := "altered"
	if positions == nil {
		verb = "reset"
	}
	if err := h.fenceBefore(ctx, name); err != nil {
		return "", err
	}
	confirmed := false
	err := h.do(ctx, "changing the offsets of connector "+name, func(ctx context.Context) error {
		if err := h.configs.Refresh(ctx); err != nil {
			return err
		}
		c, ok := h.configs.Get(name)
		if !ok {
			return rest.NotFound("Connector %s not found", name)
		}
		if c.Target != store.Stopped || len(c.Tasks) > 0 {
			return rest.BadRequest("Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/%s/stop' endpoint", name)
		}
		pl, ok := h.plugins.find(c.Config[configs.ClassKey])
		if !ok {
			return rest.BadRequest("%s", h.plugins.unknownClass(c.Config[configs.ClassKey]))
		}
		confirmed = pl.confirmsOffsets
		if pl.kind == sinkType {
			return h.alterSink(ctx, sinkGroup(name, c.Config), positions)
		}
		offsets, err := h.sourceOffsets(c)
		if err != nil {
			return err
		}
		defer offsets.close(h.log)
		if positions == nil {
			known, err := offsets.Load(ctx, name)
			if err != nil {
				return err
			}
			for _, p := range known {
				positions = append(positions, records.Position{Partition: p.Partition})
			}
		}
		return offsets.Store(ctx, name, positions)
	})
	if err != nil {
		return "", err
	}
	if confirmed {
		return "The offsets for this connector have been " + verb + " successfully", nil
	}
	return "The Connect framework-managed offsets for this connector have been " + verb + " successfully. However, if this connector manages offsets externally, they will need to be manually " + verb + " in the system that the connector uses.", nil
}

func (h *herder) alterSink(ctx context.Context, group string, positions []records.Position) error {
	if positions == nil {
		return h.cluster.DeleteGroup(ctx, group)
	}
	var list []groupOffset
	for _, p := range positions {
		o, err := parseSinkOffset(p)
		if err != nil {
			return err
		}
		list = append(list, o)
	}
	return h.cluster.AlterGroup(ctx, group, list)
}

// parseSinkOffset checks one element as Connect does (CW-45, CW-508).
func parseSinkOffset(p records.Position) (groupOffset, error) {
	topic, hasTopic := p.Partition.Get(offsetTopic)
	part, hasPart := p.Partition.Get(offsetPartition)
	if !hasTopic || !hasPart {
		return groupOffset{}, rest.BadRequest("The partition for a sink connector offset must contain the keys '%s' and '%s'", offsetTopic, offsetPartition)
	}
	name, ok := topic.(string)
	if !ok {
		return groupOffset{}, rest.BadRequest("Kafka topic names must be valid strings and may not be null")
	}
	n, err := wholeNumber(part)
	if err != nil {
		return groupOffset{}, rest.BadRequest("Kafka partitions must be integers and may not be null")
	}
	if p.Offset == nil {
		return groupOffset{topic: name, partition: int32(n), remove: true}, nil
	}
	at, has := p.Offset.Get(offsetOffset)
	if !has {
		return groupOffset{}, rest.BadRequest("The offset for a sink connector must contain the key '%s'", offsetOffset)
	}
	off, err := wholeNumber(at)
	if err != nil {
		return groupOffset{}, rest.BadRequest("Kafka offsets must be integers and may not be null")
	}
	if n < 0 || n > 1<<31-1 || off < 0 {
		return groupOffset{}, fmt.Errorf("partition and offset of topic %s must not be negative", name)
	}
	return groupOffset{topic: name, partition: int32(n), offset: off}, nil
}

func wholeNumber(v any) (int64, error) {
	switch x := v.(type) {
	case int64:
		return x, nil
	case string:
		return strconv.ParseInt(x, 10, 64)
	case json.Number:
		return x.Int64()
	}
	return 0, fmt.Errorf("not a number")
}
