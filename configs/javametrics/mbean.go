package javametrics

import (
	"strconv"
	"strings"
)

// MBean is one bean of the Java worker as jmx_exporter sees it (CW-376 to CW-388). Dashboards
// were written against names that exporters make of beans, so we keep the beans and make the
// names the same way.
type MBean struct {
	Domain string // "kafka.connect", "debezium.mysql"
	// Props are the key properties in the order of the object name, "type" first.
	Props []Prop
	Attrs []Attr
}

// Prop is one key property of an object name.
type Prop struct{ Key, Value string }

// Attr is one attribute: a number, or text.
type Attr struct {
	Name   string
	Value  float64
	Text   string
	IsText bool
}

// Num makes a numeric attribute.
func Num(name string, v float64) Attr { return Attr{Name: name, Value: v} }

// Flag makes a Boolean attribute, which exporters show as 1 or 0.
func Flag(name string, v bool) Attr {
	if v {
		return Num(name, 1)
	}
	return Num(name, 0)
}

// Text makes a text attribute. Only rules that make a label of it show it.
func Text(name, v string) Attr { return Attr{Name: name, Text: v, IsText: true} }

// Prefix is the text that a rule's pattern sees, up to the attribute's value:
// domain<key=value, key=value><>attribute followed by a colon.
func (b *MBean) Prefix(attr string) string {
	var sb strings.Builder
	sb.WriteString(b.Domain)
	sb.WriteByte('<')
	for i, p := range b.Props {
		if i > 0 {
			sb.WriteString(", ")
		}
		sb.WriteString(p.Key)
		sb.WriteByte('=')
		sb.WriteString(p.Value)
	}
	sb.WriteString("><>")
	sb.WriteString(attr)
	sb.WriteString(": ")
	return sb.String()
}

// Display is the value as text.
func (a *Attr) Display() string {
	if a.IsText {
		return a.Text
	}
	return strconv.FormatFloat(a.Value, 'g', -1, 64)
}

// Queue is how full the room between a source and its sink is; sources of Debezium's kind show
// it as their queue.
type Queue struct{ UsedBytes, LimitBytes int64 }

// Reporter is implemented by sources that have beans of their own.
type Reporter interface {
	// Beans may be called from any goroutine at any time.
	Beans(q Queue) []MBean
}
