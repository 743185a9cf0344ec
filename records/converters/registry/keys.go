package registry

import (
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/kafkaprops"
)

// Keys of all serdes of Confluent's registry (CW-340), below "key.converter." and its sibling.
const (
	URLKey              = "schema.registry.url"
	AutoRegisterKey     = "auto.register.schemas"
	UseLatestKey        = "use.latest.version"
	LatestStrictKey     = "latest.compatibility.strict"
	UseSchemaIDKey      = "use.schema.id"
	IDStrictKey         = "id.compatibility.strict"
	NormalizeKey        = "normalize.schemas"
	MaxSchemasKey       = "max.schemas.per.subject"
	LatestCacheSizeKey  = "latest.cache.size"
	LatestCacheTTLKey   = "latest.cache.ttl.sec"
	BasicAuthSourceKey  = "basic.auth.credentials.source"
	BasicAuthUserKey    = "basic.auth.user.info"
	OldBasicAuthUserKey = "schema.registry.basic.auth.user.info"
	BearerSourceKey     = "bearer.auth.credentials.source"
	BearerTokenKey      = "bearer.auth.token"
	ContextStrategyKey  = "context.name.strategy"
	KeyStrategyKey      = "key.subject.name.strategy"
	ValueStrategyKey    = "value.subject.name.strategy"
	ProxyHostKey        = "proxy.host"
	ProxyPortKey        = "proxy.port"
	ConnectTimeoutKey   = "http.connect.timeout.ms"
	ReadTimeoutKey      = "http.read.timeout.ms"
	MaxRetriesKey       = "max.retries"
	RetryWaitKey        = "retries.wait.ms"
	MaxRetryWaitKey     = "retries.max.wait.ms"
	headerPrefix        = "request.header."
	sslPrefix           = "schema.registry."
	jaasKey             = "sasl.jaas.config"
	topicNameStrategy   = strategyPackage + "TopicNameStrategy"
	nullContextStrategy = "io.confluent.kafka.serializers.context.NullContextNameStrategy"
)

// Def is the definition of the keys that all converters with a registry share. Types, defaults
// and importance are Confluent's; like there, no key has a group.
func Def() *configs.Def {
	const noRules = "rules of data contracts are not built; leave them to producers and consumers that run them"
	strategy := func(name string) configs.Key {
		return key(name, configs.ClassType, topicNameStrategy, configs.Medium,
			"How the subject is named: TopicNameStrategy, RecordNameStrategy or TopicRecordNameStrategy.", func(k *configs.Key) {
				k.Refuse = func(v string) string {
					if _, ok := strategyOf(v); ok {
						return ""
					}
					return "Java classes cannot be loaded; use one of " + strategyPackage + "{TopicNameStrategy, RecordNameStrategy, TopicRecordNameStrategy}"
				}
			})
	}
	codec := func(name, class string) configs.Key {
		class = "io.confluent.kafka.serializers.schema.id." + class
		return key(name, configs.ClassType, class, configs.Medium, "How the schema id travels; here always in front of the data.",
			refuse("schema ids in headers are not built; they are written in front of the data", class))
	}
	keys := []configs.Key{
		{Name: URLKey, Type: configs.ListType, Required: true, Importance: configs.High, Order: -1,
			Doc: "Addresses of schema registries, separated by commas. Each is tried until one answers."},
		key("schema.registry.url.randomize", configs.BooleanType, "false", configs.Low, "Begin with a random address.",
			refuse("the order of schema.registry.url is kept; write it as you want it", "false")),
		key(MaxSchemasKey, configs.IntType, "1000", configs.Low, "How many schemas of a subject are kept in memory.", check(1)),
		key(NormalizeKey, configs.BooleanType, "false", configs.Medium, "Ask the registry to normalize schemas."),
		key(AutoRegisterKey, configs.BooleanType, "true", configs.Medium, "Register schemas that the registry does not know."),
		key("propagate.schema.tags", configs.BooleanType, "false", configs.Low, "Keep the tags of the version before.",
			refuse("tags of a registry's catalogue are not built", "false")),
		key(UseSchemaIDKey, configs.IntType, "-1", configs.Low, "Write with the schema of this id, if auto.register.schemas is false."),
		optional("use.schema.guid", configs.Low, "Write with the schema of this GUID.", "name the schema by use.schema.id"),
		key(IDStrictKey, configs.BooleanType, "true", configs.Low, "Whether the schema of use.schema.id must be able to read what is written."),
		key(UseLatestKey, configs.BooleanType, "false", configs.Low, "Write with the subject's latest schema, if auto.register.schemas is false."),
		key(LatestStrictKey, configs.BooleanType, "true", configs.Low, "Whether the latest schema must be able to read what is written."),
		key(LatestCacheSizeKey, configs.IntType, "1000", configs.Low, "How many subjects' latest schemas are kept.", check(1)),
		key(LatestCacheTTLKey, configs.IntType, "-1", configs.Low, "After how many seconds the latest schema is asked for anew; -1 never."),
		optional("use.latest.with.metadata", configs.Low, "Write with the latest schema that has this property.", "metadata of schemas is not built; use use.latest.version or use.schema.id"),
		optional("schema.format", configs.Low, "Format in which the registry gives schemas.", "schemas are taken as the registry stores them"),
		optional("rule.executors", configs.Low, "Executors of rules.", noRules),
		optional("rule.actions", configs.Low, "Actions of rules.", noRules),
		{Name: "rule.service.loader.enable", Type: configs.BooleanType, Default: "true", HasDefault: true, Importance: configs.Low, Order: -1, NoEffect: noRules,
			Doc: "Whether executors are found on the class path."},
		key(BasicAuthSourceKey, configs.StringType, "URL", configs.Medium, "Where user and password come from: URL, USER_INFO or SASL_INHERIT.", func(k *configs.Key) {
			k.OneOf = []string{"URL", "USER_INFO", "SASL_INHERIT"}
		}),
		key(BearerSourceKey, configs.StringType, "", configs.Medium, "Where the bearer token comes from: STATIC_TOKEN.", func(k *configs.Key) {
			k.Refuse = configs.RefuseExcept("only STATIC_TOKEN with bearer.auth.token is supported", "", "STATIC_TOKEN")
		}),
		secret(OldBasicAuthUserKey, "User and password as user:password; the older name of basic.auth.user.info."),
		secret(BasicAuthUserKey, "User and password as user:password, for USER_INFO."),
		secret(BearerTokenKey, "The bearer token, for STATIC_TOKEN."),
		key(ContextStrategyKey, configs.ClassType, nullContextStrategy, configs.Medium, "How the registry's context is named.",
			refuse("a class cannot be loaded; put the context into the address: http://host:8081/contexts/NAME", nullContextStrategy, "NullContextNameStrategy")),
		strategy(KeyStrategyKey), codec("key.schema.id.serializer", "PrefixSchemaIdSerializer"), codec("key.schema.id.deserializer", "DualSchemaIdDeserializer"),
		strategy(ValueStrategyKey), codec("value.schema.id.serializer", "PrefixSchemaIdSerializer"), codec("value.schema.id.deserializer", "DualSchemaIdDeserializer"),
		key("schema.reflection", configs.BooleanType, "false", configs.Low, "Use Java's reflection.", refuse("there are no Java classes here", "false")),
		key(ProxyHostKey, configs.StringType, "", configs.Low, "Host of an HTTP proxy."),
		key(ProxyPortKey, configs.IntType, "-1", configs.Low, "Port of the HTTP proxy."),
		key(ConnectTimeoutKey, configs.IntType, "60000", configs.Low, "How long connecting may take.", check(0)),
		key(ReadTimeoutKey, configs.IntType, "60000", configs.Low, "How long an answer may take.", check(0)),
		key(MaxRetriesKey, configs.IntType, "3", configs.Low, "How often a call is repeated when the registry is away or in trouble.", check(0)),
		key(RetryWaitKey, configs.IntType, "1000", configs.Low, "The longest wait before the first repetition.", check(0)),
		key(MaxRetryWaitKey, configs.IntType, "20000", configs.Low, "The longest wait before any repetition.", check(0)),
		secretKey(jaasKey, "Login of the Kafka client, for SASL_INHERIT."),
	}
	for _, k := range kafkaprops.TLSKeys() {
		k.Name, k.Order = sslPrefix+k.Name, -1
		keys = append(keys, k)
	}
	refusedBearer := configs.RefuseAny("OAuth logins are not built for registries yet; use bearer.auth.token")
	return configs.NewDef(keys...).WithPatterns(
		configs.Pattern{Match: configs.Prefix(headerPrefix), Doc: "Headers for every request to the registry."},
		configs.Pattern{Match: configs.Prefix("bearer.auth."), Refuse: func(_, v string) string { return refusedBearer(v) }, Doc: "OAuth logins."},
		configs.Pattern{Match: configs.Prefix("rule.executors."), Refuse: func(string, string) string { return noRules }, Doc: "Executors of rules."}).
		WithCheck(func(v *configs.Values) []configs.Problem { _, problems := Read(v, false); return problems })
}

func key(name string, t configs.Type, def string, imp configs.Importance, doc string, more ...func(*configs.Key)) configs.Key {
	k := configs.Key{Name: name, Type: t, Default: def, HasDefault: true, Importance: imp, Doc: doc, Order: -1}
	for _, m := range more {
		m(&k)
	}
	return k
}

func refuse(why string, except ...string) func(*configs.Key) {
	return func(k *configs.Key) { k.Refuse = configs.RefuseExcept(why, except...) }
}

func check(least int64) func(*configs.Key) {
	return func(k *configs.Key) { k.Check = configs.AtLeast(least) }
}

func optional(name string, imp configs.Importance, doc, why string) configs.Key {
	return configs.Key{Name: name, Type: configs.StringType, Importance: imp, Order: -1, Doc: doc, Refuse: func(v string) string {
		if strings.TrimSpace(v) == "" {
			return ""
		}
		return why
	}}
}

func secret(name, doc string) configs.Key {
	return configs.Key{Name: name, Type: configs.PasswordType, Default: "", HasDefault: true, Importance: configs.Medium, Order: -1, Doc: doc}
}

func secretKey(name, doc string) configs.Key {
	return configs.Key{Name: name, Type: configs.PasswordType, Importance: configs.Low, Order: -1, Doc: doc}
}
