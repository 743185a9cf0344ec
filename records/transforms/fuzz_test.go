package transforms

import (
	"strings"
	"testing"

	"github.com/anabranch/anabranch/configs"
)

// A path of names is read as these names.
func FuzzFieldPath(f *testing.F) {
	for _, s := range []string{"a", "a.b", "`a.b`.c", "`a", "``", "`a\\`.b`", "a.", ".", "`.`", "`a`b`.c", "", "\\`a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		steps, err := splitPath(path)
		if err != nil {
			return
		}
		if len(steps) == 0 {
			t.Fatalf("%q has no steps", path)
		}
		if !strings.Contains(path, "`") && strings.Join(steps, ".") != path {
			t.Errorf("%q became %q", path, steps)
		}
		// Quoted again, the names are the same.
		for _, s := range steps {
			if strings.ContainsAny(s, "`\\") {
				return
			}
		}
		again, err := splitPath("`" + strings.Join(steps, "`.`") + "`")
		if err != nil || strings.Join(again, "\x00") != strings.Join(steps, "\x00") {
			t.Errorf("%q: %q is not %q (%v)", path, again, steps, err)
		}
	})
}

// A list of casts or renames that is accepted has a type or a name for each pair.
func FuzzPairs(f *testing.F) {
	for _, s := range []string{"a:int8", "int8", "a:b:c", ":", "a:", "a:int8,b:string", ",", "a : INT8", "a:bytes", "é:float64"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list := configs.SplitList(text)
		if spec, err := parseCasts(list); err == nil && len(list) > 0 && spec.whole == 0 && len(spec.fields) == 0 {
			t.Errorf("%q casts nothing", text)
		}
		if m, err := parseRenames(list); err == nil && len(m) > len(list) {
			t.Errorf("%q: %v", text, m)
		}
	})
}
