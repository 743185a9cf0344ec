package testenv

import (
	"slices"
	"testing"
)

func TestParseScript(t *testing.T) {
	steps, err := ParseScript("-- a comment; with a semicolon\nSELECT 'a;b', \"c;\", `d;` /* ; */;\n\n-- anabranch:restart\nINSERT INTO t VALUES ('it''s; \\'x');\nDELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; END//\nDELIMITER ;\n# last;\nSELECT 2")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range steps {
		if s.Directive != "" {
			got = append(got, "!"+s.Directive)
			continue
		}
		got = append(got, s.SQL)
	}
	want := []string{"-- a comment; with a semicolon\nSELECT 'a;b', \"c;\", `d;` /* ; */", "!restart", "INSERT INTO t VALUES ('it''s; \\'x')",
		"CREATE PROCEDURE p() BEGIN SELECT 1; END", "# last;\nSELECT 2"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	for _, bad := range []string{"SELECT 'x", "/* x", "DELIMITER \nSELECT 1"} {
		if _, err := ParseScript(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
