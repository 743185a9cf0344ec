package configs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/configs/javaregex"
)

// Keys that every connector has (CW-128 to CW-147).
const (
	NameKey             = "name"
	ClassKey            = "connector.class"
	TasksMaxKey         = "tasks.max"
	TasksMaxEnforceKey  = "tasks.max.enforce"
	KeyConverterKey     = "key.converter"
	ValueConverterKey   = "value.converter"
	HeaderConverterKey  = "header.converter"
	TransformsKey       = "transforms"
	PredicatesKey       = "predicates"
	ReloadActionKey     = "config.action.reload"
	RetryTimeoutKey     = "errors.retry.timeout"
	RetryDelayMaxKey    = "errors.retry.delay.max.ms"
	ToleranceKey        = "errors.tolerance"
	ErrorLogKey         = "errors.log.enable"
	ErrorLogMessagesKey = "errors.log.include.messages"
	TopicsKey           = "topics"
	TopicsRegexKey      = "topics.regex"
	DLQTopicKey         = "errors.deadletterqueue.topic.name"
	DLQReplicationKey   = "errors.deadletterqueue.topic.replication.factor"
	DLQHeadersKey       = "errors.deadletterqueue.context.headers.enable"
	TopicGroupsKey      = "topic.creation.groups"
	ExactlyOnceKey      = "exactly.once.support"
	BoundaryKey         = "transaction.boundary"
	BoundaryIntervalKey = "transaction.boundary.interval.ms"
	OwnOffsetsTopicKey  = "offsets.storage.topic"
	topicCreationPrefix = "topic.creation."
	commonGroup         = "Common"
	transformsGroup     = "Transforms"
	predicatesGroup     = "Predicates"
	errorGroup          = "Error Handling"
	topicCreationGroup  = "Topic Creation"
	exactlyOnceGroup    = "Exactly Once Support"
	offsetsTopicGroup   = "offsets.topic"
	onePluginVersion    = "this program has exactly one version of each plugin"
)

// connectorName is the check of "name": not empty, no control characters (CW-74).
func connectorName(val any) error {
	s, _ := val.(string)
	if s == "" {
		return fmt.Errorf("String may not be empty")
	}
	var codes []string
	for _, r := range s {
		if r < 0x20 || r >= 0x7f && r <= 0x9f {
			codes = append(codes, fmt.Sprint(int(r)))
		}
	}
	if codes != nil {
		return fmt.Errorf("String may not contain control sequences but had the following ASCII chars: %s", strings.Join(codes, ", "))
	}
	return nil
}

func uniqueAliases(val any) error {
	seen := map[string]bool{}
	for _, a := range val.([]string) {
		if seen[a] {
			return fmt.Errorf("Duplicate alias provided.")
		}
		seen[a] = true
	}
	return nil
}

func commonKeys() []Key {
	order := 0
	next := func() int { order++; return order }
	errorOrder := 0
	nextError := func() int { errorOrder++; return errorOrder }
	version := func(name, display, what string, importance Importance, width string) Key {
		return Key{Name: name, Type: StringType, Importance: importance, Group: commonGroup, Order: next(), Width: width,
			Display: display, NoEffect: onePluginVersion, Doc: "Version of the " + what + " to use. " + onePluginVersion + "."}
	}
	converter := func(name, display, what string) Key {
		return Key{Name: name, Type: ClassType, Importance: Low, Group: commonGroup, Order: next(), Width: "SHORT", Display: display,
			Doc: "Converter between the " + what + " of records and the bytes in Kafka. Without it the worker's converter and all of its settings are used; with it, only the settings of the connector."}
	}
	return []Key{
		{Name: NameKey, Type: StringType, Required: true, Importance: High, Group: commonGroup, Order: next(), Width: "MEDIUM", Display: "Connector name",
			Check: connectorName, Doc: "Name of the connector, unique in the cluster."},
		{Name: ClassKey, Type: StringType, Required: true, Importance: High, Group: commonGroup, Order: next(), Width: "LONG", Display: "Connector class",
			Doc: "Java class name of the connector, or its simple name with or without the ending Connector."},
		version("connector.plugin.version", "Connector version", "connector", Medium, "MEDIUM"),
		{Name: TasksMaxKey, Type: IntType, Default: "1", HasDefault: true, Importance: High, Group: commonGroup, Order: next(), Width: "SHORT", Display: "Tasks max",
			Check: AtLeast(1), Doc: "Largest number of tasks of this connector."},
		{Name: TasksMaxEnforceKey, Type: BooleanType, Default: "true", HasDefault: true, Importance: Low, Group: commonGroup, Order: next(), Width: "SHORT", Display: "Enforce tasks max",
			Doc:      "Deprecated. Whether a connector that makes more tasks than tasks.max fails.",
			NoEffect: "no connector here makes more tasks than tasks.max, so the limit always holds"},
		converter(KeyConverterKey, "Key converter class", "keys"),
		version(KeyConverterKey+".plugin.version", "Key converter version", "key converter", Low, "SHORT"),
		converter(ValueConverterKey, "Value converter class", "values"),
		version(ValueConverterKey+".plugin.version", "Value converter version", "value converter", Low, "SHORT"),
		converter(HeaderConverterKey, "Header converter class", "headers"),
		version(HeaderConverterKey+".plugin.version", "Header converter version", "header converter", Low, "SHORT"),
		{Name: TransformsKey, Type: ListType, HasDefault: true, Importance: Low, Group: transformsGroup, Order: next(), Width: "LONG", Display: "Transforms",
			Check: uniqueAliases, Doc: "Names of the transformations of records, in the order of their application."},
		{Name: PredicatesKey, Type: ListType, HasDefault: true, Importance: Low, Group: predicatesGroup, Order: next(), Width: "LONG", Display: "Predicates",
			Check: uniqueAliases, Doc: "Names of the predicates that transformations refer to."},
		{Name: ReloadActionKey, Type: StringType, Default: "restart", HasDefault: true, Importance: Low, Group: commonGroup, Order: next(), Width: "MEDIUM", Display: "Reload Action",
			Check: Words("none", "restart"), NoEffect: "none of the config providers here gives its values a lifetime",
			Doc: "What to do when a config provider says that a value has expired: none or restart."},
		{Name: RetryTimeoutKey, Type: LongType, Default: "0", HasDefault: true, Importance: Medium, Group: errorGroup, Order: nextError(), Width: "MEDIUM", Display: "Retry Timeout for Errors",
			Doc: "How long an operation on a record is tried again, in milliseconds; 0 is never, -1 for ever."},
		{Name: RetryDelayMaxKey, Type: LongType, Default: "60000", HasDefault: true, Importance: Medium, Group: errorGroup, Order: nextError(), Width: "MEDIUM", Display: "Maximum Delay Between Retries for Errors",
			Doc: "Longest wait between two tries of an operation on a record, in milliseconds."},
		{Name: ToleranceKey, Type: StringType, Default: "none", HasDefault: true, Importance: Medium, Group: errorGroup, Order: nextError(), Width: "SHORT", Display: "Error Tolerance",
			Check: Words("none", "all"),
			Doc:   "none: a record that cannot be processed stops the task. all: it is skipped."},
		{Name: ErrorLogKey, Type: BooleanType, Default: "false", HasDefault: true, Importance: Medium, Group: errorGroup, Order: nextError(), Width: "SHORT", Display: "Log Errors",
			Doc: "Whether tolerated errors are logged too."},
		{Name: ErrorLogMessagesKey, Type: BooleanType, Default: "false", HasDefault: true, Importance: Medium, Group: errorGroup, Order: nextError(), Width: "SHORT", Display: "Log Error Details",
			Doc: "Whether the log of an error names topic, partition and offset of its record. Content of records never goes into the log."},
	}
}

// ConverterPatterns are the families of keys that a connector hands to its converters and clients.
func connectorPatterns() []Pattern {
	return []Pattern{
		{Match: Prefix("producer.override."), Doc: "settings of the producer of this connector"},
		{Match: Prefix("consumer.override."), Doc: "settings of the consumer of this connector"},
		{Match: Prefix("admin.override."), Doc: "settings of the admin client of this connector"},
		{Match: Prefix(KeyConverterKey + "."), Doc: "settings of the key converter"},
		{Match: Prefix(ValueConverterKey + "."), Doc: "settings of the value converter"},
		{Match: Prefix(HeaderConverterKey + "."), Doc: "settings of the header converter"},
	}
}

// SourceConnector is the definition of the keys that every source connector has, in Connect's
// groups and order (CW-52, CW-57).
func SourceConnector() *Def {
	d := NewDef(commonKeys()...).With(
		Key{Name: TopicGroupsKey, Type: ListType, HasDefault: true, Importance: Low, Group: topicCreationGroup, Order: 1, Width: "LONG", Display: "Topic Creation Groups",
			Check: uniqueAliases, Doc: "Names of groups of settings for topics that this connector creates."},
		Key{Name: ExactlyOnceKey, Type: StringType, Default: "requested", HasDefault: true, Importance: Medium, Group: exactlyOnceGroup, Order: 2, Width: "SHORT", Display: "Exactly once support",
			Check: AnyCaseWords("required", "requested"),
			Doc:   "required: refuse to run without exactly-once delivery. requested: use it if the worker has it."},
		Key{Name: BoundaryKey, Type: StringType, Default: "poll", HasDefault: true, Importance: Medium, Group: exactlyOnceGroup, Order: 3, Width: "SHORT", Display: "Transaction Boundary",
			Check: AnyCaseWords("interval", "poll", "connector"),
			Doc:   "Where transactions of the producer end when delivery is exactly-once. poll: as soon as what was read is delivered. interval: after transaction.boundary.interval.ms. connector: where the connector says, if it does."},
		Key{Name: BoundaryIntervalKey, Type: LongType, Importance: Low, Group: exactlyOnceGroup, Order: 4, Width: "SHORT", Display: "Transaction boundary interval",
			Check: AtLeast(0),
			Doc:   "Interval of transactions when transaction.boundary is interval, in milliseconds. Without it, offset.flush.interval.ms of the worker. Never more than half of the producer's transaction.timeout.ms."},
		Key{Name: OwnOffsetsTopicKey, Type: StringType, Importance: Low, Group: offsetsTopicGroup, Order: 1, Width: "LONG", Display: "Offsets topic",
			Check: NonEmptyString,
			Doc:   "Name of an offsets topic for this connector alone. It is created if it is missing. Offsets go to the worker's topic too."},
	)
	return d.WithPatterns(append(connectorPatterns(),
		Pattern{Match: Prefix(topicCreationPrefix), Doc: "settings of topics that are created"})...)
}

// SinkConnector is the definition of the keys that every sink connector has.
func SinkConnector() *Def {
	d := NewDef(commonKeys()...).With(
		Key{Name: TopicsKey, Type: ListType, HasDefault: true, Importance: High, Group: commonGroup, Order: 4, Width: "LONG", Display: "Topics", Check: ListItems(TopicsKey, true),
			Doc: "Topics to read, separated by commas. Give either this or topics.regex."},
		Key{Name: TopicsRegexKey, Type: StringType, HasDefault: true, Importance: High, Group: commonGroup, Order: 4, Width: "LONG", Display: "Topics regex",
			Check: validRegex, Doc: "Java regular expression that whole names of topics to read match."},
		Key{Name: DLQTopicKey, Type: StringType, HasDefault: true, Importance: Medium, Group: errorGroup, Order: 6, Width: "MEDIUM", Display: "Dead Letter Queue Topic Name",
			Doc: "Topic for records that cannot be processed; empty for none."},
		Key{Name: DLQReplicationKey, Type: ShortType, Default: "3", HasDefault: true, Importance: Medium, Group: errorGroup, Order: 7, Width: "MEDIUM", Display: "Dead Letter Queue Topic Replication Factor",
			Doc: "Replication factor with which that topic is created."},
		Key{Name: DLQHeadersKey, Type: BooleanType, Default: "false", HasDefault: true, Importance: Medium, Group: errorGroup, Order: 8, Width: "MEDIUM", Display: "Enable Error Context Headers",
			Doc: "Whether records there carry headers that tell the error."},
	)
	return d.WithPatterns(connectorPatterns()...).WithCheck(eitherTopics).WithCheck(lettersElsewhere)
}

func validRegex(val any) error {
	if s, _ := val.(string); s != "" {
		if _, err := javaregex.Compile(s, false); err != nil {
			if text := javaregex.JavaMessage(s); text != "" {
				return errors.New("Invalid regex: " + text)
			}
			return fmt.Errorf("Invalid regex: %w", err)
		}
	}
	return nil
}

// eitherTopics is SinkConnectorConfig's check of topics against topics.regex (CW-60).
func eitherTopics(v *Values) []Problem {
	list, regex := len(v.List(TopicsKey)) > 0, strings.TrimSpace(v.Str(TopicsRegexKey)) != ""
	msg := ""
	switch {
	case list && regex:
		msg = TopicsKey + " and " + TopicsRegexKey + " are mutually exclusive options, but both are set."
	case !list && !regex:
		msg = "Must configure one of " + TopicsKey + " or " + TopicsRegexKey
	default:
		return nil
	}
	return []Problem{{TopicsKey, msg}, {TopicsRegexKey, msg}}
}

// lettersElsewhere is SinkConnectorConfig's check that a connector does not read its own dead
// letter queue (CW-60).
func lettersElsewhere(v *Values) []Problem {
	dlq := v.Str(DLQTopicKey)
	if strings.TrimSpace(dlq) == "" {
		return nil
	}
	var ps []Problem
	topics := make([]string, 0, len(v.List(TopicsKey)))
	for _, t := range v.List(TopicsKey) {
		if t != "" && !slices.Contains(topics, t) {
			topics = append(topics, t)
		}
	}
	if slices.Contains(topics, dlq) {
		ps = append(ps, Problem{TopicsKey, fmt.Sprintf("The DLQ topic '%s' may not be included in the list of topics ('%s=[%s]') consumed by the connector",
			dlq, TopicsKey, strings.Join(topics, ", "))})
	}
	if regex := v.Str(TopicsRegexKey); strings.TrimSpace(regex) != "" {
		if re, err := javaregex.Compile(regex, false); err == nil {
			if match, err := re.Matches(dlq); err == nil && match {
				ps = append(ps, Problem{TopicsRegexKey, fmt.Sprintf("The DLQ topic '%s' may not be matched by the regex for the topics ('%s=%s') consumed by the connector",
					dlq, TopicsRegexKey, regex)})
			}
		}
	}
	return ps
}
