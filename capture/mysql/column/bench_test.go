package column

import (
	"testing"

	"github.com/anabranch/anabranch/records"
)

func TestDecoder_RowAllocatesNothing(t *testing.T) {
	specs, row := benchTable()
	p, d := mustPlan(t, Options{}, specs...)
	b := records.NewBatch(records.Origin{})
	defer b.Release()
	present := allPresent(len(specs))
	b.Arena, b.Vals = make([]byte, 0, 1<<20), make([]records.Value, 0, 1<<16)
	allocs := testing.AllocsPerRun(100, func() {
		b.Arena, b.Vals = b.Arena[:0], b.Vals[:0]
		for i := 0; i < 20; i++ {
			v, n, err := d.Row(b, present, row)
			if err != nil || n != len(row) {
				t.Fatal(n, err)
			}
			p.KeyOf(b, v)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations in 20 rows", allocs)
	}
	v, _, _ := d.Row(b, present, row)
	const want = "(1234567,42,'Ada Lovelac','ada.lovelace@example.or',x01e23a,1714979289000,'2024-05-06T06:34:56.123Z',1,1.5,'paid','lorem ipsulorem ipsulorem ipsulorem ipsu',19849,4000000000)"
	if got := show(b, v); got != want {
		t.Errorf("row is\n%s, want\n%s", got, want)
	}
}

func TestTableMap_SameBodyAllocatesNothing(t *testing.T) {
	specs, _ := benchTable()
	body := tableMapOf(specs...)
	_, d := mustPlan(t, Options{}, specs...)
	var m TableMap
	if err := ParseTableMap(&m, body); err != nil {
		t.Fatal(err)
	}
	other := append([]byte(nil), body...)
	other[0] = 9 // another table id, as after a restart or a flush
	if allocs := testing.AllocsPerRun(100, func() {
		if ParseTableMap(&m, body) != nil || ParseTableMap(&m, other) != nil || !d.Matches(&m) {
			t.Fatal("no match")
		}
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkDecoder_Row(b *testing.B) {
	specs, row := benchTable()
	_, d := mustPlan(b, Options{}, specs...)
	batch := records.NewBatch(records.Origin{})
	defer batch.Release()
	present := allPresent(len(specs))
	b.ReportAllocs()
	b.SetBytes(int64(len(row)))
	for i := 0; b.Loop(); i++ {
		if i%1000 == 0 {
			batch.Arena, batch.Vals = batch.Arena[:0], batch.Vals[:0]
		}
		if _, _, err := d.Row(batch, present, row); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTable_TextRow(b *testing.B) {
	specs, _ := benchTable()
	p, _ := mustPlan(b, Options{}, specs...)
	batch := records.NewBatch(records.Origin{})
	defer batch.Release()
	var cells [][]byte
	for _, s := range []string{"1234567", "42", "Ada Lovelac", "ada.lovelace@example.or", "1234.50", "2024-05-06 07:08:09", "2024-05-06 06:34:56.123", "1", "1.5", "paid",
		"lorem ipsulorem ipsulorem ipsulorem ipsu", "2024-05-06", "4000000000"} {
		cells = append(cells, []byte(s))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%1000 == 0 {
			batch.Arena, batch.Vals = batch.Arena[:0], batch.Vals[:0]
		}
		if _, err := p.TextRow(batch, cells); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJSON(b *testing.B) {
	doc := smallObject("name", "qty", "Ada Lovelace", 42)
	p, d := mustPlan(b, Options{}, jsonSpec)
	_ = p
	row := append(append([]byte{0}, le(4, uint64(len(doc)))...), doc...)
	batch := records.NewBatch(records.Origin{})
	defer batch.Release()
	b.ReportAllocs()
	for b.Loop() {
		batch.Arena, batch.Vals = batch.Arena[:0], batch.Vals[:0]
		if _, _, err := d.Row(batch, []byte{0xff}, row); err != nil {
			b.Fatal(err)
		}
	}
}

// smallObject is {k1:"text", k2:number} in binary JSON.
func smallObject(k1, k2, text string, n int16) []byte {
	head := 4 + 2*4 + 2*3
	o1 := head
	o2 := o1 + len(k1)
	o3 := o2 + len(k2)
	body := append(append([]byte(k1+k2), byte(len(text))), text...)
	p := append(le(2, 2), le(2, uint64(head+len(body)))...)
	p = append(append(append(p, le(2, uint64(o1))...), le(2, uint64(len(k1)))...), append(le(2, uint64(o2)), le(2, uint64(len(k2)))...)...)
	p = append(append(p, jsonString), le(2, uint64(o3))...)
	p = append(append(p, jsonInt16), le(2, uint64(uint16(n)))...)
	return append([]byte{jsonSmallObject}, append(p, body...)...)
}
