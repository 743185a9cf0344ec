package relational

import (
	"strings"
	"unicode/utf16"

	"github.com/anabranch/anabranch/schemahistory"
)

// maxTopicLength is the longest topic name that Kafka takes (DM-36).
const maxTopicLength = 249

// Topics makes the names of a connector's topics as DefaultTopicNamingStrategy does (DM-35, DM-39).
type Topics struct {
	Prefix          string // topic.prefix
	Delimiter       string // topic.delimiter
	HeartbeatPrefix string // topic.heartbeat.prefix
	HeartbeatName   string // topic.heartbeat.name
	TransactionName string // topic.transaction
}

// Data is the topic of a table's rows; it is also what its schemas are named after (DM-11).
func (t Topics) Data(id schemahistory.TableID) string {
	parts := make([]string, 0, 4)
	for _, p := range []string{t.Prefix, id.Database, id.Schema, id.Table} {
		if strings.TrimSpace(p) != "" {
			parts = append(parts, p)
		}
	}
	return Sanitize(strings.Join(parts, t.Delimiter))
}

// SchemaChange is the topic of schema-change events: the prefix itself.
func (t Topics) SchemaChange() string { return t.Prefix }

// Heartbeat is the heartbeat topic.
func (t Topics) Heartbeat() string {
	if t.HeartbeatName != "" {
		return t.HeartbeatName
	}
	return t.HeartbeatPrefix + t.Delimiter + t.Prefix
}

// Transaction is the topic of transaction metadata.
func (t Topics) Transaction() string { return t.Prefix + t.Delimiter + t.TransactionName }

// Sanitize replaces what a topic name must not hold by underscores, one for each UTF-16 unit
// as Java counts, and cuts what is too long (DM-36).
func Sanitize(name string) string {
	var sb strings.Builder
	changed := false
	for _, u := range utf16.Encode([]rune(name)) {
		if c := byte(u); u < 0x80 && (c == '.' || c == '_' || c == '-' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9') {
			sb.WriteByte(c)
			continue
		}
		sb.WriteByte('_')
		changed = true
	}
	out := sb.String()
	switch {
	case len(out) > maxTopicLength:
		out, changed = out[:maxTopicLength], true
	case out == ".":
		out, changed = "_", true
	case out == "..":
		out, changed = "__", true
	}
	if !changed {
		return name
	}
	return out
}

// ValidTopicPart reports whether a text may be part of a topic name unchanged (topic.prefix, DM-36).
func ValidTopicPart(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c == '.' || c == '_' || c == '-' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9') {
			return false
		}
	}
	return true
}
