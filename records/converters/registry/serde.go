package registry

import (
	"context"
	"errors"
	"time"
)

// Limits of what a Serde keeps beside max.schemas.per.subject.
const (
	maxSubjects = 10000
	maxIDs      = 20000
	maxVersions = 20000
)

// Serde answers a converter's questions about schemas and keeps the answers. It is safe for
// concurrent use; all converters of one configuration share one.
type Serde struct {
	set      Settings
	client   API
	ids      *cache[string, *cache[string, uint32]] // by subject, by schema
	byID     *cache[idIn, Schema]
	versions *cache[idIn, int]
	latest   *cache[string, latest]
}

type idIn struct {
	subject string
	id      uint32
}

type latest struct {
	Registered
	until time.Time // zero = for ever
}

// API is what a Serde asks of a registry. *Client and *Apicurio are such.
type API interface {
	Register(ctx context.Context, subject string, s Schema, normalize bool) (uint32, error)
	LookUp(ctx context.Context, subject string, s Schema, normalize bool) (Registered, error)
	ByID(ctx context.Context, id uint32, subject string) (Schema, error)
	Version(ctx context.Context, subject string, version int) (Registered, error)
}

var _ API = (*Client)(nil)

// NewSerde makes a Serde with a client of its own.
func NewSerde(s Settings) (*Serde, error) {
	c, err := NewClient(s.Client)
	if err != nil {
		return nil, err
	}
	return newSerde(s, c), nil
}

func newSerde(s Settings, c API) *Serde {
	return &Serde{set: s, client: c,
		ids:  newCache[string, *cache[string, uint32]](maxSubjects),
		byID: newCache[idIn, Schema](maxIDs), versions: newCache[idIn, int](maxVersions),
		latest: newCache[string, latest](s.LatestSize)}
}

// Settings returns what the Serde was made from.
func (s *Serde) Settings() *Settings { return &s.set }

// Subject names the subject of a schema; record is its full name or "".
func (s *Serde) Subject(topic, record string) (string, error) {
	if s.set.Artifact != "" {
		return s.set.Artifact, nil
	}
	return s.set.Strategy.Subject(topic, s.set.IsKey, record)
}

// Choice is under which id a value is written.
type Choice struct {
	ID uint32
	// Other is the schema of the registry that the value is written with, nil when it is the
	// converter's own (use.latest.version, use.schema.id).
	Other *Schema
	// Until is when the choice must be made anew; zero = never.
	Until time.Time
}

// Choose says under which id a value with this schema is written. reads, called only where
// Connect checks it, tells why values of the own schema cannot be read with another one.
func (s *Serde) Choose(ctx context.Context, subject string, own Schema, reads func(other Schema) error) (Choice, error) {
	switch {
	case s.set.AutoRegister:
		id, err := s.id(ctx, subject, own, func() (uint32, error) { return s.client.Register(ctx, subject, own, s.set.Normalize) })
		return Choice{ID: id}, err
	case s.set.UseID >= 0:
		id := uint32(s.set.UseID)
		other, err := s.ByID(ctx, id, subject)
		if err != nil {
			return Choice{}, err
		}
		return s.other(Choice{ID: id, Other: &other}, own, s.set.IDStrict, "id.compatibility.strict", reads)
	case s.set.UseLatest:
		l, err := s.Latest(ctx, subject)
		if err != nil {
			return Choice{}, err
		}
		return s.other(Choice{ID: l.ID, Other: &l.Schema, Until: l.until}, own, s.set.LatestStrict, "latest.compatibility.strict", reads)
	}
	id, err := s.id(ctx, subject, own, func() (uint32, error) {
		r, err := s.client.LookUp(ctx, subject, own, s.set.Normalize)
		return r.ID, err
	})
	return Choice{ID: id}, err
}

// other finishes a choice of a schema of the registry.
func (s *Serde) other(c Choice, own Schema, strict bool, key string, reads func(Schema) error) (Choice, error) {
	switch {
	case c.Other.Equal(own):
		c.Other = nil
	case c.Other.Format != own.Format:
		return Choice{}, Dataf("the registry's schema %d is of type %s, not %s", c.ID, c.Other.Format, own.Format)
	case strict:
		if err := reads(*c.Other); err != nil {
			return Choice{}, Dataf("Incompatible schema: the registry's schema %d cannot read what is written: %v. Set %s=false to disable this check", c.ID, err, key)
		}
	}
	return c, nil
}

func (s *Serde) id(ctx context.Context, subject string, own Schema, ask func() (uint32, error)) (uint32, error) {
	known, err := s.ids.get(ctx, subject, func() (*cache[string, uint32], error) {
		return newCache[string, uint32](s.set.MaxSchemas), nil
	})
	if err != nil {
		return 0, err
	}
	return known.get(ctx, own.key(), ask)
}

// Latest returns the latest version of a subject, as old as latest.cache.ttl.sec allows.
func (s *Serde) Latest(ctx context.Context, subject string) (latest, error) {
	for {
		l, err := s.latest.get(ctx, subject, func() (latest, error) {
			r, err := s.client.Version(ctx, subject, 0)
			l := latest{Registered: r}
			if s.set.LatestTTL >= 0 {
				l.until = time.Now().Add(max(s.set.LatestTTL, time.Second))
			}
			return l, err
		})
		if err != nil || l.until.IsZero() || time.Now().Before(l.until) {
			return l, err
		}
		s.latest.forget(subject)
	}
}

// ByID returns the schema of an id. subject may be "".
func (s *Serde) ByID(ctx context.Context, id uint32, subject string) (Schema, error) {
	return s.byID.get(ctx, idIn{subject, id}, func() (Schema, error) { return s.client.ByID(ctx, id, subject) })
}

// VersionOf returns the version that a schema has under a subject, 0 if it is not there.
func (s *Serde) VersionOf(ctx context.Context, subject string, id uint32, schema Schema) (int, error) {
	return s.versions.get(ctx, idIn{subject, id}, func() (int, error) {
		r, err := s.client.LookUp(ctx, subject, schema, s.set.Normalize)
		var e *Error
		if errors.As(err, &e) && e.NotFound() {
			return 0, nil
		}
		return r.Version, err
	})
}

// References returns the schemas that a schema refers to, directly and further on, each after
// those that it needs itself, under the names by which they are known.
func (s *Serde) References(ctx context.Context, schema Schema) ([]Named, error) {
	var out []Named
	seen := map[string]bool{}
	var walk func(refs []Reference, depth int) error
	walk = func(refs []Reference, depth int) error {
		if depth > maxReferenceDepth {
			return Dataf("schema references are nested more than %d deep", maxReferenceDepth)
		}
		for _, ref := range refs {
			if seen[ref.Name] {
				continue
			}
			seen[ref.Name] = true
			if len(seen) > maxReferences {
				return Dataf("a schema refers to more than %d others", maxReferences)
			}
			r, err := s.client.Version(ctx, ref.Subject, ref.Version)
			if err != nil {
				return err
			}
			if err := walk(r.References, depth+1); err != nil {
				return err
			}
			out = append(out, Named{Name: ref.Name, Schema: r.Schema})
		}
		return nil
	}
	return out, walk(schema.References, 0)
}

// Limits of references, against registries that answer in circles.
const (
	maxReferenceDepth = 64
	maxReferences     = 1000
)

// Named is a referenced schema under its name.
type Named struct {
	Name string
	Schema
}
