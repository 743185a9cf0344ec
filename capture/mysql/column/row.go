package column

import (
	"math/bits"

	"github.com/anabranch/anabranch/records"
)

// absence says what Row puts where an image has no value.
type absence uint8

const (
	absentPlaceholder absence = iota
	absentDefault
	absentBase
)

// Row decodes one row image of a rows event into b: the bitmap of nulls and the cells. present
// is the event's bitmap of columns in the image, least significant bit first. It returns the
// row and the bytes read. Columns that the image leaves out (binlog_row_image MINIMAL or
// NOBLOB, DM-523) become the unavailable value placeholder if they hold text, JSON or binary,
// else the column's default, null or the type's zero.
//
// On an error the batch may hold parts of the row; they are unreachable and go with the batch.
func (d *Decoder) Row(b *records.Batch, present []byte, data []byte) (row records.Value, n int, err error) {
	return d.row(b, present, data, absentPlaceholder, records.Null)
}

// RowOver decodes the after-image of an update whose before-image is base, a row that Row made
// in the same batch. Columns that the image leaves out are base's (DM-523).
func (d *Decoder) RowOver(b *records.Batch, base records.Value, present []byte, data []byte) (row records.Value, n int, err error) {
	return d.row(b, present, data, absentBase, base)
}

// InsertRow decodes the image of an insert. A MINIMAL image leaves out the columns that the
// statement did not name, so they have their default; a default that is an expression is not
// known here and reads as null or the type's zero.
func (d *Decoder) InsertRow(b *records.Batch, present []byte, data []byte) (row records.Value, n int, err error) {
	return d.row(b, present, data, absentDefault, records.Null)
}

func (d *Decoder) row(b *records.Batch, present, data []byte, how absence, base records.Value) (records.Value, int, error) {
	t := d.t
	count := len(d.cells)
	if len(present)*8 < count {
		return records.Null, 0, &Error{Table: t.ID.String(), Cause: corrupt("bitmap of columns is too short")}
	}
	in := count
	full := true
	for i := 0; i < count/8; i++ {
		full = full && present[i] == 0xff
	}
	if rest := count % 8; rest > 0 {
		mask := byte(1)<<rest - 1
		full = full && present[count/8]&mask == mask
	}
	if !full {
		in = 0
		for i := 0; i < count/8; i++ {
			in += bits.OnesCount8(present[i])
		}
		if rest := count % 8; rest > 0 {
			in += bits.OnesCount8(present[count/8] & (byte(1)<<rest - 1))
		}
	}
	nulls := (in + 7) / 8
	if len(data) < nulls {
		return records.Null, 0, &Error{Table: t.ID.String(), Cause: errShort}
	}
	off := b.AddVals(t.slots)
	p, at := nulls, 0
	for i := range d.cells {
		c := &d.cells[i]
		if !full && present[i>>3]&(1<<(i&7)) == 0 {
			if c.slot >= 0 {
				b.Vals[int(off)+int(c.slot)] = d.absent(b, c, how, base)
			}
			continue
		}
		null := data[at>>3]&(1<<(at&7)) != 0
		at++
		if null {
			if c.slot >= 0 {
				v := c.pl.fill.put(b)
				b.Vals[int(off)+int(c.slot)] = v
			}
			continue
		}
		start, size := p, int(c.size)
		if size == 0 {
			if len(data)-p < int(c.width) {
				return records.Null, 0, d.fail(c, errShort)
			}
			size = prefix(data[p:], c.width)
			start += int(c.width)
		}
		if size > len(data)-start {
			return records.Null, 0, d.fail(c, errShort)
		}
		p = start + size
		if c.slot < 0 {
			continue
		}
		var v records.Value
		raw := data[start:p:p]
		if c.op <= opLongLong {
			v = integer(c, raw)
		} else {
			var err error
			if v, err = d.value(b, c, raw); err != nil {
				if v, err = d.failed(b, c.pl, err); err != nil {
					return records.Null, 0, err
				}
			}
		}
		b.Vals[int(off)+int(c.slot)] = v
	}
	return records.StructAt(off, len(t.Row.Fields)), p, nil
}

func (d *Decoder) absent(b *records.Batch, c *cell, how absence, base records.Value) records.Value {
	switch how {
	case absentBase:
		return b.Vals[int(base.Off)+int(c.slot)]
	case absentDefault:
		return c.pl.deflt.put(b)
	}
	return c.pl.absent.put(b)
}

func (d *Decoder) fail(c *cell, err error) error {
	return &Error{Table: d.t.ID.String(), Column: c.pl.name, Cause: err}
}

func (d *Decoder) failed(b *records.Batch, pl *plan, err error) (records.Value, error) {
	return d.t.failed(b, pl, err)
}

// failed decides about a value that could not be converted (DM-173).
func (t *Table) failed(b *records.Batch, pl *plan, err error) (records.Value, error) {
	switch t.mode.failure {
	case failStop:
		return records.Null, &Error{Table: t.ID.String(), Column: pl.name, Cause: err,
			Hint: "event.converting.failure.handling.mode=warn puts null in its place"}
	case failWarn:
		t.mode.warn("value cannot be converted and is null", "table", t.ID.String(), "column", pl.name, "type", pl.spelled, "err", err)
	}
	switch err {
	case errInvalid:
		return pl.zero.put(b), nil // the epoch, nullable or not, as event.processing.failure.handling.mode=warn has it
	case errJSON:
		return pl.fill.put(b), nil
	}
	return records.Null, nil
}

// prefix reads a little-endian length; p has width bytes.
func prefix(p []byte, width uint8) int {
	switch width {
	case 1:
		return int(p[0])
	case 2:
		return int(p[0]) | int(p[1])<<8
	case 3:
		return int(p[0]) | int(p[1])<<8 | int(p[2])<<16
	}
	return int(p[0]) | int(p[1])<<8 | int(p[2])<<16 | int(p[3])<<24
}

// integer reads the plain integer types.
func integer(c *cell, p []byte) records.Value {
	var v int64
	switch c.op {
	case opTiny:
		v = int64(int8(p[0]))
	case opShort:
		v = int64(int16(uint16(p[0]) | uint16(p[1])<<8))
	case opInt24:
		v = int64(int32(uint32(p[0])<<8|uint32(p[1])<<16|uint32(p[2])<<24) >> 8)
	case opLong:
		v = int64(int32(le32(p)))
	default:
		v = int64(le64(p))
	}
	return records.Value{Kind: c.kind, Num: uint64(v) & c.keep}
}

func le32(p []byte) uint32 {
	_ = p[3]
	return uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16 | uint32(p[3])<<24
}

func le64(p []byte) uint64 {
	_ = p[7]
	return uint64(le32(p)) | uint64(le32(p[4:]))<<32
}
