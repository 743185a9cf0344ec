package ddl

import "github.com/anabranch/anabranch/schemahistory"

var (
	_ schemahistory.Parser       = (*Parser)(nil)
	_ schemahistory.RenameReader = (*Parser)(nil)
	_ schemahistory.TableError   = (*Error)(nil)
)

// Replay applies a statement of a recovered history, for its effects only.
func (p *Parser) Replay(ddl, database string, tables *schemahistory.Tables) (*schemahistory.Tables, error) {
	res, err := p.Parse(Statement{SQL: ddl, Database: database}, tables)
	if err != nil {
		return nil, err
	}
	return res.Tables, nil
}

// Subject is the table that the error is about.
func (e *Error) Subject() (schemahistory.TableID, bool) {
	if e.Table == nil {
		return schemahistory.TableID{}, false
	}
	return *e.Table, true
}

// RenamedFrom returns the table that an ALTER TABLE ... RENAME gives another name.
func (p *Parser) RenamedFrom(ddl, database string) (schemahistory.TableID, bool) {
	r := p.reader(&Statement{SQL: ddl, Database: database}, ddl, nil)
	if !r.accept("ALTER") {
		return schemahistory.TableID{}, false
	}
	r.acceptAny("ONLINE", "OFFLINE")
	r.accept("IGNORE")
	if !r.accept("TABLE") {
		return schemahistory.TableID{}, false
	}
	r.accept("IF", "EXISTS")
	id, err := r.tableID()
	if err != nil {
		return id, false
	}
	ops, err := r.alterOps()
	if err != nil {
		return id, false
	}
	for i := range ops {
		if ops[i].kind == opRenameTable && ops[i].table != id {
			return id, true
		}
	}
	return id, false
}
