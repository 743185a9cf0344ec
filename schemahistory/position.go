package schemahistory

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/schemahistory/gtid"
)

// AtOrBefore tells whether a recorded position is at or before a wanted one.
type AtOrBefore func(recorded, desired records.Doc) (bool, error)

// MySQLOrder compares offsets of the MySQL connector as Debezium's
// BinlogHistoryRecordComparator does (DM-184). include filters the source UUIDs of GTIDs
// (gtid.source.includes); nil takes all.
func MySQLOrder(include func(uuid string) bool) AtOrBefore {
	return func(recorded, desired records.Doc) (bool, error) {
		return binlogOrder(recorded, desired, func(a, b string) (equal, within bool, err error) {
			x, err := gtid.Parse(a)
			if err != nil {
				return false, false, err
			}
			y, err := gtid.Parse(b)
			if err != nil {
				return false, false, err
			}
			if include != nil {
				keep := func(s gtid.Source) bool { return include(s.UUID) }
				x, y = x.Retain(keep), y.Retain(keep)
			}
			return x.Equal(y), y.Contains(x), nil
		})
	}
}

// MariaDBOrder is MySQLOrder for MariaDB's GTID positions.
func MariaDBOrder() AtOrBefore {
	return func(recorded, desired records.Doc) (bool, error) {
		return binlogOrder(recorded, desired, func(a, b string) (equal, within bool, err error) {
			x, err := gtid.ParseMariaDB(a)
			if err != nil {
				return false, false, err
			}
			y, err := gtid.ParseMariaDB(b)
			if err != nil {
				return false, false, err
			}
			return x.Contains(y) && y.Contains(x), y.Contains(x), nil
		})
	}
}

func binlogOrder(recorded, desired records.Doc, compare func(a, b string) (equal, within bool, err error)) (bool, error) {
	rg, hasR := gtids(recorded)
	dg, hasD := gtids(desired)
	switch {
	case hasD && hasR:
		equal, within, err := compare(rg, dg)
		if err != nil || !equal {
			return within, err
		}
		if _, was := recorded.Get("snapshot"); !was {
			if _, is := desired.Get("snapshot"); is {
				return false, nil
			}
		}
		return number(recorded, "event", 0) <= number(desired, "event", 0), nil
	case hasD:
		return true, nil // GTIDs are switched on once and stay
	case hasR:
		return false, nil
	}
	if number(recorded, "server_id", 0) != number(desired, "server_id", 0) {
		return number(recorded, "ts_sec", 0) <= number(desired, "ts_sec", 0), nil
	}
	rb, rn, err := binlogName(recorded.Str("file"))
	if err != nil {
		return false, err
	}
	db, dn, err := binlogName(desired.Str("file"))
	if err != nil {
		return false, err
	}
	if rb != db {
		return true, nil // the base name was changed in between
	}
	for _, d := range []int64{rn - dn, number(recorded, "pos", -1) - number(desired, "pos", -1),
		number(recorded, "event", 0) - number(desired, "event", 0)} {
		if d != 0 {
			return d < 0, nil
		}
	}
	return number(recorded, "row", -1) <= number(desired, "row", -1), nil
}

func gtids(d records.Doc) (string, bool) {
	v, _ := d.Get("gtids")
	s, ok := v.(string)
	return s, ok
}

func number(d records.Doc, key string, missing int64) int64 {
	if n, ok := d.Int(key); ok {
		return n
	}
	return missing
}

// binlogName splits mysql-bin.000042.
func binlogName(file string) (base string, n int64, err error) {
	i := strings.LastIndexByte(file, '.')
	if i >= 0 {
		n, err = strconv.ParseInt(file[i+1:], 10, 64)
	}
	if i < 0 || err != nil {
		return "", 0, fmt.Errorf("compare positions: %.80q is not a binlog file", file)
	}
	return file[:i], n, nil
}
