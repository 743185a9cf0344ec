package jdbc

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"
)

// group collects the rows of one table that are written together: upserts of one layout and
// deletes by one layout. Its rows of one key are reduced to the last one (SJ-210), so that a
// statement never meets a key twice and deletes and upserts do not depend on each other's order.
type group struct {
	table    *table
	put, del *layout
	truncate *table // a group of its own: empties the table
	rows     []row  // in order of arrival
	keys     []byte // encoded keys
	slots    []int32
	seed     maphash.Seed
	unsorted bool // some key arrived after a greater one
	removes  int  // live deletes
	live     int
	putOrder []int32
	delOrder []int32
}

func (g *group) reset() {
	clear(g.rows)
	g.rows, g.keys = g.rows[:0], g.keys[:0]
	clear(g.slots)
	g.table, g.put, g.del, g.truncate, g.unsorted = nil, nil, nil, nil, false
	g.removes, g.live = 0, 0
	g.putOrder, g.delOrder = g.putOrder[:0], g.delOrder[:0]
}

// add takes a row; false says that it must go into a later group, because an earlier row of
// its key has to reach the table first.
func (g *group) add(mode insertMode, l *layout, r row) bool {
	if l.keys == 0 {
		g.rows = append(g.rows, r)
		g.live++
		return true
	}
	off := len(g.keys)
	g.keys = appendKey(g.keys, l.cols[:l.keys], &r)
	k := g.keys[off:]
	r.keyOff, r.keyLen, r.prefix = uint32(off), uint32(len(k)), keyPrefix(k)
	slot, prev := g.lookup(k)
	if prev >= 0 {
		p := &g.rows[prev]
		// A plain INSERT keeps both rows, as the database is to judge them. A change from
		// insert or update to delete or back must be carried out, not guessed.
		if mode != modeUpsert && p.remove != r.remove {
			g.keys = g.keys[:off]
			return false
		}
		if mode != modeInsert || r.remove {
			p.superseded = true
			g.live--
			if p.remove {
				g.removes--
			}
		}
	}
	if n := len(g.rows); n > 0 && !g.unsorted && bytes.Compare(g.key(&g.rows[n-1]), k) >= 0 {
		g.unsorted = true
	}
	g.slots[slot] = int32(len(g.rows)) + 1
	g.rows = append(g.rows, r)
	g.live++
	if r.remove {
		g.removes++
	}
	return true
}

func (g *group) key(r *row) []byte { return g.keys[r.keyOff : r.keyOff+r.keyLen] }

// lookup finds the slot of a key and the row that is there, -1 if none.
func (g *group) lookup(k []byte) (slot uint32, prev int) {
	if (len(g.rows)+1)*2 > len(g.slots) {
		g.grow()
	}
	mask := uint32(len(g.slots) - 1)
	slot = uint32(maphash.Bytes(g.seed, k)) & mask
	for {
		i := g.slots[slot]
		if i == 0 {
			return slot, -1
		}
		if bytes.Equal(g.key(&g.rows[i-1]), k) {
			return slot, int(i - 1)
		}
		slot = (slot + 1) & mask
	}
}

func (g *group) grow() {
	if g.slots == nil {
		g.seed = maphash.MakeSeed()
	}
	g.slots = make([]int32, max(1024, len(g.slots)*2))
	mask := uint32(len(g.slots) - 1)
	for i := range g.rows {
		k := g.key(&g.rows[i])
		slot := uint32(maphash.Bytes(g.seed, k)) & mask
		for g.slots[slot] != 0 {
			if bytes.Equal(g.key(&g.rows[g.slots[slot]-1]), k) {
				break // the later row takes the slot
			}
			slot = (slot + 1) & mask
		}
		g.slots[slot] = int32(i) + 1
	}
}

// split returns the live rows to delete and to put. sorted asks for key order; rows without
// a key keep the order of arrival.
func (g *group) split(sorted bool) (del, put rowSet) {
	g.putOrder, g.delOrder = g.putOrder[:0], g.delOrder[:0]
	for i := range g.rows {
		switch r := &g.rows[i]; {
		case r.superseded:
		case r.remove:
			g.delOrder = append(g.delOrder, int32(i))
		default:
			g.putOrder = append(g.putOrder, int32(i))
		}
	}
	if g.unsorted {
		g.sort(g.delOrder)
		if sorted {
			g.sort(g.putOrder)
		}
	}
	return rowSet{g.rows, g.delOrder}, rowSet{g.rows, g.putOrder}
}

func (g *group) sort(order []int32) {
	slices.SortStableFunc(order, func(i, j int32) int {
		a, b := &g.rows[i], &g.rows[j]
		if c := cmp.Compare(a.prefix, b.prefix); c != 0 {
			return c
		}
		return bytes.Compare(g.key(a), g.key(b))
	})
}
