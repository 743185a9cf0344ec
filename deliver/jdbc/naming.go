package jdbc

import (
	"fmt"
	"strings"

	"github.com/anabranch/anabranch/records"
)

// splitName splits a table name on dots outside quotes and takes the quotes off (SJ-076).
func splitName(name string) []string {
	var parts []string
	var cur strings.Builder
	var quote byte
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case quote != 0 && c == quote:
			if i+1 < len(name) && name[i+1] == quote {
				cur.WriteByte(c)
				i++
			} else {
				quote = 0
			}
		case quote == 0 && (c == '"' || c == '`') && cur.Len() == 0 && strings.IndexByte(name[i+1:], c) >= 0:
			quote = c
		case quote == 0 && c == '.':
			parts = append(parts, cur.String())
			cur.Reset()
		default:
			cur.WriteByte(c)
		}
	}
	return append(parts, cur.String())
}

// table resolves a formatted name to a table.
func (c *config) table(d dialect, name string) (tableID, error) {
	parts := splitName(name)
	for i, p := range parts {
		if p == "" {
			return tableID{}, fmt.Errorf("table name %q has an empty part", name)
		}
		if !c.quoted {
			parts[i] = d.foldTable(p)
		}
	}
	if len(parts) > 3 {
		return tableID{}, fmt.Errorf("table name %q has %d parts; at most catalog.schema.table", name, len(parts))
	}
	return d.tableFrom(parts)
}

// formatTopic puts the topic into the table name format. Confluent's connector takes the
// topic as it is; Debezium's default strategy makes its dots underscores (SJ-142).
func (c *config) formatTopic(topic string) string {
	if c.family == debezium && !c.passthrough {
		topic = strings.ReplaceAll(topic, ".", "_")
	}
	return strings.ReplaceAll(c.tableFormat, "${topic}", topic)
}

// usesSource says that the table depends on the event's source block.
func usesSource(format string) bool { return strings.Contains(format, "${source.") }

// sourceName fills ${source.x} from an event, into dst.
func sourceName(dst []byte, format string, b *records.Batch, schema *records.Schema, source records.Value) ([]byte, error) {
	for {
		at := strings.Index(format, "${source.")
		if at < 0 {
			return append(dst, format...), nil
		}
		end := strings.IndexByte(format[at:], '}')
		if end < 0 {
			return append(dst, format...), nil
		}
		dst = append(dst, format[:at]...)
		name := format[at+len("${source.") : at+end]
		i := schema.FieldIndex(name)
		if i < 0 || source.Kind != records.KindStruct {
			return dst, fmt.Errorf("the event's source block has no field %s", name)
		}
		v := b.Elems(source)[i]
		if v.Kind != records.KindString {
			return dst, fmt.Errorf("field %s of the event's source block is not a text", name)
		}
		dst = append(dst, b.Raw(v)...)
		format = format[at+end+1:]
	}
}
