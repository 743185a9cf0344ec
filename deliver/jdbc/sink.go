package jdbc

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
)

// sink writes for one task over one connection. [deliver.Blocking] calls it from one
// goroutine and merges waiting batches of a lane into one write.
type sink struct {
	config  *config
	dialect dialect
	log     *slog.Logger
	metrics *metrics
	env     deliver.Env
	reg     prometheus.Registerer // nil: not registered
	writer  *writer               // nil while there is no connection
	subject string
}

var (
	_ deliver.BlockingSink = (*sink)(nil)
	_ deliver.ManyWriter   = (*sink)(nil)
)

// coalesceRows is how many waiting rows may share a transaction. More rows make the commit
// cheaper for each, and hold locks for longer.
const coalesceRows = 20000

// New makes the sink of one task for either connector class. It does not connect.
func New(values *configs.Values, class string, env deliver.Env) (deliver.Sink, error) {
	c, err := parseConfig(class, values)
	if err != nil {
		return nil, deliver.Errorf("configure", class, "", "%w", err)
	}
	d, err := dialectOf(c.url)
	if err != nil {
		return nil, deliver.Errorf("configure", class, "", "%w", err)
	}
	log := env.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &sink{config: c, dialect: d, log: log, metrics: newMetrics(env.Metrics), env: env, reg: env.Metrics, subject: c.url.String()}
	return deliver.NewBlocking(s, deliver.BlockingOptions{Workers: 1, CoalesceRows: max(coalesceRows, c.batchRows)}), nil
}

// Open implements deliver.BlockingSink: it connects, with the attempts of SJ-035.
func (s *sink) Open(ctx context.Context) error {
	var err error
	for attempt := 1; ; attempt++ {
		if err = s.connect(ctx); err == nil {
			return nil
		}
		if attempt >= s.config.connects || s.dialect.classify(err) != classRetry || !pause(ctx, s.config.connectWait) {
			return s.failure("connect to", err)
		}
	}
}

func (s *sink) connect(ctx context.Context) error {
	sess, err := s.dialect.open(ctx, s.config, s.log)
	if err != nil {
		return err
	}
	s.writer = newWriter(s.config, s.dialect, sess, s.log, s.metrics)
	if s.env.Failures != nil {
		s.writer.bad = func(ctx context.Context, e *recordError) error {
			return s.env.Errant(ctx, e.batch, e.rec, e.deliver())
		}
	}
	return nil
}

func (s *sink) failure(op string, err error) error {
	w := s.writer
	if w == nil {
		w = &writer{config: s.config, dialect: s.dialect}
	}
	return w.shown(op, s.subject, err)
}

// WriteBatch implements deliver.BlockingSink.
func (s *sink) WriteBatch(ctx context.Context, b *records.Batch) error {
	return s.WriteBatches(ctx, []*records.Batch{b})
}

// WriteBatches implements deliver.ManyWriter: one transaction, repeated after errors that
// may pass. What remains after the last repetition is still marked retriable, so that the
// task comes back by itself with its own, longer backoff (SJ-046, SJ-072, SJ-127, SJ-212).
func (s *sink) WriteBatches(ctx context.Context, bs []*records.Batch) error {
	began := time.Now()
	for attempt := 0; ; attempt++ {
		err := s.once(ctx, bs)
		if err == nil {
			s.metrics.batches.Add(float64(len(bs)))
			s.metrics.writeSeconds.Observe(time.Since(began).Seconds())
			return nil
		}
		if again := ctx.Err() == nil && s.retriable(err); !again || attempt >= s.config.retries {
			err = s.failure("write to", err)
			if again {
				s.disconnect() // it will be tried again, see deliver.Blocking
			}
			return err
		}
		s.metrics.retries.Inc()
		if attempt == 0 {
			s.log.Warn("write failed and will be repeated", "err", s.failure("write to", err))
		}
		s.disconnect() // also after a deadlock: the session is cheap, a half-known state is not
		if !pause(ctx, s.config.retryWait) {
			return s.failure("write to", err)
		}
	}
}

func (s *sink) retriable(err error) bool {
	var de *deliver.Error
	if errors.As(err, &de) {
		return de.CanRetry
	}
	return s.dialect.classify(err) == classRetry
}

func (s *sink) once(ctx context.Context, bs []*records.Batch) error {
	if s.writer == nil {
		if err := s.connect(ctx); err != nil {
			return err
		}
		s.metrics.reconnects.Inc()
	}
	return s.writer.write(ctx, bs)
}

func (s *sink) disconnect() {
	if s.writer != nil {
		_ = s.writer.session.close() // it is broken or suspect: nothing to learn from its end
		s.writer = nil
	}
}

// Close implements deliver.BlockingSink.
func (s *sink) Close() error {
	s.disconnect()
	s.metrics.close(s.reg)
	return nil
}

// pause waits with jitter, so that tasks that failed together do not come back together;
// false if ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	if d > 0 {
		d = d/2 + rand.N(d/2+1)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
