package bench

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters"
	"github.com/anabranch/anabranch/testenv"
	"github.com/anabranch/anabranch/testenv/typed"
)

// How converters are measured: rounds of so much processor time, the first of them thrown away.
const (
	converterRound = 500 * time.Millisecond
	converterWarm  = 8
)

// RunConverters measures our converters and the Java ones on the same record, one thread each, by
// the processor time of that thread: other load on the machine makes it slower, but counts for
// nobody. Java's garbage collector and compiler run on other threads and are left out.
func RunConverters(ctx context.Context, o Options, out io.Writer) bool {
	return NewStage(ctx, "converters", out).Run(func(s *Stage) {
		r, judge := testenv.Registry(s), testenv.NewFastJudge(s, "apicurio-converter")
		b, schema, v := typed.Envelope()
		apicurio := map[string]string{"apicurio.registry.url": r.NativeURL(), "apicurio.registry.auto-register": "true", "apicurio.registry.as-confluent": "true",
			"apicurio.registry.headers.enabled": "false", "apicurio.registry.artifact.group-id": "bench"}
		var sb strings.Builder
		sb.WriteString("| records a second per core | Java writes | anabranch writes | | Java reads | anabranch reads | | bytes |\n|---|--:|--:|--:|--:|--:|--:|--:|\n")
		load := loadAverage()
		for _, c := range []struct {
			name, class string
			config      map[string]string
		}{
			{"JSON without schema", converters.JSONClass, map[string]string{converters.SchemasEnable: "false"}},
			{"JSON with schema", converters.JSONClass, map[string]string{converters.SchemasEnable: "true"}},
			{"Avro, id of a registry", converters.ApicurioAvroClass, apicurio},
		} {
			answer := judge.Ask(s, []testenv.Question{{Op: "bench", Class: c.class, Config: c.config, Use: "value", Values: []typed.Value{typed.NewValue(b, schema, v)},
				Millis: converterRound.Milliseconds(), Warm: converterWarm, Rounds: o.Runs}})[0]
			if answer.Error != nil {
				s.Fatalf("%s: %v", c.name, answer.Error)
			}
			make, err := converters.New(c.class, c.config, false)
			if err != nil {
				s.Fatal(err)
			}
			conv := make()
			data, _, err := conv.Append(nil, "topic", b, schema, v)
			if err != nil || hex.EncodeToString(data) != answer.Text {
				s.Fatalf("%s: the two do not write the same bytes: %v", c.name, err)
			}
			var buf []byte
			write := converterRates(s, o.Runs, func() (err error) { buf, _, err = conv.Append(buf[:0], "topic", b, schema, v); return err })
			in := records.NewBatch(records.Origin{})
			read := converterRates(s, o.Runs, func() error {
				in.Arena, in.Vals = in.Arena[:0], in.Vals[:0]
				_, _, err := conv.Decode("topic", data, in)
				return err
			})
			fmt.Fprintf(&sb, "| %s | %s | %s | %.1f× | %s | %s | %.1f× | %d |\n", c.name, spread(answer.Write), spread(write), write.Median()/Figures(answer.Write).Median(),
				spread(answer.Read), spread(read), read.Median()/Figures(answer.Read).Median(), len(data))
		}
		fmt.Fprintf(out, "\n%s\nmedian of %d rounds of %v (smallest–largest) after %d; load before %s, after %s\n", sb.String(), o.Runs, converterRound, converterWarm, load, loadAverage())
	})
}

// converterRates is Judge.java's loop.
func converterRates(s *Stage, rounds int, f func() error) Figures {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var out Figures
	for i := range converterWarm + rounds {
		start, took, n := threadTime(s), time.Duration(0), 0
		for took < converterRound {
			for range 500 {
				if err := f(); err != nil {
					s.Fatal(err)
				}
			}
			n += 500
			took = threadTime(s) - start
		}
		if i >= converterWarm {
			out = append(out, float64(n)/took.Seconds())
		}
	}
	return out
}

// threadTime is the processor time of the calling thread.
func threadTime(s *Stage) time.Duration {
	const thisThread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if err := syscall.Getrusage(thisThread, &u); err != nil {
		s.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func loadAverage() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(raw), " ")
	return first
}
