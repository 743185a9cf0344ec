package testenv

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
)

//go:embed install.sh
var installer string

// mayInstall is set by the calls that a person makes to get the parts.
var mayInstall atomic.Bool

// install runs install.sh for the parts. It touches the system, so a plain test run
// does not do it: only where parts are required, or when a person asked for them.
func install(ctx context.Context, parts ...string) error {
	if !mayInstall.Load() && !Required() {
		return errors.New("not installed, and a plain test run does not install packages")
	}
	release, err := lock(ctx, "install")
	if err != nil {
		return err
	}
	defer release()
	out, err := run(ctx, command{path: "/bin/sh", args: append([]string{"-c", installer, "install.sh"}, parts...)})
	if err == nil && mayInstall.Load() {
		fmt.Fprint(os.Stderr, out)
	}
	return err
}
