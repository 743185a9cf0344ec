// Command anabranch runs Kafka Connect's connectors without a JVM.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/anabranch/anabranch/daemon"
)

// Exit codes of Kafka Connect's command line (CW-149).
const (
	exitUsage  = 1
	exitConfig = 2
	exitStart  = 3
)

const usage = `usage: anabranch run [-data DIR] [-broker-port N] [-rest-port N] [worker.properties [connector.json|connector.properties ...]]
       anabranch version
       anabranch help

run takes an unmodified connect-distributed.properties or connect-standalone.properties.
Without a file it tries itself out: an embedded broker on 127.0.0.1:9092, the REST on
127.0.0.1:8083 and everything in one data directory. The flags are for this mode only.

exit status: 1 usage, 2 wrong configuration, 3 could not start
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	switch args[0] {
	case "run":
		return runWorker(args[1:], stderr)
	case "version", "-version", "--version":
		fmt.Fprintln(stdout, "anabranch", daemon.Version)
		return 0
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, usage)
		return 0
	}
	fmt.Fprintf(stderr, "anabranch: unknown command %q\n%s", args[0], usage)
	return exitUsage
}

func runWorker(args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	data := flags.String("data", daemon.DefaultDataDir, "data directory of the embedded mode")
	brokerPort := flags.Int("broker-port", 0, "port of the embedded broker")
	restPort := flags.Int("rest-port", 0, "port of the embedded mode's REST")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return exitUsage
	}
	o := daemon.Options{DataDir: *data, BrokerPort: *brokerPort, RESTPort: *restPort, Stderr: stderr}
	if files := flags.Args(); len(files) > 0 {
		if flags.NFlag() > 0 {
			fmt.Fprintln(stderr, "anabranch: -data, -broker-port and -rest-port are for the embedded mode, which takes no worker file; set listeners and bootstrap.servers in", files[0])
			return exitUsage
		}
		o.WorkerFile, o.ConnectorFiles = files[0], files[1:]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := daemon.Run(ctx, o)
	var wrong *daemon.ConfigError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &wrong):
		fmt.Fprintln(stderr, "anabranch: wrong configuration:", err)
		return exitConfig
	}
	fmt.Fprintln(stderr, "anabranch: could not start:", err)
	return exitStart
}
