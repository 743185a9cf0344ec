package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
)

// Version is the version of the Connect protocol in force (CW-203, CW-207).
type Version int16

// The versions, with the protocol names by which they are offered (CW-199).
const (
	Eager      Version = 0 // "default"
	Compatible Version = 1 // "compatible": incremental cooperative
	Sessioned  Version = 2 // "sessioned": the same, requests between workers are signed
)

// ProtocolType is the type of groups of Connect workers (CW-199).
const ProtocolType = "connect"

// Name is the protocol name in JoinGroup (CW-199).
func (v Version) Name() string {
	switch v {
	case Eager:
		return "default"
	case Compatible:
		return "compatible"
	}
	return "sessioned"
}

// String is the word of connect.protocol and of the metric connect-protocol.
func (v Version) String() string {
	if v == Eager {
		return "eager"
	}
	return v.Name()
}

// Signed tells whether requests between workers carry signatures (CW-248).
func (v Version) Signed() bool { return v >= Sessioned }

// versionOfName knows a protocol by the name that the broker chose.
func versionOfName(name string) (Version, error) {
	switch name {
	case "default":
		return Eager, nil
	case "compatible":
		return Compatible, nil
	case "sessioned":
		return Sessioned, nil
	}
	return 0, fmt.Errorf("the group chose the unknown protocol %q", name)
}

// ParseProtocol reads connect.protocol (CW-107); like Connect it ignores case.
func ParseProtocol(word string) (Version, error) {
	for _, v := range []Version{Sessioned, Compatible, Eager} {
		if strings.EqualFold(v.String(), word) {
			return v, nil
		}
	}
	return 0, fmt.Errorf("connect.protocol: %q is none of sessioned, compatible, eager", word)
}

// Offers are the protocols of a JoinGroup, best first (CW-199).
func (v Version) Offers() []Version {
	switch v {
	case Eager:
		return []Version{Eager}
	case Compatible:
		return []Version{Compatible, Eager}
	}
	return []Version{Sessioned, Compatible, Eager}
}

// Errors of an assignment (CW-208).
const (
	noError        int16 = 0
	configMismatch int16 = 1
)

// Metadata is what a member says of itself in JoinGroup (CW-203 to CW-206).
type Metadata struct {
	URL    string // advertised REST URL, with a trailing slash
	Offset int64  // of the last record of the config topic that it has read
	// Allocation is all that the member runs; nil before its first assignment and in v0.
	Allocation *Assignment
}

// Assignment is what the leader says to a member in SyncGroup (CW-207 to CW-214), and what a
// member says that it runs.
type Assignment struct {
	Version   Version // of the message that was read; Append takes its own
	Error     int16
	Leader    string // member id
	LeaderURL string
	Offset    int64 // config offset from which it was made
	// Work is what is new in v1 and v2, all that the member shall run in v0, and all that it
	// runs in an allocation.
	Work        []Work
	Revoked     []Work
	DelayMillis int32 // until the next planned rebalance; 0: none is planned
}

// Failed tells whether the leader could not assign, because it had not read the newest
// configuration (CW-208).
func (a *Assignment) Failed() bool { return a.Error == configMismatch }

// Append encodes for a version (CW-203). A v0 message has no allocation.
func (m *Metadata) Append(dst []byte, v Version) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(v))
	dst = appendString(dst, m.URL)
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.Offset))
	if v == Eager {
		return dst
	}
	if m.Allocation == nil {
		return binary.BigEndian.AppendUint32(dst, math.MaxUint32)
	}
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = m.Allocation.Append(dst, v)
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// Append encodes for a version (CW-207).
func (a *Assignment) Append(dst []byte, v Version) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(v))
	dst = binary.BigEndian.AppendUint16(dst, uint16(a.Error))
	dst = appendString(dst, a.Leader)
	dst = appendString(dst, a.LeaderURL)
	dst = binary.BigEndian.AppendUint64(dst, uint64(a.Offset))
	dst = appendWork(dst, a.Work)
	if v == Eager {
		return dst
	}
	dst = appendWork(dst, a.Revoked)
	return binary.BigEndian.AppendUint32(dst, uint32(a.DelayMillis))
}

func appendString(dst []byte, s string) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(s)))
	return append(dst, s...)
}

// appendWork writes one entry for each connector, in the order of their first appearance.
func appendWork(dst []byte, list []Work) []byte {
	tasks := map[string][]int{}
	var names []string
	for _, w := range list {
		if _, known := tasks[w.Connector]; !known {
			names = append(names, w.Connector)
		}
		tasks[w.Connector] = append(tasks[w.Connector], w.Task)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(names)))
	for _, name := range names {
		dst = appendString(dst, name)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(tasks[name])))
		for _, t := range tasks[name] {
			dst = binary.BigEndian.AppendUint32(dst, uint32(int32(t)))
		}
	}
	return dst
}

// ParseMetadata reads what a member said. Versions above ours are read as far as they are
// known, and the fields that v0 lacks may be missing (CW-202).
func ParseMetadata(data []byte) (Metadata, error) {
	r := reader{data: data}
	var m Metadata
	r.version()
	m.URL = r.text()
	m.Offset = r.int64()
	if r.err != nil {
		return Metadata{}, fmt.Errorf("read metadata of a worker: %w", r.err)
	}
	if len(r.data) == 0 {
		return m, nil
	}
	if n := r.int32(); n >= 0 && r.err == nil {
		blob := r.bytes(int(n))
		if r.err == nil {
			a, err := ParseAssignment(blob)
			if err != nil {
				return Metadata{}, fmt.Errorf("read metadata of a worker: allocation: %w", err)
			}
			m.Allocation = &a
		}
	}
	if r.err != nil {
		return Metadata{}, fmt.Errorf("read metadata of a worker: %w", r.err)
	}
	return m, nil
}

// ParseAssignment reads an assignment, tolerant as [ParseMetadata].
func ParseAssignment(data []byte) (Assignment, error) {
	r := reader{data: data}
	var a Assignment
	a.Version = r.version()
	a.Error = r.int16()
	a.Leader = r.text()
	a.LeaderURL = r.text()
	a.Offset = r.int64()
	if len(r.data) > 0 {
		a.Work = r.work()
	}
	if len(r.data) > 0 {
		a.Revoked = r.work()
	}
	if len(r.data) > 0 {
		a.DelayMillis = r.int32()
	}
	if r.err != nil {
		return Assignment{}, fmt.Errorf("read an assignment: %w", r.err)
	}
	return a, nil
}

var errShort = errors.New("it ends too early")

// reader reads Kafka's classic primitives (CW-201). After an error everything is zero.
type reader struct {
	data []byte
	err  error
}

func (r *reader) bytes(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.data) {
		r.err, r.data = errShort, nil
		return nil
	}
	out := r.data[:n]
	r.data = r.data[n:]
	return out
}

func (r *reader) int16() int16 {
	if b := r.bytes(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) int32() int32 {
	if b := r.bytes(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) int64() int64 {
	if b := r.bytes(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (r *reader) text() string { return string(r.bytes(int(r.int16()))) }

func (r *reader) version() Version {
	v := r.int16()
	if r.err == nil && v < 0 {
		r.err, r.data = fmt.Errorf("unsupported version %d", v), nil
	}
	return Version(v)
}

// work reads a nullable list of connectors with their tasks.
func (r *reader) work() []Work {
	var out []Work
	for n := r.int32(); n > 0 && r.err == nil; n-- {
		name := r.text()
		for k := r.int32(); k > 0 && r.err == nil; k-- {
			task := r.int32()
			if r.err == nil && task < ConnectorItself {
				r.err, r.data = fmt.Errorf("task number %d", task), nil
			}
			out = append(out, Work{name, int(task)})
		}
	}
	if r.err != nil {
		return nil
	}
	return out
}
