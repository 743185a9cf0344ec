package column

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/anabranch/anabranch/records"
)

// opcode is how a cell is read: the wire type and the target in one, so that a row is one
// switch for each cell.
type opcode uint8

const (
	opTiny opcode = iota
	opShort
	opInt24
	opLong
	opLongLong
	opUnsignedDecimal // LONGLONG to Decimal (bigint.unsigned.handling.mode=precise)
	opBool
	opFloat32
	opFloat64
	opFloat32From64
	opFloat64From32
	opDecimal
	opYear
	opDate
	opTimeOld
	opTime
	opDatetimeOld
	opDatetime
	opTimestampOld
	opTimestamp
	opBit
	opBits
	opEnum
	opSet
	opUTF8 // text that is UTF-8 already
	opText // text of another charset
	opBinary
	opJSON
	opPoint
	opGeometry
	opVector
)

// cell is one column of a row image.
type cell struct {
	op    opcode
	kind  records.Kind // integers: the kind of the target
	width uint8        // bytes of the length prefix, of the fraction or of the value; DECIMAL: the precision
	slot  int32        // -1: not wanted, only skipped
	size  int32        // bytes of a cell of fixed size, 0 if it has a length prefix
	keep  uint64       // integers: mask that makes a sign-extended value unsigned; ^0 leaves it
	pl    *plan
}

// Decoder reads the row images of one table version as they come under one TABLE_MAP shape. It
// holds no state of its own: any number of goroutines may use it at once.
type Decoder struct {
	t     *Table
	cells []cell
	types []byte
	meta  []uint16
}

// Columns is the number of columns of the table on the wire.
func (d *Decoder) Columns() int { return len(d.cells) }

// Table is the plan that the decoder belongs to.
func (d *Decoder) Table() *Table { return d.t }

// Matches reports whether a TABLE_MAP has the shape that this decoder was bound to. The server
// repeats the event in every transaction; this is how to find out that nothing changed.
func (d *Decoder) Matches(m *TableMap) bool {
	return bytes.Equal(d.types, m.Types) && slices.Equal(d.meta, m.Meta)
}

// Bind joins the plan with the wire types of a TABLE_MAP event. A difference that would make
// rows unreadable or wrong is an error that names the column and both types (DM-122).
func (t *Table) Bind(m *TableMap) (*Decoder, error) {
	if len(m.Types) != len(t.columns) {
		return nil, &Error{Table: t.ID.String(),
			Cause: fmt.Errorf("the binlog has %d columns, the known structure %d", len(m.Types), len(t.columns)), Hint: staleHint}
	}
	d := &Decoder{t: t, types: bytes.Clone(m.Types), meta: slices.Clone(m.Meta), cells: make([]cell, len(t.columns))}
	for i := range t.columns {
		c, err := t.bindCell(&t.columns[i], m.Types[i], m.Meta[i])
		if err != nil {
			return nil, &Error{Table: t.ID.String(), Column: t.columns[i].name, Cause: err, Hint: staleHint}
		}
		d.cells[i] = c
	}
	return d, nil
}

const staleHint = "the schema history does not fit the binlog; snapshot.mode=recovery rebuilds it"

func (t *Table) bindCell(pl *plan, wire byte, meta uint16) (cell, error) {
	c := cell{pl: pl, slot: int32(pl.slot), keep: ^uint64(0)}
	if err := c.wire(wire, meta); err != nil {
		return c, err
	}
	if pl.slot < 0 {
		return c, nil // skipped by its size alone; what it would mean does not matter
	}
	if !t.target(&c, wire, meta) {
		return c, fmt.Errorf("the binlog has %s, the known structure %s", wireName(wire, meta), pl.spelled)
	}
	return c, nil
}

// wire settles the size of a cell.
func (c *cell) wire(wire byte, meta uint16) error {
	lo, hi := uint8(meta), uint8(meta>>8)
	switch wire {
	case typeTiny, typeYear:
		c.size, c.op = 1, opTiny
	case typeShort:
		c.size, c.op = 2, opShort
	case typeInt24:
		c.size, c.op = 3, opInt24
	case typeLong:
		c.size, c.op = 4, opLong
	case typeLongLong:
		c.size, c.op = 8, opLongLong
	case typeFloat:
		c.size = 4
	case typeDouble:
		c.size = 8
	case typeNewDecimal:
		if lo == 0 || lo > 65 || hi > 30 || hi > lo {
			return corrupt("decimal metadata")
		}
		c.size, c.width = int32(decimalBytes(int(lo), int(hi))), lo
	case typeDate, typeNewDate, typeTime:
		c.size = 3
	case typeTimestamp:
		c.size = 4
	case typeDatetime:
		c.size = 8
	case typeTime2, typeDatetime2, typeTimestamp2:
		if meta > 6 {
			return corrupt("fractional seconds precision")
		}
		c.width = (lo + 1) / 2
		c.size = int32(map[byte]int{typeTime2: 3, typeDatetime2: 5, typeTimestamp2: 4}[wire]) + int32(c.width)
	case typeBit:
		bits := int(hi)*8 + int(lo)
		if lo > 7 || bits == 0 || bits > 64 {
			return corrupt("bit metadata")
		}
		c.size = int32((bits + 7) / 8)
	case typeEnum, typeSet:
		if meta == 0 || meta > 8 {
			return corrupt("enum metadata")
		}
		c.size, c.width = int32(meta), uint8(meta)
	case typeVarchar, typeVarString:
		c.width = 1
		if meta > 255 {
			c.width = 2
		}
	case typeString:
		// CHAR(255) in a charset of several bytes has more than 255 bytes: two bits of the length
		// are hidden, inverted, in the type byte.
		n := int(hi)
		if lo != 0 {
			n |= (int(lo&0x30) ^ 0x30) << 4
		}
		c.width = 1
		if n > 255 {
			c.width = 2
		}
	case typeBlob, typeTinyBlob, typeMediumBlob, typeLongBlob, typeJSON, typeGeometry, typeVector:
		if meta < 1 || meta > 4 {
			return corrupt("blob metadata")
		}
		c.width = lo
	default:
		return corrupt("column type " + itoa(int(wire)))
	}
	return nil
}

// target settles what the cell becomes, and whether that is possible.
func (t *Table) target(c *cell, wire byte, meta uint16) bool {
	pl := c.pl
	integer := func(want byte, bits uint, k, ku records.Kind) bool {
		c.kind = k
		if pl.unsigned {
			c.kind = ku
			if bits < 64 {
				c.keep = 1<<bits - 1
			}
		}
		return wire == want
	}
	switch pl.kind {
	case kindTiny:
		return integer(typeTiny, 8, records.KindInt16, records.KindInt16)
	case kindSmall:
		return integer(typeShort, 16, records.KindInt16, records.KindInt32)
	case kindMedium:
		return integer(typeInt24, 24, records.KindInt32, records.KindInt32)
	case kindInt:
		return integer(typeLong, 32, records.KindInt32, records.KindInt64)
	case kindBig:
		if pl.unsigned && t.mode.bigintPrecise {
			c.op = opUnsignedDecimal
		}
		return integer(typeLongLong, 64, records.KindInt64, records.KindInt64)
	case kindBool:
		c.op = opBool
		return wire == typeTiny
	case kindYear:
		c.op = opYear
		return wire == typeYear
	case kindFloat32:
		c.op = opFloat32
		if wire == typeDouble {
			c.op = opFloat32From64
		}
		return wire == typeFloat || wire == typeDouble
	case kindFloat64:
		c.op = opFloat64
		if wire == typeFloat {
			c.op = opFloat64From32
		}
		return wire == typeFloat || wire == typeDouble
	case kindDecimal:
		c.op = opDecimal
		return wire == typeNewDecimal && int(meta>>8) == pl.scale
	case kindBit:
		c.op = opBit
		return wire == typeBit && c.size == 1
	case kindBits:
		c.op = opBits
		return wire == typeBit && int(c.size) <= (pl.length+7)/8
	case kindText:
		c.op = opText
		if pl.charset.utf8 {
			c.op = opUTF8
		}
		return stringWire(wire)
	case kindBinary:
		c.op = opBinary
		return stringWire(wire)
	case kindEnum:
		c.op = opEnum
		return wire == typeEnum && meta <= 2
	case kindSet:
		c.op = opSet
		return wire == typeSet
	case kindJSON:
		c.op = opJSON
		return wire == typeJSON
	case kindPoint:
		c.op = opPoint
		return wire == typeGeometry
	case kindGeometry:
		c.op = opGeometry
		return wire == typeGeometry
	case kindVector:
		c.op = opVector
		return wire == typeVector
	}
	return t.targetTemporal(c, wire)
}

func (t *Table) targetTemporal(c *cell, wire byte) bool {
	pick := func(plain, old byte, op, opOld opcode) bool {
		c.op = op
		if wire == old {
			c.op = opOld
		}
		return wire == plain || wire == old
	}
	switch c.pl.kind {
	case kindDate:
		return pick(typeDate, typeNewDate, opDate, opDate)
	case kindTime:
		return pick(typeTime2, typeTime, opTime, opTimeOld)
	case kindDatetime:
		return pick(typeDatetime2, typeDatetime, opDatetime, opDatetimeOld)
	case kindTimestamp:
		return pick(typeTimestamp2, typeTimestamp, opTimestamp, opTimestampOld)
	}
	return false
}

func stringWire(wire byte) bool {
	switch wire {
	case typeVarchar, typeVarString, typeString, typeBlob, typeTinyBlob, typeMediumBlob, typeLongBlob:
		return true
	}
	return false
}

// wireName spells a wire type for a message.
func wireName(wire byte, meta uint16) string {
	n, ok := typeNames[wire]
	if !ok {
		n = "type " + itoa(int(wire))
	}
	switch wire {
	case typeNewDecimal:
		n += "(" + itoa(int(meta&0xff)) + "," + itoa(int(meta>>8)) + ")"
	case typeBit:
		n += "(" + itoa(int(meta>>8)*8+int(meta&0xff)) + ")"
	case typeVarchar, typeTime2, typeDatetime2, typeTimestamp2:
		n += "(" + itoa(int(meta)) + ")"
	}
	return n
}
