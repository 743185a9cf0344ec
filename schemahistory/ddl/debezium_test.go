package ddl

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/anabranch/anabranch/schemahistory"
)

// golden is one line of testdata/debezium.jsonl: a statement and the records that Debezium
// 3.6.1's own parser made of it, in a short form.
type golden struct {
	Reset    bool     `json:"reset"` // start with a new parser and no tables
	Comments bool     `json:"comments"`
	Fold     bool     `json:"fold"`
	DB       *string  `json:"db"` // "d" when absent
	Setup    []string `json:"setup"`
	SQL      string   `json:"sql"`
	Events   []goldenEvent
}

type goldenEvent struct {
	DB      string         `json:"db"`
	DDL     string         `json:"ddl"` // the statement itself when empty
	Source  string         `json:"source"`
	Changes []goldenChange `json:"changes"`
}

type goldenChange struct {
	Type     string   `json:"type"`
	ID       string   `json:"id"`
	Previous string   `json:"previous"`
	Charset  string   `json:"charset"`
	Key      []string `json:"key"`
	Columns  []string `json:"columns"` // name|jdbcType|typeName|charset|length|scale|flags[|=default][|#comment][|values]
	Comment  string   `json:"comment"`
}

func shortChange(c schemahistory.Change) goldenChange {
	g := goldenChange{Type: string(c.Type), ID: c.ID.Quoted('"')}
	if c.PreviousID != nil {
		g.Previous = c.PreviousID.Quoted('"')
	}
	if c.Table == nil {
		return g
	}
	g.Charset, g.Comment, g.Key = c.Table.DefaultCharset, c.Table.Comment, append([]string{}, c.Table.PrimaryKey...)
	for i := range c.Table.Columns {
		if p := c.Table.Columns[i].Position; p != i+1 {
			g.Comment += fmt.Sprintf(" column %d has position %d", i+1, p)
		}
		g.Columns = append(g.Columns, shortColumn(&c.Table.Columns[i]))
	}
	return g
}

func shortColumn(c *schemahistory.Column) string {
	num := func(n *int) string {
		if n == nil {
			return ""
		}
		return fmt.Sprint(*n)
	}
	flags := ""
	for _, f := range []struct {
		name string
		set  bool
	}{{"o", c.Optional}, {"a", c.AutoIncremented}, {"g", c.Generated}, {"d", c.HasDefault}} {
		if f.set {
			flags += f.name
		}
	}
	s := strings.Join([]string{c.Name, fmt.Sprint(c.JDBCType), c.TypeName, c.CharsetName, num(c.Length), num(c.Scale), flags}, "|")
	if c.Default != nil {
		s += "|=" + *c.Default
	}
	if c.HasComment {
		s += "|#" + c.Comment
	}
	if len(c.EnumValues) > 0 {
		s += "|" + strings.Join(c.EnumValues, " ")
	}
	return s
}

func TestParse_EqualsDebezium(t *testing.T) {
	f, err := os.Open("testdata/debezium.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	var p *Parser
	var tables *schemahistory.Tables
	for line := 1; in.Scan(); line++ {
		var g golden
		if err := json.Unmarshal(in.Bytes(), &g); err != nil {
			t.Fatalf("line %d: %v", line, err)
		}
		if g.Reset || p == nil {
			p = New(Options{IncludeComments: g.Comments, ServerVersion: 80200})
			tables = schemahistory.NewTables(g.Fold)
		}
		db := "d"
		if g.DB != nil {
			db = *g.DB
		}
		for _, s := range g.Setup {
			res, err := p.Parse(Statement{SQL: s, Database: db}, tables)
			if err != nil {
				t.Fatalf("line %d: %v\n%s", line, err, s)
			}
			tables = res.Tables
		}
		res, err := p.Parse(Statement{SQL: g.SQL, Database: db}, tables)
		if err != nil {
			t.Errorf("line %d: %v\n%s", line, err, g.SQL)
			continue
		}
		tables = res.Tables
		if res.Filtered {
			continue // the parser alone knows no filter
		}
		got := []goldenEvent{}
		for _, e := range res.Events {
			x := goldenEvent{DB: e.Database, Source: e.SourceTable()}
			if e.DDL != g.SQL {
				x.DDL = e.DDL
			}
			for _, c := range e.Changes {
				x.Changes = append(x.Changes, shortChange(c))
			}
			got = append(got, x)
		}
		if d := cmp.Diff(g.Events, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("line %d: %s\n%s", line, g.SQL, d)
		}
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
}
