package transforms

import (
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

// side says whether a transform works on the key or the value: its class ends in $Key or $Value.
type side uint8

const (
	keySide side = iota
	valueSide
)

func (s side) get(b *records.Batch, r *records.Record) (*records.Schema, records.Value) {
	if s == keySide {
		return b.Schemas[r.KeySchema], r.Key
	}
	return b.Schemas[r.ValueSchema], r.Value
}

func (s side) set(b *records.Batch, r *records.Record, schema *records.Schema, v records.Value) {
	if s == keySide {
		r.KeySchema, r.Key = b.SchemaIndex(schema), v
		return
	}
	r.ValueSchema, r.Value = b.SchemaIndex(schema), v
}

// sided makes the $Key and the $Value class of a transform.
func sided(name string, def *configs.Def, make func(v *configs.Values, s side) (Transform, error)) []Class {
	class := func(suffix string, s side) Class {
		return Class{Name: kafkaPrefix + name + suffix, Def: def,
			New: func(v *configs.Values) (Transform, error) { return make(v, s) }}
	}
	return []Class{class("$Key", keySide), class("$Value", valueSide)}
}

const kafkaPrefix = "org.apache.kafka.connect.transforms."

// plans remembers what each schema leads to. The zero value is ready.
type plans[T any] struct {
	last     *records.Schema
	lastPlan *T
	known    map[*records.Schema]*T
}

// of returns the plan of a schema, nil if there is none yet.
func (p *plans[T]) of(s *records.Schema) *T {
	if s == p.last && p.lastPlan != nil {
		return p.lastPlan
	}
	plan := p.known[s]
	if plan != nil {
		p.last, p.lastPlan = s, plan
	}
	return plan
}

// keep stores a plan. Their number is bounded, as Kafka bounds its caches of schemas.
func (p *plans[T]) keep(s *records.Schema, plan *T) *T {
	if p.known == nil || len(p.known) >= maxMemo {
		p.known = map[*records.Schema]*T{}
	}
	p.known[s] = plan
	p.last, p.lastPlan = s, plan
	return plan
}
