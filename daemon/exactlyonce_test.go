package daemon

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/anabranch/anabranch/actors"
	capturefile "github.com/anabranch/anabranch/capture/file"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/daemon/store"
)

// checker is a herder that validates, on a worker with the given exactly.once.source.support.
func checker(t *testing.T, support string) *herder {
	t.Helper()
	w, err := configs.NewWorker(configs.Distributed, map[string]string{
		"bootstrap.servers": "x:1", "group.id": "g", "key.converter": jsonConverterName, "value.converter": jsonConverterName,
		"config.storage.topic": "c", "offset.storage.topic": "o", "status.storage.topic": "s", "exactly.once.source.support": support})
	if err != nil {
		t.Fatal(err)
	}
	table := pluginTable()
	silent := plugin{class: "org.example.SilentSource", kind: sourceType, version: "1", definition: capturefile.Definition, build: func(taskEnv) (actors.Parts, error) { return actors.Parts{}, nil }}
	return newHerder(&herder{worker: w, log: slog.New(slog.DiscardHandler), plugins: newPlugins(append(table, silent))})
}

// The texts are Connect's (CW-277).
func TestValidate_ExactlyOnce(t *testing.T) {
	file := func(more ...string) map[string]string {
		c := map[string]string{"name": "c", "connector.class": capturefile.SourceClass, "topic": "t", "file": "/f"}
		for i := 0; i < len(more); i += 2 {
			if c[more[i]] = more[i+1]; more[i+1] == "" {
				delete(c, more[i])
			}
		}
		return c
	}
	for name, c := range map[string]struct {
		support string
		config  map[string]string
		key     string
		want    []string
	}{
		"supported":              {"ENABLED", file("exactly.once.support", "REQUIRED"), configs.ExactlyOnceKey, nil},
		"requested":              {"disabled", file("exactly.once.support", "requested"), configs.ExactlyOnceKey, nil},
		"worker without":         {"disabled", file("exactly.once.support", "required"), configs.ExactlyOnceKey, []string{noExactlyOnceWorker}},
		"worker prepares":        {"preparing", file("exactly.once.support", "required"), configs.ExactlyOnceKey, []string{noExactlyOnceWorker}},
		"connector says nothing": {"enabled", file("exactly.once.support", "required", "connector.class", "org.example.SilentSource"), configs.ExactlyOnceKey, []string{unknownExactlyOnce}},
		"connector's boundaries": {"disabled", file("transaction.boundary", "Connector"), configs.BoundaryKey, []string{noConnectorBoundaries}},
		"other boundaries":       {"enabled", file("transaction.boundary", "interval", "transaction.boundary.interval.ms", "10"), configs.BoundaryKey, nil},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := checker(t, c.support).check(t.Context(), c.config)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range v.problems {
				if p.Key != c.key {
					t.Errorf("problem of %s: %s", p.Key, p.Message)
					continue
				}
				got = append(got, p.Message)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestValidate_WhatExactlyOnceOverrides(t *testing.T) {
	v, err := checker(t, "enabled").check(t.Context(), map[string]string{"name": "c", "connector.class": capturefile.SourceClass, "topic": "t", "file": "/f",
		"producer.override.transactional.id": "mine", "producer.override.enable.idempotence": "false"})
	if err != nil || len(v.problems) > 0 {
		t.Fatalf("%v, problems %v", err, v.problems)
	}
	var keys []string
	for _, w := range v.warnings {
		keys = append(keys, w.Key)
	}
	slices.Sort(keys)
	if want := []string{"producer.override.enable.idempotence", "producer.override.transactional.id"}; !slices.Equal(keys, want) {
		t.Errorf("warnings of %v, want %v", keys, want)
	}
	if v, err = checker(t, "disabled").check(t.Context(), map[string]string{"name": "c", "connector.class": capturefile.SourceClass, "topic": "t", "file": "/f",
		"producer.override.transactional.id": "mine"}); err != nil || len(v.problems) != 1 {
		t.Errorf("without exactly-once delivery: %v, problems %v; a transactional id must be refused", err, v.problems)
	}
}

// Where the offsets of a connector are (CW-146).
func TestConnectorOffsets_Topics(t *testing.T) {
	for name, c := range map[string]struct {
		support, given, servers, topic string
		own                            bool
	}{
		"worker's":                   {"disabled", "", "x:1", "o", false},
		"own":                        {"disabled", "mine", "x:1", "mine", true},
		"the worker's by name":       {"disabled", "o", "x:1", "o", false},
		"that name elsewhere":        {"disabled", "o", "y:1", "o", true},
		"elsewhere, at least once":   {"disabled", "", "y:1", "o", false},
		"elsewhere, exactly once":    {"enabled", "", "y:1", "o", true},
		"exactly once":               {"enabled", "", "x:1", "o", false},
		"own topic and exactly once": {"enabled", "mine", "x:1", "mine", true},
	} {
		t.Run(name, func(t *testing.T) {
			h := checker(t, c.support)
			config := map[string]string{}
			if c.given != "" {
				config[configs.OwnOffsetsTopicKey] = c.given
			}
			o, err := connectorOffsets(h.worker, store.NewOffsets(&store.MemoryLog{}, h.log), config, map[string]string{"bootstrap.servers": c.servers}, h.log)
			if err != nil {
				t.Fatal(err)
			}
			if o.topic != c.topic || (o.own != nil) != c.own {
				t.Errorf("topic %s, of its own: %v; want %s, %v", o.topic, o.own != nil, c.topic, c.own)
			}
		})
	}
}
