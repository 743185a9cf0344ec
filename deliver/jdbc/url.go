package jdbc

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// hostPort is one server of a URL; port "" means the default.
type hostPort struct{ host, port string }

// jdbcURL is a parsed JDBC URL (SJ-200, SJ-201, SJ-204). Errors and String never show a
// password (SJ-206).
type jdbcURL struct {
	scheme   string // postgresql, mysql, mariadb, sqlite
	mode     string // mysql: loadbalance, replication, ...
	hosts    []hostPort
	database string // sqlite: path, URI or :memory:
	user     string
	password string
	params   []urlParam
}

type urlParam struct{ name, value string }

func (u jdbcURL) param(name string) (string, bool) {
	for i := len(u.params) - 1; i >= 0; i-- {
		if strings.EqualFold(u.params[i].name, name) {
			return u.params[i].value, true
		}
	}
	return "", false
}

// String is the URL without credentials and parameters, for logs and errors.
func (u jdbcURL) String() string {
	var b strings.Builder
	b.WriteString("jdbc:" + u.scheme + ":")
	if u.scheme == "sqlite" {
		path, _, _ := strings.Cut(u.database, "?")
		return b.String() + path
	}
	b.WriteString("//")
	for i, h := range u.hosts {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(h.host)
		if h.port != "" {
			b.WriteString(":" + h.port)
		}
	}
	return b.String() + "/" + u.database
}

var errNotJDBC = errors.New("a JDBC URL is expected, such as jdbc:postgresql://host:5432/database, jdbc:mysql://host:3306/database or jdbc:sqlite:/path/file.db")

// parseURL reads a JDBC URL.
func parseURL(s string) (jdbcURL, error) {
	s = strings.TrimSpace(s)
	rest, ok := strings.CutPrefix(s, "jdbc:")
	if !ok {
		return jdbcURL{}, errNotJDBC
	}
	scheme, rest, ok := strings.Cut(rest, ":")
	if !ok || scheme == "" {
		return jdbcURL{}, errNotJDBC
	}
	switch scheme {
	case "postgresql":
		return parsePostgresURL(rest)
	case "mysql", "mariadb":
		return parseMySQLURL(scheme, rest)
	case "sqlite":
		return jdbcURL{scheme: "sqlite", database: rest}, nil
	case "sqlserver", "jtds", "microsoft", "oracle", "db2", "derby", "sap", "sybase", "vertica", "singlestore", "cockroachdb":
		return jdbcURL{}, fmt.Errorf("the database of jdbc:%s is not supported here yet; PostgreSQL, MySQL, MariaDB and SQLite are", scheme)
	}
	if len(scheme) > 32 || strings.ContainsAny(scheme, "/@?=") {
		return jdbcURL{}, errNotJDBC // it could be a secret
	}
	return jdbcURL{}, fmt.Errorf("unknown subprotocol jdbc:%s; PostgreSQL, MySQL, MariaDB and SQLite are supported", scheme)
}

// parsePostgresURL reads what follows jdbc:postgresql: in pgjdbc's forms
// //h1:p,h2:p/db?k=v, //h/, ///db, db and /.
func parsePostgresURL(rest string) (jdbcURL, error) {
	u := jdbcURL{scheme: "postgresql"}
	rest, query, _ := strings.Cut(rest, "?")
	if err := u.readQuery(query, "&"); err != nil {
		return u, err
	}
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		hosts, db, _ := strings.Cut(after, "/")
		if err := u.readHosts(hosts); err != nil {
			return u, err
		}
		rest = db
	} else {
		rest = strings.TrimPrefix(rest, "/")
	}
	db, err := url.PathUnescape(rest)
	if err != nil {
		return u, errors.New("database name is not properly percent-encoded")
	}
	u.database = db
	if len(u.hosts) == 0 {
		u.hosts = []hostPort{{host: "localhost"}}
	}
	u.user, _ = u.param("user")
	u.password, _ = u.param("password")
	return u, nil
}

// parseMySQLURL reads //[user[:pw]@]host[:port][,host…]/db?k=v with Connector/J's modes.
func parseMySQLURL(scheme, rest string) (jdbcURL, error) {
	u := jdbcURL{scheme: scheme}
	if !strings.HasPrefix(rest, "//") {
		mode, after, ok := strings.Cut(rest, ":")
		if !ok || !strings.HasPrefix(after, "//") || strings.ContainsAny(mode, "/@?=") {
			return u, errors.New("after jdbc:" + scheme + ": two slashes and a host are expected")
		}
		u.mode, rest = mode, after
	}
	rest, query, _ := strings.Cut(rest[2:], "?")
	if err := u.readQuery(query, "&"); err != nil {
		return u, err
	}
	authority, db, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, pw, _ := strings.Cut(authority[:at], ":")
		authority = authority[at+1:]
		var err1, err2 error
		u.user, err1 = url.PathUnescape(user)
		u.password, err2 = url.PathUnescape(pw)
		if err1 != nil || err2 != nil {
			return u, errors.New("user or password in the URL is not properly percent-encoded")
		}
	}
	if strings.ContainsAny(authority, "()") {
		return u, errors.New("address lists in parentheses are not supported here yet; write host:port,host:port")
	}
	if err := u.readHosts(authority); err != nil {
		return u, err
	}
	if len(u.hosts) == 0 {
		u.hosts = []hostPort{{host: "localhost"}}
	}
	dbName, err := url.PathUnescape(db)
	if err != nil {
		return u, errors.New("database name is not properly percent-encoded")
	}
	u.database = dbName
	if s, ok := u.param("user"); ok {
		u.user = s
	}
	if s, ok := u.param("password"); ok {
		u.password = s
	}
	return u, nil
}

func (u *jdbcURL) readQuery(query, sep string) error {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, sep)
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			return errors.New("a parameter of the URL is not properly percent-encoded")
		}
		u.params = append(u.params, urlParam{n, v})
	}
	return nil
}

func (u *jdbcURL) readHosts(list string) error {
	for list != "" {
		var h string
		h, list, _ = strings.Cut(list, ",")
		if h == "" {
			continue
		}
		hp := hostPort{host: h}
		if strings.HasPrefix(h, "[") { // IPv6
			end := strings.IndexByte(h, ']')
			if end < 0 {
				return errors.New("an IPv6 address in the URL lacks its closing bracket")
			}
			hp.host = h[:end+1]
			if port, ok := strings.CutPrefix(h[end+1:], ":"); ok {
				hp.port = port
			} else if h[end+1:] != "" {
				return errors.New("unexpected text after an IPv6 address in the URL")
			}
		} else if host, port, ok := strings.Cut(h, ":"); ok {
			hp.host, hp.port = host, port
		}
		for _, c := range hp.port {
			if c < '0' || c > '9' {
				return errors.New("a port in the URL is not a number")
			}
		}
		if len(hp.port) > 5 {
			return errors.New("a port in the URL is out of range")
		}
		u.hosts = append(u.hosts, hp)
	}
	return nil
}
