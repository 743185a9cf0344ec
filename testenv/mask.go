package testenv

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A mask hides what may differ between two runs on the same SQL: clocks, the positions of
// snapshot rows, runId and thread. Everything else is compared to the byte: the masked text
// is the record's own text with these numbers and words replaced.

var (
	sourceBlock   = regexp.MustCompile(`"source":\{[^{}]*\}`)
	clockFields   = regexp.MustCompile(`"ts_(ms|us|ns)":-?\d+`)
	sourceTimes   = regexp.MustCompile(`"ts_(ms|us|ns)":(?:-?\d+|null)`)
	sourcePos     = regexp.MustCompile(`"pos":\d+`)
	sourceFile    = regexp.MustCompile(`"file":"[^"]*"`)
	sourceGTID    = regexp.MustCompile(`"gtid":(?:"[^"]*"|null)`)
	sourceThread  = regexp.MustCompile(`"thread":(?:\d+|null)`)
	snapshotWord  = regexp.MustCompile(`"snapshot":"(true|first|last|first_in_data_collection|last_in_data_collection)"`)
	ddlRow        = regexp.MustCompile(`"snapshot":"(?:true|first|last|first_in_data_collection|last_in_data_collection)"`)
	flatSnapshot  = []byte(`"__op":"r"`) // a snapshot row that was flattened with its source's time
	flatTimes     = regexp.MustCompile(`"__source_ts_(ms|us|ns)":-?\d+`)
	historyTime   = regexp.MustCompile(`"ts_ms" : \d+`)
	historySecs   = regexp.MustCompile(`"ts_sec" : \d+`)
	historyPos    = regexp.MustCompile(`"pos" : \d+`)
	historyFile   = regexp.MustCompile(`"file" : "[^"]*"`)
	historyGTIDs  = regexp.MustCompile(`"gtids" : "[^"]*"`)
	historyInSnap = regexp.MustCompile(`"snapshot" : (?:"INITIAL"|true)`)
)

// maskData masks a data, heartbeat, transaction or schema-change record's key or value.
func maskData(p []byte) []byte {
	if p == nil {
		return nil
	}
	if bytes.Contains(p, flatSnapshot) {
		p = flatTimes.ReplaceAll(p, []byte(`"__source_ts_$1":0`))
	}
	out := make([]byte, 0, len(p))
	last := 0
	// Inside the source block, times are part of the answer while streaming; outside it they
	// are the connector's own clock.
	for _, loc := range sourceBlock.FindAllIndex(p, -1) {
		out = append(out, clockFields.ReplaceAll(p[last:loc[0]], []byte(`"ts_$1":0`))...)
		block := p[loc[0]:loc[1]]
		block = sourceThread.ReplaceAll(block, []byte(`"thread":0`))
		if snapshotWord.Match(block) || ddlRow.Match(block) {
			block = sourceTimes.ReplaceAll(block, []byte(`"ts_$1":0`))
			block = sourcePos.ReplaceAll(block, []byte(`"pos":0`))
			block = sourceFile.ReplaceAll(block, []byte(`"file":"f"`))
			block = sourceGTID.ReplaceAll(block, []byte(`"gtid":0`))
		}
		out = append(out, block...)
		last = loc[1]
	}
	return append(out, clockFields.ReplaceAll(p[last:], []byte(`"ts_$1":0`))...)
}

// maskHistory masks a schema history record.
func maskHistory(p []byte) []byte {
	p = historyTime.ReplaceAll(p, []byte(`"ts_ms" : 0`))
	if historyInSnap.Match(p) {
		p = historySecs.ReplaceAll(p, []byte(`"ts_sec" : 0`))
		p = historyPos.ReplaceAll(p, []byte(`"pos" : 0`))
		p = historyFile.ReplaceAll(p, []byte(`"file" : "f"`))
		p = historyGTIDs.ReplaceAll(p, []byte(`"gtids" : "g"`))
	}
	return p
}

// Masked is a record as it is compared.
type Masked struct {
	Topic     string
	Partition int32
	Key       []byte
	Value     []byte
	Headers   []string
}

// maskRecord masks a record. from is our own prefix, to the one it is compared under; both
// have the same length, so that nothing else in the text moves.
func maskRecord(r *kgo.Record, history bool, from, to string) Masked {
	swap := func(p []byte) []byte {
		if p == nil || from == to {
			return p
		}
		return bytes.ReplaceAll(p, []byte(from), []byte(to))
	}
	m := Masked{Topic: strings.ReplaceAll(r.Topic, from, to), Partition: r.Partition}
	if history {
		m.Key, m.Value = swap(r.Key), maskHistory(swap(r.Value))
	} else {
		m.Key, m.Value = maskData(swap(r.Key)), maskData(swap(r.Value))
	}
	for _, h := range r.Headers {
		value := string(swap(h.Value))
		if h.Key == "__debezium.context.runId" {
			value = "run"
		}
		if h.Value == nil {
			value = "<null>"
		}
		m.Headers = append(m.Headers, h.Key+"="+value)
	}
	return m
}

// Diff tells how two masked records differ, "" if they do not.
func (m Masked) Diff(o Masked) string {
	var sb strings.Builder
	part := func(name string, a, b []byte) {
		if (a == nil) != (b == nil) || !bytes.Equal(a, b) {
			fmt.Fprintf(&sb, "  %s differs%s\n    debezium  %s\n    anabranch %s\n", name, firstDifference(a, b), clip(a, b), clip(b, a))
		}
	}
	part("key", m.Key, o.Key)
	part("value", m.Value, o.Value)
	part("headers", []byte(strings.Join(m.Headers, "\n")), []byte(strings.Join(o.Headers, "\n")))
	if m.Partition != o.Partition {
		fmt.Fprintf(&sb, "  partition %d, ours %d\n", m.Partition, o.Partition)
	}
	return sb.String()
}

func commonPrefix(a, b []byte) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return i
}

func firstDifference(a, b []byte) string {
	if a == nil || b == nil {
		return ""
	}
	return fmt.Sprintf(" at byte %d", commonPrefix(a, b))
}

// clip shows the surroundings of the first difference.
func clip(p, other []byte) string {
	if p == nil {
		return "<null>"
	}
	i := commonPrefix(p, other)
	from, to := max(0, i-120), min(len(p), i+240)
	text := string(p[from:to])
	if from > 0 {
		text = "…" + text
	}
	if to < len(p) {
		text += "…"
	}
	return text
}
