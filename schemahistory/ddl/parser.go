package ddl

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/schemahistory"
)

// Names of the variables that Debezium's parser looks at (BinlogSystemVariables).
const (
	varCharsetServer   = "character_set_server"
	varCharsetDatabase = "character_set_database"
)

// Parser reads statements one after the other. It keeps what lasts between statements
// (default character sets of databases, session and global variables) and is not safe for
// concurrent use.
type Parser struct {
	opts      Options
	filter    []*regexp.Regexp
	dbCharset map[string]string // default character set by database
	vars      map[string]string // session variables, lower-case names
	global    map[string]string // global variables
}

// New makes a Parser.
func New(opts Options) *Parser {
	p := &Parser{opts: opts, filter: opts.Filter, dbCharset: map[string]string{}, vars: map[string]string{}, global: map[string]string{}}
	if p.filter == nil {
		p.filter = defaultFilter()
	}
	if opts.ServerCharset != "" {
		p.global[varCharsetServer] = opts.ServerCharset
	} else if cs, _, ok := strings.Cut(opts.ServerCollation, "_"); ok {
		p.global[varCharsetServer] = cs
	}
	return p
}

// SetVariables records global variables by name.
func (p *Parser) SetVariables(vars map[string]string) {
	for k, v := range vars {
		p.global[strings.ToLower(k)] = v
	}
}

// SetDatabaseCharset records the default character set of a database.
func (p *Parser) SetDatabaseCharset(database, charset string) { p.dbCharset[database] = charset }

func (p *Parser) variable(name string) (string, bool) {
	if v, ok := p.vars[name]; ok {
		return v, true
	}
	v, ok := p.global[name]
	return v, ok
}

// databaseCharset is what Debezium takes for the current database's default.
func (p *Parser) databaseCharset() string {
	v, ok := p.variable(varCharsetDatabase)
	if !ok || strings.EqualFold(v, "DEFAULT") {
		v, _ = p.variable(varCharsetServer)
	}
	return v
}

// tableCharset is the default for a table whose statement names none.
func (p *Parser) tableCharset(id schemahistory.TableID) string {
	if cs, ok := p.dbCharset[id.Database]; ok {
		return cs
	}
	return p.databaseCharset()
}

// Parse applies a statement to tables and returns the new tables and the events. tables is
// not changed. A returned error is an *Error; nothing of the statement is applied then, and
// the parser is as it was before.
func (p *Parser) Parse(st Statement, tables *schemahistory.Tables) (*Result, error) {
	if tables == nil {
		tables = schemahistory.NewTables(p.opts.LowerCaseTableNames != 0)
	}
	sql := strings.TrimFunc(st.SQL, blank)
	if p.filtered(sql) {
		return &Result{Tables: tables, Filtered: true}, nil
	}
	shift := strings.Index(st.SQL, sql)
	r := p.reader(&st, sql, tables)
	saveDB, saveVars, saveGlobal := maps.Clone(p.dbCharset), maps.Clone(p.vars), maps.Clone(p.global)
	ignored, err := r.statements()
	if err != nil {
		p.dbCharset, p.vars, p.global = saveDB, saveVars, saveGlobal
		err.Offset += shift
		return nil, err
	}
	res := &Result{Tables: r.tables, Changed: r.changed}
	if ignored && len(r.events) == 0 {
		res.Filtered = true
		return res, nil
	}
	res.Events = r.build(sql)
	return res, nil
}

func (p *Parser) reader(st *Statement, sql string, tables *schemahistory.Tables) *reader {
	ansi := (st.SQLMode | st.ServerSQLMode) & ModeAnsiQuotes
	return &reader{p: p, st: st, src: sql, tables: tables, schema: st.Database,
		toks:   scan(sql, p.opts.Flavor, p.opts.ServerVersion, st.SQLMode),
		stored: normalize(sql, ansi != 0), double: ansi == 0}
}

// statements reads everything in the text. ignored tells that all of it leaves no trace.
func (r *reader) statements() (ignored bool, err *Error) {
	ignored = true
	for {
		for r.acceptMark(';') {
		}
		if r.atEnd() {
			return ignored, nil
		}
		start := r.i
		skip, e := r.statement()
		if e == nil && !r.atStop() {
			e = r.skipStatement()
		}
		if e != nil {
			return false, e.(*Error)
		}
		if r.i == start {
			r.next()
		}
		ignored = ignored && skip
		r.about = nil
	}
}

// statement reads one statement; ignored tells that it leaves no trace.
func (r *reader) statement() (ignored bool, err error) {
	if r.isWord("SET") && r.isWordAt(1, "STATEMENT") {
		for !r.atStop() && !r.isWord("FOR") {
			if err := r.skipPart(); err != nil {
				return false, err
			}
		}
		r.next()
	}
	start := r.i
	switch {
	case r.accept("CREATE"):
		return r.create(start)
	case r.accept("ALTER"):
		return false, r.alter(start)
	case r.accept("DROP"):
		return r.drop(start)
	case r.accept("RENAME", "TABLE"), r.accept("RENAME", "TABLES"):
		return false, r.rename(start)
	case r.isWord("TRUNCATE"):
		r.next()
		return false, r.truncate(start)
	case r.accept("USE"):
		return false, r.use(start)
	case r.accept("SET"):
		return false, r.set(start)
	}
	return false, r.other()
}

// other skips a statement that defines nothing of ours. Bodies may follow words like BEGIN, so
// the whole rest goes.
func (r *reader) other() error {
	r.skipAll()
	return nil
}

// build turns what was signalled into the records that Debezium writes
// (BinlogDatabaseSchema.parseDdl and the event dispatcher).
func (r *reader) build(sql string) []Event {
	o := &r.p.opts
	globalSet := r.st.Database == "" && hasSet(sql)
	if o.StoreOnlyCapturedTables && !globalSet && !r.anyCaptured() {
		return nil
	}
	if len(r.events) == 0 {
		e := Event{Kind: Other, Database: r.st.Database, HasDatabase: true, DDL: sql, Changes: []schemahistory.Change{},
			SourceTableSet: true}
		return r.admit(nil, e)
	}
	var out []Event
	for lo := 0; lo < len(r.events); {
		db := r.events[lo].db
		hi := lo + 1
		for hi < len(r.events) && r.events[hi].db == db {
			hi++
		}
		group := r.events[lo:hi]
		lo = hi
		if o.StoreOnlyCapturedTables && db != "" && o.CapturedDatabase != nil && !o.CapturedDatabase(db) {
			continue
		}
		var ids []schemahistory.TableID
		for _, ev := range group {
			if ev.hasID && !slices.Contains(ids, ev.id) {
				ids = append(ids, ev.id)
			}
		}
		ids = javaOrder(ids)
		for i := range group {
			out = r.admit(out, r.event(&group[i], ids))
		}
	}
	return out
}

func hasSet(sql string) bool { return len(sql) >= 4 && strings.EqualFold(sql[:4], "SET ") }

// anyCaptured is DdlChanges.anyMatch: index statements never match.
func (r *reader) anyCaptured() bool {
	for i := range r.events {
		ev := &r.events[i]
		switch {
		case ev.kind == createIndex:
		case ev.hasID:
			if r.captured(ev.id) {
				return true
			}
		case ev.kind == SetVariable && ev.db == "":
			return true
		case r.p.opts.CapturedDatabase == nil || r.p.opts.CapturedDatabase(ev.db):
			return true
		}
	}
	return false
}

func (r *reader) captured(id schemahistory.TableID) bool {
	return r.p.opts.Captured == nil || r.p.opts.Captured(id)
}

func (r *reader) event(ev *rawEvent, ids []schemahistory.TableID) Event {
	e := Event{Kind: ev.kind, Database: ev.db, HasDatabase: true, DDL: ev.text, Tables: ids,
		Changes: []schemahistory.Change{}, SourceTableSet: len(ids) > 0}
	if !ev.hasID {
		return e
	}
	id := ev.id
	e.Subject = &id
	t := r.tables.Get(id)
	switch ev.kind {
	case createIndex:
		e.Kind = AlterTable
		fallthrough
	case AlterTable, RenameTable:
		if t != nil {
			e.Changes = append(e.Changes, schemahistory.Change{Type: schemahistory.Alter, ID: t.ID, PreviousID: ev.prev, Table: t})
		}
	case CreateTable:
		if t != nil {
			e.Changes = append(e.Changes, schemahistory.Change{Type: schemahistory.Create, ID: t.ID, Table: t})
		}
	case DropTable:
		e.Changes = append(e.Changes, schemahistory.Change{Type: schemahistory.Drop, ID: id})
	}
	return e
}

// admit decides where an event goes and drops it if it goes nowhere.
func (r *reader) admit(out []Event, e Event) []Event {
	o := &r.p.opts
	if o.StoreOnlyCapturedDatabases && e.Database != "" && o.CapturedDatabase != nil && !o.CapturedDatabase(e.Database) {
		return out
	}
	// Debezium knows the table of an event only if it is among its tables or was dropped.
	known := e.Subject != nil && (e.Kind == DropTable || r.tables.Get(*e.Subject) != nil)
	captured := known && r.captured(*e.Subject)
	if known && e.Kind == TruncateTable {
		return append(out, e)
	}
	if known && !captured && o.StoreOnlyCapturedTables {
		return out
	}
	e.Emit = true
	e.History = !o.StoreOnlyCapturedTables || captured || e.Database == "" && hasSet(e.DDL)
	return append(out, e)
}

// javaOrder sorts tables as Java's HashSet of TableId iterates after it was copied once:
// source.table lists them in that order (BinlogSourceInfo.table).
func javaOrder(ids []schemahistory.TableID) []schemahistory.TableID {
	if len(ids) < 2 {
		return ids
	}
	grown := 16 // the first set grows while it is filled
	for len(ids) > grown*3/4 {
		grown *= 2
	}
	copied := 16 // the copy is made with room for all
	for copied < int(float32(len(ids))/0.75)+1 {
		copied *= 2
	}
	return bucketed(bucketed(ids, grown), copied)
}

func bucketed(ids []schemahistory.TableID, buckets int) []schemahistory.TableID {
	out := slices.Clone(ids)
	slices.SortStableFunc(out, func(a, b schemahistory.TableID) int {
		return int(bucket(a, buckets)) - int(bucket(b, buckets))
	})
	return out
}

func bucket(id schemahistory.TableID, buckets int) uint32 {
	var h uint32
	for _, c := range id.String() {
		if c >= 0x10000 { // Java hashes UTF-16
			c -= 0x10000
			h = 31*h + uint32(0xD800+c>>10)
			h = 31*h + uint32(0xDC00+c&0x3FF)
			continue
		}
		h = 31*h + uint32(c)
	}
	h ^= h >> 16
	return h & uint32(buckets-1)
}
