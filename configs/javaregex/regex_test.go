package javaregex

import "testing"

func TestRegex_MatchesAsJavaDoes(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		ignoreCase    bool
		want          bool
	}{
		{`inventory\.orders`, "inventory.orders", false, true},
		{`inventory\.orders`, "xinventory.orders", false, false},
		{`inventory\.ORDERS`, "inventory.orders", true, true},
		{`(?!.*_gho$).*`, "db.t_gho", false, false},
		{`(?!.*_gho$).*`, "db.t", false, true},
		{`(\w+)\.\1`, "a.a", false, true},
		{`\d+`, "٣", false, false}, // Java's \d is ASCII
		{`\Qa.b\E\.c`, "a.b.c", false, true},
		{`\Qa.b\E\.c`, "axb.c", false, false},
		{`\p{Alpha}+`, "abc", false, true},
		{`[\p{Upper}\d]+`, "A1", false, true},
		{`[^.]+\.t`, "db.t", false, true},
		{`a\++`, "a++", false, true},
		{`(?:a+)+b`, "aab", false, true},
	} {
		re, err := Compile(c.pattern, c.ignoreCase)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if got, err := re.Matches(c.text); got != c.want || err != nil {
			t.Errorf("%s on %q: %v, %v", c.pattern, c.text, got, err)
		}
	}
}

func TestRegex_RefusesWhatItCannotMean(t *testing.T) {
	for _, p := range []string{`a*+b`, `a++`, `x{2,3}+`, `[a-z&&[^b]]`, `\R`, `(`, `a\`} {
		if _, err := Compile(p, false); err == nil {
			t.Errorf("%s was accepted", p)
		}
	}
}

func TestRegex_ReplaceFirst(t *testing.T) {
	for _, c := range []struct{ pattern, text, with, want string }{
		{`([^.]+)\.([^.]+)\.([^.]+)`, "srv.db.tab", "$3", "tab"},
		{`([^.]+)\.([^.]+)\.([^.]+)`, "srv.db.tab", "$2_$3", "db_tab"},
		{`(?<db>.*)\.t`, "x.t", "${db}-t", "x-t"},
		{`(.)`, "é.b", "<$1>", "<é>.b"},
		{`(a)`, "ab", "$11", "a1b"},
		{`b`, "abb", `\$`, "a$b"},
		{`x`, "abc", "y", "abc"},
	} {
		re, err := Compile(c.pattern, false)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := re.ReplaceFirst(c.text, c.with); got != c.want || err != nil {
			t.Errorf("%s -> %s on %q: %q, %v", c.pattern, c.with, c.text, got, err)
		}
	}
	re, _ := Compile("(a)", false)
	for _, bad := range []string{"$2", "${x}", "$", `a\`, "${x"} {
		if re.CheckReplacement(bad) == nil {
			t.Errorf("replacement %q was accepted", bad)
		}
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(`(?!a)\p{Alpha}[x-z]\Q.\E*`, "abc")
	f.Fuzz(func(t *testing.T, p, s string) {
		if re, err := Compile(p, true); err == nil && len(s) < 64 {
			_, _ = re.Matches(s)
		}
	})
}
