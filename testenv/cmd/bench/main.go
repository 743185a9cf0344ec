// Command bench measures Anabranch beside Debezium on real servers; see docs/benchmarks.md.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/anabranch/anabranch/testenv/bench"
)

const usage = `usage: go run ./testenv/cmd/bench     (or: make bench), steered by the environment
       go run ./testenv/cmd/bench converters     (or: make bench-converters), only RUNS counts

  ONLY=start,stream,snapshot,latency,memory,sink   what is measured (all)
  WHO=debezium,tuned,anabranch                     who (all)
  VARIANTS=schemaless,schemas                      JsonConverter without and with schemas (both)
  ROWS=500000     rows of backlog, snapshot and sink     BIG=1000000   rows of the one transaction
  RUNS=5          rounds that count                      WARM=1        rounds before, thrown away
  RATE=50         transactions a second                  SECONDS=30    for how long
  IDLE=15         seconds of rest before memory is read
  COMPRESSION=none|lz4|...   the same producer compression for all, not each one's default
  PEER_JVM=...    further flags for Connect's JVM
  WRITE=docs/benchmarks.md   replace the figures in this file
`

func main() {
	converters := len(os.Args) == 2 && os.Args[1] == "converters"
	if len(os.Args) > 1 && !converters {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	o, err := bench.FromEnv()
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n%s", err, usage)
		os.Exit(2)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	run := bench.Run
	if converters {
		run = bench.RunConverters
	}
	ok := run(ctx, o, os.Stdout)
	cancel()
	if !ok {
		os.Exit(1)
	}
}
