package cluster

import (
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The vectors of CW-215 to CW-219.
const (
	assignmentV2 = "0002000000026d31000e687474703a2f2f613a383038332f0000000000000007000000010002633100000002ffffffff000000000000000000000000"
	assignmentV0 = "0000000000026d31000e687474703a2f2f613a383038332f0000000000000007000000010002633100000002ffffffff00000000"
)

func TestProtocol_Vectors(t *testing.T) {
	given := Assignment{Leader: "m1", LeaderURL: "http://a:8083/", Offset: 7, Work: []Work{Instance("c1"), {"c1", 0}}}
	for _, c := range []struct {
		name, want string
		got        []byte
	}{
		{"metadata v0", "0000000e687474703a2f2f613a383038332f0000000000000004", (&Metadata{URL: "http://a:8083/", Offset: 4}).Append(nil, Eager)},
		{"metadata v2 without allocation", "0002000e687474703a2f2f613a383038332f0000000000000004ffffffff", (&Metadata{URL: "http://a:8083/", Offset: 4}).Append(nil, Sessioned)},
		{"assignment v2", assignmentV2, given.Append(nil, Sessioned)},
		{"assignment v0", assignmentV0, given.Append(nil, Eager)},
		{"metadata v2 with allocation", "0002000e687474703a2f2f613a383038332f00000000000000070000003c" + assignmentV2,
			(&Metadata{URL: "http://a:8083/", Offset: 7, Allocation: &given}).Append(nil, Sessioned)},
		{"metadata v0 never has an allocation", "0000000e687474703a2f2f613a383038332f0000000000000007",
			(&Metadata{URL: "http://a:8083/", Offset: 7, Allocation: &given}).Append(nil, Eager)},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestProtocol_ReadsTolerantly covers CW-202.
func TestProtocol_ReadsTolerantly(t *testing.T) {
	full := Assignment{Version: 2, Leader: "m1", LeaderURL: "http://a:8083/", Offset: 7, Work: []Work{Instance("c1"), {"c1", 0}}}
	v0 := full
	v0.Version = 0
	later := full
	later.Version = 3
	for _, c := range []struct {
		name, data string
		want       Assignment
	}{
		{"v2", assignmentV2, full},
		{"v0", assignmentV0, v0},
		{"a later version with more fields", "0003" + assignmentV2[4:] + "0102", later},
		{"null lists", "0002000000026d31000e687474703a2f2f613a383038332f0000000000000007ffffffffffffffff00000000",
			Assignment{Version: 2, Leader: "m1", LeaderURL: "http://a:8083/", Offset: 7}},
		{"without a list", "0002000000026d31000e687474703a2f2f613a383038332f0000000000000007",
			Assignment{Version: 2, Leader: "m1", LeaderURL: "http://a:8083/", Offset: 7}},
		{"with a delay and a revocation", "0001000100026d3100000000000000000007ffffffff0000000100026331000000010000000500000bb8",
			Assignment{Version: 1, Error: 1, Leader: "m1", Offset: 7, Revoked: []Work{{"c1", 5}}, DelayMillis: 3000}},
	} {
		got, err := ParseAssignment(unhex(t, c.data))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	md, err := ParseMetadata(unhex(t, "0000000e687474703a2f2f613a383038332f0000000000000004"))
	if err != nil || md.URL != "http://a:8083/" || md.Offset != 4 || md.Allocation != nil {
		t.Errorf("metadata v0: %+v %v", md, err)
	}
	md, err = ParseMetadata(unhex(t, "0002000e687474703a2f2f613a383038332f00000000000000070000003c"+assignmentV2))
	if err != nil || md.Allocation == nil || cmp.Diff(*md.Allocation, full) != "" {
		t.Errorf("metadata v2: %+v %v", md, err)
	}
}

func TestProtocol_RefusesDamage(t *testing.T) {
	for _, data := range []string{"", "00", "ffff000e", "0002ffff", assignmentV2[:len(assignmentV2)-10],
		"0002000000026d31000e687474703a2f2f613a383038332f0000000000000007000000010002633100000001fffffffe"} {
		if a, err := ParseAssignment(unhex(t, data)); err == nil {
			t.Errorf("assignment %s was read as %+v", data, a)
		}
	}
	for _, data := range []string{"", "ffff", "0002000e687474703a2f2f613a383038332f00000000000000070000003d" + assignmentV2} {
		if m, err := ParseMetadata(unhex(t, data)); err == nil {
			t.Errorf("metadata %s was read as %+v", data, m)
		}
	}
}

// FuzzParseMetadata: what was read and is written again reads the same.
func FuzzParseMetadata(f *testing.F) {
	f.Add(unhex(f, "0002000e687474703a2f2f613a383038332f00000000000000070000003c"+assignmentV2))
	f.Add(unhex(f, "0000000e687474703a2f2f613a383038332f0000000000000004"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseMetadata(data)
		if err != nil {
			return
		}
		again, err := ParseMetadata(m.Append(nil, Sessioned))
		if err != nil {
			t.Fatalf("%x was written as something that cannot be read: %v", data, err)
		}
		if again.URL != m.URL || again.Offset != m.Offset || (again.Allocation == nil) != (m.Allocation == nil) {
			t.Fatalf("%x: read %+v, again %+v", data, m, again)
		}
		if m.Allocation != nil && len(setOf(m.Allocation.Work)) != len(setOf(again.Allocation.Work)) {
			t.Fatalf("%x: read %+v, again %+v", data, m.Allocation, again.Allocation)
		}
	})
}

func FuzzParseAssignment(f *testing.F) {
	f.Add(unhex(f, assignmentV2))
	f.Add(unhex(f, assignmentV0))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := ParseAssignment(data)
		if err != nil {
			return
		}
		again, err := ParseAssignment(a.Append(nil, Sessioned))
		if err != nil {
			t.Fatalf("%x was written as something that cannot be read: %v", data, err)
		}
		if again.Error != a.Error || again.Leader != a.Leader || again.Offset != a.Offset || again.DelayMillis != a.DelayMillis ||
			len(setOf(again.Work)) != len(setOf(a.Work)) || len(setOf(again.Revoked)) != len(setOf(a.Revoked)) {
			t.Fatalf("%x: read %+v, again %+v", data, a, again)
		}
	})
}
