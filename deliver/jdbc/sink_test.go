package jdbc

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/records"
)

var (
	keySchema = structOf("id", typ(records.Int32))
	rowV1     = structOf("id", typ(records.Int32), "name", opt(typ(records.String)))
	rowV2     = structOf("id", typ(records.Int32), "name", opt(typ(records.String)), "qty", opt(typ(records.Int32)))
	envV1     = envelopeOf(rowV1)
	src       = list{"shop", "orders"}
)

func upsertKeys(class string, more ...string) []string {
	kv := []string{"insert.mode", "upsert", "delete.enabled", "true"}
	if class == ConfluentClass {
		kv = append(kv, "pk.mode", "record_key", "auto.create", "true", "auto.evolve", "true")
	} else {
		kv = append(kv, "primary.key.mode", "record_key", "schema.evolution", "basic")
	}
	return append(kv, more...)
}

func onBoth(t *testing.T, fn func(t *testing.T, s *server, class string)) {
	onServers(t, func(t *testing.T, s *server) {
		for _, class := range []string{ConfluentClass, DebeziumClass} {
			t.Run(strings.Split(class, ".")[1], func(t *testing.T) { fn(t, s, class) })
		}
	})
}

func TestSink_UpsertsAndDeletes(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server, class string) {
		topic := topicName("ud")
		r := s.open(t, class, upsertKeys(class)...)
		m := newMaker(topic)
		r.mustWrite(m.add(keySchema, list{1}, rowV1, list{1, "a"}).add(keySchema, list{2}, rowV1, list{2, nil}).next())
		s.want(t, "SELECT id, name FROM "+topic+" ORDER BY id", "1|a", "2|∅")
		r.mustWrite(m.add(keySchema, list{1}, nil, nil).add(keySchema, list{2}, rowV1, list{2, "b"}).add(keySchema, list{3}, rowV1, list{3, "c"}).next())
		s.want(t, "SELECT id, name FROM "+topic+" ORDER BY id", "2|b", "3|c")
		// A second run of the same records, as after a crash before the offset commit.
		r.mustWrite(m.add(keySchema, list{1}, nil, nil).add(keySchema, list{2}, rowV1, list{2, "b"}).add(keySchema, list{3}, rowV1, list{3, "c"}).next())
		s.want(t, "SELECT id, name FROM "+topic+" ORDER BY id", "2|b", "3|c")
	})
}

func TestSink_EnvelopesWithTombstones(t *testing.T) {
	onServers(t, func(t *testing.T, s *server) {
		topic := topicName("env")
		r := s.open(t, DebeziumClass, upsertKeys(DebeziumClass)...)
		m := newMaker("srv.shop." + topic)
		r.mustWrite(m.
			add(keySchema, list{1}, envV1, list{nil, list{1, "one"}, src, "r", 1}).
			add(keySchema, list{2}, envV1, list{nil, list{2, "two"}, src, "c", 1}).
			add(keySchema, list{2}, envV1, list{list{2, "two"}, list{2, "zwei"}, src, "u", 1}).
			add(keySchema, list{1}, envV1, list{list{1, "one"}, nil, src, "d", 1}).
			add(keySchema, list{1}, nil, nil).
			add(keySchema, list{3}, envV1, list{nil, list{3, "three"}, src, "c", 1}).
			next())
		table := "srv_shop_" + topic
		s.want(t, "SELECT * FROM "+table+" ORDER BY id", "2|zwei", "3|three")
		r.mustWrite(m.add(keySchema, list{3}, envV1, list{list{3, "three"}, nil, src, "d", 1}).add(keySchema, list{3}, nil, nil).next())
		s.want(t, "SELECT * FROM "+table+" ORDER BY id", "2|zwei")
	})
}

func TestSink_OneKeyThousandTimesInABatch(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server, class string) {
		topic := topicName("k")
		r := s.open(t, class, upsertKeys(class)...)
		m := newMaker(topic)
		for i := range 1000 {
			m.add(keySchema, list{7}, rowV1, list{7, fmt.Sprint("v", i)})
			m.add(keySchema, list{8}, rowV1, list{8, fmt.Sprint("w", i)})
			m.add(keySchema, list{9}, rowV1, list{9, "x"})
			m.add(keySchema, list{9}, nil, nil)
		}
		m.add(keySchema, list{8}, nil, nil)
		r.mustWrite(m.next())
		s.want(t, "SELECT * FROM "+topic, "7|v999")
	})
}

func TestSink_SchemaChangesInMidBatch(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server, class string) {
		topic := topicName("evo")
		r := s.open(t, class, upsertKeys(class)...)
		m := newMaker(topic)
		r.mustWrite(m.
			add(keySchema, list{1}, rowV1, list{1, "a"}).
			add(keySchema, list{1}, rowV2, list{1, "b", 5}).
			add(keySchema, list{2}, rowV2, list{2, "c", 6}).
			add(keySchema, list{2}, rowV1, list{2, "d"}). // and back: qty stays
			add(keySchema, list{3}, rowV1, list{3, "e"}).
			add(keySchema, list{1}, nil, nil).
			next())
		s.want(t, "SELECT id, name, qty FROM "+topic+" ORDER BY id", "2|d|6", "3|e|∅")
	})
}

func TestSink_NullInAFieldWithADefault(t *testing.T) {
	row := structOf("id", typ(records.Int32), "n", withDefault(opt(typ(records.Int32)), int64(42)), "s", withDefault(opt(typ(records.String)), "dflt"),
		"b", withDefault(opt(typ(records.Boolean)), true))
	for _, c := range []struct{ class, replace, want string }{
		{ConfluentClass, "true", "1|42|dflt"},
		{ConfluentClass, "false", "1|∅|∅"},
		{DebeziumClass, "", "1|∅|∅"}, // SJ-148
	} {
		onServers(t, func(t *testing.T, s *server) {
			topic := topicName("nul")
			kv := upsertKeys(c.class)
			if c.replace != "" {
				kv = append(kv, "replace.null.with.default", c.replace)
			}
			r := s.open(t, c.class, kv...)
			m := newMaker(topic)
			r.mustWrite(m.add(keySchema, list{1}, row, list{1, nil, nil, nil}).next())
			s.want(t, "SELECT id, n, s FROM "+topic, c.want)
		})
	}
}

func TestSink_PoisonRowIsNamed(t *testing.T) {
	onServers(t, func(t *testing.T, s *server) {
		topic := topicName("poison")
		s.exec(t, "CREATE TABLE "+topic+" (id INT PRIMARY KEY, name VARCHAR(30) NOT NULL)")
		r := s.open(t, ConfluentClass, "insert.mode", "upsert", "pk.mode", "record_key")
		m := newMaker(topic)
		for i := range 3000 {
			name := any(fmt.Sprint("n", i))
			if i == 1733 {
				name = nil
			}
			m.add(keySchema, list{3000 - i}, rowV1, list{3000 - i, name})
		}
		r.mustFail(m.next(), "topic "+topic, "partition 0", "offset 1733", "column name")
		s.want(t, "SELECT count(*) FROM "+topic, "0")
	})
}

func TestSink_TooLongTextIsNamedAndNotShown(t *testing.T) {
	for _, db := range []string{"postgres", "mysql"} {
		t.Run(db, func(t *testing.T) {
			s := map[string]func(testing.TB) *server{"postgres": postgresServer, "mysql": mysqlServer}[db](t)
			s.exec(t, "CREATE TABLE long_text (id INT PRIMARY KEY, name VARCHAR(5))")
			r := s.open(t, ConfluentClass, "insert.mode", "upsert", "pk.mode", "record_key")
			m := newMaker("long_text")
			m.add(keySchema, list{1}, rowV1, list{1, "ok"}).add(keySchema, list{2}, rowV1, list{2, "secret text"})
			err := r.mustFail(m.next(), "topic long_text partition 0 offset 1", "too long", "column name")
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("error shows data: %v", err)
			}
		})
	}
}

func TestSink_NULInPostgresText(t *testing.T) {
	s := postgresServer(t)
	r := s.open(t, ConfluentClass, upsertKeys(ConfluentClass)...)
	m := newMaker("nultext")
	m.add(keySchema, list{1}, rowV1, list{1, "ok"}).add(keySchema, list{2}, rowV1, list{2, "a\x00b"})
	r.mustFail(m.next(), "topic nultext partition 0 offset 1 to table nultext column name", "NUL")
}

func TestSink_ConfluentRefusesTombstonesWithoutDeletes(t *testing.T) {
	s := sqliteServer(t)
	r := s.open(t, ConfluentClass, "insert.mode", "upsert", "pk.mode", "record_key", "auto.create", "true")
	m := newMaker("tomb")
	m.add(keySchema, list{1}, rowV1, list{1, "a"}).add(keySchema, list{1}, nil, nil)
	r.mustFail(m.next(), "topic tomb partition 0 offset 1", "delete.enabled=false", "pk.mode=record_key")
}

func TestSink_DebeziumSkipsDeletesThatAreOff(t *testing.T) {
	s := sqliteServer(t)
	r := s.open(t, DebeziumClass, "insert.mode", "upsert", "primary.key.mode", "record_key", "schema.evolution", "basic")
	m := newMaker("off")
	m.add(keySchema, list{1}, envV1, list{nil, list{1, "a"}, src, "c", 1}).
		add(keySchema, list{1}, envV1, list{list{1, "a"}, nil, src, "d", 1}).add(keySchema, list{1}, nil, nil)
	r.mustWrite(m.next())
	s.want(t, "SELECT * FROM off", "1|a")
}

func TestSink_SchemalessIsRefused(t *testing.T) {
	s := sqliteServer(t)
	r := s.open(t, ConfluentClass, "auto.create", "true")
	m := newMaker("bare")
	b := m.next()
	b.Records = append(b.Records, records.Record{Topic: b.TopicIndex("bare"), Value: b.AddString("{}"), Offset: 17})
	r.mustFail(b, "topic bare partition 0 offset 17", "schema")
}

func TestSink_MissingTableAndColumnHaveHints(t *testing.T) {
	onServers(t, func(t *testing.T, s *server) {
		topic := topicName("missing")
		m := newMaker(topic)
		s.open(t, ConfluentClass).mustFail(m.add(keySchema, list{1}, rowV1, list{1, "a"}).next(), topic, "does not exist", "auto.create=true")
		s.exec(t, "CREATE TABLE "+topic+" (id INT)")
		s.open(t, ConfluentClass, "auto.create", "true").mustFail(m.add(keySchema, list{1}, rowV1, list{1, "a"}).next(), topic, "lacks the column name", "auto.evolve=true")
	})
}

func TestSink_NewRequiredColumnIsRefused(t *testing.T) {
	s := sqliteServer(t)
	s.exec(t, "CREATE TABLE req (id INT PRIMARY KEY)")
	r := s.open(t, ConfluentClass, upsertKeys(ConfluentClass)...)
	row := structOf("id", typ(records.Int32), "must", typ(records.Int32))
	r.mustFail(newMaker("req").add(keySchema, list{1}, row, list{1, 2}).next(), "column must is required")
}

func TestSink_UpdateMode(t *testing.T) {
	onServers(t, func(t *testing.T, s *server) {
		topic := topicName("upd")
		s.exec(t, "CREATE TABLE "+topic+" (id INT PRIMARY KEY, name VARCHAR(30), other INT)", "INSERT INTO "+topic+" VALUES (1, 'a', 10), (2, 'b', 20)")
		r := s.open(t, ConfluentClass, "insert.mode", "update", "pk.mode", "record_key", "delete.enabled", "true")
		m := newMaker(topic)
		r.mustWrite(m.
			add(keySchema, list{1}, rowV1, list{1, "x"}).
			add(keySchema, list{3}, rowV1, list{3, "no such row"}).
			add(keySchema, list{1}, rowV1, list{1, "it's \\ \"y\""}).
			add(keySchema, list{2}, nil, nil).
			add(keySchema, list{2}, rowV1, list{2, "gone"}).
			next())
		s.want(t, "SELECT * FROM "+topic+" ORDER BY id", `1|it's \ "y"|10`)
	})
}

func TestSink_InsertMode(t *testing.T) {
	onServers(t, func(t *testing.T, s *server) {
		topic := topicName("ins")
		r := s.open(t, ConfluentClass, "pk.mode", "kafka", "auto.create", "true")
		m := newMaker(topic)
		for i := range 5 {
			m.add(nil, nil, rowV1, list{i % 2, "same"})
		}
		r.mustWrite(m.next())
		s.want(t, "SELECT __connect_topic, __connect_partition, __connect_offset, id FROM "+topic+" ORDER BY 3",
			topic+"|0|0|0", topic+"|0|1|1", topic+"|0|2|0", topic+"|0|3|1", topic+"|0|4|0")
	})
}

func TestSink_InsertModeWithDeletesKeepsOrderPerKey(t *testing.T) {
	onServers(t, func(t *testing.T, s *server) {
		topic := topicName("insdel")
		r := s.open(t, ConfluentClass, "pk.mode", "record_key", "delete.enabled", "true", "auto.create", "true")
		m := newMaker(topic)
		r.mustWrite(m.
			add(keySchema, list{1}, rowV1, list{1, "a"}).
			add(keySchema, list{1}, nil, nil).
			add(keySchema, list{1}, rowV1, list{1, "b"}).
			add(keySchema, list{2}, rowV1, list{2, "c"}).
			add(keySchema, list{2}, nil, nil).
			next())
		s.want(t, "SELECT * FROM "+topic, "1|b")
		// The same key inserted twice is the database's to refuse.
		r.mustFail(m.add(keySchema, list{3}, rowV1, list{3, "x"}).add(keySchema, list{3}, rowV1, list{3, "y"}).next(), "offset 6")
	})
}

func TestSink_ReservedAndMixedCaseNames(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server, class string) {
		row := structOf("id", typ(records.Int32), "by", opt(typ(records.String)), "order", opt(typ(records.String)), "Mixed Case", opt(typ(records.String)),
			"qu\"o`te", opt(typ(records.String)))
		topic := topicName("Select")
		r := s.open(t, class, upsertKeys(class)...)
		m := newMaker(topic)
		r.mustWrite(m.add(keySchema, list{1}, row, list{1, "a", "b", "c", "d"}).next())
		r.mustWrite(m.add(keySchema, list{1}, row, list{1, "A", "b", "C", "D"}).next())
		table := topic
		if class == DebeziumClass && s.name == "postgres" {
			table = strings.ToLower(topic)
		}
		s.want(t, "SELECT * FROM "+s.quote(table), "1|A|b|C|D")
	})
}

func TestSink_OtherUniqueConstraintIsFreedInOrder(t *testing.T) {
	// Row 2 gives up a unique value that row 1 then takes; sorted by key, row 1 comes first.
	onServers(t, func(t *testing.T, s *server) {
		if s.name == "mysql" {
			t.Skip("ON DUPLICATE KEY UPDATE matches any unique key (SJ-096)")
		}
		topic := topicName("uni")
		s.exec(t, "CREATE TABLE "+topic+" (id INT PRIMARY KEY, name VARCHAR(30) UNIQUE)", "INSERT INTO "+topic+" VALUES (1, 'a'), (2, 'b')")
		r := s.open(t, DebeziumClass, "insert.mode", "upsert", "primary.key.mode", "record_key")
		m := newMaker(topic)
		r.mustWrite(m.add(keySchema, list{2}, rowV1, list{2, "c"}).add(keySchema, list{1}, rowV1, list{1, "b"}).next())
		s.want(t, "SELECT * FROM "+topic+" ORDER BY id", "1|b", "2|c")
	})
}

func TestSink_ExistingColumnsBesideTheRecordsAreKept(t *testing.T) {
	onServers(t, func(t *testing.T, s *server) {
		topic := topicName("extra")
		s.exec(t, "CREATE TABLE "+topic+" (id INT PRIMARY KEY, name VARCHAR(30), mine INT DEFAULT 5)", "INSERT INTO "+topic+" VALUES (1, 'a', 77)")
		r := s.open(t, ConfluentClass, "insert.mode", "upsert", "pk.mode", "record_key")
		r.mustWrite(newMaker(topic).add(keySchema, list{1}, rowV1, list{1, "b"}).add(keySchema, list{2}, rowV1, list{2, "n"}).next())
		s.want(t, "SELECT * FROM "+topic+" ORDER BY id", "1|b|77", "2|n|5")
	})
}

func TestSink_TruncateEvent(t *testing.T) {
	onServers(t, func(t *testing.T, s *server) {
		topic := topicName("trunc")
		r := s.open(t, DebeziumClass, upsertKeys(DebeziumClass, "truncate.enabled", "true")...)
		m := newMaker(topic)
		r.mustWrite(m.
			add(keySchema, list{1}, envV1, list{nil, list{1, "a"}, src, "c", 1}).
			add(nil, nil, envV1, list{nil, nil, src, "t", 1}).
			add(keySchema, list{2}, envV1, list{nil, list{2, "b"}, src, "c", 1}).
			next())
		s.want(t, "SELECT * FROM "+topic, "2|b")
	})
}

func TestSink_TableFromSourceBlock(t *testing.T) {
	s := sqliteServer(t)
	r := s.open(t, DebeziumClass, upsertKeys(DebeziumClass, "collection.name.format", "${source.db}_${source.table}")...)
	m := newMaker("all")
	r.mustWrite(m.
		add(keySchema, list{1}, envV1, list{nil, list{1, "a"}, list{"shop", "orders"}, "c", 1}).
		add(keySchema, list{1}, envV1, list{nil, list{1, "b"}, list{"shop", "items"}, "c", 1}).
		add(keySchema, list{2}, rowV1, list{2, "flat is skipped"}).
		next())
	s.want(t, "SELECT * FROM shop_orders", "1|a")
	s.want(t, "SELECT * FROM shop_items", "1|b")
}

// The seam of a dead letter queue: whoever takes bad records gets each once, and every other
// record is written.
func TestWriter_BadRecordsCanBeTaken(t *testing.T) {
	onServers(t, func(t *testing.T, s *server) {
		s.exec(t, "CREATE TABLE taken (id INT PRIMARY KEY, name VARCHAR(30) NOT NULL)")
		class := DebeziumClass
		c, err := parseConfig(class, conf(t, class, s.settings(class, "insert.mode", "upsert", "primary.key.mode", "record_key", "delete.enabled", "true", "batch.size", "100")...))
		if err != nil {
			t.Fatal(err)
		}
		d, err := dialectOf(c.url)
		if err != nil {
			t.Fatal(err)
		}
		sess, err := d.open(t.Context(), c, quiet{})
		if err != nil {
			t.Fatal(err)
		}
		defer sess.close()
		w := newWriter(c, d, sess, slog.New(slog.DiscardHandler), newMetrics(nil))
		var bad []string
		w.bad = func(_ context.Context, e *recordError) error {
			bad = append(bad, fmt.Sprint(e.offset))
			return nil
		}
		m := newMaker("taken")
		for i := range 3000 {
			switch i {
			case 3, 1733, 1734, 2999:
				m.add(keySchema, list{i}, rowV1, list{i, nil})
			case 77:
				m.add(nil, nil, rowV1, list{i, "no key"})
			case 100:
				m.add(keySchema, list{99}, nil, nil)
			default:
				m.add(keySchema, list{i}, rowV1, list{i, "good"})
			}
		}
		b := m.next()
		defer b.Release()
		if err := w.write(t.Context(), []*records.Batch{b}); err != nil {
			t.Fatal(err)
		}
		if got, want := strings.Join(bad, " "), "77 3 1733 1734 2999"; got != want {
			t.Errorf("taken: %s, want %s", got, want)
		}
		s.want(t, "SELECT count(*), min(id), max(id) FROM taken", "2993|0|2998")
	})
}

func TestSink_GeneratedColumnsAreLeftToTheTable(t *testing.T) {
	onServers(t, func(t *testing.T, s *server) {
		topic := topicName("gen")
		s.exec(t, "CREATE TABLE "+topic+" (id INT PRIMARY KEY, name VARCHAR(30), qty INT GENERATED ALWAYS AS (id * 2) STORED)")
		r := s.open(t, ConfluentClass, "insert.mode", "upsert", "pk.mode", "record_key")
		r.mustWrite(newMaker(topic).add(keySchema, list{4}, rowV2, list{4, "a", 99}).next())
		s.want(t, "SELECT * FROM "+topic, "4|a|8")
	})
}
