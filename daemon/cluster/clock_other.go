//go:build !linux

package cluster

import "time"

func bootClock() time.Duration { return monotonic() }
