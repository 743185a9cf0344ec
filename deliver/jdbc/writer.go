package jdbc

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/anabranch/anabranch/records"
)

// writer turns batches into transactions over one session. It belongs to one goroutine.
type writer struct {
	config  *config
	dialect dialect
	session session
	log     *slog.Logger
	metrics *metrics

	plans   map[planKey]*plan
	recent  [4]*plan // the plans used last, newest first
	tables  map[tableID]*table
	layouts map[string]*layout
	groups  []*group // groups[:used] are those of the present write
	used    int
	scratch []byte
	warned  map[string]bool

	// bad is asked about a record that cannot be written; nil stops the task with the error.
	bad func(context.Context, *recordError) error
}

type planKey struct {
	topic      string
	key, value *records.Schema
}

// maxPlans bounds the plan cache, should a converter make new schema pointers all the time.
const maxPlans = 1024

func newWriter(c *config, d dialect, s session, log *slog.Logger, m *metrics) *writer {
	return &writer{config: c, dialect: d, session: s, log: log, metrics: m,
		plans: map[planKey]*plan{}, tables: map[tableID]*table{}, layouts: map[string]*layout{}, warned: map[string]bool{}}
}

// forget drops what is cached about the database; the session's statements stay.
func (w *writer) forget() {
	clear(w.plans)
	clear(w.tables)
	clear(w.layouts)
	w.recent = [4]*plan{}
}

// write puts batches into the database in one transaction. It does not own the batches.
func (w *writer) write(ctx context.Context, batches []*records.Batch) error {
	err := w.try(ctx, batches)
	if err != nil && w.dialect.classify(err) == classStale && ctx.Err() == nil {
		// Someone changed the table under us: read it again, once.
		w.forget()
		err = w.try(ctx, batches)
	}
	return err
}

func (w *writer) try(ctx context.Context, batches []*records.Batch) error {
	defer w.reset()
	for _, b := range batches {
		for i := range b.Records {
			if err := w.route(ctx, b, i); err != nil {
				return err
			}
		}
	}
	if w.used == 0 {
		return nil
	}
	err := w.flush(ctx)
	if err != nil && (w.dialect.classify(err) == classRow || w.bad != nil && isRecordError(err)) && ctx.Err() == nil {
		w.metrics.isolations.Inc()
		err = w.isolate(ctx)
	}
	return err
}

func (w *writer) reset() {
	for _, g := range w.groups[:w.used] {
		g.table.group = nil
		g.reset()
	}
	w.used = 0
}

// route adds one record to the groups of this write.
func (w *writer) route(ctx context.Context, b *records.Batch, i int) error {
	rec := &b.Records[i]
	p := w.plan(b.Topics[rec.Topic], b.Schemas[rec.KeySchema], b.Schemas[rec.ValueSchema])
	c := w.config
	if p.shape == shapeSchemaChange {
		w.metrics.skipped.Inc()
		w.warnOnce("schema change events are skipped", p.topic)
		return nil
	}
	r := row{b: b, rec: int32(i), key: rec.Key.Off, val: rec.Value.Off}
	if rec.Value.IsNull() {
		return w.routeNull(ctx, p, b, i, r)
	}
	if p.value == nil || p.value.Type != records.Struct || rec.Value.Kind != records.KindStruct {
		return w.reject(ctx, recordErr(b, i, "use a converter that carries schemas, such as JsonConverter with schemas.enable=true",
			"the sink needs a Struct value with a schema, but %s", describeValue(p.value, rec.Value)))
	}
	payload := p.value
	if p.shape == shapeEnvelope {
		members := b.Elems(rec.Value)
		op := members[p.op]
		code := byte(0)
		if op.Kind == records.KindString && op.N == 1 {
			code = b.Raw(op)[0]
		}
		at := p.after
		switch code {
		case 'd':
			if !c.deletes {
				w.metrics.skipped.Inc()
				return nil
			}
			at = p.before
			r.remove = true
		case 't':
			return w.routeTruncate(ctx, p, b, i)
		case 'm':
			w.metrics.skipped.Inc()
			return nil
		case 'c', 'u', 'r':
		default:
			return w.reject(ctx, recordErr(b, i, "", "the event's operation is unknown"))
		}
		if r.remove && (at < 0 || members[at].IsNull()) {
			payload = nil
			if c.pk == pkValue {
				return w.reject(ctx, recordErr(b, i, "set the source table's replica identity so that events carry the old row, or use record_key",
					"the delete event has no before block to take the key from"))
			}
		} else {
			if members[at].Kind != records.KindStruct {
				return w.reject(ctx, recordErr(b, i, "", "the event has no %s block", p.value.Fields[at].Name))
			}
			r.val, payload = members[at].Off, p.value.Fields[at].Schema
		}
	}
	return w.add(ctx, p, b, i, r, payload)
}

// routeNull handles null values: deletes by key, or what they mean where deletes are off.
// Confluent's connector stops at them (SJ-063), Debezium's skips them (SJ-143).
func (w *writer) routeNull(ctx context.Context, p *plan, b *records.Batch, i int, r row) error {
	c := w.config
	if c.family == debezium && (!c.deletes || c.pk == pkValue || c.pk == pkHeader && len(b.RecordHeaders(&b.Records[i])) == 0) {
		w.metrics.skipped.Inc()
		return nil
	}
	if !c.deletes {
		return w.reject(ctx, recordErr(b, i, "set delete.enabled=true with pk.mode=record_key, or drop null values with a transform",
			"delete.enabled=false and %s=%s need a Struct value, but the value is null", c.pkKey, c.pk))
	}
	r.remove = true
	return w.add(ctx, p, b, i, r, nil)
}

func (w *writer) routeTruncate(ctx context.Context, p *plan, b *records.Batch, i int) error {
	if !w.config.truncates {
		w.metrics.skipped.Inc()
		return nil
	}
	t, err := w.target(ctx, p, b, i)
	if err != nil || t == nil {
		return err
	}
	if t.table.info == nil {
		return nil
	}
	w.newGroup(t.table).truncate = t.table
	return nil
}

func (w *writer) add(ctx context.Context, p *plan, b *records.Batch, i int, r row, payload *records.Schema) error {
	c := w.config
	rec := &b.Records[i]
	if c.pk == pkKey && (rec.Key.IsNull() || p.key != nil && p.key.Type == records.Struct && rec.Key.Kind != records.KindStruct) {
		return w.reject(ctx, recordErr(b, i, "set "+c.pkKey+" to record_value or none, or give the records a key",
			"%s=record_key needs a key, but the key is null", c.pkKey))
	}
	t, err := w.target(ctx, p, b, i)
	if err != nil || t == nil {
		return err
	}
	var l *layout
	switch {
	case r.remove && t.del == nil:
		t.del, err = w.delLayout(ctx, p, t.table, payload, b, i)
		l = t.del
	case r.remove:
		l = t.del
	case t.put == nil:
		t.put, err = w.putLayout(ctx, p, t.table, payload, b, i)
		l = t.put
	default:
		l = t.put
	}
	if errors.Is(err, errNothingToDelete) {
		w.metrics.skipped.Inc()
		return nil
	}
	if re := (*recordError)(nil); errors.As(err, &re) {
		return w.reject(ctx, re)
	}
	if err != nil {
		return err
	}
	g := w.groupFor(l)
	if !g.add(c.insert, l, r) {
		g = w.newGroup(l.table)
		g.add(c.insert, l, r)
	}
	if l.delete {
		g.del = l
	} else {
		g.put = l
	}
	return nil
}

// groupFor returns the group that rows of a layout may join: the last one of their table, if
// its layouts fit. A change of layout starts a new group, so that rows of both keep their order.
func (w *writer) groupFor(l *layout) *group {
	g := l.table.group
	if g == nil || g.truncate != nil ||
		l.delete && (g.del != nil && g.del != l || g.put != nil && !sameKeys(g.put, l)) ||
		!l.delete && (g.put != nil && g.put != l || g.del != nil && !sameKeys(g.del, l)) {
		return w.newGroup(l.table)
	}
	return g
}

// sameKeys reports whether two layouts' key columns are the same, so that encoded keys of
// their rows can be compared.
func sameKeys(a, b *layout) bool {
	if a.keys != b.keys {
		return false
	}
	for i := range a.cols[:a.keys] {
		if a.cols[i].column != b.cols[i].column {
			return false
		}
	}
	return true
}

func (w *writer) newGroup(t *table) *group {
	if w.used == len(w.groups) {
		w.groups = append(w.groups, &group{})
	}
	w.used++
	g := w.groups[w.used-1]
	g.table, t.group = t, g
	return g
}

// plan returns the plan for a topic and a pair of schemas.
func (w *writer) plan(topic string, key, value *records.Schema) *plan {
	for i, p := range w.recent {
		if p != nil && p.key == key && p.value == value && p.topic == topic {
			if i > 0 {
				copy(w.recent[1:i+1], w.recent[:i])
				w.recent[0] = p
			}
			return p
		}
	}
	k := planKey{topic, key, value}
	p, ok := w.plans[k]
	if !ok {
		if len(w.plans) >= maxPlans {
			clear(w.plans)
		}
		// The topic string may live in the batch; the plan outlives it.
		p = &plan{topic: strings.Clone(topic), key: key, value: value}
		k.topic = p.topic
		w.config.shapeOf(p)
		w.plans[k] = p
	}
	copy(w.recent[1:], w.recent[:3])
	w.recent[0] = p
	return p
}

// target returns the table that a record goes to; nil if it is to be skipped.
func (w *writer) target(ctx context.Context, p *plan, b *records.Batch, i int) (*target, error) {
	if p.static != nil {
		return p.static, nil
	}
	name := w.config.formatTopic(p.topic)
	if usesSource(name) {
		if p.shape != shapeEnvelope || p.source < 0 {
			w.metrics.skipped.Inc()
			w.warnOnce("records without a source block are skipped, because the table name needs one", p.topic)
			return nil, nil
		}
		var err error
		source := b.Elems(b.Records[i].Value)[p.source]
		w.scratch, err = sourceName(w.scratch[:0], name, b, p.value.Fields[p.source].Schema, source)
		if err != nil {
			return nil, w.reject(ctx, recordErr(b, i, "", "%w", err))
		}
		if t, ok := p.bySource[string(w.scratch)]; ok {
			return t, nil
		}
		name = string(w.scratch)
	}
	id, err := w.config.table(w.dialect, name)
	if err != nil {
		return nil, recordErr(b, i, "set the table name format, or rename topics with RegexRouter", "%w", err)
	}
	tab, err := w.table(ctx, id)
	if err != nil {
		return nil, err
	}
	t := &target{table: tab}
	if usesSource(w.config.tableFormat) {
		if p.bySource == nil {
			p.bySource = map[string]*target{}
		}
		p.bySource[name] = t
	} else {
		p.static = t
	}
	return t, nil
}

// reject ends the write, unless someone takes the record.
func (w *writer) reject(ctx context.Context, e *recordError) error {
	if w.bad != nil {
		return w.bad(ctx, e)
	}
	return e
}

func (w *writer) warnOnce(msg, topic string) {
	if !w.warned[msg+topic] {
		w.warned[msg+topic] = true
		w.log.Warn(msg, "topic", topic)
	}
}

func describeValue(s *records.Schema, v records.Value) string {
	if s == nil {
		return "the value has no schema"
	}
	return "the value's schema is " + describeType(s)
}
