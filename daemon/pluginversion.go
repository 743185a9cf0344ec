package daemon

import (
	"fmt"
	"strconv"
	"strings"
)

// versionMatches reports whether a version is in a range of Maven: "1.2" alone means that very
// version here, as in Connect; "[1,2)" and lists of ranges are what they are in Maven (CW-446).
func versionMatches(wanted, version string) bool {
	wanted = strings.TrimSpace(wanted)
	if wanted == "" || wanted == "latest" {
		return true
	}
	if !strings.ContainsAny(wanted, "[(") {
		return wanted == version
	}
	for wanted != "" {
		end := strings.IndexAny(wanted, "])")
		if end < 1 || wanted[0] != '[' && wanted[0] != '(' {
			return false
		}
		low, high, isRange := strings.Cut(wanted[1:end], ",")
		if !isRange {
			high = low
		}
		low, high = strings.TrimSpace(low), strings.TrimSpace(high)
		above, below := true, true
		if low != "" {
			c := compareVersions(version, low)
			above = c > 0 || c == 0 && wanted[0] == '['
		}
		if high != "" {
			c := compareVersions(version, high)
			below = c < 0 || c == 0 && wanted[end] == ']'
		}
		if above && below {
			return true
		}
		wanted = strings.TrimPrefix(strings.TrimSpace(wanted[end+1:]), ",")
	}
	return false
}

// compareVersions compares the numbers of two versions; what is no number compares as text.
func compareVersions(a, b string) int {
	as, bs := strings.FieldsFunc(a, isDot), strings.FieldsFunc(b, isDot)
	for i := range max(len(as), len(bs)) {
		x, y := "0", "0"
		if i < len(as) {
			x = as[i]
		}
		if i < len(bs) {
			y = bs[i]
		}
		n, errN := strconv.Atoi(x)
		m, errM := strconv.Atoi(y)
		switch {
		case errN == nil && errM == nil && n != m:
			return n - m
		case errN != nil || errM != nil:
			if c := strings.Compare(x, y); c != 0 {
				return c
			}
		}
	}
	return 0
}

func isDot(r rune) bool { return r == '.' || r == '-' }

// wrongVersion is Connect's text for a version that is not there; twice says that the class is
// of two kinds, which its text counts.
func wrongVersion(class, wanted, version string, twice bool) string {
	if !strings.ContainsAny(wanted, "[(") {
		wanted = "[" + wanted + "," + wanted + "]"
	}
	if twice {
		version += ", " + version
	}
	return fmt.Sprintf("Plugin %s not found that matches the version range %s, available versions: [%s]", class, wanted, version)
}
