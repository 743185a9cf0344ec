package records

import (
	"sort"
	"strconv"
	"strings"
)

// Doc is a small ordered JSON object: source partitions and source offsets, in the shape
// in which Debezium and Connect store them (CW-172, CW-173). Values are string, int64,
// float64, bool or nil. Order is kept, because Java compares serialized bytes (CW-174).
type Doc []DocField

// DocField is one member of a Doc.
type DocField struct {
	Key   string
	Value any
}

// Get returns the value of a key.
func (d Doc) Get(key string) (any, bool) {
	for i := range d {
		if d[i].Key == key {
			return d[i].Value, true
		}
	}
	return nil, false
}

// Str returns a string member, "" if it is absent or of another type.
func (d Doc) Str(key string) string {
	v, _ := d.Get(key)
	s, _ := v.(string)
	return s
}

// Int returns an integer member; whole floats and numeric strings count, because offsets
// edited by hand contain them (DM-119).
func (d Doc) Int(key string) (int64, bool) {
	v, ok := d.Get(key)
	if !ok {
		return 0, false
	}
	switch x := v.(type) {
	case int64:
		return x, true
	case int:
		return int64(x), true
	case float64:
		return int64(x), x == float64(int64(x))
	case string:
		i, err := strconv.ParseInt(strings.TrimSpace(x), 10, 64)
		return i, err == nil
	}
	return 0, false
}

// Set replaces or appends a member and returns the changed Doc.
func (d Doc) Set(key string, value any) Doc {
	for i := range d {
		if d[i].Key == key {
			d[i].Value = value
			return d
		}
	}
	return append(d, DocField{key, value})
}

// Canonical is a key for maps: the same for two Docs with equal members in any order.
func (d Doc) Canonical() string {
	c := append(Doc(nil), d...)
	sort.Slice(c, func(i, j int) bool { return c[i].Key < c[j].Key })
	var sb strings.Builder
	for i := range c {
		sb.WriteString(strconv.Quote(c[i].Key))
		sb.WriteByte(':')
		switch x := c[i].Value.(type) {
		case nil:
			sb.WriteString("null")
		case string:
			sb.WriteString(strconv.Quote(x))
		case bool:
			sb.WriteString(strconv.FormatBool(x))
		case int64:
			sb.WriteString(strconv.FormatInt(x, 10))
		case int:
			sb.WriteString(strconv.Itoa(x))
		case float64:
			sb.WriteString(strconv.FormatFloat(x, 'g', -1, 64))
		}
		sb.WriteByte(',')
	}
	return sb.String()
}

// Position is where reading can resume: a source partition and an offset within it. It is
// opaque to everyone but its Source; others only put positions in sequence, never compare them.
// A nil Partition means the position carries nothing to store (an empty frame before any offset).
type Position struct {
	Partition Doc
	Offset    Doc
}
