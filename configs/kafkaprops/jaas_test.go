package kafkaprops

import (
	"strings"
	"testing"
)

func TestParseJAAS(t *testing.T) {
	ls, err := ParseJAAS("// a comment\n" + `org.apache.kafka.common.security.plain.PlainLoginModule /* another */ required username="al\"ice" password='s;=x\101' serviceName=kafka; a.B Optional;`)
	if err != nil || len(ls) != 2 {
		t.Fatal(ls, err)
	}
	l := ls[0]
	if l.Options["username"] != `al"ice` || l.Options["password"] != "s;=xA" || l.Options["serviceName"] != "kafka" || l.Flag != "required" || ls[1].Flag != "optional" {
		t.Fatalf("%+v", ls)
	}
	if again, err := ParseJAAS(l.Text()); err != nil || again[0].Options["password"] != "s;=xA" || again[0].Options["username"] != `al"ice` {
		t.Errorf("%v %v", again, err)
	}
	for _, c := range []struct{ text, want string }{
		{"", "Login module not specified in JAAS config"},
		{";", "expected a login module class (at character 1)"},
		{"a.B", "Login module control flag not specified in JAAS config"},
		{"a.B required", "JAAS config entry not terminated by semi-colon"},
		{`a.B required x="secret;`, "JAAS config entry not terminated by semi-colon"},
		{"a.B maybe x=1;", "Invalid login module control flag"},
		{"a.B required x;", "Value not specified for key 'x' in JAAS config (at character 15)"},
		{"a.B required x=1234;", "Value not specified for key 'x' in JAAS config; a number needs quotes"},
		{`a.B required x="secret" y=;`, "Value not specified for key 'y' in JAAS config"},
		{`a.B required password=sec!ret;`, "expected the name of an option; a value with special characters needs quotes (at character 26)"},
	} {
		_, err := ParseJAAS(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}

func TestParseJAASFile(t *testing.T) {
	all, err := ParseJAASFile(`
KafkaConnect {
    org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule required
    file="/etc/connect.credentials";
};
KafkaClient { a.ScramLoginModule required username="u" password="p"; };`)
	if err != nil || all["KafkaConnect"][0].Options["file"] != "/etc/connect.credentials" || all["KafkaClient"][0].Options["username"] != "u" {
		t.Fatal(all, err)
	}
	for _, bad := range []string{"X", "X {", "X { a.B required; }", "X { a.B required };", "{ };"} {
		if _, err := ParseJAASFile(bad); err == nil || !strings.Contains(err.Error(), "(at character") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// FuzzJAAS looks for panics, and for text that does not survive being written again.
func FuzzJAAS(f *testing.F) {
	f.Add(`a.B required x="y";`)
	f.Add(`a.B required x='\'\101' /* c */ y=z; // end`)
	f.Add("K { a.B optional; };")
	f.Fuzz(func(t *testing.T, s string) {
		_, _ = ParseJAASFile(s) // only panics count
		ls, err := ParseJAAS(s)
		if err != nil {
			return
		}
		for _, l := range ls {
			again, err := ParseJAAS(l.Text())
			if err != nil || len(again) != 1 || len(again[0].Options) != len(l.Options) {
				t.Fatalf("%q becomes %v", s, err)
			}
			for k, v := range l.Options {
				if again[0].Options[k] != v && isPlain(v) {
					t.Fatalf("option %s of %q changes", k, s)
				}
			}
		}
	})
}

// isPlain leaves out control characters that have no escape of their own.
func isPlain(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) }
