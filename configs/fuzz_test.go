package configs

import (
	"strings"
	"testing"
)

// FuzzProperties looks for panics, and for files whose last key of a name does not win.
func FuzzProperties(f *testing.F) {
	f.Add([]byte("a=b\n# c\nd : e\\\n  f\n\\u0041\\ x=1\ng\\=h=\\ud83d\\ude00"))
	f.Add([]byte("!x\r\nk\tv\\"))
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := ParseProperties(data)
		_, _ = ParsePropertiesUTF8(data) // only panics count
		if err != nil || strings.Contains(string(data), "\\") {
			return
		}
		again, err := ParseProperties(append(append([]byte{}, data...), "\nlast=one\n"...))
		if err != nil || again["last"] != "one" || len(again) < len(first) {
			t.Fatalf("%q: %v %v", data, again, err)
		}
	})
}

// FuzzProviders looks for panics, and for values that are looked at twice.
func FuzzProviders(f *testing.F) {
	f.Add("a ${env:X} b ${env:${env:X}} ${file:/x:y}", "${env:X}")
	f.Add("${env::X}${:}${}", "")
	f.Fuzz(func(t *testing.T, text, value string) {
		if strings.ContainsRune(value, 0) {
			return
		}
		t.Setenv("FUZZED", value)
		ps, err := NewProviders(map[string]string{"config.providers": "env", "config.providers.env.class": "org.apache.kafka.common.config.provider.EnvVarConfigProvider"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := ps.Resolve(map[string]string{"k": "<${env:FUZZED}>", "x": text})
		if err != nil {
			return // a path, which this provider refuses
		}
		if got["k"] != "<"+value+">" {
			t.Fatalf("%q became %q", value, got["k"])
		}
	})
}

// FuzzListenersAndHeaders looks for panics.
func FuzzListenersAndHeaders(f *testing.F) {
	f.Add(`add X-A: b, "set Cache-Control: no-cache, no-store"`)
	f.Add("http://[::1]:80")
	f.Fuzz(func(t *testing.T, s string) {
		_, _ = parseHeaderRules(s)
		_, _ = parseListener(s)
		_, _ = parseJavaDouble(s + "1")
	})
}
