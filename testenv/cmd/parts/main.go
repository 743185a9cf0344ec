// Command parts starts, ends and lists the servers that the tests share.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/anabranch/anabranch/testenv"
)

const usage = `usage: go run ./testenv/cmd/parts COMMAND

  up [PART...]    start the shared servers, or find them running, and print how to
                  reach them; parts: kafka connect mysql postgres registry
                  prometheus (default: all)
  status          print what runs
  down [PART...]  end the shared servers of these parts; without a name, everything that
                  testenv ever started here. Data goes, downloads and logs stay

Everything lives below one directory: $ANABRANCH_TESTENV, or anabranch-testenv in
the user's cache directory. The second start needs no download.
`

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "parts:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	switch args[0] {
	case "up":
		parts := args[1:]
		if len(parts) == 0 {
			parts = testenv.PartNames
		}
		begin := time.Now()
		if err := testenv.Up(ctx, parts...); err != nil {
			return err
		}
		fmt.Printf("ready after %v\n\n", time.Since(begin).Round(10*time.Millisecond))
		return status(ctx)
	case "status":
		return status(ctx)
	case "down":
		ended, err := testenv.Down(ctx, args[1:]...)
		for _, name := range ended {
			fmt.Println("ended", name)
		}
		return err
	}
	fmt.Fprint(os.Stderr, usage)
	os.Exit(2)
	return nil
}

func status(ctx context.Context) error {
	parts, err := testenv.List(ctx)
	if err != nil {
		return err
	}
	fmt.Println("root", testenv.Root())
	for _, p := range parts {
		kind := "shared"
		if !p.Shared {
			kind = "private to a test"
		}
		fmt.Printf("\n%-10s %-14s %s  (%s, pid %d)\n", p.Name, p.State, p.Address, kind, p.PID)
		for _, line := range p.Use {
			fmt.Println("          ", line)
		}
		fmt.Println("           log", p.Log)
	}
	return nil
}
