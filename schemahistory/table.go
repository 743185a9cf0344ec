package schemahistory

// TableID names a table: database (MySQL's catalog) and table. Schema is used by databases
// that have both levels.
type TableID struct {
	Database string
	Schema   string
	Table    string
}

// String is the dotted form that filters match and messages show: db.table (DM-41).
func (id TableID) String() string {
	s := id.Table
	if id.Schema != "" {
		s = id.Schema + "." + s
	}
	if id.Database != "" {
		s = id.Database + "." + s
	}
	return s
}

// Column is the structure of one column, with the attributes that Debezium's schema history
// stores (DM-181). Absent text is "", absent numbers are nil.
type Column struct {
	Name            string
	JDBCType        int    // java.sql.Types number
	NativeType      *int   // not set by the MySQL connector
	TypeName        string // "INT UNSIGNED", "VARCHAR", upper case
	TypeExpression  string
	CharsetName     string
	Length          *int
	Scale           *int
	Position        int // 1-based
	Optional        bool
	AutoIncremented bool
	Generated       bool
	Comment         string
	HasComment      bool
	HasDefault      bool
	// Default is the default value expression as Debezium stores it; nil with HasDefault
	// means DEFAULT NULL.
	Default    *string
	EnumValues []string // ENUM and SET only; with their SQL quotes
	// Hidden is our own knowledge that Debezium does not store: it is false for tables
	// recovered from a foreign history.
}

// Attribute is a name-value pair of a table.
type Attribute struct{ Name, Value string }

// Table is one version of a table's structure. Immutable once it is in a Tables set.
type Table struct {
	ID             TableID
	DefaultCharset string
	PrimaryKey     []string // column names in key order; the first unique key when there is no primary key (DM-16)
	Columns        []Column
	Attributes     []Attribute
	Comment        string
	HasComment     bool
}

// Column returns the column with that name (case-insensitive, as MySQL compares them).
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if equalFold(t.Columns[i].Name, name) {
			return &t.Columns[i]
		}
	}
	return nil
}

// ChangeType says what a DDL statement did to a table.
type ChangeType string

// Debezium's change types.
const (
	Create ChangeType = "CREATE"
	Alter  ChangeType = "ALTER"
	Drop   ChangeType = "DROP"
)

// Change is what one statement did to one table (DM-180).
type Change struct {
	Type       ChangeType
	ID         TableID
	PreviousID *TableID // renames only
	Table      *Table   // nil for Drop
}
