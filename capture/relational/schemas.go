package relational

import "github.com/anabranch/anabranch/records"

// Schemas are the schemas that surround a table's own ones. They are made once per connector,
// so that every batch refers to the same pointers.
type Schemas struct {
	Source      *records.Schema // the connector's source block
	Transaction *records.Schema // event.block (DM-13)

	HeartbeatKey, HeartbeatValue       *records.Schema // DM-43
	SchemaChangeKey, SchemaChangeValue *records.Schema // DM-47, DM-48
	TransactionKey, TransactionValue   *records.Schema // DM-45
}

var (
	str       = &records.Schema{Type: records.String}
	optStr    = &records.Schema{Type: records.String, Optional: true}
	i32       = &records.Schema{Type: records.Int32}
	optI32    = &records.Schema{Type: records.Int32, Optional: true}
	i64       = &records.Schema{Type: records.Int64}
	optI64    = &records.Schema{Type: records.Int64, Optional: true}
	optBool   = &records.Schema{Type: records.Boolean, Optional: true}
	headerStr = str
)

// SnapshotAllowed lists the values of source.snapshot (DM-04).
const SnapshotAllowed = "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"

// SourceFields are the fields that every connector's source block starts with (DM-29, DM-30).
func SourceFields() []records.Field {
	return []records.Field{
		{Name: "version", Schema: str},
		{Name: "connector", Schema: str},
		{Name: "name", Schema: str},
		{Name: "ts_ms", Schema: i64},
		{Name: "snapshot", Schema: &records.Schema{Type: records.String, Optional: true, Name: "io.debezium.data.Enum", Version: 1,
			Params: []records.Param{{Key: "allowed", Value: SnapshotAllowed}}, Default: "false"}},
		{Name: "db", Schema: str},
		{Name: "sequence", Schema: optStr},
		{Name: "ts_us", Schema: optI64},
		{Name: "ts_ns", Schema: optI64},
	}
}

// NewSchemas makes the schemas around a source block. connector is Debezium's short name, "mysql".
func NewSchemas(connector string, source *records.Schema) *Schemas {
	s := &Schemas{Source: source}
	s.Transaction = &records.Schema{Type: records.Struct, Optional: true, Name: "event.block", Version: 1, Fields: []records.Field{
		{Name: "id", Schema: str}, {Name: "total_order", Schema: i64}, {Name: "data_collection_order", Schema: i64}}}
	s.HeartbeatKey = named("io.debezium.connector.common.ServerNameKey", records.Field{Name: "serverName", Schema: str})
	s.HeartbeatValue = named("io.debezium.connector.common.Heartbeat", records.Field{Name: "ts_ms", Schema: i64})
	s.TransactionKey = named("io.debezium.connector.common.TransactionMetadataKey", records.Field{Name: "id", Schema: str})
	count := named("event.collection", records.Field{Name: "data_collection", Schema: str}, records.Field{Name: "event_count", Schema: i64})
	count.Optional = true
	s.TransactionValue = named("io.debezium.connector.common.TransactionMetadataValue",
		records.Field{Name: "status", Schema: str}, records.Field{Name: "id", Schema: str}, records.Field{Name: "event_count", Schema: optI64},
		records.Field{Name: "data_collections", Schema: &records.Schema{Type: records.Array, Optional: true, Elem: count}},
		records.Field{Name: "ts_ms", Schema: i64})
	s.SchemaChangeKey = named("io.debezium.connector."+connector+".SchemaChangeKey", records.Field{Name: "databaseName", Schema: str})
	s.SchemaChangeValue = named("io.debezium.connector."+connector+".SchemaChangeValue",
		records.Field{Name: "source", Schema: source}, records.Field{Name: "ts_ms", Schema: i64},
		records.Field{Name: "databaseName", Schema: optStr}, records.Field{Name: "schemaName", Schema: optStr},
		records.Field{Name: "ddl", Schema: optStr},
		records.Field{Name: "tableChanges", Schema: &records.Schema{Type: records.Array, Elem: changeSchema()}})
	return s
}

func named(name string, fields ...records.Field) *records.Schema {
	return &records.Schema{Type: records.Struct, Name: name, Version: 1, Fields: fields}
}

func changeSchema() *records.Schema {
	strs := &records.Schema{Type: records.Array, Optional: true, Elem: str}
	column := named("io.debezium.connector.schema.Column",
		records.Field{Name: "name", Schema: str}, records.Field{Name: "jdbcType", Schema: i32},
		records.Field{Name: "nativeType", Schema: optI32}, records.Field{Name: "typeName", Schema: str},
		records.Field{Name: "typeExpression", Schema: optStr}, records.Field{Name: "charsetName", Schema: optStr},
		records.Field{Name: "length", Schema: optI32}, records.Field{Name: "scale", Schema: optI32},
		records.Field{Name: "position", Schema: i32}, records.Field{Name: "optional", Schema: optBool},
		records.Field{Name: "autoIncremented", Schema: optBool}, records.Field{Name: "generated", Schema: optBool},
		records.Field{Name: "comment", Schema: optStr}, records.Field{Name: "defaultValueExpression", Schema: optStr},
		records.Field{Name: "enumValues", Schema: strs})
	table := named("io.debezium.connector.schema.Table",
		records.Field{Name: "defaultCharsetName", Schema: optStr}, records.Field{Name: "primaryKeyColumnNames", Schema: strs},
		records.Field{Name: "columns", Schema: &records.Schema{Type: records.Array, Elem: column}},
		records.Field{Name: "comment", Schema: optStr})
	table.Optional = true
	return named("io.debezium.connector.schema.Change",
		records.Field{Name: "type", Schema: str}, records.Field{Name: "id", Schema: str}, records.Field{Name: "table", Schema: table})
}

// Positions of the envelope's fields (DM-03).
const (
	EnvBefore = iota
	EnvAfter
	EnvSource
	EnvTransaction
	EnvOp
	EnvTSMillis
	EnvTSMicros
	EnvTSNanos
	EnvFields // their number
)

// Envelope makes the value schema of a table: topic names it, row is the optional Value
// schema that before and after share (DM-11, DM-12).
func (s *Schemas) Envelope(topic string, row *records.Schema) *records.Schema {
	return &records.Schema{Type: records.Struct, Name: topic + ".Envelope", Version: 2, Fields: []records.Field{
		EnvBefore:      {Name: "before", Schema: row},
		EnvAfter:       {Name: "after", Schema: row},
		EnvSource:      {Name: "source", Schema: s.Source},
		EnvTransaction: {Name: "transaction", Schema: s.Transaction},
		EnvOp:          {Name: "op", Schema: str},
		EnvTSMillis:    {Name: "ts_ms", Schema: optI64},
		EnvTSMicros:    {Name: "ts_us", Schema: optI64},
		EnvTSNanos:     {Name: "ts_ns", Schema: optI64},
	}}
}
