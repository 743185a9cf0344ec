package transforms

import (
	"slices"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

// Transform is one step of a chain. One instance serves one lane, so it needs no locks.
type Transform interface {
	// Apply changes record r of b in place; keep false drops it. After an error r is as it
	// was; what was appended to the batch's slabs may stay there.
	Apply(b *records.Batch, r *records.Record) (keep bool, err error)
}

// starter is implemented by transforms that remember something within a batch only.
type starter interface{ start(b *records.Batch) }

// Predicate decides whether a transform sees a record (CW-350).
type Predicate interface {
	Test(b *records.Batch, r *records.Record) (bool, error)
}

// Class is what can be configured under transforms.<alias>.type.
type Class struct {
	Name string // Java class name
	Def  *configs.Def
	// New makes an instance from values that Def parsed without a problem.
	New func(v *configs.Values) (Transform, error)
}

// PredicateClass is what can be configured under predicates.<alias>.type.
type PredicateClass struct {
	Name string // Java class name
	Def  *configs.Def
	// New makes an instance from values that Def parsed without a problem.
	New func(v *configs.Values) (Predicate, error)
}

// Classes lists the transforms of this package.
func Classes() []Class {
	return slices.Concat(castClasses(), extractFieldClasses(), flattenClasses(), headerFromClasses(), hoistFieldClasses(),
		insertFieldClasses(), maskFieldClasses(), replaceFieldClasses(), setSchemaMetadataClasses(), timestampConverterClasses(),
		[]Class{dropHeadersClass(), extractNewRecordStateClass(), filterClass(), insertHeaderClass(), regexRouterClass(),
			timestampRouterClass(), valueToKeyClass()})
}

// PredicateClasses lists the predicates of this package.
func PredicateClasses() []PredicateClass {
	return []PredicateClass{hasHeaderKeyClass(), recordIsTombstoneClass(), topicNameMatchesClass()}
}

// basics copies what Kafka's SchemaUtil keeps when a schema is rebuilt: type, name, version,
// doc and parameters, but neither the optional flag nor the default (DM-202, CW-353).
func basics(s *records.Schema) *records.Schema {
	return &records.Schema{Type: s.Type, Name: s.Name, Version: s.Version, Doc: s.Doc, Params: s.Params,
		Elem: s.Elem, Key: s.Key}
}
