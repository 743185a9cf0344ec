package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

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
			return h.alterSink(ctx, name, sinkGroup(name, c.Config), positions)
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
		} else if err := checkPrimitive(positions); err != nil {
			return err
		} else if pl.checkOffsets != nil {
			if err := pl.checkOffsets(positions); err != nil {
				return err
			}
		}
		positions = slices.DeleteFunc(positions, func(p records.Position) bool { return p.Partition == nil })
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

// alterSink changes the offsets of a consumer group. Its errors have Java's texts; the log has
// the cause.
func (h *herder) alterSink(ctx context.Context, name, group string, positions []records.Position) error {
	verb, err := "reset", error(nil)
	if positions == nil {
		err = h.cluster.DeleteGroup(ctx, group)
	} else {
		verb = "alter"
		var list []groupOffset
		for _, p := range positions {
			o, err := parseSinkOffset(name, p)
			if err != nil {
				return err
			}
			list = slices.DeleteFunc(list, func(other groupOffset) bool { return other.topic == o.topic && other.partition == o.partition })
			list = append(list, o) // of a partition given twice the last counts
		}
		err = h.cluster.AlterGroup(ctx, group, list)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kerr.UnknownMemberID), errors.Is(err, kerr.NonEmptyGroup), errors.Is(err, kerr.GroupSubscribedToTopic):
		return fmt.Errorf("Failed to %s consumer group offsets for connector %s either because its tasks haven't stopped completely yet or the connector was resumed before the request to %s its offsets could be successfully completed. If the connector is in a stopped state, this operation can be safely retried. If it doesn't eventually succeed, the Connect cluster may need to be restarted to get rid of the zombie sink tasks.", verb, name, verb)
	}
	h.log.Error("change offsets of a consumer group", keyConnector, name, "group", group, keyErr, err)
	if verb == "reset" {
		return fmt.Errorf("Failed to reset consumer group offsets for sink connector %s", name)
	}
	return fmt.Errorf("Failed to alter consumer group offsets for connector %s", name)
}
