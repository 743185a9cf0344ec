package relational

import (
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/schemahistory"
)

// Header names of the context that Debezium adds since 3.2 (DM-23).
const (
	HeaderLogicalName = "__debezium.context.connectorLogicalName"
	HeaderTaskID      = "__debezium.context.taskId"
	HeaderConnector   = "__debezium.context.connectorName"
	HeaderRunID       = "__debezium.context.runId"
	HeaderNewKey      = "__debezium.newkey" // DM-19
	HeaderOldKey      = "__debezium.oldkey"
)

// Context is the content of the context headers; nil means extended.headers.enabled=false.
type Context struct{ LogicalName, TaskID, Connector, RunID string }

// Append puts the context headers into a batch and returns their range. Records of one batch
// share them.
func (c *Context) Append(b *records.Batch) (off, n uint32) {
	if c == nil {
		return 0, 0
	}
	off = uint32(len(b.Headers))
	for _, h := range [...]struct{ k, v string }{{HeaderLogicalName, c.LogicalName}, {HeaderTaskID, c.TaskID},
		{HeaderConnector, c.Connector}, {HeaderRunID, c.RunID}} {
		b.Headers = append(b.Headers, records.Header{Key: h.k, Schema: headerStr, Value: b.AddString(h.v)})
	}
	return off, 4
}

// AppendKeyed puts a key-change header in front of the context headers (DM-19).
func (c *Context) AppendKeyed(b *records.Batch, name string, schema *records.Schema, key records.Value) (off, n uint32) {
	off = uint32(len(b.Headers))
	b.Headers = append(b.Headers, records.Header{Key: name, Schema: schema, Value: key})
	_, n = c.Append(b)
	return off, n + 1
}

// AppendHeartbeat adds a heartbeat record (DM-43). It has no headers (DM-23).
func (s *Schemas) AppendHeartbeat(b *records.Batch, topic, server string, nowMillis int64) {
	k, v := b.AddVals(1), b.AddVals(1)
	b.Vals[k] = b.AddString(server)
	b.Vals[v] = records.Int64Value(nowMillis)
	b.Records = append(b.Records, records.Record{
		Key: records.StructAt(k, 1), KeySchema: b.SchemaIndex(s.HeartbeatKey),
		Value: records.StructAt(v, 1), ValueSchema: b.SchemaIndex(s.HeartbeatValue),
		Topic: b.TopicIndex(topic), Partition: 0, Timestamp: records.NoTimestamp,
	})
}

// SchemaChange is one event of the schema-change topic (DM-47).
type SchemaChange struct {
	Database    string
	HasDatabase bool
	Schema      string
	HasSchema   bool
	DDL         string
	Changes     []schemahistory.Change
	NowMillis   int64
}

// AppendSchemaChange adds a schema-change record; source is the source block, made by the
// connector in the same batch.
func (s *Schemas) AppendSchemaChange(b *records.Batch, topic string, ctx *Context, e SchemaChange, source records.Value) {
	k, v := b.AddVals(1), b.AddVals(6)
	b.Vals[k] = b.AddString(e.Database) // the key field is required: no database is ""
	b.Vals[v] = source
	b.Vals[v+1] = records.Int64Value(e.NowMillis)
	if e.HasDatabase {
		b.Vals[v+2] = b.Vals[k]
	}
	if e.HasSchema {
		b.Vals[v+3] = b.AddString(e.Schema)
	}
	b.Vals[v+4] = b.AddString(e.DDL)
	list := b.AddVals(len(e.Changes))
	for i := range e.Changes {
		c := appendChange(b, &e.Changes[i])
		b.Vals[int(list)+i] = c
	}
	b.Vals[v+5] = records.Value{Kind: records.KindArray, Off: list, N: uint32(len(e.Changes))}
	off, n := ctx.Append(b)
	b.Records = append(b.Records, records.Record{
		Key: records.StructAt(k, 1), KeySchema: b.SchemaIndex(s.SchemaChangeKey),
		Value: records.StructAt(v, 6), ValueSchema: b.SchemaIndex(s.SchemaChangeValue),
		Topic: b.TopicIndex(topic), Partition: 0, Timestamp: records.NoTimestamp, HeaderOff: off, HeaderN: n,
	})
}

func appendChange(b *records.Batch, c *schemahistory.Change) records.Value {
	off := b.AddVals(3)
	b.Vals[off] = b.AddString(string(c.Type))
	b.Vals[off+1] = b.AddString(QuotedID(c.ID))
	if c.Table != nil && c.Type != schemahistory.Drop {
		t := appendTable(b, c.Table)
		b.Vals[off+2] = t
	}
	return records.StructAt(off, 3)
}

// QuotedID is a table's name with each part in double quotes (DM-48).
func QuotedID(id schemahistory.TableID) string {
	s := ""
	for _, p := range []string{id.Database, id.Schema, id.Table} {
		if p == "" {
			continue
		}
		if s != "" {
			s += "."
		}
		s += `"` + p + `"`
	}
	return s
}

func appendTable(b *records.Batch, t *schemahistory.Table) records.Value {
	off := b.AddVals(4)
	b.Vals[off] = optString(b, t.DefaultCharset, t.DefaultCharset != "")
	keys := stringList(b, t.PrimaryKey)
	b.Vals[off+1] = keys
	list := b.AddVals(len(t.Columns))
	for i := range t.Columns {
		c := appendColumn(b, &t.Columns[i])
		b.Vals[int(list)+i] = c
	}
	b.Vals[off+2] = records.Value{Kind: records.KindArray, Off: list, N: uint32(len(t.Columns))}
	b.Vals[off+3] = optString(b, t.Comment, t.HasComment)
	return records.StructAt(off, 4)
}

func appendColumn(b *records.Batch, c *schemahistory.Column) records.Value {
	off := b.AddVals(15)
	enums := records.Null
	if len(c.EnumValues) > 0 {
		enums = stringList(b, c.EnumValues)
	}
	v := b.Vals[off : off+15 : off+15]
	v[0] = b.AddString(c.Name)
	v[1] = records.Int32Value(int32(c.JDBCType))
	v[2] = optInt(c.NativeType)
	v[3] = b.AddString(c.TypeName)
	v[4] = optString(b, c.TypeExpression, c.TypeExpression != "")
	v[5] = optString(b, c.CharsetName, c.CharsetName != "")
	v[6] = optInt(c.Length)
	v[7] = optInt(c.Scale)
	v[8] = records.Int32Value(int32(c.Position))
	v[9] = records.BoolValue(c.Optional)
	v[10] = records.BoolValue(c.AutoIncremented)
	v[11] = records.BoolValue(c.Generated)
	v[12] = optString(b, c.Comment, c.HasComment)
	if c.Default != nil {
		v[13] = b.AddString(*c.Default)
	}
	v[14] = enums
	return records.StructAt(off, 15)
}

func optString(b *records.Batch, s string, has bool) records.Value {
	if !has {
		return records.Null
	}
	return b.AddString(s)
}

func optInt(i *int) records.Value {
	if i == nil {
		return records.Null
	}
	return records.Int32Value(int32(*i))
}

func stringList(b *records.Batch, list []string) records.Value {
	off := b.AddVals(len(list))
	for i, s := range list {
		b.Vals[int(off)+i] = b.AddString(s)
	}
	return records.Value{Kind: records.KindArray, Off: off, N: uint32(len(list))}
}
