package configs

import (
	"fmt"
	"strings"
	"time"
)

// Keys of the worker file that other rooms ask for by name (CW-75 to CW-111).
const (
	BootstrapServersKey = "bootstrap.servers"
	GroupIDKey          = "group.id"
	ConfigTopicKey      = "config.storage.topic"
	OffsetTopicKey      = "offset.storage.topic"
	StatusTopicKey      = "status.storage.topic"
	// MetricNamesKey is a key of ours: which names of series dashboards find on /metrics.
	MetricNamesKey           = "anabranch.metrics.names"
	OffsetFileKey            = "offset.storage.file.filename"
	overrideAllowlistKey     = "connector.client.config.override.allowlist"
	restExtensionsKey        = "rest.extension.classes"
	responseHeadersKey       = "response.http.headers.config"
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
	metricsElsewhere         = "metrics are served for Prometheus on /metrics"
	metricExporterKey        = "anabranch.metrics.exporter"
	metricsSampleKey         = "metrics.sample.window.ms"
	metricsSamplesKey        = "metrics.num.samples"
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
	Key         string // that names it in the worker file, such as config.storage.topic
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
	// SampleWindow and Samples say over how much time rates, averages and maxima are taken (CW-96).
	SampleWindow time.Duration
	Samples      int
	// MetricNames are the sets of metric names beside our own.
	MetricNames    []string
	MetricExporter string // 0.20 or 1.0
	Listeners      []Listener
	// AdminListeners are the addresses that serve /admin alone. Without any, /admin is served on
	// Listeners, or nowhere if AdminOff (CW-65).
	AdminListeners []Listener
	AdminOff       bool
	// AdvertisedHost, AdvertisedPort and AdvertisedScheme make the worker's id and URL (CW-84); a
	// port of 0 is the one listened on, an empty scheme is that of the first http listener, or https.
	AdvertisedHost, AdvertisedScheme  string
	AdvertisedPort                    int
	AllowOrigin, AllowMethods         string
	ResponseHeaders                   []HeaderRule
	BasicAuth                         bool // rest.extension.classes names the basic auth extension (CW-14)
	TopicCreation                     bool
	TopicTracking, TopicTrackingReset bool
	Overrides                         OverridePolicy
	ClientID                          string
	// ExactlyOnce is disabled, preparing or enabled (CW-105).
	ExactlyOnce string
	Group       Membership
	Signing     Signing
}

// Membership has the settings of a worker as a member of its group (CW-104, CW-106 to CW-108).
type Membership struct {
	Protocol                                           string // eager, compatible, sessioned
	SessionTimeout, HeartbeatInterval, RebalanceWithin time.Duration
	// MaxDelay is how long tasks of a lost worker wait for its return.
	MaxDelay                   time.Duration
	SyncTimeout, UnsyncBackoff time.Duration
	// RetryBackoff is the wait before a request to the coordinator is repeated, and the longest.
	RetryBackoff, RetryBackoffMax time.Duration
}

// Signing has the settings of requests between workers (CW-109).
type Signing struct {
	KeyTTL                           time.Duration
	KeyAlgorithm, SignatureAlgorithm string
	KeyBits                          int // 0 is the algorithm's own
	VerificationAlgorithms           []string
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
		Bootstrap:    v.List(BootstrapServersKey),
		SampleWindow: v.Millis(metricsSampleKey), Samples: int(v.Int(metricsSamplesKey)), MetricNames: v.List(MetricNamesKey), MetricExporter: v.Str(metricExporterKey),
		FlushInterval: v.Millis(flushIntervalKey), FlushTimeout: v.Millis(flushTimeoutKey), StopWithin: v.Millis(shutdownTimeoutKey),
		AdvertisedHost: v.Str(advertisedHostKey), AdvertisedPort: int(v.Int(advertisedPortKey)),
		AdvertisedScheme: v.Word(advertisedListenerKey),
		AdminOff:         v.Given(adminListenersKey) && len(v.List(adminListenersKey)) == 0,
		AllowOrigin:      v.Str(allowOriginKey), AllowMethods: v.Str(allowMethodsKey),
		BasicAuth:     len(v.List(restExtensionsKey)) > 0,
		TopicCreation: v.Bool(topicCreationKey),
		TopicTracking: v.Bool(topicTrackingKey), TopicTrackingReset: v.Bool(topicTrackingResetKey),
	}
	if w.Overrides, err = parsePolicy(v.Str(overridePolicyKey), SplitList(resolved[overrideAllowlistKey])); err != nil {
		return nil, err
	}
	// The checks of the definition have read these without error.
	w.Listeners, _ = parseListeners(v.List(listenersKey))
	w.AdminListeners, _ = parseListeners(v.List(adminListenersKey))
	w.ResponseHeaders, _ = parseHeaderRules(v.Str(responseHeadersKey))
	switch mode {
	case Standalone:
		w.OffsetFile = v.Str(OffsetFileKey)
	default:
		w.GroupID, w.ClientID = v.Str(GroupIDKey), v.Str("client.id")
		w.ExactlyOnce = v.Word(exactlyOnceWorkerKey)
		w.Group = membershipOf(v)
		if w.Signing, err = signingOf(v); err != nil {
			return nil, err
		}
		w.ConfigTopic = topicOf(resolved, "config.storage.", 1, v.Int(configReplicationKey))
		w.OffsetTopic = topicOf(resolved, "offset.storage.", v.Int(offsetPartitionsKey), v.Int(offsetReplicationKey))
		w.StatusTopic = topicOf(resolved, "status.storage.", v.Int(statusPartitionsKey), v.Int(statusReplicationKey))
	}
	return w, nil
}

// topicOf reads one internal topic; keys under the prefix that are not its own name,
// partitions and replication factor are topic configs (CW-102), which never override compaction.
func topicOf(raw map[string]string, prefix string, partitions, replication int64) Topic {
	t := Topic{Name: trim(raw[prefix+"topic"]), Key: prefix + "topic", Partitions: int32(partitions), Replication: int16(replication), Settings: map[string]string{}}
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
