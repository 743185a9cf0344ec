package column

import (
	"hash/crc32"
	"testing"
)

// The sums are over what Java 17 decodes with the charsets that Connector/J 9.1 names: every byte,
// and for the wide ones every pair from 0x8040 on. The wide ones were compared with Java pair by
// pair when they were written down; what differs is only malformed text that MySQL cannot store.
func TestCharset_DecodesAsJava(t *testing.T) {
	single := map[string]uint32{"cp1250": 0xda967a9a, "cp1251": 0xf0d931a7, "cp1256": 0x430f134a, "cp1257": 0x4f885429,
		"cp850": 0x3c57db7e, "cp852": 0xe98b5cde, "cp866": 0x18354155, "dec8": 0x0929cfdb, "greek": 0x0855b3f3, "hebrew": 0x86610d82, "hp8": 0x0929cfdb,
		"keybcs2": 0xe98b5cde, "koi8r": 0x4c6b86eb, "koi8u": 0x4c6b86eb, "latin1": 0x0929cfdb, "latin2": 0xec22f3a0, "latin5": 0xc188a953,
		"latin7": 0xfe9a6b74, "macce": 0x4778e750, "macroman": 0xe21e6838, "tis620": 0x3fcd1a71}
	wide := map[string]uint32{"big5": 0x2cb68666, "cp932": 0x315e5f3a, "eucjpms": 0xe13a128f, "euckr": 0x3ebd5c0c, "gb18030": 0x54f2d3a2,
		"gb2312": 0xf6f850d0, "gbk": 0x380a0e8a, "sjis": 0x195e85a5, "ujis": 0xc523711f}
	sum := func(name string, pairs bool) uint32 {
		c := charsetOf(name)
		h := crc32.NewIEEE()
		for i := 0; i < 256; i++ {
			h.Write(c.appendUTF8(nil, []byte{byte(i)}))
		}
		for i := 0x80; pairs && i < 256; i++ {
			for j := 0x40; j < 256; j++ {
				h.Write(c.appendUTF8(nil, []byte{byte(i), byte(j)}))
			}
		}
		return h.Sum32()
	}
	for name, want := range single {
		if got := sum(name, false); got != want {
			t.Errorf("%s: sum %08x, want %08x", name, got, want)
		}
	}
	for name, want := range wide {
		if got := sum(name, true); got != want {
			t.Errorf("%s: sum %08x, want %08x", name, got, want)
		}
	}
}

func TestCharset_Texts(t *testing.T) {
	for _, c := range []struct{ charset, hex, want string }{
		{"utf8mb4", "c3a4f09f9880", "ä😀"},
		{"utf8mb4", "61e28262ff", "a\uFFFDb\uFFFD"},
		{"utf8mb3", "eda080", "\uFFFD"},
		{"utf8mb4", "c080", "\uFFFD\uFFFD"},
		{"utf8mb4", "f09f98", "\uFFFD"},
		{"LATIN1", "e980ff81", "é€ÿ\uFFFD"},
		{"ascii", "6180", "a\uFFFD"},
		{"binary", "61ff", "aÿ"},
		{"ucs2", "00e4", "ä"},
		{"utf16", "d83dde000078", "😀x"},
		{"utf16", "d83d0078d8", "\uFFFDx\uFFFD"},
		{"utf16", "fffe7800", "x"},
		{"utf16le", "3dd800de7800", "😀x"},
		{"utf32", "0001f600000000df", "😀ß"},
		{"gb18030", "8139ee39" + "baba", "㐀汉"},
		{"ujis", "8fb0a1a4a2", "丂あ"},
		{"sjis", "8160b1", "〜ｱ"},
		{"cp932", "8160", "～"},
	} {
		got := string(charsetOf(c.charset).appendUTF8(nil, unhex(t, c.hex)))
		if got != c.want {
			t.Errorf("%s %s: %q, want %q", c.charset, c.hex, got, c.want)
		}
	}
	if charsetOf("klingon") != nil {
		t.Error("an unknown charset is known")
	}
}
