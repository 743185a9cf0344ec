package jdbc

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/records"
)

// textLayout makes a layout as it would be resolved against an existing table.
func textLayout(d dialect, fam family, keys int, remove bool) *layout {
	num := map[string][2]string{"PostgreSQL": {"integer", "jsonb"}, "MySQL": {"int", "json"}, "SQLite": {"INTEGER", "TEXT"}}[d.name()]
	l := &layout{table: &table{id: tableID{name: "t"}, sql: string(appendTable(nil, d, tableID{name: "t"}))}, keys: keys, delete: remove}
	for i, name := range []string{"id", "By", `we"i`} {
		s := typ(records.Int32)
		base := num[0]
		if i == 2 {
			s, base = typ(records.String), num[1]
		}
		c := column{field: newField(fam, name, s, i < keys), idx: i, column: name}
		c.target = tableColumn{name: name, dbType: base, baseType: base}
		l.cols = append(l.cols, c)
	}
	if remove {
		l.cols = l.cols[:keys]
	}
	return l
}

func TestSQL_Statements(t *testing.T) {
	wires := func(l *layout) []wire {
		var ws []wire
		for i := range l.cols {
			w, err := pgWire(&l.cols[i].field, l.cols[i].target.baseType)
			if err != nil {
				t.Fatal(err)
			}
			ws = append(ws, w)
		}
		return ws
	}
	pg := func(keys int, mode insertMode) string {
		l := textLayout(postgres{}, debezium, keys, false)
		return pgPut(l, wires(l), mode)
	}
	my := func(keys int, mode insertMode, alias bool) string {
		h, tail := mysqlStatement(textLayout(mysqlDialect{}, debezium, keys, false), mode, alias)
		return h + "…" + tail
	}
	myDelete := func(keys int) string {
		h, tail := mysqlStatement(textLayout(mysqlDialect{}, debezium, keys, true), modeUpsert, true)
		return h + "…" + tail
	}
	pgDel := func(keys int) string {
		l := textLayout(postgres{}, debezium, keys, true)
		return pgDelete(l, wires(l))
	}
	for _, c := range []struct{ name, got, want string }{
		{"postgres insert", pg(0, modeInsert),
			`INSERT INTO "t" ("id", "By", "we""i") SELECT s.c0, s.c1, CAST(s.c2 AS jsonb) FROM unnest($1::int4[], $2::int4[], $3::text[]) AS s(c0, c1, c2)`},
		{"postgres upsert", pg(1, modeUpsert),
			`INSERT INTO "t" ("id", "By", "we""i") SELECT s.c0, s.c1, CAST(s.c2 AS jsonb) FROM unnest($1::int4[], $2::int4[], $3::text[]) AS s(c0, c1, c2)` +
				` ON CONFLICT ("id") DO UPDATE SET "By" = EXCLUDED."By", "we""i" = EXCLUDED."we""i"`},
		{"postgres upsert of keys only", pg(3, modeUpsert),
			`INSERT INTO "t" ("id", "By", "we""i") SELECT s.c0, s.c1, CAST(s.c2 AS jsonb) FROM unnest($1::int4[], $2::int4[], $3::text[]) AS s(c0, c1, c2)` +
				` ON CONFLICT ("id", "By", "we""i") DO NOTHING`},
		{"postgres update", pg(2, modeUpdate),
			`UPDATE "t" AS t SET "we""i" = CAST(s.c2 AS jsonb) FROM unnest($1::int4[], $2::int4[], $3::text[]) AS s(c0, c1, c2) WHERE t."id" = s.c0 AND t."By" = s.c1`},
		{"postgres delete", pgDel(2), `DELETE FROM "t" AS t USING unnest($1::int4[], $2::int4[]) AS s(c0, c1) WHERE t."id" = s.c0 AND t."By" = s.c1`},
		{"mysql insert", my(0, modeInsert, true), "INSERT INTO `t` (`id`, `By`, `we\"i`) VALUES …"},
		{"mysql upsert", my(1, modeUpsert, true), "INSERT INTO `t` (`id`, `By`, `we\"i`) VALUES … AS new ON DUPLICATE KEY UPDATE `By` = new.`By`, `we\"i` = new.`we\"i`"},
		{"mariadb upsert", my(2, modeUpsert, false), "INSERT INTO `t` (`id`, `By`, `we\"i`) VALUES … ON DUPLICATE KEY UPDATE `we\"i` = VALUES(`we\"i`)"},
		{"mysql upsert of keys only", my(3, modeUpsert, true),
			"INSERT INTO `t` (`id`, `By`, `we\"i`) VALUES … AS new ON DUPLICATE KEY UPDATE `id` = new.`id`, `By` = new.`By`, `we\"i` = new.`we\"i`"},
		{"mysql delete by one", myDelete(1), "DELETE FROM `t` WHERE `id` IN (…)"},
		{"mysql delete by two", myDelete(2), "DELETE FROM `t` WHERE (`id`, `By`) IN (…)"},
		{"sqlite insert", sqliteStatement(textLayout(sqlite{}, debezium, 0, false), modeInsert, 2), `INSERT INTO "t" ("id", "By", "we""i") VALUES (?, ?, ?), (?, ?, ?)`},
		{"sqlite upsert", sqliteStatement(textLayout(sqlite{}, debezium, 2, false), modeUpsert, 1),
			`INSERT INTO "t" ("id", "By", "we""i") VALUES (?, ?, ?) ON CONFLICT ("id", "By") DO UPDATE SET "we""i" = excluded."we""i"`},
		{"sqlite update", sqliteStatement(textLayout(sqlite{}, debezium, 1, false), modeUpdate, 1), `UPDATE "t" SET "By" = ?, "we""i" = ? WHERE "id" = ?`},
		{"sqlite delete", sqliteStatement(textLayout(sqlite{}, debezium, 2, true), modeUpsert, 1), `DELETE FROM "t" WHERE "id" = ? AND "By" = ?`},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestSQL_DDL(t *testing.T) {
	row := structOf("name", opt(typ(records.String)), "id", typ(records.Int32), "qty", withDefault(typ(records.Int16), int64(7)), "note", withDefault(opt(typ(records.String)), "n'x"),
		"ok", withDefault(typ(records.Boolean), false), "price", named(records.Bytes, records.DecimalName, "scale", "2", "connect.decimal.precision", "9"))
	key := structOf("z", typ(records.String), "id", typ(records.Int32), "a", typ(records.Int32))
	ddl := func(d dialect, class string, kv ...string) (create string, alter []string) {
		t.Helper()
		fam, _ := familyOf(class)
		keys := append([]string{"connection.url", "jdbc:sqlite:x", "connection.password", "x"}, kv...)
		c, err := parseConfig(class, conf(t, class, keys...))
		if err != nil {
			t.Fatal(err)
		}
		w := &writer{config: c, dialect: d}
		m := newMaker("t").add(key, list{"z", 1, 2}, row, list{nil, 1, 2, nil, true, dec("1")})
		b := m.next()
		p := &plan{topic: "t", key: key, value: row}
		ks, rerr := w.keyColumns(p, row, b, 0)
		if rerr != nil {
			t.Fatal(rerr)
		}
		l := &layout{table: &table{id: tableID{name: "t"}, sql: string(appendTable(nil, d, tableID{name: "t"}))}, keys: len(ks), cols: ks}
		for i, f := range row.Fields {
			if f.Name != "id" || c.pk != pkKey {
				l.cols = append(l.cols, column{field: newField(fam, f.Name, f.Schema, false), idx: i})
			}
		}
		l.ddl = ddlOrder(c, l.cols, ks, row)
		if create, err = w.createTable(l); err != nil {
			t.Fatal(err)
		}
		l.table.info = &tableInfo{columns: []tableColumn{{name: "id"}, {name: "a"}, {name: "z"}, {name: "name"}, {name: "ok"}, {name: "price"},
			{name: "__connect_topic"}, {name: "__connect_partition"}, {name: "__connect_offset"}}}
		if alter, err = w.addColumns(l, w.resolve(l)); err != nil {
			t.Fatal(err)
		}
		return create, alter
	}
	for _, c := range []struct {
		name   string
		d      dialect
		class  string
		kv     []string
		create string
		alter  []string
	}{
		{"confluent postgres", postgres{}, ConfluentClass, []string{"pk.mode", "record_key"},
			`CREATE TABLE "t" ("name" TEXT NULL, "id" INT NOT NULL, "qty" SMALLINT DEFAULT 7, "note" TEXT DEFAULT 'n''x', "ok" BOOLEAN DEFAULT FALSE, "price" DECIMAL NOT NULL, ` +
				`"a" INT NOT NULL, "z" TEXT NOT NULL, PRIMARY KEY ("z", "id", "a"))`,
			[]string{`ALTER TABLE "t" ADD COLUMN "qty" SMALLINT DEFAULT 7, ADD COLUMN "note" TEXT DEFAULT 'n''x'`}},
		{"confluent mysql, kafka", mysqlDialect{}, ConfluentClass, []string{"pk.mode", "kafka"},
			"CREATE TABLE `t` (`__connect_topic` VARCHAR(255) NOT NULL, `__connect_partition` INT NOT NULL, `__connect_offset` BIGINT NOT NULL, `name` TEXT NULL, `id` INT NOT NULL, " +
				"`qty` SMALLINT DEFAULT 7, `note` TEXT NULL, `ok` TINYINT(1) DEFAULT 0, `price` DECIMAL(65,2) NOT NULL, PRIMARY KEY (`__connect_topic`, `__connect_partition`, `__connect_offset`))",
			[]string{"ALTER TABLE `t` ADD `qty` SMALLINT DEFAULT 7, ADD `note` TEXT NULL"}},
		{"confluent sqlite, none", sqlite{}, ConfluentClass, nil,
			`CREATE TABLE "t" ("name" TEXT NULL, "id" INTEGER NOT NULL, "qty" INTEGER DEFAULT 7, "note" TEXT DEFAULT 'n''x', "ok" INTEGER DEFAULT 0, "price" NUMERIC NOT NULL)`,
			[]string{`ALTER TABLE "t" ADD "qty" INTEGER DEFAULT 7`, `ALTER TABLE "t" ADD "note" TEXT DEFAULT 'n''x'`}},
		{"debezium postgres", postgres{}, DebeziumClass, []string{"primary.key.mode", "record_key", "connection.username", "u"},
			`CREATE TABLE "t" ("z" TEXT NOT NULL, "id" INT NOT NULL, "a" INT NOT NULL, "name" TEXT NULL, "qty" SMALLINT DEFAULT 7 NOT NULL, "note" TEXT DEFAULT 'n''x' NULL, ` +
				`"ok" BOOLEAN DEFAULT FALSE NOT NULL, "price" DECIMAL(9,2) NOT NULL, PRIMARY KEY ("z", "id", "a"))`,
			[]string{`ALTER TABLE "t" ADD COLUMN "qty" SMALLINT DEFAULT 7 NOT NULL, ADD COLUMN "note" TEXT DEFAULT 'n''x' NULL`}},
		{"debezium mysql", mysqlDialect{}, DebeziumClass, []string{"primary.key.mode", "record_key", "connection.username", "u"},
			"CREATE TABLE `t` (`z` VARCHAR(255) NOT NULL, `id` INT NOT NULL, `a` INT NOT NULL, `name` LONGTEXT NULL, `qty` SMALLINT DEFAULT 7 NOT NULL, `note` LONGTEXT NULL, " +
				"`ok` TINYINT(1) DEFAULT 0 NOT NULL, `price` DECIMAL(9,2) NOT NULL, PRIMARY KEY (`z`, `id`, `a`))",
			[]string{"ALTER TABLE `t` ADD COLUMN (`qty` SMALLINT DEFAULT 7 NOT NULL, `note` LONGTEXT NULL)"}},
	} {
		create, alter := ddl(c.d, c.class, c.kv...)
		if diff := cmp.Diff(c.create, create); diff != "" {
			t.Errorf("%s create (-want +got):\n%s", c.name, diff)
		}
		if diff := cmp.Diff(c.alter, alter); diff != "" {
			t.Errorf("%s alter (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestNaming(t *testing.T) {
	for _, c := range []struct {
		class, format, topic string
		quoted               bool
		d                    dialect
		want                 tableID
		fails                bool
	}{
		{ConfluentClass, "${topic}", "orders", true, postgres{}, tableID{"", "", "orders"}, false},
		{ConfluentClass, "k_${topic}", "Sales.Orders", true, postgres{}, tableID{"", "k_Sales", "Orders"}, false},
		{ConfluentClass, "${topic}", "Sales.Orders", false, postgres{}, tableID{"", "sales", "orders"}, false},
		{ConfluentClass, "${topic}", "srv.inventory.customers", true, postgres{}, tableID{"srv", "inventory", "customers"}, false},
		{ConfluentClass, "${topic}", "srv.inventory.customers", true, mysqlDialect{}, tableID{}, true},
		{ConfluentClass, "${topic}", "a.b", true, sqlite{}, tableID{}, true},
		{ConfluentClass, "${topic}", "a.b.c.d", true, postgres{}, tableID{}, true},
		{ConfluentClass, "${topic}", "a..b", true, postgres{}, tableID{}, true},
		{ConfluentClass, `"my.schema"."T"`, "x", true, postgres{}, tableID{"", "my.schema", "T"}, false},
		{ConfluentClass, "${topic}", "inventory.customers", true, mysqlDialect{}, tableID{"", "inventory", "customers"}, false},
		{DebeziumClass, "${topic}", "srv.Inventory.customers", false, postgres{}, tableID{"", "", "srv_inventory_customers"}, false},
		{DebeziumClass, "dwh.${topic}", "srv.Inventory.customers", true, postgres{}, tableID{"", "dwh", "srv_Inventory_customers"}, false},
	} {
		fam, _ := familyOf(c.class)
		conf := &config{family: fam, tableFormat: c.format, quoted: c.quoted}
		got, err := conf.table(c.d, conf.formatTopic(c.topic))
		if (err != nil) != c.fails || got != c.want {
			t.Errorf("%s of %s on %s: got %+v, %v, want %+v", c.format, c.topic, c.d.name(), got, err, c.want)
		}
	}
}
