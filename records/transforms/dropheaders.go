package transforms

import (
	"slices"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

// dropHeaders is DropHeaders (CW-356).
type dropHeaders struct{ names []string }

func dropHeadersClass() Class {
	return Class{Name: kafkaPrefix + "DropHeaders",
		Def: configs.NewDef(configs.Key{Name: "headers", Type: configs.ListType, Required: true, Importance: configs.High,
			Check: distinct("headers", false), Doc: "Names of the headers to remove."}),
		New: func(v *configs.Values) (Transform, error) { return &dropHeaders{v.List("headers")}, nil }}
}

func (t *dropHeaders) Apply(b *records.Batch, r *records.Record) (bool, error) {
	kept := 0
	for _, h := range b.RecordHeaders(r) {
		if !slices.Contains(t.names, h.Key) {
			kept++
		}
	}
	switch kept {
	case int(r.HeaderN):
		return true, nil
	case 0:
		r.HeaderN = 0
		return true, nil
	}
	at := len(b.Headers)
	b.Headers = slices.Grow(b.Headers, kept)
	for _, h := range b.RecordHeaders(r) {
		if !slices.Contains(t.names, h.Key) {
			b.Headers = append(b.Headers, h)
		}
	}
	closeHeaders(b, r, at)
	return true, nil
}
