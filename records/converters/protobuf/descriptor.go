package protobuf

import (
	"encoding/base64"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// sources are schemas by the names under which they are imported. A schema is text, or what
// clients other than Java's register: a FileDescriptorProto in base64, which Confluent's own
// registry turns into text and others hand out as it is.
type sources map[string]string

// FindFileByPath implements protocompile.Resolver.
func (s sources) FindFileByPath(path string) (protocompile.SearchResult, error) {
	text, ok := s[path]
	if !ok {
		return protocompile.SearchResult{}, protoregistry.NotFound
	}
	if d := descriptorOf(text); d != nil {
		d.Name = proto.String(path) // Confluent's clients do not care about it either
		return protocompile.SearchResult{Proto: d}, nil
	}
	return protocompile.SearchResult{Source: strings.NewReader(text)}, nil
}

// descriptorOf returns nil for text: no schema in text is base64, there is a ; or a { in each.
func descriptorOf(text string) *descriptorpb.FileDescriptorProto {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) == 0 {
		return nil
	}
	d := &descriptorpb.FileDescriptorProto{}
	if proto.Unmarshal(raw, d) != nil {
		return nil
	}
	return d
}
