package daemon

import (
	"context"
	"log/slog"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/javametrics"
	"github.com/anabranch/anabranch/daemon/metrics"
	"github.com/anabranch/anabranch/daemon/store"
	"github.com/anabranch/anabranch/daemon/tolerance"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters"
	"github.com/anabranch/anabranch/records/transforms"
)

// buildEnv is what every task gets from the process.
type buildEnv struct {
	worker  *configs.Worker
	metrics *metrics.Tasks
	offsets *store.Offsets
	// fresh says why nothing may be stored at the moment: others may have the tasks (CW-224). nil is
	// always.
	fresh func() error
	// active takes the active topics (CW-270); nil when topic.tracking.enable is false.
	active activeTopics
	// evict takes dead members out of a consumer group; nil does not.
	evict func(ctx context.Context, group, clientID string)
	// explain tells more about errors of Kafka clients; nil knows nothing more.
	explain explainer
	// clients are the statistics of the tasks' Kafka clients; nil counts nothing.
	clients *javametrics.Clients
	// fence is called before a task claims its transactional id, verify before and after (CW-271);
	// generation is Connector.Generation of the configuration that the task has.
	fence  func(ctx context.Context, connector string) error
	verify func(ctx context.Context, w work, generation int) error
}

// taskEnv is what a plugin builds one task from. Its configurations hold resolved secrets.
type taskEnv struct {
	buildEnv
	connector  string
	task       int
	plugin     *plugin
	config     map[string]string // the connector's
	taskConfig map[string]string
	generation int // of the task configurations, see store.Connector
	common     *configs.Def
	log        *slog.Logger
	counters   *tolerance.Counters // of the task, over its incarnations
}

// values parses the task's configuration.
func (t *taskEnv) values() (*configs.Values, error) {
	v, problems := t.common.Merge(t.plugin.definition()).Parse(configs.Overlay(t.config, t.taskConfig))
	if len(problems) > 0 {
		return nil, &javaError{"org.apache.kafka.common.config.ConfigException", problems.Error()}
	}
	return v, nil
}

// chain is the connector's chain of transforms as lanes make it.
func (t *taskEnv) chain(failures records.Failures) (func() (actors.Chain, error), error) {
	c, problems := transforms.ParseChain(t.config)
	if len(problems) > 0 {
		return nil, &javaError{"org.apache.kafka.common.config.ConfigException", problems.Error()}
	}
	if c.Len() == 0 {
		return nil, nil
	}
	return func() (actors.Chain, error) { return c.New(failures) }, nil
}

// converter makes one of the task's converters. When the connector names the class, only its
// own settings count; when it does not, only the worker's do (CW-118).
func (t *taskEnv) converter(key string) (func() converters.Converter, error) {
	from := t.config
	if _, own := from[key]; !own {
		from = t.worker.Raw
	}
	class := from[key]
	if class == "" && key == configs.HeaderConverterKey {
		class = converters.SimpleHeaderClass
	}
	settings := map[string]string{}
	for k, v := range only(from, key+".") {
		settings[k[len(key)+1:]] = v
	}
	delete(settings, "plugin.version")
	return converters.New(class, settings, key == configs.KeyConverterKey)
}
