package configs

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Keys of the worker file that other rooms ask for by name (CW-75 to CW-111).
const (
	BootstrapServersKey      = "bootstrap.servers"
	GroupIDKey               = "group.id"
	ConfigTopicKey           = "config.storage.topic"
	OffsetTopicKey           = "offset.storage.topic"
	StatusTopicKey           = "status.storage.topic"
	OffsetFileKey            = "offset.storage.file.filename"
	flushIntervalKey         = "offset.flush.interval.ms"
	flushTimeoutKey          = "offset.flush.timeout.ms"
	shutdownTimeoutKey       = "task.shutdown.graceful.timeout.ms"
	listenersKey             = "listeners"
	advertisedHostKey        = "rest.advertised.host.name"
	advertisedPortKey        = "rest.advertised.port"
	advertisedListenerKey    = "rest.advertised.listener"
	adminListenersKey        = "admin.listeners"
	allowOriginKey           = "access.control.allow.origin"
	allowMethodsKey          = "access.control.allow.methods"
	topicCreationKey         = "topic.creation.enable"
	topicTrackingKey         = "topic.tracking.enable"
	topicTrackingResetKey    = "topic.tracking.allow.reset"
	exactlyOnceWorkerKey     = "exactly.once.source.support"
	overridePolicyKey        = "connector.client.config.override.policy"
	configReplicationKey     = "config.storage.replication.factor"
	offsetReplicationKey     = "offset.storage.replication.factor"
	offsetPartitionsKey      = "offset.storage.partitions"
	statusReplicationKey     = "status.storage.replication.factor"
	statusPartitionsKey      = "status.storage.partitions"
	defaultRESTPort          = 8083
	oneProcess               = "this program runs as one process; it does not join a group of workers yet"
	notSigned                = "requests between workers do not exist here"
	metricsElsewhere         = "metrics are served for Prometheus on /metrics"
	internalConverterRemoved = "internal topics are always JSON without schemas, as in Kafka since 3.0"
)

// Mode is how a worker keeps its state.
type Mode string

// The modes. Embedded is a distributed worker with a broker inside the process.
const (
	Distributed Mode = "distributed"
	Standalone  Mode = "standalone"
	Embedded    Mode = "embedded"
)

// Topic is one internal topic with its settings for creation (CW-101 to CW-103).
type Topic struct {
	Name        string
	Partitions  int32
	Replication int16
	Settings    map[string]string // further topic configs
}

// Worker is a parsed worker file.
type Worker struct {
	Mode Mode
	// Raw is the file after its own variables were resolved (CW-125), unknown keys included
	// (CW-73). It holds secrets.
	Raw       map[string]string
	Providers *Providers
	Warnings  []Problem

	Bootstrap                               []string
	GroupID                                 string
	ConfigTopic, OffsetTopic, StatusTopic   Topic
	OffsetFile                              string
	FlushInterval, FlushTimeout, StopWithin time.Duration
	// Listen has host:port of every listener; an empty host is all interfaces.
	Listen []string
	// AdvertisedHost and AdvertisedPort make the worker_id (CW-84); a port of 0 is the one listened on.
	AdvertisedHost                    string
	AdvertisedPort                    int
	AdminOff                          bool // admin.listeners= (CW-65)
	AllowOrigin, AllowMethods         string
	TopicCreation                     bool
	TopicTracking, TopicTrackingReset bool
	OverridePolicy                    string
}

// WorkerDef is the definition of the worker file for a mode (CW 2.1, 2.2).
func WorkerDef(mode Mode) *Def {
	str := func(name, def string) Key {
		return Key{Name: name, Type: StringType, Default: def, HasDefault: true}
	}
	list := func(name, def string) Key { return Key{Name: name, Type: ListType, Default: def, HasDefault: true} }
	num := func(name, def string) Key { return Key{Name: name, Type: LongType, Default: def, HasDefault: true} }
	flag := func(name, def string) Key {
		return Key{Name: name, Type: BooleanType, Default: def, HasDefault: true}
	}
	null := func(name string, t Type) Key { return Key{Name: name, Type: t} }
	none := func(k Key, why string) Key { k.NoEffect = why; return k }
	refuse := func(k Key, why string) Key { k.Refuse = RefuseAny(why); return k }

	d := NewDef(
		list(BootstrapServersKey, "localhost:9092"),
		Key{Name: KeyConverterKey, Type: ClassType, Required: true},
		Key{Name: ValueConverterKey, Type: ClassType, Required: true},
		Key{Name: HeaderConverterKey, Type: ClassType, Default: "org.apache.kafka.connect.storage.SimpleHeaderConverter", HasDefault: true},
		none(null("plugin.path", ListType), "all plugins are compiled in"),
		none(str("plugin.discovery", "hybrid_warn"), "all plugins are compiled in"),
		num(flushIntervalKey, "60000"), num(flushTimeoutKey, "5000"), num(shutdownTimeoutKey, "5000"),
		list(listenersKey, "http://:8083"),
		null(advertisedHostKey, StringType), null(advertisedPortKey, IntType), null(advertisedListenerKey, StringType),
		Key{Name: adminListenersKey, Type: ListType, Refuse: func(s string) string {
			if s == "" {
				return ""
			}
			return "separate admin listeners are not honoured yet; leave the key out to serve /admin with the rest, or empty to switch it off"
		}},
		str(allowOriginKey, ""), str(allowMethodsKey, ""),
		refuse(list("rest.extension.classes", ""), "REST extensions are not honoured yet; put a proxy with authentication in front"),
		refuse(str("response.http.headers.config", ""), "additional response headers are not honoured yet"),
		none(null("rest.host.name", StringType), "removed in Kafka 3.0; use listeners"),
		none(null("rest.port", IntType), "removed in Kafka 3.0; use listeners"),
		str(overridePolicyKey, "All"),
		flag(topicCreationKey, "true"), flag(topicTrackingKey, "true"), flag(topicTrackingResetKey, "true"),
		list(ProvidersKey, ""),
		null("client.dns.lookup", StringType),
		none(num("metrics.sample.window.ms", "30000"), metricsElsewhere), none(num("metrics.num.samples", "2"), metricsElsewhere),
		none(str("metrics.recording.level", "INFO"), metricsElsewhere), none(list("metric.reporters", ""), metricsElsewhere),
		none(null("internal.key.converter", ClassType), internalConverterRemoved), none(null("internal.value.converter", ClassType), internalConverterRemoved),
	)
	switch mode {
	case Standalone:
		d = d.With(Key{Name: OffsetFileKey, Type: StringType, Required: true})
	default:
		d = d.With(
			Key{Name: GroupIDKey, Type: StringType, Required: true},
			Key{Name: ConfigTopicKey, Type: StringType, Required: true}, num(configReplicationKey, "3"),
			Key{Name: OffsetTopicKey, Type: StringType, Required: true}, num(offsetPartitionsKey, "25"), num(offsetReplicationKey, "3"),
			Key{Name: StatusTopicKey, Type: StringType, Required: true}, num(statusPartitionsKey, "5"), num(statusReplicationKey, "3"),
			none(num("session.timeout.ms", "10000"), oneProcess), none(num("heartbeat.interval.ms", "3000"), oneProcess),
			none(num("rebalance.timeout.ms", "60000"), oneProcess), none(num("scheduled.rebalance.max.delay.ms", "300000"), oneProcess),
			none(str("connect.protocol", "sessioned"), oneProcess),
			none(num("worker.sync.timeout.ms", "3000"), oneProcess), none(num("worker.unsync.backoff.ms", "300000"), oneProcess),
			Key{Name: exactlyOnceWorkerKey, Type: StringType, Default: "disabled", HasDefault: true, Check: validWords("disabled", "preparing", "enabled"),
				Refuse: RefuseExcept("exactly-once delivery of sources is not honoured yet; delivery is at least once. Use \"disabled\"", "disabled")},
			none(null("client.id", StringType), "clients are named after the group"),
		)
	}
	return d.WithPatterns(
		Pattern{Match: Prefix("inter.worker."), NoEffect: notSigned},
		Pattern{Match: func(string) bool { return true }, Doc: "settings of clients, converters and connectors; kept as they are (CW-73)"},
	)
}

// ModeOf tells which mode a worker file asks for: a group with a config topic is distributed,
// an offset file standalone.
func ModeOf(raw map[string]string) (Mode, error) {
	_, topic := raw[ConfigTopicKey]
	_, group := raw[GroupIDKey]
	_, file := raw[OffsetFileKey]
	switch {
	case topic && group:
		return Distributed, nil
	case file:
		return Standalone, nil
	case topic:
		return "", Problem{GroupIDKey, fmt.Sprintf("Missing required configuration %q which has no default value.", GroupIDKey)}
	case group:
		return "", Problem{ConfigTopicKey, fmt.Sprintf("Missing required configuration %q which has no default value.", ConfigTopicKey)}
	}
	return "", Problem{ConfigTopicKey, fmt.Sprintf("the worker file is neither distributed (%s and %s) nor standalone (%s)", GroupIDKey, ConfigTopicKey, OffsetFileKey)}
}

// NewWorker parses a worker file. mode is what [ModeOf] said.
func NewWorker(mode Mode, raw map[string]string) (*Worker, error) {
	ps, err := NewProviders(raw)
	if err != nil {
		return nil, err
	}
	resolved, err := ps.Resolve(raw)
	if err != nil {
		return nil, err
	}
	for k, v := range raw {
		if strings.HasPrefix(k, ProvidersKey) {
			resolved[k] = v
		}
	}
	v, problems := WorkerDef(mode).Parse(resolved)
	if len(problems) > 0 {
		return nil, problems
	}
	w := &Worker{
		Mode: mode, Raw: resolved, Providers: ps, Warnings: v.Warnings,
		Bootstrap:     v.List(BootstrapServersKey),
		FlushInterval: v.Millis(flushIntervalKey), FlushTimeout: v.Millis(flushTimeoutKey), StopWithin: v.Millis(shutdownTimeoutKey),
		AdvertisedHost: v.Str(advertisedHostKey), AdvertisedPort: int(v.Int(advertisedPortKey)),
		AdminOff:    v.Given(adminListenersKey) && len(v.List(adminListenersKey)) == 0,
		AllowOrigin: v.Str(allowOriginKey), AllowMethods: v.Str(allowMethodsKey),
		TopicCreation: v.Bool(topicCreationKey),
		TopicTracking: v.Bool(topicTrackingKey), TopicTrackingReset: v.Bool(topicTrackingResetKey),
		OverridePolicy: v.Str(overridePolicyKey),
	}
	switch mode {
	case Standalone:
		w.OffsetFile = v.Str(OffsetFileKey)
	default:
		w.GroupID = v.Str(GroupIDKey)
		w.ConfigTopic = topicOf(resolved, "config.storage.", 1, v.Int(configReplicationKey))
		w.OffsetTopic = topicOf(resolved, "offset.storage.", v.Int(offsetPartitionsKey), v.Int(offsetReplicationKey))
		w.StatusTopic = topicOf(resolved, "status.storage.", v.Int(statusPartitionsKey), v.Int(statusReplicationKey))
	}
	for _, l := range v.List(listenersKey) {
		addr, err := listenAddress(l)
		if err != nil {
			return nil, invalid(listenersKey, l, err.Error())
		}
		w.Listen = append(w.Listen, addr)
	}
	if len(w.Listen) == 0 {
		return nil, invalid(listenersKey, "", "Empty list")
	}
	return w, nil
}

// topicOf reads one internal topic; keys under the prefix that are not its own name,
// partitions and replication factor are topic configs (CW-102), which never override compaction.
func topicOf(raw map[string]string, prefix string, partitions, replication int64) Topic {
	t := Topic{Name: trim(raw[prefix+"topic"]), Partitions: int32(partitions), Replication: int16(replication), Settings: map[string]string{}}
	for k, v := range raw {
		name, ok := strings.CutPrefix(k, prefix)
		switch {
		case !ok, name == "topic", name == "partitions", name == "replication.factor", name == "cleanup.policy", name == "file.filename":
		default:
			t.Settings[name] = v
		}
	}
	return t
}

// listenAddress turns a listener such as http://:8083 into host:port (CW-83).
func listenAddress(listener string) (string, error) {
	u, err := url.Parse(listener)
	if err != nil || u.Scheme == "" {
		return "", fmt.Errorf("listener is not of the form http://host:port")
	}
	if strings.EqualFold(u.Scheme, "https") {
		return "", fmt.Errorf("https listeners are not honoured yet; use http behind a proxy")
	}
	if !strings.EqualFold(u.Scheme, "http") {
		return "", fmt.Errorf("listener scheme must be http or https")
	}
	port := u.Port()
	if port == "" {
		port = strconv.Itoa(defaultRESTPort)
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}
