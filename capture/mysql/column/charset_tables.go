package column

import (
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// singleByteMap names, for each single-byte MySQL charset, the table that stands for it. Where
// Connector/J knows no Java charset it says windows-1252 or IBM852, and so do we (DM-172).
func singleByteMap(name string) *charmap.Charmap {
	switch name {
	case "latin1", "armscii8", "dec8", "geostd8", "hp8", "swe7":
		return charmap.Windows1252
	case "cp1250":
		return charmap.Windows1250
	case "cp1251":
		return charmap.Windows1251
	case "cp1256":
		return charmap.Windows1256
	case "cp1257":
		return charmap.Windows1257
	case "cp850":
		return charmap.CodePage850
	case "cp852", "keybcs2":
		return charmap.CodePage852
	case "cp866":
		return charmap.CodePage866
	case "greek":
		return charmap.ISO8859_7
	case "hebrew":
		return charmap.ISO8859_8
	case "koi8r", "koi8u":
		return charmap.KOI8R
	case "latin2":
		return charmap.ISO8859_2
	case "latin5":
		return charmap.ISO8859_9
	case "latin7":
		return charmap.ISO8859_13
	case "macroman":
		return charmap.Macintosh
	case "tis620":
		return charmap.Windows874
	}
	return nil
}

// macCentralEurope is the upper half of macce, which x/text does not have.
const macCentralEurope = "ÄĀāÉĄÖÜáąČäčĆćéŹźĎíďĒēĖóėôöõúĚěü†°Ę£§•¶ß®©™ę¨≠ģĮįĪ≤≥īĶ∂∑łĻļĽľĹĺŅ" +
	"ņŃ¬√ńŇ∆«»…\u00a0ňŐÕőŌ–—“”‘’÷◊ōŔŕŘ‹›řŖŗŠ‚„šŚśÁŤťÍŽžŪÓÔūŮÚůŰűŲųÝýķŻŁżĢˇ"

func singleByte(name string) *byteTable {
	t := new(byteTable)
	if name == "macce" {
		for i := 0; i < 128; i++ {
			t.set(byte(i), rune(i))
		}
		i := 128
		for _, r := range macCentralEurope {
			t.set(byte(i), r)
			i++
		}
		return t
	}
	m := singleByteMap(name)
	if m == nil {
		return nil
	}
	for i := 0; i < 256; i++ {
		r := m.DecodeByte(byte(i))
		switch {
		case r == utf8.RuneError && i >= 0x80 && i < 0xA0:
			switch name {
			case "greek", "hebrew", "latin2", "latin7":
				r = rune(i) // Java passes the C1 controls of ISO 8859 on
			}
		case name == "tis620" && i >= 0x80 && i < 0xA0:
			r = utf8.RuneError // windows-874 has characters here, TIS-620 none
		}
		t.set(byte(i), r)
	}
	return t
}

// pairRun is a run of two-byte sequences.
type pairRun struct{ first, last, rune uint16 }

const (
	skipTwo = 0 // unmapped, the whole pair becomes one U+FFFD
	skipOne = 1 // malformed, the first byte becomes U+FFFD
)

// wideTable decodes the East Asian charsets by lookup.
type wideTable struct {
	lead   [256]bool
	pairs  []uint16 // by pair: code point, skipTwo or skipOne
	triple []uint16 // EUC-JP: by the pair behind 0x8F; nil for others
	four   encoding.Encoding
	single byteTable
}

func (t *wideTable) append(dst, src []byte) []byte {
	for i := 0; i < len(src); {
		c := src[i]
		if c < 0x80 {
			dst = append(dst, c)
			i++
			continue
		}
		if t.triple != nil && c == 0x8F && i+2 < len(src) {
			r := t.triple[int(src[i+1])<<8|int(src[i+2])]
			if r == 0 {
				r = utf8.RuneError
			}
			dst = utf8.AppendRune(dst, rune(r))
			i += 3
			continue
		}
		if !t.lead[c] || i+1 >= len(src) {
			dst = t.single.append(dst, src[i:i+1])
			i++
			continue
		}
		if t.four != nil && src[i+1] >= '0' && src[i+1] <= '9' && i+3 < len(src) {
			dst = t.appendFour(dst, src[i:i+4])
			i += 4
			continue
		}
		switch r := t.pairs[int(c)<<8|int(src[i+1])]; r {
		case skipOne:
			dst = append(dst, replacement...)
			i++
		case skipTwo:
			dst = append(dst, replacement...)
			i += 2
		default:
			dst = utf8.AppendRune(dst, rune(r))
			i += 2
		}
	}
	return dst
}

// appendFour decodes a four-byte sequence of gb18030, by x/text and thus with an allocation:
// they are rare. Java 17 still reads 19 of them as the 2000 edition of the standard does.
func (t *wideTable) appendFour(dst, p []byte) []byte {
	if r, ok := gb18030Old(bigEndian(p)); ok {
		return utf8.AppendRune(dst, r)
	}
	out, err := t.four.NewDecoder().Bytes(p)
	if err != nil {
		return append(dst, replacement...)
	}
	return append(dst, out...)
}

func gb18030Old(p uint32) (rune, bool) {
	switch {
	case p == 0x8135f437:
		return 0xe7c7, true
	case p >= 0x82359037 && p <= 0x82359039:
		return [...]rune{0xe81e, 0xe826, 0xe82b}[p-0x82359037], true
	case p >= 0x82359130 && p <= 0x82359134:
		return [...]rune{0xe82c, 0xe832, 0xe843, 0xe854, 0xe864}[p-0x82359130], true
	case p >= 0x84318236 && p <= 0x84318239:
		return [...]rune{0xe78d, 0xe78f, 0xe78e, 0xe790}[p-0x84318236], true
	case p >= 0x84318330 && p <= 0x84318335:
		return 0xe791 + rune(p-0x84318330), true
	}
	return 0, false
}

func buildWide(enc encoding.Encoding, name string, lead func(c int) bool, triple, four bool) *wideTable {
	t := &wideTable{pairs: make([]uint16, 1<<16)}
	dec := enc.NewDecoder()
	one := func(p ...byte) rune {
		dec.Reset()
		out, err := dec.Bytes(p)
		if err != nil {
			return utf8.RuneError
		}
		r, n := utf8.DecodeRune(out)
		if n != len(out) || r > 0xFFFF {
			return utf8.RuneError
		}
		return r
	}
	for c := 0; c < 256; c++ {
		t.single.set(byte(c), utf8.RuneError)
		switch {
		case c < 0x80:
			t.single.set(byte(c), rune(c))
		case lead(c):
			t.lead[c] = true
			for d := 0; d < 256; d++ {
				t.pairs[c<<8|d] = skipOne
				if r := one(byte(c), byte(d)); d >= 0x40 {
					t.pairs[c<<8|d] = uint16(r)
					if r == utf8.RuneError {
						t.pairs[c<<8|d] = skipTwo
					}
				}
			}
		case c > 0x80:
			t.single.set(byte(c), one(byte(c)))
		}
	}
	overlay(t.pairs, pairRuns[name])
	if triple {
		t.triple = make([]uint16, 1<<16)
		for c := 0xA0; c < 256; c++ {
			for d := 0xA0; d < 256; d++ {
				if r := one(0x8F, byte(c), byte(d)); r != utf8.RuneError {
					t.triple[c<<8|d] = uint16(r)
				}
			}
		}
		overlay(t.triple, tripleRuns[name])
	}
	if four {
		t.four = enc
	}
	return t
}

func overlay(pairs []uint16, runs []pairRun) {
	for _, r := range runs {
		for p := int(r.first); p <= int(r.last); p++ {
			pairs[p] = r.rune
			if r.rune > skipOne {
				pairs[p] += uint16(p) - r.first
			}
		}
	}
}

func wide(enc encoding.Encoding, name string, lead func(c int) bool, triple, four bool) func() *wideTable {
	return sync.OnceValue(func() *wideTable { return buildWide(enc, name, lead, triple, four) })
}

func between(lo, hi int) func(int) bool { return func(c int) bool { return c >= lo && c <= hi } }

func sjisLead(c int) bool { return c >= 0x81 && c <= 0x9F || c >= 0xE0 && c <= 0xFC }

func eucjpLead(c int) bool { return c == 0x8E || c >= 0xA1 && c <= 0xFE }

// The tables have 128 KiB each and never change, so all plans of the process share them; each
// is built when the first column needs it.
var wideTables = map[string]func() *wideTable{
	"big5":    wide(traditionalchinese.Big5, "big5", between(0x81, 0xFE), false, false),
	"gbk":     wide(simplifiedchinese.GBK, "gbk", between(0x81, 0xFE), false, false),
	"gb2312":  wide(simplifiedchinese.GBK, "gb2312", between(0xA1, 0xFE), false, false),
	"gb18030": wide(simplifiedchinese.GB18030, "gb18030", between(0x81, 0xFE), false, true),
	"sjis":    wide(japanese.ShiftJIS, "sjis", sjisLead, false, false),
	"cp932":   wide(japanese.ShiftJIS, "cp932", sjisLead, false, false),
	"ujis":    wide(japanese.EUCJP, "ujis", eucjpLead, true, false),
	"eucjpms": wide(japanese.EUCJP, "eucjpms", eucjpLead, true, false),
	"euckr":   wide(korean.EUCKR, "euckr", between(0x81, 0xFE), false, false),
}

func multiByte(name string) *wideTable {
	if f := wideTables[name]; f != nil {
		return f()
	}
	return nil
}
