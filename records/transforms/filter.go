package transforms

import (
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

// filter is Filter (CW-358): every record that its predicate lets through is dropped.
type filter struct{}

func filterClass() Class {
	return Class{Name: kafkaPrefix + "Filter", Def: configs.NewDef(),
		New: func(*configs.Values) (Transform, error) { return filter{}, nil }}
}

func (filter) Apply(*records.Batch, *records.Record) (bool, error) { return false, nil }
