package jdbc

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseURL(t *testing.T) {
	for _, c := range []struct {
		in   string
		want jdbcURL
		err  string
	}{
		{"jdbc:postgresql://h1:5433,h2/db?user=u&password=p%26w&ssl=true", jdbcURL{scheme: "postgresql", hosts: []hostPort{{"h1", "5433"}, {"h2", ""}}, database: "db",
			user: "u", password: "p&w", params: []urlParam{{"user", "u"}, {"password", "p&w"}, {"ssl", "true"}}}, ""},
		{"jdbc:postgresql:db", jdbcURL{scheme: "postgresql", hosts: []hostPort{{"localhost", ""}}, database: "db"}, ""},
		{"jdbc:postgresql:///db", jdbcURL{scheme: "postgresql", hosts: []hostPort{{"localhost", ""}}, database: "db"}, ""},
		{"jdbc:postgresql:/", jdbcURL{scheme: "postgresql", hosts: []hostPort{{"localhost", ""}}}, ""},
		{"jdbc:postgresql://[::1]:5432/my%20db", jdbcURL{scheme: "postgresql", hosts: []hostPort{{"[::1]", "5432"}}, database: "my db"}, ""},
		{"jdbc:mysql://root:pa%40ss@h:3307/shop?useSSL=false", jdbcURL{scheme: "mysql", hosts: []hostPort{{"h", "3307"}}, database: "shop", user: "root", password: "pa@ss",
			params: []urlParam{{"useSSL", "false"}}}, ""},
		{"jdbc:mysql:loadbalance://a,b:1/d", jdbcURL{scheme: "mysql", mode: "loadbalance", hosts: []hostPort{{"a", ""}, {"b", "1"}}, database: "d"}, ""},
		{"jdbc:mariadb://h/d", jdbcURL{scheme: "mariadb", hosts: []hostPort{{"h", ""}}, database: "d"}, ""},
		{"jdbc:mysql://h", jdbcURL{scheme: "mysql", hosts: []hostPort{{"h", ""}}}, ""},
		{"jdbc:sqlite:/tmp/x.db", jdbcURL{scheme: "sqlite", database: "/tmp/x.db"}, ""},
		{"jdbc:sqlite::memory:", jdbcURL{scheme: "sqlite", database: ":memory:"}, ""},
		{"postgres://h/db", jdbcURL{}, "JDBC URL is expected"},
		{"jdbc:oracle:thin:@h:1521:x", jdbcURL{}, "not supported here yet"},
		{"jdbc:sqlserver://h", jdbcURL{}, "not supported here yet"},
		{"jdbc:mysql:h/db", jdbcURL{}, "two slashes"},
		{"jdbc:mysql://h:x/db", jdbcURL{}, "not a number"},
		{"jdbc:postgresql://h/db?a=%zz", jdbcURL{}, "percent-encoded"},
		{"jdbc:postgresql://[::1/db", jdbcURL{}, "bracket"},
		{"", jdbcURL{}, "JDBC URL is expected"},
	} {
		got, err := parseURL(c.in)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: error %v, want %q", c.in, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(jdbcURL{}, hostPort{}, urlParam{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.in, diff)
		}
		if s := got.String(); got.password != "" && strings.Contains(s, got.password) {
			t.Errorf("%s shows the password", s)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"jdbc:postgresql://h1:p,h2:p/db?x=y", "jdbc:mysql://u:p@h:1/d?useSSL=true", "jdbc:sqlite:file:x?mode=ro", "jdbc:postgresql://[::1]:2/d", "jdbc:mysql:replication://a,b/c", "jdbc:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := parseURL(s)
		if err != nil {
			return
		}
		if u.scheme != "sqlite" && len(u.hosts) == 0 {
			t.Fatalf("%q: no host", s)
		}
		c := &config{url: u}
		switch u.scheme {
		case "postgresql":
			_, _ = pgConfig(c, quiet{}) // must not panic
		case "mysql", "mariadb":
			if _, err := mysqlConfig(c, quiet{}); err != nil {
				t.Fatalf("%q: %v", s, err)
			}
		default:
			_ = sqliteDSN(u)
		}
	})
}
