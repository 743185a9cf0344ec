package daemon

import (
	"context"
	"sort"
	"strings"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/capture"
	capturefile "github.com/anabranch/anabranch/capture/file"
	"github.com/anabranch/anabranch/capture/mysql"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/daemon/rest"
	"github.com/anabranch/anabranch/deliver"
	deliverfile "github.com/anabranch/anabranch/deliver/file"
	"github.com/anabranch/anabranch/deliver/jdbc"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters"
	"github.com/anabranch/anabranch/records/transforms"
)

// Versions that we report because clients compare them (CW-16, CW-48).
const (
	kafkaVersion    = "4.3.1"
	debeziumVersion = "3.6.1.Final"
	// confluentVersion is that of the JDBC connector whose keys we follow.
	confluentVersion = "10.9.0"
)

const (
	sourceType = "source"
	sinkType   = "sink"
)

// plugin is one kind of connector.
type plugin struct {
	class     string // Java class name
	taskClass string // Java class name of its tasks, which task configurations carry (CW-34)
	kind      string // sourceType or sinkType
	version   string
	// confirmsOffsets says that the Java connector itself accepts altered offsets, which only
	// changes the text of the answer (CW-43).
	confirmsOffsets bool
	// exactlyOnce is the Java connector's answer to exactlyOnceSupport; nil says nothing (CW-277).
	exactlyOnce func(config map[string]string) bool
	// checkOffsets refuses offsets that the connector cannot start from; nil takes any (CW-508).
	checkOffsets func([]records.Position) error
	definition   func() *configs.Def
	// validate looks at what the definition cannot see, such as the server; nil is nothing to look at.
	validate func(ctx context.Context, v *configs.Values) []configs.Problem
	// taskConfigs makes the configurations of at most max tasks.
	taskConfigs func(config map[string]string, max int) ([]map[string]string, error)
	build       func(t taskEnv) (actors.Parts, error)
}

// pluginTable is THE table: what connector.class may say. There is no other registration.
func pluginTable() []plugin {
	return []plugin{
		{
			class: mysql.Class, taskClass: "io.debezium.connector.mysql.MySqlConnectorTask", kind: sourceType, version: debeziumVersion,
			definition: mysql.Definition, validate: mysql.Validate, taskConfigs: mysql.TaskConfigs,
			exactlyOnce: func(map[string]string) bool { return true },
			build:       sourceParts(mysql.NewFromValues),
		},
		{
			class: capturefile.SourceClass, taskClass: "org.apache.kafka.connect.file.FileStreamSourceTask", kind: sourceType, version: kafkaVersion, confirmsOffsets: true,
			exactlyOnce: func(c map[string]string) bool { return c["file"] != "" }, // not from standard input
			definition:  capturefile.Definition, checkOffsets: capturefile.CheckOffsets,
			taskConfigs: func(c map[string]string, _ int) ([]map[string]string, error) { return capturefile.TaskConfigs(c), nil },
			build:       sourceParts(func(v *configs.Values, env capture.Env) (capture.Source, error) { return capturefile.New(v, env), nil }),
		},
		{
			class: deliverfile.SinkClass, taskClass: "org.apache.kafka.connect.file.FileStreamSinkTask", kind: sinkType, version: kafkaVersion, confirmsOffsets: true,
			definition: deliverfile.Definition, taskConfigs: copies, build: sinkParts(deliverfile.New),
		},
		jdbcPlugin(jdbc.ConfluentClass, "io.confluent.connect.jdbc.sink.JdbcSinkTask", confluentVersion),
		jdbcPlugin(jdbc.DebeziumClass, "io.debezium.connector.jdbc.JdbcSinkConnectorTask", debeziumVersion),
	}
}

// jdbcPlugin is one of the two JDBC sinks, which share everything but their keys.
func jdbcPlugin(class, taskClass, version string) plugin {
	return plugin{
		class: class, taskClass: taskClass, kind: sinkType, version: version,
		definition:  func() *configs.Def { return jdbc.Definition(class) },
		validate:    func(ctx context.Context, v *configs.Values) []configs.Problem { return jdbc.Validate(ctx, class, v) },
		taskConfigs: copies,
		build:       sinkParts(func(v *configs.Values, env deliver.Env) (deliver.Sink, error) { return jdbc.New(v, class, env) }),
	}
}

// plugins finds plugins by class or alias.
type plugins struct {
	list  []plugin
	names map[string]int
}

func newPlugins(list []plugin) *plugins {
	p := &plugins{list: list, names: map[string]int{}}
	twice := map[string]bool{}
	for i, row := range list {
		p.names[row.class] = i
		// An alias that two classes share means neither (CW-58).
		simple := row.class[strings.LastIndexByte(row.class, '.')+1:]
		for _, alias := range []string{simple, strings.TrimSuffix(simple, "Connector")} {
			if at, taken := p.names[alias]; taken && at != i {
				twice[alias] = true
			}
			p.names[alias] = i
		}
	}
	for alias := range twice {
		delete(p.names, alias)
	}
	return p
}

func (p *plugins) find(class string) (*plugin, bool) {
	i, ok := p.names[strings.TrimSpace(class)]
	if !ok {
		return nil, false
	}
	return &p.list[i], true
}

// unknownClass is Connect's text for a class that is not there (CW-21).
func (p *plugins) unknownClass(class string) string {
	var sb strings.Builder
	sb.WriteString("Failed to find any class that implements Connector and which name matches " + class + ", available connectors are: ")
	for i, row := range p.sorted() {
		if i > 0 {
			sb.WriteString(", ")
		}
		sb.WriteString("PluginDesc{klass=class " + row.class + ", name='" + row.class + "', version='" + row.version +
			"', encodedVersion=" + row.version + ", type=" + row.kind + ", typeName='" + row.kind + "', location='classpath'}")
	}
	return sb.String()
}

func (p *plugins) sorted() []plugin {
	out := append([]plugin(nil), p.list...)
	sort.Slice(out, func(i, j int) bool { return out[i].class < out[j].class })
	return out
}

// rows lists everything for GET /connector-plugins: sinks, sources, then the rest (CW-48, CW-49).
func (p *plugins) rows() []rest.Plugin {
	var out []rest.Plugin
	for _, kind := range []string{sinkType, sourceType} {
		for _, row := range p.sorted() {
			if row.kind == kind {
				out = append(out, rest.Plugin{Class: row.class, Type: kind, Version: row.version})
			}
		}
	}
	var names []string
	for _, c := range transforms.Classes() {
		names = append(names, c.Name)
	}
	sort.Strings(names)
	for _, n := range names {
		out = append(out, rest.Plugin{Class: n, Type: "transformation", Version: versionOf(n)})
	}
	names = nil
	for _, c := range transforms.PredicateClasses() {
		names = append(names, c.Name)
	}
	sort.Strings(names)
	for _, n := range names {
		out = append(out, rest.Plugin{Class: n, Type: "predicate", Version: versionOf(n)})
	}
	for _, kind := range []string{"converter", "header_converter"} {
		for _, c := range converterClasses(kind == "header_converter") {
			out = append(out, rest.Plugin{Class: c, Type: kind, Version: versionOf(c)})
		}
	}
	return out
}

// converterClasses lists the converters for keys and values, or those for headers.
func converterClasses(header bool) []string {
	var out []string
	for _, c := range converters.Classes() {
		if header || c != converters.SimpleHeaderClass {
			out = append(out, c)
		}
	}
	sort.Strings(out)
	return out
}

func versionOf(class string) string {
	if strings.HasPrefix(class, "io.debezium.") {
		return debeziumVersion
	}
	if strings.HasPrefix(class, "io.confluent.") || strings.HasPrefix(class, "io.apicurio.") {
		return "undefined" // these classes do not tell their version
	}
	return kafkaVersion
}
