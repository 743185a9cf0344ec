package ddl

import "github.com/anabranch/anabranch/schemahistory"

var (
	_ schemahistory.Parser     = (*Parser)(nil)
	_ schemahistory.TableError = (*Error)(nil)
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
