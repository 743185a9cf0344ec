package ddl

import (
	"strings"

	"github.com/anabranch/anabranch/schemahistory"
)

func (r *reader) drop(start int) (ignored bool, err error) {
	temporary := r.accept("TEMPORARY")
	switch {
	case r.accept("TABLE"), r.accept("TABLES"):
		return temporary, r.dropTables(start, temporary)
	case r.accept("DATABASE"), r.accept("SCHEMA"):
		r.accept("IF", "EXISTS")
		db, err := r.name()
		if err != nil {
			return false, err
		}
		if err := r.skipStatement(); err != nil {
			return false, err
		}
		r.dropDatabase(db)
		r.signalDB(DropDatabase, db, r.cut(start, r.last()))
		return false, nil
	}
	return false, r.other()
}

func (r *reader) dropDatabase(db string) {
	key := r.tables
	r.tables.All(func(t *schemahistory.Table) bool {
		if t.ID.Database == db || key.FoldCase() && strings.EqualFold(t.ID.Database, db) {
			r.touch(t.ID)
		}
		return true
	})
	r.tables = r.tables.RemoveDatabase(db)
	delete(r.p.dbCharset, db)
}

// dropTables signals each table of a DROP TABLE on its own (DM-505).
func (r *reader) dropTables(start int, temporary bool) error {
	r.accept("IF", "EXISTS")
	first := r.i
	var ids []schemahistory.TableID
	for {
		id, err := r.tableID()
		if err != nil {
			return err
		}
		ids = append(ids, id)
		if !r.acceptMark(',') {
			break
		}
	}
	if r.accept("WAIT") {
		r.next()
	}
	r.accept("NOWAIT")
	suffix := ""
	switch {
	case r.accept("RESTRICT"):
		suffix = " RESTRICT"
	case r.accept("CASCADE"):
		suffix = " CASCADE"
	}
	if temporary {
		return nil
	}
	prefix := r.stored.cut(r.toks[start].start, r.toks[first].start)
	for _, id := range ids {
		r.tables = r.tables.Remove(id)
		r.touch(id)
		r.signal(DropTable, id, nil, prefix+id.Quoted('`')+suffix)
	}
	return nil
}

// rename signals each pair of RENAME TABLE on its own (DM-505). Pairs work one after the
// other, so two tables can be swapped over a third name.
func (r *reader) rename(start int) error {
	r.accept("IF", "EXISTS")
	prefix := r.stored.cut(r.toks[start].start, r.tok().start)
	for {
		pair := r.i
		from, err := r.tableID()
		if err != nil {
			return err
		}
		if r.accept("WAIT") {
			r.next()
		}
		r.accept("NOWAIT")
		if !r.accept("TO") {
			return r.fail("TO is missing")
		}
		to, err := r.tableID()
		if err != nil {
			return err
		}
		if r.tables.Get(from) == nil {
			// What had the new name is gone, whatever it was.
			r.tables = r.tables.Remove(to)
		}
		r.tables = r.tables.Rename(from, to)
		r.touch(from)
		r.touch(to)
		prev := from
		r.signal(RenameTable, to, &prev, prefix+r.cut(pair, r.last()))
		if !r.acceptMark(',') {
			return nil
		}
	}
}

func (r *reader) truncate(start int) error {
	r.accept("TABLE")
	id, err := r.tableID()
	if err != nil {
		return err
	}
	r.signal(TruncateTable, id, nil, r.cut(start, r.last()))
	return r.skipStatement()
}

func (r *reader) use(start int) error {
	db, err := r.name()
	if err != nil {
		return err
	}
	r.schema = db
	// The server changes character_set_database with the database.
	if cs, ok := r.p.dbCharset[db]; ok {
		r.p.vars[varCharsetDatabase] = cs
	} else {
		delete(r.p.vars, varCharsetDatabase)
	}
	r.signalDB(UseDatabase, db, r.cut(start, r.last()))
	return nil
}

func (r *reader) createDatabase(start int) error {
	r.accept("IF", "NOT", "EXISTS")
	db, err := r.name()
	if err != nil {
		return err
	}
	if err := r.databaseOptions(db); err != nil {
		return err
	}
	r.signalDB(CreateDatabase, db, r.cut(start, r.last()))
	return nil
}

// alterDatabase notes the new default; Debezium stores the text without an event of its own.
// Without a name it is about the current database (DM-520).
func (r *reader) alterDatabase() error {
	db := r.schema
	if !r.isAny("CHARACTER", "CHARSET", "COLLATE", "DEFAULT", "ENCRYPTION", "READ", "UPGRADE", "COMMENT") || r.tok().kind == tokQuoted {
		var err error
		if db, err = r.name(); err != nil {
			return err
		}
	}
	return r.databaseOptions(db)
}

func (r *reader) databaseOptions(db string) error {
	for !r.atStop() {
		switch {
		case r.acceptCharset():
			r.acceptMark('=')
			if r.accept("DEFAULT") {
				r.p.dbCharset[db], _ = r.p.variable(varCharsetServer)
				continue
			}
			cs, err := r.charsetName()
			if err != nil {
				return err
			}
			r.p.dbCharset[db] = cs
		case r.accept("COLLATE"):
			r.acceptMark('=')
			co, err := r.charsetName()
			if err != nil {
				return err
			}
			if _, known := r.p.dbCharset[db]; !known {
				if cs := charsetOf(co); cs != "utf8" { // today's drivers know utf8mb3_... only
					r.p.dbCharset[db] = cs
				}
			}
		default:
			if err := r.skipPart(); err != nil {
				return err
			}
		}
	}
	return nil
}

// charsetOf is the character set of a collation, which begins with its name.
func charsetOf(collation string) string {
	cs, _, _ := strings.Cut(strings.ToLower(collation), "_")
	return cs
}

// set reads SET. Every system variable that it assigns counts; Debezium writes one event, and
// none of its own kind if there are only user variables, NAMES or the like.
func (r *reader) set(start int) error {
	if r.isAny("PASSWORD", "TRANSACTION", "ROLE", "RESOURCE") || r.isWord("DEFAULT") && r.isWordAt(1, "ROLE") {
		return r.skipStatement()
	}
	signalled := false
	global := false
	for !r.atStop() {
		if r.isAny("GLOBAL", "PERSIST", "SESSION", "LOCAL", "PERSIST_ONLY") && !r.isMarkAt(1, '=') {
			global = r.isWord("GLOBAL")
			r.next()
			if r.isWord("TRANSACTION") {
				return r.skipStatement()
			}
		}
		name, value, ok, err := r.assignment()
		if err != nil {
			return err
		}
		if ok {
			signalled = true
			r.setVariable(global, name, value)
		}
		if err := r.skipItem(); err != nil {
			return err
		}
		if !r.acceptMark(',') {
			break
		}
	}
	if signalled {
		r.signalDB(SetVariable, r.schema, r.cut(start, r.last()))
	}
	return nil
}

// assignment reads one part of SET; ok tells that it is about a system variable.
func (r *reader) assignment() (name, value string, ok bool, err error) {
	switch {
	case r.isMark('@') && r.isMarkAt(1, '@'):
		r.next()
		r.next()
		if r.isAny("GLOBAL", "PERSIST", "SESSION", "LOCAL", "PERSIST_ONLY") && r.isMarkAt(1, '.') {
			r.next()
			r.next()
		}
	case r.isMark('@'):
		return "", "", false, nil
	case r.accept("NAMES"), r.acceptCharset():
		return "", "", false, nil
	}
	if name, err = r.name(); err != nil {
		return
	}
	for r.acceptMark('.') {
		r.next()
	}
	r.acceptMark(':')
	if !r.acceptMark('=') {
		return "", "", false, nil
	}
	first := r.i
	if err = r.skipItem(); err != nil {
		return
	}
	var b strings.Builder // the tokens without the blanks between them
	for _, t := range r.toks[first:r.i] {
		if t.kind == tokString {
			b.WriteString(r.raw(t))
		} else {
			b.WriteString(r.text(t))
		}
	}
	return name, unquote(b.String()), true, nil
}

func (r *reader) setVariable(global bool, name, value string) {
	key := strings.ToLower(name)
	if global {
		r.p.global[key] = value
	} else {
		r.p.vars[key] = value
	}
	if key == varCharsetDatabase {
		r.p.dbCharset[r.schema] = value
	}
}
