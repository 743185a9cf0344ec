package registry

import "strings"

// Format is a kind of schema as registries name it.
type Format string

// The formats. Registries leave AVRO out of requests and answers.
const (
	Avro     Format = "AVRO"
	JSON     Format = "JSON"
	Protobuf Format = "PROTOBUF"
	KConnect Format = "KCONNECT" // Connect's own JSON, in Apicurio's registry
)

// Reference names a schema that another one uses.
type Reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// Schema is a schema as registries store it.
type Schema struct {
	Text       string
	Format     Format
	References []Reference
}

// Registered is a schema under a subject.
type Registered struct {
	Schema
	Subject string
	ID      uint32
	Version int
}

// Equal compares everything.
func (s Schema) Equal(o Schema) bool { return s.key() == o.key() }

// key tells schemas apart in caches.
func (s Schema) key() string {
	if len(s.References) == 0 {
		return string(s.Format) + "\x00" + s.Text
	}
	var b strings.Builder
	b.WriteString(string(s.Format))
	for _, r := range s.References {
		b.WriteString("\x01" + r.Name + "\x01" + r.Subject + "\x01" + itoa(r.Version))
	}
	return b.String() + "\x00" + s.Text
}
