package gtid

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Domain is the last position of one MariaDB replication domain.
type Domain struct {
	Domain, Server uint32
	Seq            uint64
}

// MariaDB is a GTID position list, `domain-server-sequence,...`, one entry per domain.
type MariaDB []Domain

// ParseMariaDB reads the text form; a later entry of a domain replaces an earlier one.
func ParseMariaDB(text string) (MariaDB, error) {
	var m MariaDB
	for _, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		f := strings.Split(part, "-")
		if len(f) != 3 {
			return nil, fmt.Errorf("parse GTID position: %.64q is not domain-server-sequence", part)
		}
		d, err1 := strconv.ParseUint(f[0], 10, 32)
		s, err2 := strconv.ParseUint(f[1], 10, 32)
		n, err3 := strconv.ParseUint(f[2], 10, 64)
		if err1 != nil || err2 != nil || err3 != nil {
			return nil, fmt.Errorf("parse GTID position: %.64q is not domain-server-sequence", part)
		}
		m = m.With(Domain{uint32(d), uint32(s), n})
	}
	return m, nil
}

// With returns the list with one domain replaced or added.
func (m MariaDB) With(d Domain) MariaDB {
	for i := range m {
		if m[i].Domain == d.Domain {
			m[i] = d
			return m
		}
	}
	return append(m, d)
}

// Contains reports whether every domain of o is known here at the same or a later sequence.
func (m MariaDB) Contains(o MariaDB) bool {
	for _, d := range o {
		i := slices.IndexFunc(m, func(x Domain) bool { return x.Domain == d.Domain })
		if i < 0 || m[i].Seq < d.Seq {
			return false
		}
	}
	return true
}

// String is the text form in list order.
func (m MariaDB) String() string {
	var b []byte
	for i, d := range m {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(d.Domain), 10)
		b = append(b, '-')
		b = strconv.AppendUint(b, uint64(d.Server), 10)
		b = append(b, '-')
		b = strconv.AppendUint(b, d.Seq, 10)
	}
	return string(b)
}
