package avro

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"github.com/anabranch/anabranch/records"
)

// maxDepth bounds how deep schemas, their JSON and schemaless values may be nested.
const maxDepth = 200

// nodeKind is a kind of JSON.
type nodeKind uint8

const (
	nullNode nodeKind = iota
	boolNode
	numberNode
	textNode
	arrayNode
	objectNode
)

// node is a JSON value that keeps the order of members: the text of a schema decides its id.
type node struct {
	kind    nodeKind
	bool    bool
	text    string // of strings, and of numbers as written
	items   []node
	members []member
}

type member struct {
	name  string
	value node
}

func textOf(s string) node { return node{kind: textNode, text: s} }
func intOf(i int64) node   { return node{kind: numberNode, text: strconv.FormatInt(i, 10)} }

// get returns a member, nil if there is none.
func (n *node) get(name string) *node {
	for i := range n.members {
		if n.members[i].name == name {
			return &n.members[i].value
		}
	}
	return nil
}

// set adds a member or replaces its value in place.
func (n *node) set(name string, v node) {
	n.kind = objectNode
	if old := n.get(name); old != nil {
		*old = v
		return
	}
	n.members = append(n.members, member{name, v})
}

func (n *node) int64() (int64, bool) {
	if n.kind != numberNode {
		return 0, false
	}
	i, err := strconv.ParseInt(n.text, 10, 64)
	return i, err == nil
}

// parseNode reads one JSON value that fills the text.
func parseNode(text string) (node, error) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	n, err := readNode(d, 0)
	if err != nil {
		return node{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return node{}, errors.New("there is something behind the end")
	}
	return n, nil
}

func readNode(d *json.Decoder, depth int) (node, error) {
	if depth > maxDepth {
		return node{}, errors.New("it is nested too deeply")
	}
	t, err := d.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return node{}, err
	}
	switch t := t.(type) {
	case bool:
		return node{kind: boolNode, bool: t}, nil
	case json.Number:
		return node{kind: numberNode, text: string(t)}, nil
	case string:
		return textOf(t), nil
	case json.Delim:
		n := node{kind: arrayNode}
		if t == '{' {
			n.kind = objectNode
		}
		var index map[string]int // for objects that are too large to search
		for d.More() {
			if n.kind == arrayNode {
				item, err := readNode(d, depth+1)
				if err != nil {
					return node{}, err
				}
				n.items = append(n.items, item)
				continue
			}
			name, err := d.Token()
			if err != nil {
				return node{}, err
			}
			value, err := readNode(d, depth+1)
			if err != nil {
				return node{}, err
			}
			key := name.(string)
			if len(n.members) < 32 {
				n.set(key, value)
				continue
			}
			if index == nil {
				index = make(map[string]int, 64)
				for i := range n.members {
					index[n.members[i].name] = i
				}
			}
			if at, dup := index[key]; dup {
				n.members[at].value = value
				continue
			}
			index[key] = len(n.members)
			n.members = append(n.members, member{key, value})
		}
		_, err := d.Token() // the closing one
		return n, err
	}
	return node{}, nil // null
}

// append writes the value as Jackson does, without spaces.
func (n *node) append(dst []byte) []byte {
	switch n.kind {
	case boolNode:
		return strconv.AppendBool(dst, n.bool)
	case numberNode:
		return append(dst, n.text...)
	case textNode:
		return records.AppendJSONText(dst, n.text)
	case arrayNode:
		dst = append(dst, '[')
		for i := range n.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = n.items[i].append(dst)
		}
		return append(dst, ']')
	case objectNode:
		dst = append(dst, '{')
		for i := range n.members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(records.AppendJSONText(dst, n.members[i].name), ':')
			dst = n.members[i].value.append(dst)
		}
		return append(dst, '}')
	}
	return append(dst, "null"...)
}
