package daemon

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/daemon/jsontext"
	"github.com/anabranch/anabranch/daemon/rest"
	"github.com/anabranch/anabranch/records"
)

// checkPrimitive refuses what offsets of source connectors cannot hold (CW-46, CW-173).
func checkPrimitive(positions []records.Position) error {
	for _, p := range positions {
		for _, d := range []records.Doc{p.Partition, p.Offset} {
			for _, m := range d {
				kind := ""
				switch m.Value.(type) {
				case nil, bool, string, int64, float64:
					continue
				case json.Number:
					kind = "class java.math.BigInteger"
				case []any:
					kind = "ARRAY"
				default:
					kind = "MAP"
				}
				return fmt.Errorf("Offsets may only contain primitive types as values, but field %s contains %s", m.Key, kind)
			}
		}
	}
	return nil
}

// parseSinkOffset checks one element as SinkUtils does (CW-45, CW-508).
func parseSinkOffset(connector string, p records.Position) (groupOffset, error) {
	if p.Partition == nil {
		return groupOffset{}, rest.BadRequest("The partition for a sink connector offset cannot be null or missing")
	}
	topic, hasTopic := p.Partition.Get(offsetTopic)
	part, hasPart := p.Partition.Get(offsetPartition)
	switch {
	case !hasTopic || !hasPart:
		return groupOffset{}, rest.BadRequest("The partition for a sink connector offset must contain the keys '%s' and '%s'", offsetTopic, offsetPartition)
	case topic == nil:
		return groupOffset{}, rest.BadRequest("Kafka topic names must be valid strings and may not be null")
	case part == nil:
		return groupOffset{}, rest.BadRequest("Kafka partitions must be valid numbers and may not be null")
	}
	o := groupOffset{topic: javaText(topic), remove: p.Offset == nil}
	n, err := strconv.ParseInt(javaText(part), 10, 32)
	if err != nil {
		return groupOffset{}, rest.BadRequest("Failed to parse the following Kafka partition value in the provided offsets: '%s'. Partition values for sink connectors need to be integers.", javaText(part))
	}
	o.partition = int32(n)
	if o.remove {
		return o, nil
	}
	at, has := p.Offset.Get(offsetOffset)
	if !has {
		return groupOffset{}, rest.BadRequest("The offset for a sink connector should either be null or contain the key '%s'", offsetOffset)
	}
	if o.offset, err = strconv.ParseInt(javaText(at), 10, 64); err != nil {
		return groupOffset{}, rest.BadRequest("Failed to parse the following Kafka offset value in the provided offsets: '%s'. Offset values for sink connectors need to be integers.", javaText(at))
	}
	if o.offset < 0 {
		return groupOffset{}, fmt.Errorf("Failed to modify offsets for sink connector %s", connector)
	}
	return o, nil
}

// javaText is String.valueOf of a value of JSON.
func javaText(v any) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case string:
		return x
	case []any:
		parts := make([]string, len(x))
		for i, e := range x {
			parts[i] = javaText(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case jsontext.Object:
		parts := make([]string, len(x))
		for i, m := range x {
			parts[i] = m.Key + "=" + javaText(m.Value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return string(jsontext.Marshal(v))
}
