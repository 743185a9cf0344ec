package mysql

import (
	"strings"

	"github.com/anabranch/anabranch/capture/relational"
	"github.com/anabranch/anabranch/records"
)

// txContext counts the events of the present transaction (provide.transaction.metadata,
// DM-13, DM-45, DM-46). It survives restarts in the offset.
type txContext struct {
	id     string
	total  int64
	tables []txCount
}

// open reports whether a transaction is under way; a snapshot has no context at all.
func (t *txContext) open() bool { return t != nil && t.id != "" }

type txCount struct {
	name  string
	count int64
}

// loadTxContext restores the counters of a transaction that was open.
func loadTxContext(d records.Doc) *txContext {
	t := &txContext{id: d.Str(offTxID)}
	for _, f := range d {
		if name, ok := strings.CutPrefix(f.Key, offTxOrder); ok {
			n, _ := d.Int(f.Key)
			t.tables = append(t.tables, txCount{name, n})
			t.total += n
		}
	}
	return t
}

// begin reports whether a BEGIN record is due: not after a restart in mid-transaction.
func (t *txContext) begin(id string) bool {
	if t.id == id {
		return false
	}
	t.id, t.total, t.tables = id, 0, t.tables[:0]
	return true
}

// event counts a row and returns its number within its table.
func (t *txContext) event(table string) int64 {
	t.total++
	for i := range t.tables {
		if t.tables[i].name == table {
			t.tables[i].count++
			return t.tables[i].count
		}
	}
	t.tables = append(t.tables, txCount{table, 1})
	return 1
}

func (t *txContext) end() { t.id, t.total, t.tables = "", 0, t.tables[:0] }

// appendTransaction adds a BEGIN or END record. It has no headers and no fixed partition (DM-22, DM-23).
func appendTransaction(b *records.Batch, sc *relational.Schemas, topic, status string, t *txContext, tsMillis int64) {
	k, v := b.AddVals(1), b.AddVals(5)
	id := b.AddString(t.id)
	b.Vals[k], b.Vals[v+1] = id, id
	b.Vals[v] = b.AddString(status)
	if status == "END" {
		b.Vals[v+2] = records.Int64Value(t.total)
		list := b.AddVals(len(t.tables))
		order := make(records.Doc, len(t.tables)) // Debezium lists a HashMap
		for i, n := range t.tables {
			order[i] = records.DocField{Key: n.name, Value: n.count}
		}
		javaOrder(order)
		for i, n := range order {
			e := b.AddVals(2)
			b.Vals[e] = b.AddString(n.Key)
			b.Vals[e+1] = records.Int64Value(n.Value.(int64))
			b.Vals[int(list)+i] = records.StructAt(e, 2)
		}
		b.Vals[v+3] = records.Value{Kind: records.KindArray, Off: list, N: uint32(len(t.tables))}
	}
	b.Vals[v+4] = records.Int64Value(tsMillis)
	b.Records = append(b.Records, records.Record{
		Key: records.StructAt(k, 1), KeySchema: b.SchemaIndex(sc.TransactionKey),
		Value: records.StructAt(v, 5), ValueSchema: b.SchemaIndex(sc.TransactionValue),
		Topic: b.TopicIndex(topic), Partition: records.NoPartition, Timestamp: records.NoTimestamp,
	})
}

// sideTransaction adds a BEGIN or END record to the transaction topic (DM-45).
func (e *emitter) sideTransaction(status string, c *cursor, micros int64) {
	topic := e.s.topics.Transaction()
	appendTransaction(e.beside(topic), e.schemas, topic, status, c.tx, floorDiv(micros, 1000))
}
