package column

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/records"
)

// schemaTree is a schema as Connect's JsonConverter writes it.
func schemaTree(s *records.Schema, field string) map[string]any {
	m := map[string]any{"type": strings.ToLower(s.Type.String()), "optional": s.Optional}
	switch s.Type {
	case records.Float32:
		m["type"] = "float"
	case records.Float64:
		m["type"] = "double"
	case records.Struct:
		fields := []any{}
		for _, f := range s.Fields {
			fields = append(fields, schemaTree(f.Schema, f.Name))
		}
		m["fields"] = fields
	case records.Array:
		m["items"] = schemaTree(s.Elem, "")
	}
	if s.Name != "" {
		m["name"] = s.Name
	}
	if s.Version != 0 {
		m["version"] = float64(s.Version)
	}
	if s.Doc != "" {
		m["doc"] = s.Doc
	}
	if len(s.Params) > 0 {
		p := map[string]any{}
		for _, x := range s.Params {
			p[x.Key] = x.Value
		}
		m["parameters"] = p
	}
	if s.Default != nil {
		m["default"] = plainTree(s.Default)
	}
	if field != "" {
		m["field"] = field
	}
	return m
}

func plainTree(v any) any {
	switch x := v.(type) {
	case []byte:
		return base64.StdEncoding.EncodeToString(x)
	case int64:
		return json.Number(strconv.FormatInt(x, 10))
	case float64:
		return json.Number(strconv.FormatFloat(x, 'g', -1, 64))
	}
	return v
}

// valueTree is a value as JsonConverter writes it, null replaced by the default.
func valueTree(b *records.Batch, s *records.Schema, v records.Value) any {
	switch v.Kind {
	case records.KindNull:
		if s.Default != nil {
			return plainTree(s.Default)
		}
		return nil
	case records.KindBool:
		return v.Bool()
	case records.KindString:
		return b.Str(v)
	case records.KindBytes:
		return base64.StdEncoding.EncodeToString(b.Raw(v))
	case records.KindFloat32:
		return json.Number(strconv.FormatFloat(v.Float(), 'g', -1, 32))
	case records.KindFloat64:
		return json.Number(strconv.FormatFloat(v.Float(), 'g', -1, 64))
	case records.KindStruct:
		m := map[string]any{}
		for i, e := range b.Elems(v) {
			m[s.Fields[i].Name] = valueTree(b, s.Fields[i].Schema, e)
		}
		return m
	case records.KindArray:
		list := []any{}
		for _, e := range b.Elems(v) {
			list = append(list, valueTree(b, s.Elem, e))
		}
		return list
	}
	return json.Number(strconv.FormatInt(v.Int(), 10))
}

// diffTrees lists where two JSON trees differ.
func diffTrees(path string, want, got any, out *[]string) {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			break
		}
		for k := range w {
			if _, ok := g[k]; !ok {
				*out = append(*out, fmt.Sprintf("%s.%s: want %v, absent", path, k, w[k]))
				continue
			}
			diffTrees(path+"."+k, w[k], g[k], out)
		}
		for k := range g {
			if _, ok := w[k]; !ok {
				*out = append(*out, fmt.Sprintf("%s.%s: absent in the original, got %v", path, k, g[k]))
			}
		}
		return
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			break
		}
		for i := range w {
			p := fmt.Sprintf("%s[%d]", path, i)
			if m, ok := w[i].(map[string]any); ok && m["field"] != nil {
				p = fmt.Sprintf("%s[%v]", path, m["field"])
			}
			diffTrees(p, w[i], g[i], out)
		}
		return
	}
	if !sameScalar(want, got) {
		*out = append(*out, fmt.Sprintf("%s: want %#v, got %#v", path, want, got))
	}
}

func sameScalar(a, b any) bool {
	x, okx := asFloat(a)
	y, oky := asFloat(b)
	if okx && oky {
		ta, _ := a.(json.Number)
		tb, _ := b.(json.Number)
		if !strings.ContainsAny(string(ta)+string(tb), ".eE") {
			return ta == tb || ta == "" || tb == ""
		}
		return x == y || math.Abs(x-y) < 1e-6*math.Abs(x) && float32(x) == float32(y)
	}
	return a == b
}

func asFloat(v any) (float64, bool) {
	switch x := v.(type) {
	case float64:
		return x, true
	case json.Number:
		f, err := x.Float64()
		return f, err == nil
	}
	return 0, false
}
