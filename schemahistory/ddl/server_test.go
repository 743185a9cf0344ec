package ddl_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/schemahistory"
	"github.com/anabranch/anabranch/schemahistory/ddl"
	"github.com/anabranch/anabranch/testenv"
)

// TestLive_AlterEqualsServer alters tables at random on a real server, several steps in one
// statement with renames and swaps among them (DM-521), and compares the columns that this
// package expects with those that the server shows.
func TestLive_AlterEqualsServer(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a server")
	}
	m := testenv.MySQL(t)
	database, db := m.Database(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(s ...string) string { return s[rnd.IntN(len(s))] }
	typ := func() string {
		return pick("int", "bigint unsigned", "varchar(10)", "varchar(7) NOT NULL", "decimal(5,2)", "char(3) CHARACTER SET latin1",
			"datetime(3)", "enum('a','b')", "int NOT NULL", "tinyint", "double")
	}
	show := func(name string) *schemahistory.Table {
		t.Helper()
		var n, text string
		if err := db.QueryRow("SHOW CREATE TABLE "+name).Scan(&n, &text); err != nil {
			t.Fatal(err)
		}
		p := ddl.New(ddl.Options{})
		res, err := p.Parse(ddl.Statement{SQL: text, Database: database}, nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		return res.Tables.Get(schemahistory.TableID{Database: database, Table: name})
	}
	accepted, refused := 0, 0
	for i := range 60 {
		name := fmt.Sprintf("t%d", i)
		if _, err := db.Exec("CREATE TABLE " + name + " (a int NOT NULL, b varchar(10), c int, d decimal(5,2), e enum('a','b'), PRIMARY KEY (a)) CHARSET utf8mb4"); err != nil {
			t.Fatal(err)
		}
		p := ddl.New(ddl.Options{})
		tables := schemahistory.NewTables(false).Put(show(name))
		id := schemahistory.TableID{Database: database, Table: name}
		fresh := 0
		for range 8 {
			cols := tables.Get(id).Columns
			col := func() string { return cols[rnd.IntN(len(cols))].Name }
			newName := func() string {
				if rnd.IntN(3) == 0 {
					return col()
				}
				fresh++
				return fmt.Sprintf("n%d", fresh)
			}
			place := func() string {
				switch rnd.IntN(4) {
				case 0:
					return " FIRST"
				case 1:
					return " AFTER " + newName()
				case 2:
					return " AFTER " + col()
				}
				return ""
			}
			var steps []string
			for range 1 + rnd.IntN(4) {
				switch rnd.IntN(8) {
				case 0, 1:
					steps = append(steps, "ADD COLUMN "+newName()+" "+typ()+place())
				case 2:
					steps = append(steps, "MODIFY "+col()+" "+typ()+place())
				case 3:
					steps = append(steps, "CHANGE "+col()+" "+newName()+" "+typ()+place())
				case 4:
					x, y := col(), col()
					steps = append(steps, "RENAME COLUMN "+x+" TO "+y)
					if rnd.IntN(2) == 0 {
						steps = append(steps, "RENAME COLUMN "+y+" TO "+x)
					}
				case 5:
					steps = append(steps, "RENAME COLUMN "+col()+" TO "+newName())
				case 6:
					steps = append(steps, "DROP COLUMN "+col())
				case 7:
					steps = append(steps, pick("DROP PRIMARY KEY", "ADD PRIMARY KEY ("+col()+")", "ADD UNIQUE ("+col()+")", "CONVERT TO CHARACTER SET latin1", "ALTER "+col()+" SET DEFAULT 1", "COMMENT 'x'"))
				}
			}
			sql := "ALTER TABLE " + name + " " + strings.Join(steps, ", ")
			if _, err := db.Exec(sql); err != nil {
				refused++
				continue
			}
			accepted++
			res, err := p.Parse(ddl.Statement{SQL: sql, Database: database}, tables)
			if err != nil {
				t.Fatalf("%v\n%s", err, sql)
			}
			got, want := outline(res.Tables.Get(id)), outline(show(name))
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("the server has other columns after\n%s\nwhich were\n%s\n%s", sql, strings.Join(outline(tables.Get(id)), "\n"), d)
			}
			tables = schemahistory.NewTables(false).Put(show(name)) // what ALTER does not tell us (keys, charsets) starts afresh
		}
	}
	t.Logf("%d statements accepted, %d refused by the server", accepted, refused)
	if accepted < 100 {
		t.Errorf("only %d statements were accepted", accepted)
	}
}

// outline is what rows are decoded by. Nullability is left out: Debezium forgets a key whose
// column is dropped and added again in one statement, the server does not.
func outline(t *schemahistory.Table) (out []string) {
	for _, c := range t.Columns {
		s := fmt.Sprintf("%d %s %s", c.Position, c.Name, c.TypeName)
		if c.TypeName == "ENUM" { // Debezium leaves the values on a column that becomes something else
			s += " " + strings.Join(c.EnumValues, ",")
		}
		if c.Length != nil {
			s += fmt.Sprintf(" (%d)", *c.Length)
		}
		out = append(out, s)
	}
	return out
}
