package jdbc

import (
	"time"

	"github.com/anabranch/anabranch/records"
)

// numericKind is true for kinds whose text is a number literal in every database.
func numericKind(k kind) bool {
	switch k {
	case kindInt8, kindInt16, kindInt32, kindInt64, kindFloat32, kindFloat64, kindYear, kindDecimal:
		return true
	}
	return false
}

// defaultText renders a schema's default in its kind's canonical text.
func defaultText(c *config, col *column) (string, bool) {
	switch col.kind {
	case kindArray, kindPoint, kindGeometry, kindGeography, kindVarDecimal:
		return "", false
	}
	b := records.NewBatch(records.Origin{Table: "default"})
	defer b.Release()
	v := b.DefaultValue(col.schema)
	if v.IsNull() {
		return "", false
	}
	zone := c.zone
	if zone == nil {
		zone = time.UTC
	}
	text, err := appendText(nil, &col.field, b, v, zone)
	return string(text), err == nil
}
