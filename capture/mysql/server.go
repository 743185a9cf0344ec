package mysql

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/schemahistory/ddl"
	"github.com/anabranch/anabranch/schemahistory/gtid"
)

// server is what is known about the server from the start of this incarnation.
type server struct {
	version     string
	number      int // 80036, 90700
	statusSQL   string
	gtid        bool // gtid_mode=ON
	lowerCase   int  // lower_case_table_names
	sqlMode     string
	charset     string
	collation   string
	charsetVars string // the SET statement of DM-50
	collations  map[uint16]string
}

// inspect reads the server's variables and refuses servers whose log cannot be followed (DM-120, DM-121).
func inspect(ctx context.Context, x *session, s *settings, streams bool) (*server, error) {
	sv := &server{version: x.version()}
	sv.number = versionNumber(sv.version)
	if strings.Contains(sv.version, "MariaDB") {
		return nil, capture.Errorf("check server", s.address(), "MariaDB is not supported yet", "the server is %s", sv.version)
	}
	vars := map[string]string{}
	rows, err := x.table(ctx, "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin','binlog_format','binlog_row_image','binlog_row_value_options',"+
		"'gtid_mode','lower_case_table_names','sql_mode','character_set_server','collation_server')")
	if err != nil {
		return nil, fail("read server variables", s.address(), err)
	}
	for _, r := range rows {
		vars[r[0]] = r[1]
	}
	sv.gtid = strings.EqualFold(vars["gtid_mode"], "ON")
	sv.lowerCase, _ = strconv.Atoi(vars["lower_case_table_names"])
	sv.sqlMode, sv.charset, sv.collation = vars["sql_mode"], vars["character_set_server"], vars["collation_server"]
	sv.charsetVars = setStatement(map[string]string{"character_set_server": sv.charset, "collation_server": sv.collation})
	sv.statusSQL = "SHOW BINARY LOG STATUS"
	if sv.number > 0 && sv.number < 80400 {
		sv.statusSQL = "SHOW MASTER STATUS"
	}
	if err := sv.readCollations(ctx, x); err != nil {
		return nil, fail("read collations", s.address(), err)
	}
	if !streams {
		return sv, nil
	}
	check := func(bad bool, name, hint string) error {
		if !bad {
			return nil
		}
		return capture.Errorf("check server", s.address(), hint, "the server has %s=%s", name, vars[name])
	}
	for _, err := range []error{
		check(vars["log_bin"] != "" && !on(vars["log_bin"]), "log_bin", "start the server with --log-bin"),
		check(vars["binlog_format"] != "" && !strings.EqualFold(vars["binlog_format"], "ROW"), "binlog_format", "set binlog_format=ROW"),
		check(strings.EqualFold(vars["binlog_row_image"], "MINIMAL"), "binlog_row_image", "set binlog_row_image=FULL"),
		check(vars["binlog_row_value_options"] != "", "binlog_row_value_options", "set binlog_row_value_options=''"),
	} {
		if err != nil {
			return nil, err
		}
	}
	return sv, nil
}

func on(v string) bool { return v == "1" || strings.EqualFold(v, "ON") }

func versionNumber(v string) int {
	var n [3]int
	for i, part := range strings.SplitN(v, ".", 3) {
		end := 0
		for end < len(part) && part[end] >= '0' && part[end] <= '9' {
			end++
		}
		n[i], _ = strconv.Atoi(part[:end])
	}
	return n[0]*10000 + n[1]*100 + n[2]
}

// setStatement is the first statement of a snapshot (DM-50): the server's character set
// variables, sorted by name.
func setStatement(vars map[string]string) string {
	quote := func(v string) string {
		if strings.ContainsAny(v, ",;") {
			return "'" + v + "'"
		}
		return v
	}
	return "SET character_set_server=" + quote(vars["character_set_server"]) + ", collation_server=" + quote(vars["collation_server"]) + ";"
}

// logPosition is where the server's log ends.
type logPosition struct {
	file  string
	pos   int64
	gtids *gtid.Set
	found bool
}

func (sv *server) position(ctx context.Context, x *session, s *settings) (logPosition, error) {
	rows, err := x.table(ctx, sv.statusSQL)
	if err != nil {
		return logPosition{}, fail("read binlog position", s.address(), err)
	}
	if len(rows) == 0 || len(rows[0]) < 2 {
		return logPosition{gtids: &gtid.Set{}}, nil
	}
	p := logPosition{file: rows[0][0], found: true, gtids: &gtid.Set{}}
	if p.pos, err = strconv.ParseInt(rows[0][1], 10, 64); err != nil {
		return p, capture.Errorf("read binlog position", s.address(), "", "the server answered %q", rows[0][1])
	}
	if len(rows[0]) > 4 {
		if p.gtids, err = gtid.Parse(rows[0][4]); err != nil {
			return p, capture.Errorf("read binlog position", s.address(), "", "%w", err)
		}
	}
	return p, nil
}

func (sv *server) purged(ctx context.Context, x *session, s *settings) (*gtid.Set, error) {
	text, err := x.value(ctx, "SELECT @@global.gtid_purged")
	if err != nil {
		return nil, fail("read gtid_purged", s.address(), err)
	}
	return gtid.Parse(text)
}

// binlogs lists the log files from the oldest on.
func binlogs(ctx context.Context, x *session, s *settings) ([]string, error) {
	rows, err := x.table(ctx, "SHOW BINARY LOGS")
	if err != nil {
		return nil, fail("list binary logs", s.address(), err)
	}
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r[0]
	}
	return out, nil
}

// available checks that the log still has everything after an offset (DM-96). A non-nil
// error that wraps errGone says what is missing.
func (sv *server) available(ctx context.Context, x *session, s *settings, at *cursor) error {
	if at.gtids != nil && !s.gtidIgnore {
		if at.gtids.IsEmpty() {
			return nil
		}
		keep := s.gtidSource()
		now, err := sv.position(ctx, x, s)
		if err != nil {
			return err
		}
		if now.gtids.IsEmpty() {
			return gone(at, "the offset has GTIDs, but the server has none: is gtid_mode off, or is this another server?")
		}
		have := at.gtids.Retain(keep)
		if !now.gtids.Contains(have) {
			return gone(at, "the server has executed %q only: is this another server, or was it restored from a backup?", now.gtids.String())
		}
		purged, err := sv.purged(ctx, x, s)
		if err != nil {
			return err
		}
		need := now.gtids.Retain(keep).Subtract(have)
		missing := need.Subtract(need.Subtract(purged))
		if missing.IsEmpty() {
			return nil
		}
		logs, err := binlogs(ctx, x, s)
		if err != nil {
			return err
		}
		return gone(at, "the server has purged %q, which was not read yet; its oldest log is %s", missing.String(), oldest(logs))
	}
	if at.file == "" {
		return nil
	}
	logs, err := binlogs(ctx, x, s)
	if err != nil {
		return err
	}
	if slices.Contains(logs, at.file) {
		return nil
	}
	return gone(at, "the server has purged this file; its oldest log is %s", oldest(logs))
}

func oldest(logs []string) string {
	if len(logs) == 0 {
		return "none"
	}
	return logs[0]
}

// errGone marks positions that the server no longer has.
type errGone struct{ text string }

func (e *errGone) Error() string { return e.text }

func gone(at *cursor, format string, args ...any) error {
	return &capture.Error{Op: "resume binlog at", Subject: at.where(), Cause: &errGone{fmt.Sprintf(format, args...)},
		Hint: "binlog retention is shorter than the outage; set snapshot.mode=when_needed to take a new snapshot"}
}

// charsetOf names the character set of a collation id, "" for 0 and unknown ones.
func (sv *server) charsetOf(collation uint16) string { return sv.collations[collation] }

// sqlModeBits are those bits of the global sql_mode that change how text is read.
func (sv *server) sqlModeBits() uint64 {
	var bits uint64
	for _, m := range strings.Split(sv.sqlMode, ",") {
		switch strings.ToUpper(strings.TrimSpace(m)) {
		case "ANSI_QUOTES", "ANSI":
			bits |= ddl.ModeAnsiQuotes
		case "NO_BACKSLASH_ESCAPES":
			bits |= ddl.ModeNoBackslashEscapes
		}
	}
	return bits
}

func (sv *server) readCollations(ctx context.Context, x *session) error {
	sv.collations = map[uint16]string{}
	rows, err := x.table(ctx, "SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATIONS")
	if err != nil {
		return err
	}
	for _, r := range rows {
		if id, err := strconv.ParseUint(r[0], 10, 16); err == nil {
			sv.collations[uint16(id)] = r[1]
		}
	}
	return nil
}
