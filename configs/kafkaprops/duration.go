package kafkaprops

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var isoDuration = regexp.MustCompile(`^([-+]?)P(?:([-+]?[0-9]+)D)?(T(?:([-+]?[0-9]+)H)?(?:([-+]?[0-9]+)M)?(?:([-+]?[0-9]+)(?:[.,]([0-9]{0,9}))?S)?)?$`)

// parseISODuration is Java's Duration.parse.
func parseISODuration(s string) (time.Duration, error) {
	m := isoDuration.FindStringSubmatch(strings.ToUpper(s))
	if m == nil || m[3] == "T" || m[2]+m[3] == "" {
		return 0, errors.New("not a duration of the form PnDTnHnMn.nS")
	}
	var total float64
	for i, unit := range map[int]time.Duration{2: 24 * time.Hour, 4: time.Hour, 5: time.Minute, 6: time.Second} {
		if m[i] != "" {
			n, err := strconv.ParseInt(m[i], 10, 64)
			if err != nil {
				return 0, errors.New("a part of the duration is too large")
			}
			total += float64(n) * float64(unit)
		}
	}
	if m[7] != "" {
		f, _ := strconv.ParseFloat("0."+m[7], 64) // the pattern allows digits only
		if strings.HasPrefix(m[6], "-") {
			f = -f
		}
		total += f * float64(time.Second)
	}
	if m[1] == "-" {
		total = -total
	}
	const longest = float64(1<<63 - 1024)
	if total > longest || total < -longest {
		return 0, errors.New("the duration is too long")
	}
	return time.Duration(total), nil
}
