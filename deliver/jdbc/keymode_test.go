package jdbc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/records"
)

func TestSink_FieldFilters(t *testing.T) {
	for _, c := range []struct {
		class string
		kv    []string
	}{
		{ConfluentClass, []string{"fields.whitelist", "qty"}},
		{DebeziumClass, []string{"field.include.list", "qty"}},
		{DebeziumClass, []string{"field.include.list", "filtered:qty, other:name"}},
		{DebeziumClass, []string{"field.exclude.list", "filtered:name"}},
	} {
		s := sqliteServer(t)
		r := s.open(t, c.class, append(upsertKeys(c.class), c.kv...)...)
		r.mustWrite(newMaker("filtered").add(keySchema, list{1}, rowV2, list{1, "a", 5}).next())
		s.want(t, "SELECT * FROM filtered", "1|5")
	}
}

func TestSink_PrimaryKeyModes(t *testing.T) {
	str := typ(records.String)
	for _, c := range []struct {
		name  string
		class string
		kv    []string
		ks    *records.Schema
		key   any
		want  string
	}{
		{"primitive key", ConfluentClass, []string{"pk.mode", "record_key", "pk.fields", "pk"}, str, "k1", "id,name,pk|1|a|k1"},
		{"primitive key, debezium", DebeziumClass, []string{"primary.key.mode", "record_key", "primary.key.fields", "pk"}, str, "k1", "pk,id,name|k1|1|a"},
		{"part of a struct key", ConfluentClass, []string{"pk.mode", "record_key", "pk.fields", "b"}, structOf("a", str, "b", str), list{"x", "y"}, "id,name,b|1|a|y"},
		{"value", ConfluentClass, []string{"pk.mode", "record_value", "pk.fields", "id"}, nil, nil, "id,name|1|a"},
		{"value, debezium", DebeziumClass, []string{"primary.key.mode", "record_value", "primary.key.fields", "id"}, nil, nil, "id,name|1|a"},
		{"kafka, own names", ConfluentClass, []string{"pk.mode", "kafka", "pk.fields", "t,p,o"}, nil, nil, "t,p,o,id,name|pkm|0|0|1|a"},
		{"kafka, debezium", DebeziumClass, []string{"primary.key.mode", "kafka"}, nil, nil, "__connect_topic,__connect_partition,__connect_offset,id,name|pkm|0|0|1|a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onServers(t, func(t *testing.T, s *server) {
				kv := append([]string{"insert.mode", "upsert"}, c.kv...)
				if c.class == ConfluentClass {
					kv = append(kv, "auto.create", "true")
				} else {
					kv = append(kv, "schema.evolution", "basic")
				}
				s.exec(t, "DROP TABLE IF EXISTS pkm")
				r := s.open(t, c.class, kv...)
				r.mustWrite(newMaker("pkm").add(c.ks, c.key, rowV1, list{1, "a"}).next())
				rs, err := s.db.Query("SELECT * FROM pkm")
				if err != nil {
					t.Fatal(err)
				}
				cols, _ := rs.Columns()
				rs.Close()
				if got := strings.Join(cols, ",") + "|" + s.rows(t, "SELECT * FROM pkm")[0]; got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
			})
		})
	}
}

func TestSink_HeaderKeys(t *testing.T) {
	s := sqliteServer(t)
	r := s.open(t, DebeziumClass, "insert.mode", "upsert", "primary.key.mode", "record_header", "primary.key.fields", "hk", "schema.evolution", "basic", "delete.enabled", "true")
	m := newMaker("hdr")
	for i, k := range []string{"x", "y", "x"} {
		m.add(nil, nil, envV1, list{nil, list{i, k}, src, "c", 1})
		rec := &m.b.Records[i]
		rec.HeaderOff, rec.HeaderN = m.b.AddHeaders(records.Header{Key: "other", Value: m.b.AddString("o")}, records.Header{Key: "hk", Schema: typ(records.String), Value: m.b.AddString(k)})
	}
	r.mustWrite(m.next())
	s.want(t, "SELECT hk, id FROM hdr ORDER BY hk", "x|2", "y|1")
}

func TestSink_CompositeKeysWithManyDeletes(t *testing.T) {
	onServers(t, func(t *testing.T, s *server) {
		ks := structOf("a", typ(records.Int32), "b", typ(records.String))
		row := structOf("a", typ(records.Int32), "b", typ(records.String), "v", opt(typ(records.Int32)))
		topic := topicName("comp")
		r := s.open(t, DebeziumClass, upsertKeys(DebeziumClass)...)
		m := newMaker(topic)
		for i := range 2000 {
			m.add(ks, list{i % 50, fmt.Sprint("k", i)}, row, list{i % 50, fmt.Sprint("k", i), i})
		}
		r.mustWrite(m.next())
		s.want(t, "SELECT count(*) FROM "+topic, "2000")
		for i := range 1999 {
			m.add(ks, list{i % 50, fmt.Sprint("k", i)}, nil, nil)
		}
		r.mustWrite(m.next())
		s.want(t, "SELECT * FROM "+topic, "49|k1999|1999")
	})
}

func TestSink_StaleTableIsReadAgain(t *testing.T) {
	onServers(t, func(t *testing.T, s *server) {
		topic := topicName("stale")
		r := s.open(t, DebeziumClass, upsertKeys(DebeziumClass)...)
		m := newMaker(topic)
		r.mustWrite(m.add(keySchema, list{1}, rowV1, list{1, "a"}).next())
		s.exec(t, "DROP TABLE "+topic)
		r.mustWrite(m.add(keySchema, list{2}, rowV1, list{2, "b"}).next())
		s.want(t, "SELECT * FROM "+topic, "2|b")
	})
}

func TestSink_ManySmallBatchesAreMerged(t *testing.T) {
	onServers(t, func(t *testing.T, s *server) {
		topic := topicName("small")
		r := s.open(t, DebeziumClass, upsertKeys(DebeziumClass, "batch.size", "100")...)
		m := newMaker(topic)
		var bs []*records.Batch
		for i := range 300 {
			for j := range 7 {
				m.add(keySchema, list{i*5 + j}, rowV1, list{i*5 + j, fmt.Sprint(i)})
			}
			bs = append(bs, m.next())
		}
		r.mustWrite(bs...)
		s.want(t, "SELECT count(*), min(id), max(id) FROM "+topic, "1502|0|1501")
		s.want(t, "SELECT name FROM "+topic+" WHERE id = 1500", "299")
	})
}
