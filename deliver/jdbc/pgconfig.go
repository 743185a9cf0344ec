package jdbc

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// pgConfig maps a JDBC URL to a pgconn configuration (SJ-200).
func pgConfig(c *config, log logger) (*pgconn.Config, error) {
	var kv strings.Builder
	set := func(k, v string) {
		fmt.Fprintf(&kv, "%s='%s' ", k, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v))
	}
	var hosts, ports []string
	for _, h := range c.url.hosts {
		hosts = append(hosts, strings.Trim(h.host, "[]"))
		if h.port == "" {
			h.port = "5432"
		}
		ports = append(ports, h.port)
	}
	set("host", strings.Join(hosts, ","))
	set("port", strings.Join(ports, ","))
	user, password := c.url.user, c.url.password
	if c.user != "" {
		user = c.user
	}
	if p := c.password.Reveal(); p != "" {
		password = p
	}
	if user != "" {
		set("user", user)
	}
	if password != "" {
		set("password", password)
	}
	db := c.url.database
	if db == "" {
		db = user
	}
	set("dbname", db)
	sslmode := ""
	runtime := map[string]string{"application_name": "anabranch"}
	var connectTimeout time.Duration
	for _, p := range c.url.params {
		switch strings.ToLower(p.name) {
		case "user", "password":
		case "sslmode":
			sslmode = p.value
		case "ssl":
			if sslmode == "" && !strings.EqualFold(p.value, "false") {
				sslmode = "verify-full" // pgjdbc's meaning
			}
		case "sslrootcert", "sslcert", "sslkey", "sslpassword", "krbsrvname":
			set(strings.ToLower(p.name), p.value)
		case "currentschema":
			runtime["search_path"] = p.value
		case "applicationname":
			runtime["application_name"] = p.value
		case "options":
			runtime["options"] = p.value
		case "targetservertype":
			mode := map[string]string{"any": "any", "primary": "primary", "master": "primary", "secondary": "standby", "slave": "standby",
				"prefersecondary": "prefer-standby", "preferslave": "prefer-standby"}[strings.ToLower(p.value)]
			if mode == "" {
				mode = "any"
			}
			set("target_session_attrs", mode)
		case "logintimeout", "connecttimeout":
			if s, err := strconv.Atoi(p.value); err == nil && s > 0 {
				connectTimeout = time.Duration(s) * time.Second
			}
		case "preparethreshold", "rewritebatchedinserts", "stringtype", "preparedstatementcachequeries", "tcpkeepalive",
			"binarytransfer", "defaultrowfetchsize", "sockettimeout", "adaptivefetch", "loglevel", "loggerlevel":
			// how the Java driver does its work; no counterpart here
		default:
			log.Warn("parameter of connection.url has no effect", "parameter", p.name)
		}
	}
	if sslmode == "" {
		sslmode = "prefer"
	}
	set("sslmode", sslmode)
	pc, err := pgconn.ParseConfig(kv.String())
	if err != nil {
		return nil, fmt.Errorf("connection.url %s: %w", c.url, errors.New("a parameter has no valid value, or a certificate cannot be read"))
	}
	for k, v := range runtime {
		pc.RuntimeParams[k] = v
	}
	if connectTimeout == 0 {
		connectTimeout = 10 * time.Second
	}
	pc.ConnectTimeout = connectTimeout
	if pc.TLSConfig != nil && pc.TLSConfig.MinVersion == 0 {
		pc.TLSConfig.MinVersion = tls.VersionTLS12
	}
	return pc, nil
}
