package jdbc

import (
	"fmt"
	"math/big"
	"os"
	"testing"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

func TestMain(m *testing.M) {
	records.Poison.Store(true)
	os.Exit(m.Run())
}

// Short forms for schemas.

func typ(t records.Type) *records.Schema { return &records.Schema{Type: t} }

func opt(s *records.Schema) *records.Schema { return s.AsOptional() }

func named(t records.Type, name string, params ...string) *records.Schema {
	s := &records.Schema{Type: t, Name: name, Version: 1}
	for i := 0; i < len(params); i += 2 {
		s.Params = append(s.Params, records.Param{Key: params[i], Value: params[i+1]})
	}
	return s
}

func withDefault(s *records.Schema, d any) *records.Schema {
	c := s.Clone()
	c.Default = d
	return c
}

func structOf(nameAndSchema ...any) *records.Schema {
	s := &records.Schema{Type: records.Struct}
	for i := 0; i < len(nameAndSchema); i += 2 {
		s.Fields = append(s.Fields, records.Field{Name: nameAndSchema[i].(string), Schema: nameAndSchema[i+1].(*records.Schema)})
	}
	return s
}

// envelopeOf wraps a row schema as Debezium does.
func envelopeOf(row *records.Schema) *records.Schema {
	s := structOf("before", opt(row), "after", opt(row),
		"source", structOf("db", typ(records.String), "table", typ(records.String)),
		"op", typ(records.String), "ts_ms", opt(typ(records.Int64)))
	s.Name = "srv.shop.orders.Envelope"
	return s
}

// list is a struct's members or an array's elements.
type list []any

// dec is an unscaled decimal.
func dec(digits string) []byte {
	n, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		panic(digits)
	}
	if n.Sign() >= 0 {
		b := n.Bytes()
		if len(b) == 0 || b[0] >= 0x80 {
			b = append([]byte{0}, b...)
		}
		return b
	}
	size := uint(len(n.Bytes()) + 1)
	return new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), size*8)).FillBytes(make([]byte, size))
}

// addValue puts a Go value into the batch.
func addValue(b *records.Batch, s *records.Schema, x any) records.Value {
	switch v := x.(type) {
	case nil:
		return records.Null
	case bool:
		return records.BoolValue(v)
	case int:
		switch s.Type {
		case records.Int8:
			return records.Int8Value(int8(v))
		case records.Int16:
			return records.Int16Value(int16(v))
		case records.Int32:
			return records.Int32Value(int32(v))
		}
		return records.Int64Value(int64(v))
	case int64:
		return records.Int64Value(v)
	case float64:
		if s.Type == records.Float32 {
			return records.Float32Value(float32(v))
		}
		return records.Float64Value(v)
	case string:
		return b.AddString(v)
	case []byte:
		return b.AddBytes(v)
	case list:
		off := b.AddVals(len(v))
		for i, m := range v {
			var ms *records.Schema
			if s.Type == records.Struct {
				ms = s.Fields[i].Schema
			} else {
				ms = s.Elem
			}
			mv := addValue(b, ms, m)
			b.Vals[int(off)+i] = mv
		}
		if s.Type == records.Array {
			return records.Value{Kind: records.KindArray, Off: off, N: uint32(len(v))}
		}
		return records.StructAt(off, len(v))
	}
	panic(fmt.Sprintf("no value of %T", x))
}

// maker makes batches of one topic partition.
type maker struct {
	topic  string
	offset int64
	b      *records.Batch
}

func newMaker(topic string) *maker {
	m := &maker{topic: topic}
	m.next()
	return m
}

func (m *maker) next() *records.Batch {
	done := m.b
	m.b = records.NewBatch(records.Origin{Table: m.topic + "-0", Topic: m.topic})
	return done
}

func (m *maker) add(ks *records.Schema, key any, vs *records.Schema, value any) *maker {
	b := m.b
	rec := records.Record{Topic: b.TopicIndex(m.topic), Partition: records.NoPartition, Timestamp: records.NoTimestamp, Offset: m.offset}
	rec.KeySchema, rec.ValueSchema = b.SchemaIndex(ks), b.SchemaIndex(vs)
	if ks != nil {
		rec.Key = addValue(b, ks, key)
	}
	if vs != nil {
		rec.Value = addValue(b, vs, value)
	}
	b.Records = append(b.Records, rec)
	m.offset++
	return m
}

// conf parses a configuration.
func conf(t testing.TB, class string, kv ...string) *configs.Values {
	t.Helper()
	raw := map[string]string{}
	for i := 0; i < len(kv); i += 2 {
		raw[kv[i]] = kv[i+1]
	}
	v, ps := Definition(class).Parse(raw)
	if len(ps) > 0 {
		t.Fatalf("parse %s: %v", class, ps)
	}
	return v
}
