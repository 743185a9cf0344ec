package mysql

import (
	"testing"

	"github.com/anabranch/anabranch/records"
)

// Which records of the history belong to the past of an offset (DM-183).
func TestRecoveryOrder(t *testing.T) {
	doc := func(file string, pos, sec, server int64, gtids, snapshot string) records.Doc {
		d := records.Doc{{Key: offTSSec, Value: sec}, {Key: offFile, Value: file}, {Key: offPos, Value: pos}}
		if gtids != "" {
			d = append(d, records.DocField{Key: offGTIDs, Value: gtids})
		}
		if server != 0 {
			d = append(d, records.DocField{Key: offServerID, Value: server})
		}
		if snapshot != "" {
			d = append(d, records.DocField{Key: offSnapshot, Value: snapshot})
		}
		return d
	}
	for name, c := range map[string]struct {
		recorded, desired records.Doc
		byGTID, want      bool
	}{
		"statement before":                      {doc("b.1", 10, 5, 7, "", ""), doc("b.1", 20, 5, 7, "", ""), false, true},
		"statement behind":                      {doc("b.1", 30, 5, 7, "", ""), doc("b.1", 20, 5, 7, "", ""), false, false},
		"snapshot":                              {doc("b.1", 10, 5, 0, "", snapshotInitial), doc("b.1", 20, 6, 7, "", ""), false, true},
		"snapshot of a clock that is ahead":     {doc("b.1", 10, 9, 0, "", snapshotInitial), doc("b.1", 20, 6, 7, "", ""), false, true},
		"snapshot behind":                       {doc("b.2", 10, 9, 0, "", snapshotInitial), doc("b.1", 20, 6, 7, "", ""), false, false},
		"another server, earlier":               {doc("b.9", 10, 5, 8, "", ""), doc("b.1", 20, 6, 7, "", ""), false, true},
		"another server, later":                 {doc("b.1", 10, 7, 8, "", ""), doc("b.1", 20, 6, 7, "", ""), false, false},
		"snapshot, by GTID":                     {doc("b.1", 10, 9, 0, uuidA+":1-5", snapshotInitial), doc("b.1", 10, 6, 7, uuidA+":1-5", ""), true, true},
		"statement that is read again, by GTID": {doc("b.1", 10, 5, 7, uuidA+":1-5", ""), doc("b.1", 10, 6, 7, uuidA+":1-5", ""), true, false},
		"statement before, by GTID":             {doc("b.1", 10, 5, 7, uuidA+":1-4", ""), doc("b.1", 10, 6, 7, uuidA+":1-5", ""), true, true},
		"statement behind, by GTID":             {doc("b.1", 10, 5, 7, uuidA+":1-6", ""), doc("b.1", 10, 6, 7, uuidA+":1-5", ""), true, false},
		"record without a set, by GTID":         {doc("b.1", 10, 5, 7, "", ""), doc("b.1", 10, 6, 7, uuidA+":1-5", ""), true, true},
		"offset has a set that the server lost": {doc("b.1", 10, 5, 7, uuidA+":1-6", ""), doc("b.1", 20, 6, 7, uuidA+":1-5", ""), false, true},
	} {
		got, err := recoveryOrder(&settings{}, c.byGTID)(c.recorded, c.desired)
		if err != nil || got != c.want {
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		}
	}
}
