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
	"path/filepath"
	"slices"
	"strings"
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
       anabranch connect-distributed worker.properties
       anabranch connect-standalone worker.properties [connector.properties|connector.json ...]
       anabranch version
       anabranch help

run takes an unmodified connect-distributed.properties or connect-standalone.properties.
Without a file it tries itself out: an embedded broker on 127.0.0.1:9092, the REST on
127.0.0.1:8083 and everything in one data directory. The flags are for this mode only.

connect-distributed and connect-standalone take the arguments of Kafka's scripts; the program
also behaves so when it is called by one of these names (with or without .sh).

exit status: 1 usage, 2 wrong configuration, 3 could not start
`

func main() {
	args := os.Args[1:]
	if _, ok := scripts[scriptName(os.Args[0])]; ok {
		args = append([]string{scriptName(os.Args[0])}, args...)
	}
	os.Exit(run(args, os.Stdout, os.Stderr))
}

// scripts are the names of Kafka's scripts and the mode that each runs (CW-148).
var scripts = map[string]daemon.Mode{"connect-distributed": daemon.Distributed, "connect-standalone": daemon.Standalone}

func scriptName(path string) string { return strings.TrimSuffix(filepath.Base(path), ".sh") }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	if mode, ok := scripts[scriptName(args[0])]; ok {
		return runScript(mode, args[1:], stderr)
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
	return runDaemon(o, stderr)
}

// runScript takes the arguments of Kafka's scripts.
func runScript(mode daemon.Mode, args []string, stderr io.Writer) int {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch {
		case args[0] == "-daemon":
			fmt.Fprintln(stderr, "anabranch: -daemon is not supported; run it under systemd or another supervisor (configs/systemd has a unit)")
			return exitUsage
		case args[0] == "-name" && len(args) > 1: // for the JVM
			args = args[2:]
			continue
		case args[0] == "-loggc":
			args = args[1:]
			continue
		}
		break
	}
	if len(args) == 0 || slices.Contains(args, "--help") {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	return runDaemon(daemon.Options{Mode: mode, WorkerFile: args[0], ConnectorFiles: args[1:], Stderr: stderr}, stderr)
}

func runDaemon(o daemon.Options, stderr io.Writer) int {
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
