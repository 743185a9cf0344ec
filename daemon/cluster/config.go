package cluster

import (
	"errors"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Config are the settings of a group member. [Defaults] are Connect's.
type Config struct {
	Group    string  // group.id
	Protocol Version // connect.protocol: the best that is offered (CW-107)

	SessionTimeout    time.Duration // session.timeout.ms (CW-104)
	HeartbeatInterval time.Duration // heartbeat.interval.ms
	RebalanceTimeout  time.Duration // rebalance.timeout.ms
	MaxDelay          time.Duration // scheduled.rebalance.max.delay.ms (CW-106)
	SyncTimeout       time.Duration // worker.sync.timeout.ms (CW-108)
	UnsyncBackoff     time.Duration // worker.unsync.backoff.ms (CW-108)
	RetryBackoff      time.Duration // retry.backoff.ms
	RetryBackoffMax   time.Duration // retry.backoff.max.ms

	Log *slog.Logger
}

// Defaults are Connect's (CW-104, CW-106 to CW-108).
func Defaults(group string) Config {
	return Config{
		Group: group, Protocol: Sessioned,
		SessionTimeout: 10 * time.Second, HeartbeatInterval: 3 * time.Second, RebalanceTimeout: time.Minute,
		MaxDelay: 5 * time.Minute, SyncTimeout: 3 * time.Second, UnsyncBackoff: 5 * time.Minute,
		RetryBackoff: 100 * time.Millisecond, RetryBackoffMax: time.Second,
		Log: slog.New(slog.DiscardHandler),
	}
}

func (c *Config) check() error {
	switch {
	case c.Group == "":
		return errors.New("group.id: it is needed to join a group of workers")
	case c.SessionTimeout <= 0 || c.HeartbeatInterval <= 0 || c.RebalanceTimeout <= 0:
		return errors.New("session.timeout.ms, heartbeat.interval.ms and rebalance.timeout.ms: they must be above 0")
	case c.HeartbeatInterval >= c.SessionTimeout:
		return errors.New("heartbeat.interval.ms: Heartbeat must be set lower than the session timeout")
	}
	return nil
}

// ClientOpts are what a member wants of its client beside how to reach the cluster: a connection
// that has gone quiet is replaced while the session lasts. By default it would be waited for
// longer than a session.
func (c *Config) ClientOpts() []kgo.Opt {
	quiet := min(max(c.SessionTimeout/4, 250*time.Millisecond), 10*time.Second)
	return []kgo.Opt{kgo.RequestTimeoutOverhead(quiet), kgo.DialTimeout(quiet), kgo.MetadataMinAge(100 * time.Millisecond)}
}

// beatWithin bounds one heartbeat: a little more than ClientOpts gives the connection.
func (c *Config) beatWithin() time.Duration { return c.SessionTimeout / 3 }

// margin is how long before the broker can end our session we stop: time for the herder to
// see it before others are told.
func (c *Config) margin() time.Duration { return c.SessionTimeout / 5 }
