package avro

// anything is the record that holds a value without a schema (CW-344): one field for each type,
// all but one of them null. It refers to itself, for arrays and maps.
func anything() *schema {
	null := &schema{kind: kindNull}
	any := &schema{kind: kindRecord, name: "Anything", space: namespace}
	add := func(name string, t *schema) {
		any.fields = append(any.fields, field{name: name, schema: &schema{kind: kindUnion, types: []*schema{null, t}}, def: &node{}})
	}
	for _, k := range []kind{kindBoolean, kindBytes, kindDouble, kindFloat, kindInt, kindLong, kindString} {
		add(k.String(), &schema{kind: k})
	}
	add("array", &schema{kind: kindArray, elem: any})
	add("map", &schema{kind: kindArray, elem: &schema{kind: kindRecord, name: mapEntry, space: namespace,
		fields: []field{{name: keyField, schema: any}, {name: valueField, schema: any}}}})
	return any
}

// Places of anything's fields.
const (
	anyBoolean = iota
	anyBytes
	anyDouble
	anyFloat
	anyInt
	anyLong
	anyString
	anyArray
	anyMap
	anyFields
)

// isAnything compares with anything by what it looks like.
func isAnything(s *schema) bool {
	return s.kind == kindRecord && s.name == "Anything" && s.space == namespace && sameNamed(s, anything())
}
