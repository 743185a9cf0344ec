package gtid

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Interval is a closed range of transaction numbers.
type Interval struct{ First, Last int64 }

// Source is who numbered the transactions: a server's UUID and an optional tag.
type Source struct {
	UUID string // lower case
	Tag  string // lower case, "" without tag
}

// Set is a set of GTIDs. The zero value is empty and usable. It remembers the order in which
// sources first appeared, because Debezium's offsets keep that order (see [Set.Debezium]).
// A Set is not safe for concurrent writers.
type Set struct {
	srcs []Source
	ivs  map[Source][]Interval // sorted, disjoint, not adjacent, never empty
}

// Parse reads MySQL's text form, `uuid:1-5:7,uuid2:tag:1-3:9`, with blanks and line ends
// anywhere between the parts. Empty text is the empty set.
func Parse(text string) (*Set, error) {
	s := &Set{}
	for _, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		if err := s.parseUUIDSet(part); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Set) parseUUIDSet(part string) error {
	fields := strings.Split(part, ":")
	uuid, ok := normalUUID(strings.TrimSpace(fields[0]))
	if !ok {
		return fmt.Errorf("parse GTID set: %.64q is not a server UUID", fields[0])
	}
	src := Source{UUID: uuid}
	for _, f := range fields[1:] {
		f = strings.TrimSpace(f)
		if f == "" {
			continue
		}
		if c := f[0]; c < '0' || c > '9' {
			tag, ok := normalTag(f)
			if !ok {
				return fmt.Errorf("parse GTID set: %.64q is neither a range nor a tag", f)
			}
			src.Tag = tag
			continue
		}
		iv, err := parseInterval(f)
		if err != nil {
			return err
		}
		if iv.First > iv.Last {
			continue // MySQL reads 5-3 as nothing
		}
		s.AddInterval(src, iv)
	}
	return nil
}

func parseInterval(f string) (Interval, error) {
	a, b, ranged := strings.Cut(f, "-")
	first, err := strconv.ParseInt(strings.TrimSpace(a), 10, 64)
	if err != nil || first < 1 {
		return Interval{}, fmt.Errorf("parse GTID set: %.64q is not a transaction range", f)
	}
	last := first
	if ranged {
		last, err = strconv.ParseInt(strings.TrimSpace(b), 10, 64)
		if err != nil || last < 0 {
			return Interval{}, fmt.Errorf("parse GTID set: %.64q is not a transaction range", f)
		}
	}
	if first == math.MaxInt64 || last == math.MaxInt64 {
		return Interval{}, fmt.Errorf("parse GTID set: %.64q is beyond the last transaction number", f)
	}
	return Interval{first, last}, nil
}

func normalUUID(u string) (string, bool) {
	if len(u) != 36 {
		return "", false
	}
	for i := 0; i < len(u); i++ {
		c := u[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return "", false
			}
			continue
		}
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
			return "", false
		}
	}
	return strings.ToLower(u), true
}

func normalTag(t string) (string, bool) {
	if t == "" || len(t) > 32 {
		return "", false
	}
	t = strings.ToLower(t)
	for i := 0; i < len(t); i++ {
		c := t[i]
		if c != '_' && !('a' <= c && c <= 'z') && !('0' <= c && c <= '9' && i > 0) {
			return "", false
		}
	}
	return t, true
}

// Add adds one transaction; tag is "" without one. Adding the next number of a source does
// not allocate. The UUID must be in lower case, as servers and binlog events spell it.
func (s *Set) Add(uuid, tag string, n int64) {
	src := Source{uuid, tag}
	if ivs := s.ivs[src]; len(ivs) > 0 {
		if last := &ivs[len(ivs)-1]; n == last.Last+1 {
			last.Last = n
			return
		}
	}
	s.AddInterval(src, Interval{n, n})
}

// AddInterval adds a range.
func (s *Set) AddInterval(src Source, iv Interval) {
	if iv.First > iv.Last {
		return
	}
	if s.ivs == nil {
		s.ivs = map[Source][]Interval{}
	}
	old, known := s.ivs[src]
	if !known {
		s.srcs = append(s.srcs, src)
	}
	// [i,j) are the intervals that overlap iv or touch it.
	i, _ := slices.BinarySearchFunc(old, iv.First, func(e Interval, first int64) int {
		if e.Last+1 < first {
			return -1
		}
		return 1
	})
	j := i
	for j < len(old) && old[j].First <= iv.Last+1 {
		iv.First = min(iv.First, old[j].First)
		iv.Last = max(iv.Last, old[j].Last)
		j++
	}
	s.ivs[src] = slices.Replace(old, i, j, iv)
}

// AddSet makes s the union of s and o.
func (s *Set) AddSet(o *Set) {
	if o == nil {
		return
	}
	for _, src := range o.srcs {
		for _, iv := range o.ivs[src] {
			s.AddInterval(src, iv)
		}
	}
}

// IsEmpty reports whether there is no transaction in s.
func (s *Set) IsEmpty() bool { return s == nil || len(s.srcs) == 0 }

// Sources lists the sources in the order of their first appearance.
func (s *Set) Sources() []Source {
	if s == nil {
		return nil
	}
	return slices.Clone(s.srcs)
}

// Intervals returns a copy of a source's ranges in ascending order.
func (s *Set) Intervals(src Source) []Interval {
	if s == nil {
		return nil
	}
	return slices.Clone(s.ivs[src])
}

// Has reports whether one transaction is in s.
func (s *Set) Has(uuid, tag string, n int64) bool {
	return s != nil && covers(s.ivs[Source{uuid, tag}], Interval{n, n})
}

// Contains reports whether o is a subset of s.
func (s *Set) Contains(o *Set) bool {
	if o.IsEmpty() {
		return true
	}
	if s.IsEmpty() {
		return false
	}
	for _, src := range o.srcs {
		mine := s.ivs[src]
		for _, iv := range o.ivs[src] {
			if !covers(mine, iv) {
				return false
			}
		}
	}
	return true
}

func covers(ivs []Interval, want Interval) bool {
	i, _ := slices.BinarySearchFunc(ivs, want.First, func(e Interval, first int64) int {
		if e.Last < first {
			return -1
		}
		return 1
	})
	return i < len(ivs) && ivs[i].First <= want.First && want.Last <= ivs[i].Last
}

// Equal reports whether both sets have the same transactions.
func (s *Set) Equal(o *Set) bool { return s.Contains(o) && o.Contains(s) }

// Clone returns an independent copy.
func (s *Set) Clone() *Set {
	c := &Set{}
	if s.IsEmpty() {
		return c
	}
	c.srcs = slices.Clone(s.srcs)
	c.ivs = make(map[Source][]Interval, len(s.ivs))
	for src, ivs := range s.ivs {
		c.ivs[src] = slices.Clone(ivs)
	}
	return c
}

// Subtract returns what is in s but not in o.
func (s *Set) Subtract(o *Set) *Set {
	if o.IsEmpty() {
		return s.Clone()
	}
	d := &Set{}
	if s.IsEmpty() {
		return d
	}
	for _, src := range s.srcs {
		cut := o.ivs[src]
		for _, iv := range s.ivs[src] {
			for _, c := range cut {
				if c.Last < iv.First || iv.First > iv.Last {
					continue
				}
				if c.First > iv.Last {
					break
				}
				d.AddInterval(src, Interval{iv.First, c.First - 1})
				iv.First = c.Last + 1
			}
			d.AddInterval(src, iv)
		}
	}
	return d
}

// Retain returns the transactions of the sources for which keep is true.
func (s *Set) Retain(keep func(Source) bool) *Set {
	r := &Set{}
	if s.IsEmpty() {
		return r
	}
	for _, src := range s.srcs {
		if keep(src) {
			for _, iv := range s.ivs[src] {
				r.AddInterval(src, iv)
			}
		}
	}
	return r
}

// String is MySQL's text without line ends: UUIDs in order, untagged ranges before tags, a
// single transaction as one number: `uuid:1-5:7:tag:1-3`.
func (s *Set) String() string {
	if s.IsEmpty() {
		return ""
	}
	return s.text(s.sorted(), false)
}

// Debezium is the text that Debezium's binlog client puts into the offset's `gtids`: sources
// in order of first appearance, every range with both ends (`uuid:7-7`).
func (s *Set) Debezium() string {
	if s.IsEmpty() {
		return ""
	}
	return s.text(s.grouped(), true)
}

func (s *Set) sorted() []Source {
	srcs := slices.Clone(s.srcs)
	slices.SortFunc(srcs, func(a, b Source) int {
		if c := strings.Compare(a.UUID, b.UUID); c != 0 {
			return c
		}
		return strings.Compare(a.Tag, b.Tag)
	})
	return srcs
}

// grouped keeps the first appearance of each UUID and puts its tags behind it, untagged ranges
// first: text after a tag belongs to the tag.
func (s *Set) grouped() []Source {
	out := make([]Source, 0, len(s.srcs))
	for i, src := range s.srcs {
		if slices.IndexFunc(s.srcs, func(x Source) bool { return x.UUID == src.UUID }) != i {
			continue
		}
		if plain := (Source{UUID: src.UUID}); len(s.ivs[plain]) > 0 {
			out = append(out, plain)
		}
		for _, x := range s.srcs {
			if x.UUID == src.UUID && x.Tag != "" {
				out = append(out, x)
			}
		}
	}
	return out
}

func (s *Set) text(srcs []Source, bothEnds bool) string {
	b := make([]byte, 0, 64*len(srcs))
	prev := ""
	for _, src := range srcs {
		if src.UUID != prev {
			if prev != "" {
				b = append(b, ',')
			}
			b = append(b, src.UUID...)
			prev = src.UUID
		}
		if src.Tag != "" {
			b = append(b, ':')
			b = append(b, src.Tag...)
		}
		for _, iv := range s.ivs[src] {
			b = append(b, ':')
			b = strconv.AppendInt(b, iv.First, 10)
			if bothEnds || iv.Last != iv.First {
				b = append(b, '-')
				b = strconv.AppendInt(b, iv.Last, 10)
			}
		}
	}
	return string(b)
}
