package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const modulePath = "github.com/anabranch/anabranch/"

// room is a folder and what of ours it may import. A folder belongs to the longest room name
// that is a prefix of it. "x/..." allows everything below x as well.
type room struct {
	name string
	may  []string
}

// rooms are the arrows of the house: imports only go down this list or to the same room.
var rooms = []room{
	{name: "records"},
	{name: "configs", may: []string{"configs/..."}},
	{name: "records/javatext", may: []string{"records"}},
	{name: "records/javatime", may: []string{"records"}},
	{name: "records/transforms", may: []string{"records", "records/javatext", "records/javatime", "configs/..."}},
	{name: "records/converters", may: []string{"records", "records/javatext", "records/javatime", "configs/..."}},
	{name: "schemahistory", may: []string{"schemahistory/...", "records", "configs/..."}},
	{name: "capture", may: []string{"records", "configs/...", "schemahistory/..."}},
	{name: "capture/relational", may: []string{"records", "configs/...", "schemahistory/...", "capture"}},
	{name: "capture/sourcetest", may: []string{"records", "configs/...", "schemahistory/...", "capture"}},
	{name: "capture/*", may: []string{"records/...", "configs/...", "schemahistory/...", "capture", "capture/relational/..."}},
	{name: "deliver", may: []string{"records/...", "configs/..."}},
	{name: "deliver/sinktest", may: []string{"records/...", "configs/...", "deliver"}},
	{name: "deliver/*", may: []string{"records/...", "configs/...", "deliver"}},
	{name: "actors", may: []string{"actors/...", "records", "configs/...", "capture", "deliver"}},
	{name: "daemon", may: []string{"..."}},
	{name: "testenv", may: []string{"testenv/...", "records/...", "configs/..."}},
	{name: "", may: []string{"daemon"}}, // main.go
}

// testing helpers that only tests may import.
var testOnly = []string{"testenv", "capture/sourcetest", "deliver/sinktest"}

// onlyHere are libraries that one room owns.
var onlyHere = map[string]string{
	"github.com/asynkron/protoactor-go":  "actors",
	"github.com/twmb/franz-go/pkg/kfake": "daemon/embedded",
}

func TestArchitecture_ImportsFollowTheHouse(t *testing.T) {
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || path == "deps_test.go" {
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		if dir == "." {
			dir = ""
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if why := forbidden(dir, imported); why != "" {
				t.Errorf("%s imports %s: %s", fset.Position(spec.Pos()), imported, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// forbidden says why a folder may not import a package, or "".
func forbidden(dir, imported string) string {
	for lib, owner := range onlyHere {
		if below(imported, lib) && !below(dir, owner) && !isTestOnly(dir) {
			return "only " + owner + " imports it"
		}
	}
	target, ours := strings.CutPrefix(imported+"/", modulePath)
	if !ours {
		return ""
	}
	target = strings.TrimSuffix(target, "/")
	if isTestOnly(target) && !isTestOnly(dir) {
		return "it is for tests"
	}
	r, name := roomOf(dir)
	if rt, tn := roomOf(target); rt.name == r.name && tn == name && name != "" {
		return "" // the same room
	}
	for _, m := range r.may {
		prefix, all := strings.CutSuffix(m, "...")
		switch {
		case m == "...":
			return ""
		case all && below(target, strings.TrimSuffix(prefix, "/")):
			return ""
		case target == m:
			return ""
		}
	}
	return "room " + strconv.Quote(r.name) + " may only import " + strings.Join(r.may, ", ")
}

func isTestOnly(dir string) bool {
	for _, p := range testOnly {
		if below(dir, p) {
			return true
		}
	}
	return false
}

// roomOf finds the room of a folder and the folder that stands for it ("capture/mysql" for "capture/*").
func roomOf(dir string) (room, string) {
	best, name := room{}, ""
	for _, r := range rooms {
		n := r.name
		if parent, star := strings.CutSuffix(n, "/*"); star {
			rest, ok := strings.CutPrefix(dir, parent+"/")
			if !ok {
				continue
			}
			first, _, _ := strings.Cut(rest, "/")
			n = parent + "/" + first
		}
		if n != "" && !below(dir, n) || n == "" && dir != "" {
			continue
		}
		if len(n) >= len(name) && (best.name == "" || len(n) > len(name) || !strings.Contains(r.name, "*")) {
			best, name = r, n
		}
	}
	return best, name
}

func below(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

func TestArchitecture_RulesCanFail(t *testing.T) {
	const m = "github.com/anabranch/anabranch/"
	for _, c := range []struct {
		dir, imported string
		allowed       bool
	}{
		{"", m + "daemon", true},
		{"", m + "actors", false},
		{"records", m + "configs", false},
		{"records/transforms", m + "records/converters", false},
		{"records/transforms", m + "records", true},
		{"configs", m + "configs/javaregex", true},
		{"configs", m + "records", false},
		{"capture", m + "capture/relational", false},
		{"capture/mysql", m + "capture/relational", true},
		{"capture/mysql", m + "capture/mysql/column", true},
		{"capture/mysql/column", m + "capture/mysql", true},
		{"capture/mysql", m + "capture/postgres", false},
		{"capture/mysql", m + "deliver", false},
		{"capture/mysql", m + "schemahistory/ddl", true},
		{"capture/relational", m + "capture/mysql", false},
		{"deliver/jdbc", m + "deliver/kafka", false},
		{"deliver/kafka", m + "records/converters", true},
		{"deliver", m + "capture", false},
		{"actors", m + "actors/flow", true},
		{"actors", m + "capture/mysql", false},
		{"actors", m + "daemon", false},
		{"actors", "github.com/asynkron/protoactor-go/actor", true},
		{"daemon", "github.com/asynkron/protoactor-go/actor", false},
		{"daemon", m + "testenv", false},
		{"daemon/rest", m + "daemon/store", true},
		{"testenv", m + "records", true},
		{"testenv/cmd/demo", m + "testenv", true},
		{"testenv", m + "daemon", false},
		{"schemahistory", m + "capture", false},
	} {
		if why := forbidden(c.dir, c.imported); (why == "") != c.allowed {
			t.Errorf("%q imports %s: allowed %v, want %v (%s)", c.dir, c.imported, why == "", c.allowed, why)
		}
	}
}
