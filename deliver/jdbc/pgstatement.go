package jdbc

import "fmt"

// pgSource renders "unnest($1::int8[], …) AS s(c0, …)".
func pgSource(dst []byte, n int, wires []wire) []byte {
	dst = append(dst, "unnest("...)
	for i := range n {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = fmt.Appendf(dst, "$%d::%s[]", i+1, wires[i].array)
	}
	dst = append(dst, ") AS s("...)
	for i := range n {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = fmt.Appendf(dst, "c%d", i)
	}
	return append(dst, ')')
}

func pgCell(dst []byte, i int, w wire) []byte {
	if w.cast == "" {
		return fmt.Appendf(dst, "s.c%d", i)
	}
	return fmt.Appendf(dst, "CAST(s.c%d AS %s)", i, w.cast)
}

func pgColumns(dst []byte, cols []column) []byte {
	for i := range cols {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = postgres{}.appendIdent(dst, cols[i].column)
	}
	return dst
}

// pgPut renders the statement that inserts, upserts (SJ-095) or updates any number of rows.
func pgPut(l *layout, wires []wire, mode insertMode) string {
	if mode == modeUpdate {
		return pgUpdate(l, wires)
	}
	q := []byte("INSERT INTO " + l.table.sql + " (")
	q = pgColumns(q, l.cols)
	q = append(q, ')')
	for i := range l.cols {
		if l.cols[i].target.identity {
			q = append(q, " OVERRIDING SYSTEM VALUE"...)
			break
		}
	}
	q = append(q, " SELECT "...)
	for i := range l.cols {
		if i > 0 {
			q = append(q, ", "...)
		}
		q = pgCell(q, i, wires[i])
	}
	q = append(q, " FROM "...)
	q = pgSource(q, len(l.cols), wires)
	if mode != modeUpsert {
		return string(q)
	}
	q = append(q, " ON CONFLICT ("...)
	q = pgColumns(q, l.cols[:l.keys])
	if l.keys == len(l.cols) {
		return string(append(q, ") DO NOTHING"...))
	}
	q = append(q, ") DO UPDATE SET "...)
	for i := l.keys; i < len(l.cols); i++ {
		if i > l.keys {
			q = append(q, ", "...)
		}
		q = postgres{}.appendIdent(q, l.cols[i].column)
		q = append(q, " = EXCLUDED."...)
		q = postgres{}.appendIdent(q, l.cols[i].column)
	}
	return string(q)
}

// pgKeys renders "t.k = s.c0 AND …".
func pgKeys(q []byte, l *layout, wires []wire) []byte {
	for i := range l.cols[:l.keys] {
		if i > 0 {
			q = append(q, " AND "...)
		}
		q = append(q, "t."...)
		q = postgres{}.appendIdent(q, l.cols[i].column)
		q = append(q, " = "...)
		q = pgCell(q, i, wires[i])
	}
	return q
}

func pgUpdate(l *layout, wires []wire) string {
	q := []byte("UPDATE " + l.table.sql + " AS t SET ")
	if l.keys == len(l.cols) { // nothing but keys: nothing changes
		q = postgres{}.appendIdent(q, l.cols[0].column)
		q = append(q, " = t."...)
		q = postgres{}.appendIdent(q, l.cols[0].column)
	}
	for i := l.keys; i < len(l.cols); i++ {
		if i > l.keys {
			q = append(q, ", "...)
		}
		q = postgres{}.appendIdent(q, l.cols[i].column)
		q = append(q, " = "...)
		q = pgCell(q, i, wires[i])
	}
	q = append(q, " FROM "...)
	q = pgSource(q, len(l.cols), wires)
	q = append(q, " WHERE "...)
	return string(pgKeys(q, l, wires))
}

func pgDelete(l *layout, wires []wire) string {
	q := []byte("DELETE FROM " + l.table.sql + " AS t USING ")
	q = pgSource(q, l.keys, wires)
	q = append(q, " WHERE "...)
	return string(pgKeys(q, l, wires))
}
