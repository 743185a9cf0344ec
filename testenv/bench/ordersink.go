package bench

import (
	"encoding/base64"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// appendCopy appends the row as a line of PostgreSQL's COPY. No value here has a tab, a line
// end or a backslash.
func (o order) appendCopy(dst []byte) []byte {
	discount, note := `\N`, `\N`
	if o.discount >= 0 {
		discount = strconv.FormatFloat(float64(o.discount)/1000, 'g', -1, 64)
	}
	if o.note != "" {
		note = o.note
	}
	const stamp = "2006-01-02 15:04:05.000"
	return fmt.Appendf(dst, "%d\t%d\t%d\t%d.%02d\t%s\t%s\t%t\t%s\t%s\t%s\t%s\t%s\t%s\n", o.id, o.customer, o.quantity, o.cents/100, o.cents%100,
		discount, o.status, o.paid, o.sku, o.name, note, o.day.Format(time.DateOnly), o.created.Format(stamp), o.updated.Truncate(time.Millisecond).Format(stamp))
}

// The schemas of the sink's topic, as JsonConverter writes them inline.
const (
	orderKeySchema   = `{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":false,"name":"orders.Key"}`
	orderValueSchema = `{"type":"struct","fields":[` +
		`{"type":"int32","optional":false,"field":"id"},` +
		`{"type":"int64","optional":false,"field":"customer_id"},` +
		`{"type":"int16","optional":false,"field":"quantity"},` +
		`{"type":"bytes","optional":false,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"},"field":"price"},` +
		`{"type":"double","optional":true,"field":"discount"},` +
		`{"type":"string","optional":false,"field":"status"},` +
		`{"type":"boolean","optional":false,"field":"paid"},` +
		`{"type":"string","optional":false,"field":"sku"},` +
		`{"type":"string","optional":false,"field":"customer"},` +
		`{"type":"string","optional":true,"field":"note"},` +
		`{"type":"int32","optional":false,"name":"org.apache.kafka.connect.data.Date","version":1,"field":"ordered_on"},` +
		`{"type":"int64","optional":false,"name":"org.apache.kafka.connect.data.Timestamp","version":1,"field":"created_at"},` +
		`{"type":"int64","optional":false,"name":"org.apache.kafka.connect.data.Timestamp","version":1,"field":"updated_at"}` +
		`],"optional":false,"name":"orders.Value"}`
)

// record is the row as a flat record of Connect, with its schemas.
func (o order) record() (key, value []byte) {
	discount, note := "null", "null"
	if o.discount >= 0 {
		discount = strconv.FormatFloat(float64(o.discount)/1000, 'g', -1, 64)
	}
	if o.note != "" {
		note = `"` + strings.ReplaceAll(o.note, `"`, `\"`) + `"`
	}
	key = fmt.Appendf(nil, `{"schema":%s,"payload":{"id":%d}}`, orderKeySchema, o.id)
	value = fmt.Appendf(nil, `{"schema":%s,"payload":{"id":%d,"customer_id":%d,"quantity":%d,"price":"%s","discount":%s,"status":"%s","paid":%t,`+
		`"sku":"%s","customer":"%s","note":%s,"ordered_on":%d,"created_at":%d,"updated_at":%d}}`, orderValueSchema,
		o.id, o.customer, o.quantity, decimal(o.cents), discount, o.status, o.paid, o.sku, o.name, note,
		o.day.Unix()/86400, o.created.UnixMilli(), o.updated.UnixMilli())
	return key, value
}

// decimal is an unscaled value that is not negative, in Connect's form: big-endian two's
// complement in base64.
func decimal(unscaled int64) string {
	raw := big.NewInt(unscaled).Bytes()
	if len(raw) == 0 || raw[0] >= 0x80 {
		raw = append([]byte{0}, raw...)
	}
	return base64.StdEncoding.EncodeToString(raw)
}
