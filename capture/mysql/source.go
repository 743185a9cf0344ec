package mysql

import (
	"github.com/anabranch/anabranch/capture/relational"
	"github.com/anabranch/anabranch/records"
)

// connectorName is Debezium's short name: source.connector and the connectorName header.
const connectorName = "mysql"

// Positions in the source block (DM-29).
const (
	srcVersion = iota
	srcConnector
	srcName
	srcTSMillis
	srcSnapshot
	srcDB
	srcSequence
	srcTSMicros
	srcTSNanos
	srcTable
	srcServerID
	srcGTID
	srcFile
	srcPos
	srcRow
	srcThread
	srcQuery
	srcFields // their number
)

// sourceSchema is io.debezium.connector.mysql.Source (DM-29, DM-30).
func sourceSchema() *records.Schema {
	str, optStr := &records.Schema{Type: records.String}, &records.Schema{Type: records.String, Optional: true}
	i64, optI64 := &records.Schema{Type: records.Int64}, &records.Schema{Type: records.Int64, Optional: true}
	fields := append(relational.SourceFields(),
		records.Field{Name: "table", Schema: optStr},
		records.Field{Name: "server_id", Schema: i64},
		records.Field{Name: "gtid", Schema: optStr},
		records.Field{Name: "file", Schema: str},
		records.Field{Name: "pos", Schema: i64},
		records.Field{Name: "row", Schema: &records.Schema{Type: records.Int32}},
		records.Field{Name: "thread", Schema: optI64},
		records.Field{Name: "query", Schema: optStr})
	return &records.Schema{Type: records.Struct, Name: "io.debezium.connector.mysql.Source", Version: 1, Fields: fields}
}

// identity is what every source block of this incarnation begins with.
type identity struct{ version, name string }

// sourceBlock is the template of a table's source blocks within one batch: strings are in the
// arena once, a row copies the values and sets its own numbers.
type sourceBlock [srcFields]records.Value

// constants fills in what is the same for all rows of a batch.
func (t *sourceBlock) constants(b *records.Batch, id identity, db string, table *string) {
	*t = sourceBlock{}
	t[srcVersion], t[srcConnector], t[srcName] = b.AddString(id.version), b.AddString(connectorName), b.AddString(id.name)
	t[srcDB] = b.AddString(db)
	if table != nil {
		t[srcTable] = b.AddString(*table)
	}
}

// transaction fills in what is the same for all rows of a transaction.
func (t *sourceBlock) transaction(b *records.Batch, c *cursor) {
	t[srcServerID] = records.Int64Value(int64(c.serverID))
	t[srcGTID], t[srcThread], t[srcQuery] = records.Null, records.Null, records.Null
	if len(c.gtidText) > 0 {
		t[srcGTID] = b.AddStringBytes(c.gtidText)
	}
	t[srcFile] = b.AddString(c.curFile)
	if c.thread >= 0 {
		t[srcThread] = records.Int64Value(c.thread)
	}
	if c.query != "" {
		t[srcQuery] = b.AddString(c.query)
	}
}

// time fills in the event time.
func (t *sourceBlock) time(micros int64) {
	t[srcTSMillis] = records.Int64Value(floorDiv(micros, 1000))
	t[srcTSMicros] = records.Int64Value(micros)
	t[srcTSNanos] = records.Int64Value(micros * 1000)
}

// put copies the template into the slab.
func (t *sourceBlock) put(b *records.Batch) records.Value {
	off := b.AddVals(srcFields)
	copy(b.Vals[off:], t[:])
	return records.StructAt(off, srcFields)
}
