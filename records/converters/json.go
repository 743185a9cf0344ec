package converters

import (
	"strings"
	"sync"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

// jsonShared is what all converters of one factory share.
type jsonShared struct {
	schemas     bool
	numeric     bool
	nullDefault bool
	entries     bool // maps without text keys are lists of {"key":…,"value":…}
	cacheSize   int

	mu    sync.Mutex // guards the field below
	known map[string]*reader
}

func newJSONShared(v *configs.Values) *jsonShared {
	return &jsonShared{
		schemas:     v.Bool(SchemasEnable),
		numeric:     strings.EqualFold(v.Str(DecimalFormat), "NUMERIC"),
		nullDefault: v.Bool(ReplaceNullWithDefault),
		cacheSize:   max(int(v.Int(SchemasCacheSize)), 16),
		known:       map[string]*reader{},
	}
}

// jsonConverter is Connect's JsonConverter (CW-303 to CW-322).
type jsonConverter struct {
	*jsonShared
	// Writing: plans by schema pointer, the last one at hand.
	lastSchema *records.Schema
	lastPlan   *writer
	plans      map[*records.Schema]*writer
	// Reading.
	lastReader *reader
	scan       scanner
	stack      []records.Value
}

func newJSON(s *jsonShared) *jsonConverter {
	return &jsonConverter{jsonShared: s, plans: map[*records.Schema]*writer{}}
}

// Class implements Converter.
func (c *jsonConverter) Class() string { return JSONClass }

// Append implements Converter.
func (c *jsonConverter) Append(dst []byte, _ string, b *records.Batch, schema *records.Schema, v records.Value) ([]byte, bool, error) {
	if schema == nil && v.Kind == records.KindNull {
		return dst, true, nil
	}
	start := len(dst)
	p := c.lastPlan
	if schema != c.lastSchema || p == nil {
		var err error
		if p, err = c.plan(schema); err != nil {
			return dst, false, err
		}
	}
	dst = append(dst, p.head...)
	dst, err := p.root.append(dst, b, v)
	if err != nil {
		return dst[:start], false, err
	}
	if c.schemas {
		dst = append(dst, '}')
	}
	return dst, false, nil
}

func (c *jsonConverter) plan(s *records.Schema) (*writer, error) {
	p, ok := c.plans[s]
	if !ok {
		var err error
		if p, err = c.compile(s); err != nil {
			return nil, err
		}
		if len(c.plans) >= c.cacheSize {
			clear(c.plans)
		}
		c.plans[s] = p
	}
	c.lastSchema, c.lastPlan = s, p
	return p, nil
}
