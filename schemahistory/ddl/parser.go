package ddl

import (
	"regexp"

	"github.com/anabranch/anabranch/schemahistory"
)

// Parser reads statements one after the other. It keeps what lasts between statements
// (default character sets of databases, session variables) and is not safe for concurrent use.
type Parser struct {
	opts      Options
	filter    []*regexp.Regexp
	dbCharset map[string]string // default character set by database
	vars      map[string]string // session variables, lower-case names
}

// Parse applies a statement to tables and returns the new tables and the events. tables is
// not changed. A returned error is an *Error; nothing of the statement is applied then.
func (p *Parser) Parse(st Statement, tables *schemahistory.Tables) (*Result, error) {
	return nil, &Error{Cause: "not built yet"}
}

// SetVariables records server or session variables by name, as the SET statement at the
// start of a snapshot does (DM-50).
func (p *Parser) SetVariables(vars map[string]string) {
}

// SetDatabaseCharset records the default character set of a database.
func (p *Parser) SetDatabaseCharset(database, charset string) {
	p.dbCharset[database] = charset
}

func defaultFilter() []*regexp.Regexp { return nil }
