package bench

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Scenarios in the order in which they run.
var Scenarios = []string{"start", "stream", "snapshot", "latency", "memory", "sink"}

// The contenders, by the names that WHO takes.
const (
	Ours    = "anabranch"
	Default = "debezium"
	Tuned   = "tuned"
)

// Options say how much is measured. The environment sets them.
type Options struct {
	Only     []string      // ONLY: scenarios, comma-separated; all if empty
	Who      []string      // WHO: contenders; all if empty
	Variants []string      // VARIANTS: schemaless, schemas
	Rows     int           // ROWS in the backlog, the snapshot and the sink's topic
	Big      int           // BIG: rows of the one large transaction
	Runs     int           // RUNS that count, after one that is thrown away
	Warm     int           // WARM: rounds that are thrown away
	Latency  time.Duration // SECONDS of transactions per latency run
	Rate     int           // RATE: transactions a second
	Idle     time.Duration // IDLE: how long a worker rests before its memory is read
	Codec    string        // COMPRESSION: producer compression of all contenders; their own default if empty
	PeerJVM  []string      // PEER_JVM: further flags for Connect's JVM
	Write    string        // WRITE: a Markdown file whose marked sections are replaced
}

// FromEnv reads the options.
func FromEnv() (Options, error) {
	o := Options{Write: os.Getenv("WRITE"), Codec: os.Getenv("COMPRESSION")}
	o.PeerJVM = strings.Fields(os.Getenv("PEER_JVM"))
	var errs []error
	number := func(key string, fallback, least int) int {
		s := os.Getenv(key)
		if s == "" {
			return fallback
		}
		n, err := strconv.Atoi(s)
		if err != nil || n < least {
			errs = append(errs, fmt.Errorf("%s=%s: want a number of at least %d", key, s, least))
		}
		return n
	}
	words := func(key string, known []string) []string {
		s := os.Getenv(key)
		if s == "" {
			return known
		}
		var out []string
		for _, w := range strings.Split(s, ",") {
			if !slices.Contains(known, w) {
				errs = append(errs, fmt.Errorf("%s=%s: %q is none of %s", key, s, w, strings.Join(known, ", ")))
			}
			out = append(out, w)
		}
		return out
	}
	o.Only = words("ONLY", Scenarios)
	o.Who = words("WHO", []string{Default, Tuned, Ours})
	o.Variants = words("VARIANTS", []string{schemaless, inline})
	o.Rows = number("ROWS", 500_000, 1000)
	o.Big = number("BIG", 2*o.Rows, 1000)
	o.Runs = number("RUNS", 5, 1)
	o.Warm = number("WARM", 1, 0)
	o.Latency = time.Duration(number("SECONDS", 30, 1)) * time.Second
	o.Rate = number("RATE", 50, 1)
	o.Idle = time.Duration(number("IDLE", 15, 1)) * time.Second
	return o, errors.Join(errs...)
}

func (o Options) runs(scenario string) bool { return slices.Contains(o.Only, scenario) }
func (o Options) has(who string) bool       { return slices.Contains(o.Who, who) }
