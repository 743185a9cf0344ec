package mysql

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/capture/relational"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/schemahistory"
	"github.com/anabranch/anabranch/schemahistory/ddl"
)

// Source captures one MySQL server. See capture.Source for who calls what.
type Source struct {
	s       *settings
	env     capture.Env
	log     *slog.Logger
	m       *metrics
	v       *vitals  // of m
	x       *session // queries; nil once streaming has begun
	sv      *server
	em      *emitter
	filters *relational.Filters
	parser  *ddl.Parser
	store   schemahistory.Store

	snap     *snapshot // while one runs
	stream   *stream   // once it streams
	tables   *schemahistory.Tables
	start    *cursor // where streaming will begin
	delay    time.Time
	nothing  bool // no snapshot and no stream: EOF
	progress atomic.Pointer[capture.Snapshot]
}

var (
	_ capture.Source   = (*Source)(nil)
	_ capture.Progress = (*Source)(nil)
)

// New makes a source of a connector's configuration; nothing is connected before Open.
func New(raw map[string]string, env capture.Env) (capture.Source, error) {
	if class := strings.TrimSpace(raw["connector.class"]); class == MariaDBClass {
		return nil, capture.Errorf("make source", class, "use MySQL, or the Java connector until then", "MariaDB is not supported yet")
	}
	v, problems := Definition().Parse(raw)
	if len(problems) > 0 {
		return nil, &capture.Error{Op: "read configuration of", Subject: env.Connector, Cause: problems}
	}
	return NewFromValues(v, env)
}

// NewFromValues makes a source of values that were parsed with Definition and found good.
func NewFromValues(v *configs.Values, env capture.Env) (capture.Source, error) {
	s, err := newSettings(v)
	if err != nil {
		return nil, &capture.Error{Op: "read configuration of", Subject: env.Connector, Cause: err}
	}
	if env.Log == nil {
		env.Log = slog.New(slog.DiscardHandler)
	}
	if env.Version == "" {
		env.Version = "3.6.1.Final"
	}
	warn := newWarner(env.Log)
	s.columns.Warn = warn.warn
	return &Source{s: s, env: env, log: env.Log}, nil
}

// TaskConfigs returns the configurations of a connector's tasks: always one (DM-51, DM-509).
func TaskConfigs(raw map[string]string, maxTasks int) ([]map[string]string, error) {
	if maxTasks > 1 {
		return nil, errors.New(tooManyTasks)
	}
	one := make(map[string]string, len(raw))
	for k, v := range raw {
		one[k] = v
	}
	return []map[string]string{one}, nil
}

// Retries returns errors.max.retries and retriable.restart.connector.wait.ms, for the task's
// Parts (DM-58, DM-69).
func Retries(v *configs.Values) (maxRetries int, waitMillis int64) {
	return int(v.Int("errors.max.retries")), v.Int("retriable.restart.connector.wait.ms")
}

// Open connects, recovers the structures and decides what comes first.
func (src *Source) Open(ctx context.Context, offsets []records.Position) error {
	m, err := newMetrics(src.env.Metrics)
	src.m = m
	src.v = m.v
	if err != nil {
		return capture.Errorf("register metrics of", src.env.Connector, "", "%w", err)
	}
	src.progress.Store(&capture.Snapshot{SecondsLeft: -1})
	at, err := src.stored(offsets)
	if err != nil {
		return err
	}
	if src.x, err = openQuery(ctx, src.s); err != nil {
		return err
	}
	src.m.setConnected(true)
	if src.sv, err = inspect(ctx, src.x, src.s, src.s.streams()); err != nil {
		return src.stop(ctx, err)
	}
	src.s.columns.ServerCharset = src.sv.charset
	if src.filters, err = relational.NewFilters(src.s.filters); err != nil {
		return &capture.Error{Op: "read configuration of", Subject: src.env.Connector, Cause: err}
	}
	src.em = newEmitter(src.s, src.env.Version, strconv.Itoa(src.env.TaskID))
	src.parser = ddl.New(src.ddlOptions())
	if src.store, err = openHistory(src.s, src.log); err != nil {
		return err
	}
	return src.stop(ctx, src.decide(ctx, at))
}

// stop replaces an error by the context's own when it was that which ended the work.
func (src *Source) stop(ctx context.Context, err error) error {
	if err != nil {
		if c := cancelled(ctx); c != nil {
			return c
		}
	}
	return err
}

func (src *Source) ddlOptions() ddl.Options {
	s, f := src.s, src.filters
	o := ddl.Options{
		ServerVersion: src.sv.number, ServerCharset: src.sv.charset, ServerCollation: src.sv.collation, LowerCaseTableNames: src.sv.lowerCase,
		Captured: f.Table, CapturedDatabase: f.Database, IncludeComments: s.comments,
		StoreOnlyCapturedTables: s.filters.StoreOnlyCapturedTables, StoreOnlyCapturedDatabases: s.filters.StoreOnlyCapturedDatabases,
		Filter: s.ddlFilter,
	}
	return o
}

// stored finds our offset among those of the connector; nil if there is none.
func (src *Source) stored(offsets []records.Position) (*cursor, error) {
	want := src.s.partition().Canonical()
	for _, p := range offsets {
		if p.Partition.Canonical() == want && len(p.Offset) > 0 {
			return loadCursor(p.Offset)
		}
	}
	return nil, nil
}

// decide is Debezium's start (BaseSourceTask.validateSchemaHistory, the snapshot modes; DM-94..96).
func (src *Source) decide(ctx context.Context, at *cursor) error {
	s := src.s
	unfinished := at != nil && at.snapshot == snapshotInitial
	if at == nil {
		if s.snapshotMode == modeRecovery {
			return capture.Errorf("recover schema history", s.history.name(), "set snapshot.mode=initial for the first start",
				"Could not find existing redo log information while attempting schema only recovery snapshot")
		}
		if err := src.prepareHistory(ctx); err != nil {
			return err
		}
		return src.begin(ctx, nil, s.snapshotMode != modeNoData)
	}
	if unfinished {
		if s.snapshotMode == modeRecovery {
			return capture.Errorf("recover schema history", s.history.name(), "set snapshot.mode=initial until the snapshot is complete",
				"the last snapshot was not finished")
		}
		src.log.Info("the last snapshot was not finished; a new one is taken")
		if err := src.prepareHistory(ctx); err != nil {
			return err
		}
		return src.begin(ctx, nil, s.snapshotMode != modeNoData)
	}
	exists, err := src.store.Exists(ctx)
	if err != nil {
		return historyError("read schema history", s.history.name(), err)
	}
	if !exists && s.snapshotMode != modeRecovery && s.snapshotMode != modeAlways {
		return errNoHistory(s)
	}
	if err := src.prepareHistory(ctx); err != nil {
		return err
	}
	if s.checkPosition && s.streams() && s.snapshotMode != modeAlways {
		if err := src.sv.available(ctx, src.x, s, at); err != nil {
			var g *errGone
			if !errors.As(err, &g) || s.snapshotMode != modeWhenNeeded {
				return err
			}
			src.log.Warn("the stored position is no longer on the server; a new snapshot is taken, as snapshot.mode=when_needed says", "err", err)
			return src.begin(ctx, nil, true)
		}
	}
	switch s.snapshotMode {
	case modeAlways:
		return src.begin(ctx, nil, true)
	case modeRecovery:
		return src.begin(ctx, at, false)
	case modeInitialOnly:
		src.nothing = true
		return nil
	}
	if err := src.recover(ctx, at); err != nil {
		return err
	}
	src.start = at
	return src.startStream(ctx)
}

func (src *Source) prepareHistory(ctx context.Context) error {
	if err := src.store.Initialize(ctx); err != nil {
		return historyError("prepare schema history", src.s.history.name(), err)
	}
	return nil
}

// begin prepares a snapshot. resume is the offset that stays in force (recovery).
func (src *Source) begin(ctx context.Context, resume *cursor, rows bool) error {
	src.delay = time.Now().Add(src.s.snapshotDelay)
	snap, err := newSnapshot(src, resume, rows)
	src.snap = snap
	return err
}

// Read returns the next frame.
func (src *Source) Read(ctx context.Context) (*records.Frame, error) {
	for {
		if err := src.pause(ctx); err != nil {
			return nil, err
		}
		switch {
		case src.nothing:
			return nil, io.EOF
		case src.snap != nil:
			f, err := src.snap.read(ctx)
			if err != nil {
				return nil, src.stop(ctx, err)
			}
			if f != nil {
				return f, nil
			}
			src.snapshotDone()
		case src.stream == nil:
			if err := src.startStream(ctx); err != nil {
				return nil, src.stop(ctx, err)
			}
		default:
			return src.stream.read(ctx)
		}
	}
}

// pause keeps snapshot.delay.ms and streaming.delay.ms.
func (src *Source) pause(ctx context.Context) error {
	d := time.Until(src.delay)
	if src.delay.IsZero() || d <= 0 {
		return cancelled(ctx)
	}
	src.log.Info("waiting before going on, as snapshot.delay.ms or streaming.delay.ms says", "for", d.Round(time.Millisecond))
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		src.delay = time.Time{}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (src *Source) snapshotDone() {
	src.tables, src.start = src.snap.tables, src.snap.c
	src.snap = nil
	src.nothing = !src.s.streams()
	src.delay = time.Time{}
	if src.s.streams() && src.s.streamingDelay > 0 {
		src.delay = time.Now().Add(src.s.streamingDelay)
	}
}

// startStream asks the server for its log.
func (src *Source) startStream(ctx context.Context) error {
	st, err := newStream(ctx, src)
	if err != nil {
		return err
	}
	src.stream = st
	_ = src.x.close() // queries are over; the server notices
	src.x = nil
	return nil
}

// Commit has nothing to tell the server: it keeps its log as long as it is configured to.
func (src *Source) Commit(context.Context, records.Position) error { return nil }

// SnapshotProgress may be called at any time.
func (src *Source) SnapshotProgress() capture.Snapshot {
	if p := src.progress.Load(); p != nil {
		return *p
	}
	return capture.Snapshot{SecondsLeft: -1}
}

// Close frees everything; a second call does nothing.
func (src *Source) Close() error {
	if src.em != nil {
		src.em.drop()
	}
	if src.snap != nil {
		src.snap.close()
		src.snap = nil
	}
	if src.stream != nil {
		src.stream.close()
		src.stream = nil
	}
	_ = src.x.close() // whether the server heard us does not matter any more
	src.x = nil
	var err error
	if src.store != nil {
		err = src.store.Close()
		src.store = nil
	}
	src.m.close()
	return err
}

// warner limits the warnings about values that could not be converted: the first of each kind,
// then one every 30 seconds with a count.
type warner struct {
	log  *slog.Logger
	seen map[string]*warning
}

type warning struct {
	last    time.Time
	skipped int
}

const warnEvery = 30 * time.Second

func newWarner(log *slog.Logger) *warner { return &warner{log: log, seen: map[string]*warning{}} }

func (w *warner) warn(msg string, args ...any) {
	k := msg
	for i := 1; i < len(args) && i < 4; i += 2 { // table and column
		if s, ok := args[i].(string); ok {
			k += "\x00" + s
		}
	}
	now := time.Now()
	it := w.seen[k]
	if it == nil {
		if len(w.seen) >= 10_000 {
			return
		}
		it = &warning{}
		w.seen[k] = it
	} else if now.Sub(it.last) < warnEvery {
		it.skipped++
		return
	}
	if it.skipped > 0 {
		args = append(args, "more", it.skipped)
	}
	it.last, it.skipped = now, 0
	w.log.Warn(msg, args...)
}
