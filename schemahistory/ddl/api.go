package ddl

import (
	"fmt"
	"regexp"

	"github.com/anabranch/anabranch/schemahistory"
)

// Flavor is the family of the server.
type Flavor uint8

// The flavors.
const (
	MySQL Flavor = iota
	MariaDB
)

// Bits of the sql_mode field of a binlog query event that change how text is read.
const (
	ModeAnsiQuotes         uint64 = 1 << 2
	ModeOracle             uint64 = 1 << 9 // MariaDB only
	ModeNoBackslashEscapes uint64 = 1 << 20
)

// Options configure a Parser. The zero value reads MySQL and captures everything.
type Options struct {
	Flavor        Flavor
	ServerVersion int // 80036, 90700, 110402: decides about /*!NNNNN comments; 0 takes all of them
	// ServerCharset and ServerCollation are character_set_server and collation_server.
	ServerCharset   string
	ServerCollation string
	// LowerCaseTableNames is the server's lower_case_table_names: 1 and 2 make names
	// case-insensitive.
	LowerCaseTableNames int
	// Captured tells whether a table passes the include and exclude lists; nil captures all.
	Captured func(schemahistory.TableID) bool
	// CapturedDatabase tells the same for a database; nil captures all.
	CapturedDatabase func(string) bool
	// IncludeComments keeps column and table comments (include.schema.comments).
	IncludeComments bool
	// StoreOnlyCapturedTables and StoreOnlyCapturedDatabases are the schema.history.internal.store.only.*
	// options (DM-188).
	StoreOnlyCapturedTables    bool
	StoreOnlyCapturedDatabases bool
	// Filter replaces the default of schema.history.internal.ddl.filter (DM-129) when it is not
	// nil; a statement that one of them matches whole leaves no trace.
	Filter []*regexp.Regexp
}

// Statement is one text from SHOW CREATE TABLE or a query event.
type Statement struct {
	SQL      string
	Database string // default database of the session, "" for none
	// SQLMode is the sql_mode bit set of the query event; see ModeAnsiQuotes.
	SQLMode uint64
	// ServerSQLMode is the global sql_mode at the connector's start. Debezium, which does not
	// look into the query event, rewrites double-quoted texts unless it has ANSI_QUOTES.
	ServerSQLMode uint64
	// DatabaseCharset is the session's character_set_database as the query event carries it,
	// "" when unknown. Debezium does not look at it (DM-502), so it is the last resort: for a
	// table that names no character set when no default is known of its database or server.
	DatabaseCharset string
	// Snapshot marks texts of a snapshot; they pass the same path.
	Snapshot bool
}

// Kind says what an Event is about.
type Kind uint8

// The kinds of events.
const (
	CreateTable Kind = iota + 1
	AlterTable       // also CREATE UNIQUE INDEX when it gives the table its key
	RenameTable      // one pair of RENAME TABLE; ALTER TABLE ... RENAME is an AlterTable
	DropTable
	TruncateTable
	CreateDatabase
	AlterDatabase
	DropDatabase
	UseDatabase
	SetVariable
	// Other is a statement that Debezium stores without having understood anything of it:
	// index statements, events, FLUSH TABLES and so on (DM-504).
	Other

	createIndex // CREATE UNIQUE INDEX that Debezium notes; it becomes an AlterTable
)

// Event is one record that Debezium writes to the schema history and, if include.schema.changes
// is on, to the schema-change topic: both have the same database, text and changes.
type Event struct {
	Kind     Kind
	Database string // databaseName of both records, "" for none
	// HasDatabase is true: Debezium never writes null here.
	HasDatabase bool
	// DDL is the text as Debezium stores it (DM-505).
	DDL string
	// Tables are the tables named by source.table, in Debezium's order. All events of one statement in one database share the list.
	Tables []schemahistory.TableID
	// SourceTableSet is false when source.table is null: with it, and no Tables, it is "".
	SourceTableSet bool
	// Subject is the table that the event itself is about; nil for database-wide events.
	Subject *schemahistory.TableID
	// Changes are the tableChanges; they may be empty but are always written.
	Changes []schemahistory.Change
	// History tells that the record belongs into the schema history, Emit that it belongs into
	// the schema-change topic (when include.schema.changes is on). TRUNCATE has neither.
	History bool
	Emit    bool
}

// SourceTable is the text of source.table.
func (e *Event) SourceTable() string {
	s := ""
	for i, id := range e.Tables {
		if i > 0 {
			s += ","
		}
		s += id.Table
	}
	return s
}

// Result is what one statement did.
type Result struct {
	Tables *schemahistory.Tables
	Events []Event
	// Changed lists the tables whose structure is not what it was before, renamed and dropped
	// ones included; row decoders for them must be rebuilt.
	Changed []schemahistory.TableID
	// Filtered is set when the statement is none that defines data or was filtered (DM-129).
	Filtered bool
}

// Error is a statement that could not be read or does not fit the known tables.
type Error struct {
	Table  *schemahistory.TableID // nil when the statement did not get that far
	Offset int                    // byte offset of the offending token in Statement.SQL
	Near   string                 // the offending token if it is a keyword or a mark; "" for names and literals
	Cause  string
}

func (e *Error) Error() string {
	s := "read DDL"
	if e.Table != nil {
		s += " of table " + e.Table.String()
	}
	s += fmt.Sprintf(" at offset %d", e.Offset)
	if e.Near != "" {
		s += " near " + e.Near
	}
	return s + ": " + e.Cause
}
