package daemon

import (
	"context"
	"log/slog"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
)

// superviseService talks to systemd, if there is one: READY when the worker is, WATCHDOG as
// long as the herder's loop answers, STOPPING at the end.
func superviseService(ctx context.Context, h *herder, log *slog.Logger) error {
	notify := func(state string) {
		if _, err := systemd.SdNotify(false, state); err != nil {
			log.Warn("notify systemd", "state", state, keyErr, err)
		}
	}
	select {
	case <-h.ready:
		notify(systemd.SdNotifyReady)
	case <-h.done:
		return nil // the start failed; the herder's error says why
	case <-ctx.Done():
		return nil
	}
	interval, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("systemd's watchdog interval is not usable", keyErr, err)
	}
	var tick <-chan time.Time
	if interval > 0 {
		t := time.NewTicker(interval / 2)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-tick:
			// A turn of the loop may last as long as an orderly stop of a connector; so the
			// unit's WatchdogSec must be longer than that.
			within, cancel := context.WithTimeout(ctx, interval/2)
			if h.alive(within) {
				notify(systemd.SdNotifyWatchdog)
			}
			cancel()
		case <-ctx.Done():
			notify(systemd.SdNotifyStopping)
			return nil
		}
	}
}
