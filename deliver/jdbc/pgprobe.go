package jdbc

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/anabranch/anabranch/records"
)

// prober is implemented by transactions whose database does not name the column at fault.
type prober interface {
	// probe returns the column that does not take a row's value, "" if none was found. It is
	// called after rollbackTo, in a careful transaction.
	probe(ctx context.Context, l *layout, r *row) string
}

// probe tries the row's values one at a time. PostgreSQL's data exceptions name no column.
func (t *pgTx) probe(ctx context.Context, l *layout, r *row) string {
	b := l.bound.(*pgBound)
	one := rowSet{rows: []row{*r}, order: []int32{0}}
	for i := range l.cols {
		c := &l.cols[i]
		bt, v := c.value(r)
		if v.IsNull() {
			continue
		}
		// A cast would cut a text that is too long, so that is counted here.
		if n := charLimit(c.target.dbType); n > 0 {
			if v.Kind == records.KindString && utf8.RuneCount(bt.Raw(v)) > n {
				return c.column
			}
			continue
		}
		p, err := encodeArray(nil, l, i, b.wires[i], one, t.s.config.zoneFor(c))
		if err != nil {
			return c.column
		}
		if t.savepoint(ctx) != nil {
			return ""
		}
		t.pipe.SendQueryParams(fmt.Sprintf("SELECT CAST(s.c AS %s) FROM unnest($1::%s[]) AS s(c)", c.target.dbType, b.wires[i].array),
			[][]byte{p}, nil, []int16{1}, nil)
		t.sent++
		err = t.settle()
		if rerr := t.rollbackTo(ctx); rerr != nil {
			return ""
		}
		if err != nil {
			return c.column
		}
	}
	return ""
}

// charLimit reads n out of "character varying(n)" and "character(n)"; 0 for other types.
func charLimit(dbType string) int {
	rest, ok := strings.CutPrefix(dbType, "character varying(")
	if !ok {
		if rest, ok = strings.CutPrefix(dbType, "character("); !ok {
			return 0
		}
	}
	n, _ := strconv.Atoi(strings.TrimSuffix(rest, ")"))
	return n
}
