package typed

import "github.com/anabranch/anabranch/records"

// Envelope is a Debezium update of a table of 13 columns, what converters are measured with.
func Envelope() (*records.Batch, *records.Schema, records.Value) {
	sch := func(t records.Type, opts ...func(*records.Schema)) *records.Schema {
		s := &records.Schema{Type: t}
		for _, o := range opts {
			o(s)
		}
		return s
	}
	opt := func(s *records.Schema) { s.Optional = true }
	named := func(n string) func(*records.Schema) {
		return func(s *records.Schema) { s.Name, s.Version = n, 1 }
	}
	def := func(v any) func(*records.Schema) { return func(s *records.Schema) { s.Default = v } }
	f := func(n string, s *records.Schema) records.Field { return records.Field{Name: n, Schema: s} }
	row := sch(records.Struct, opt)
	row.Name = "shop.inventory.orders.Value"
	dec := sch(records.Bytes, opt, named(records.DecimalName))
	dec.Params = []records.Param{{Key: "scale", Value: "2"}, {Key: "connect.decimal.precision", Value: "10"}}
	row.Fields = []records.Field{f("id", sch(records.Int64)), f("customer_id", sch(records.Int32)), f("status", sch(records.String, opt)),
		f("total", dec), f("created_at", sch(records.Int64, named("io.debezium.time.Timestamp"))),
		f("updated_at", sch(records.String, opt, named("io.debezium.time.ZonedTimestamp"))), f("name", sch(records.String)),
		f("email", sch(records.String, opt)), f("score", sch(records.Float64, opt)), f("flag", sch(records.Int16, def(int64(0)))),
		f("note", sch(records.String, opt)), f("doc", sch(records.String, opt, named("io.debezium.data.Json"))), f("day", sch(records.Int32, opt, named("io.debezium.time.Date")))}
	src := sch(records.Struct)
	src.Name, src.Version = "io.debezium.connector.mysql.Source", 1
	snap := sch(records.String, opt, named("io.debezium.data.Enum"), def("false"))
	snap.Params = []records.Param{{Key: "allowed", Value: "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"}}
	src.Fields = []records.Field{f("version", sch(records.String)), f("connector", sch(records.String)), f("name", sch(records.String)), f("ts_ms", sch(records.Int64)),
		f("snapshot", snap), f("db", sch(records.String)), f("sequence", sch(records.String, opt)), f("ts_us", sch(records.Int64, opt)), f("ts_ns", sch(records.Int64, opt)),
		f("table", sch(records.String, opt)), f("server_id", sch(records.Int64)), f("gtid", sch(records.String, opt)), f("file", sch(records.String)), f("pos", sch(records.Int64)),
		f("row", sch(records.Int32)), f("thread", sch(records.Int64, opt)), f("query", sch(records.String, opt))}
	tx := sch(records.Struct, opt, named("event.block"))
	tx.Fields = []records.Field{f("id", sch(records.String)), f("total_order", sch(records.Int64)), f("data_collection_order", sch(records.Int64))}
	env := sch(records.Struct)
	env.Name, env.Version = "shop.inventory.orders.Envelope", 2
	env.Fields = []records.Field{f("before", row), f("after", row), f("source", src), f("transaction", tx), f("op", sch(records.String)),
		f("ts_ms", sch(records.Int64, opt)), f("ts_us", sch(records.Int64, opt)), f("ts_ns", sch(records.Int64, opt))}
	b := records.NewBatch(records.Origin{Table: "inventory.orders"})
	rowOff, srcOff, envOff := b.AddVals(13), b.AddVals(17), b.AddVals(8)
	copy(b.Vals[rowOff:], []records.Value{records.Int64Value(1000123), records.Int32Value(77), b.AddString("shipped"), b.AddBytes([]byte{0x30, 0x39}),
		records.Int64Value(1780000000000), b.AddString("2026-05-28T20:26:40Z"), b.AddString("Ann Example of Example Street"), b.AddString("ann@example.org"),
		records.Float64Value(12.75), records.Int16Value(1), b.AddString("a \"note\" with\nlines"), b.AddString(`{"a":1,"b":[1,2,3]}`), records.Int32Value(20601)})
	copy(b.Vals[srcOff:], []records.Value{b.AddString("3.6.1.Final"), b.AddString("mysql"), b.AddString("shop"), records.Int64Value(1780000000000), records.Null,
		b.AddString("inventory"), records.Null, records.Int64Value(1780000000000000), records.Int64Value(1780000000000000000), b.AddString("orders"),
		records.Int64Value(223344), b.AddString("3e11fa47-71ca-11e1-9e33-c80aa9429562:23"), b.AddString("binlog.000003"), records.Int64Value(401), records.Int32Value(0), records.Int64Value(7), records.Null})
	copy(b.Vals[envOff:], []records.Value{records.Null, records.StructAt(rowOff, 13), records.StructAt(srcOff, 17), records.Null, b.AddString("u"),
		records.Int64Value(1780000000123), records.Int64Value(1780000000123456), records.Int64Value(1780000000123456789)})
	return b, env, records.StructAt(envOff, 8)
}
