package registry

import (
	"strings"
	"time"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/kafkaprops"
)

// Keys of Apicurio's converters as its users set them (CW-334).
const (
	apicurioURLKey       = "apicurio.registry.url"
	apicurioAutoKey      = "apicurio.registry.auto-register"
	apicurioIfExistsKey  = "apicurio.registry.auto-register.if-exists"
	apicurioLatestKey    = "apicurio.registry.find-latest"
	apicurioGroupKey     = "apicurio.registry.artifact.group-id"
	apicurioArtifactKey  = "apicurio.registry.artifact.artifact-id"
	apicurioVersionKey   = "apicurio.registry.artifact.version"
	apicurioStrategyKey  = "apicurio.registry.artifact-resolver-strategy"
	apicurioConfluentKey = "apicurio.registry.as-confluent"
	apicurioHeadersKey   = "apicurio.registry.headers.enabled"
	apicurioUseIDKey     = "apicurio.registry.use-id"
	apicurioCheckKey     = "apicurio.registry.check-period-ms"
	apicurioRetriesKey   = "apicurio.registry.retry-count"
	apicurioBackoffKey   = "apicurio.registry.retry-backoff-ms"
	apicurioUserKey      = "apicurio.auth.username"
	apicurioPasswordKey  = "apicurio.auth.password"
	apicurioHeaderPrefix = "apicurio.registry.request.headers."
	apicurioTLSPrefix    = "apicurio.registry.request."
)

var apicurioStrategies = map[string]Strategy{"TopicIdStrategy": TopicName, "SimpleTopicIdStrategy": SimpleTopic, "RecordIdStrategy": RecordName}

func apicurioStrategy(class string) (Strategy, bool) {
	s, ok := apicurioStrategies[class[strings.LastIndexByte(class, '.')+1:]]
	return s, ok
}

// ApicurioDef is the definition of the keys of Apicurio's converter for Avro.
func ApicurioDef() *configs.Def { return apicurioDef(Avro) }

// ExtJSONDef is the definition of the keys of its ExtJsonConverter, which writes global ids into
// the data whatever these keys say.
func ExtJSONDef() *configs.Def {
	all := apicurioDef(KConnect)
	var idle []configs.Key
	for _, name := range []string{apicurioConfluentKey, apicurioHeadersKey, apicurioUseIDKey} {
		k, _ := all.Key(name)
		k.NoEffect, k.Refuse = "ExtJsonConverter writes global ids into the data", nil
		idle = append(idle, k)
	}
	return all.Merge(configs.NewDef(idle...))
}

func apicurioDef(format Format) *configs.Def {
	classes := configs.RefuseAny("Java classes cannot be loaded; leave it out")
	text := func(name, doc string) configs.Key {
		return configs.Key{Name: name, Type: configs.StringType, Importance: configs.Medium, Order: -1, Doc: doc}
	}
	class := func(name string) configs.Key {
		return configs.Key{Name: name, Type: configs.StringType, Importance: configs.Low, Order: -1, Refuse: classes, Doc: "A Java class."}
	}
	keys := []configs.Key{
		{Name: apicurioURLKey, Type: configs.StringType, Required: true, Importance: configs.High, Order: -1, Doc: "Address of the registry's API: http://host:8080/apis/registry/v2 or v3."},
		key(apicurioAutoKey, configs.BooleanType, "false", configs.Medium, "Register schemas that the registry does not know."),
		key(apicurioIfExistsKey, configs.StringType, "RETURN_OR_UPDATE", configs.Medium, "What registering does when the artifact exists.", func(k *configs.Key) {
			k.OneOf = []string{"FAIL", "UPDATE", "RETURN", "RETURN_OR_UPDATE", "CREATE_VERSION", "FIND_OR_CREATE_VERSION"}
		}),
		key(apicurioLatestKey, configs.BooleanType, "false", configs.Medium, "Write with the artifact's latest schema."),
		text(apicurioGroupKey, "Group of the artifacts."), text(apicurioArtifactKey, "Artifact id, instead of one made by the strategy."),
		text(apicurioVersionKey, "Version of the artifact to write with."),
		key(apicurioStrategyKey, configs.StringType, "io.apicurio.registry.serde.strategy.TopicIdStrategy", configs.Medium,
			"How artifacts are named: TopicIdStrategy, SimpleTopicIdStrategy or RecordIdStrategy.", func(k *configs.Key) {
				k.Refuse = func(v string) string {
					if _, ok := apicurioStrategy(v); ok {
						return ""
					}
					return "use TopicIdStrategy, SimpleTopicIdStrategy or RecordIdStrategy"
				}
			}),
		key(apicurioConfluentKey, configs.BooleanType, "false", configs.Low, "Write ids as Confluent does, in 4 bytes; the default is 8 with API v2, 4 with v3."),
		key(apicurioHeadersKey, configs.BooleanType, "true", configs.Medium, "Write ids into record headers; false writes them in front of the data. The default is true with API v2, false with v3."),
		key(apicurioUseIDKey, configs.StringType, "globalId", configs.Medium, "Which id is written: contentId or globalId; the default is globalId with API v2, contentId with v3.",
			func(k *configs.Key) { k.OneOf = []string{"globalId", "contentId"} }),
		key(apicurioCheckKey, configs.LongType, "30000", configs.Medium, "How long the latest schema counts as the latest.", check(0)),
		key(apicurioRetriesKey, configs.LongType, "3", configs.Medium, "How often a call is repeated.", check(0)),
		key(apicurioBackoffKey, configs.LongType, "300", configs.Medium, "The longest wait before a repetition.", check(0)),
		text(apicurioUserKey, "User for basic authentication."), secretKey(apicurioPasswordKey, "Its password."),
		class("apicurio.registry.schema-resolver"), class("apicurio.registry.id-handler"), class("apicurio.registry.headers.handler"),
		class("apicurio.registry.converter.serializer"), class("apicurio.registry.converter.deserializer"), class("apicurio.registry.avro-datum-provider"),
		key("apicurio.registry.avro.encoding", configs.StringType, "BINARY", configs.Medium, "Encoding of the data.", refuse("only BINARY is built", "BINARY")),
		key("apicurio.registry.use-specific-avro-reader", configs.BooleanType, "false", configs.Low, "Read into Java classes.", refuse("there are no Java classes here", "false")),
		optional("apicurio.registry.artifact.schema.location", configs.Low, "A schema file.", "schemas come from the data"),
	}
	for _, k := range kafkaprops.TLSKeys() {
		k.Name, k.Order = apicurioTLSPrefix+k.Name, -1
		keys = append(keys, k)
	}
	oauth := "OAuth logins are not built for registries yet; use apicurio.auth.username and apicurio.auth.password"
	return configs.NewDef(keys...).WithPatterns(
		configs.Pattern{Match: configs.Prefix(apicurioHeaderPrefix), Doc: "Headers for every request to the registry."},
		configs.Pattern{Match: configs.Prefix("apicurio.auth."), Refuse: func(string, string) string { return oauth }, Doc: "OAuth logins."},
		configs.Pattern{Match: configs.Prefix("apicurio.registry.fallback."), Refuse: func(string, string) string {
			return "a schema for messages that name none is not built"
		}, Doc: "A fallback schema."}).
		WithCheck(func(v *configs.Values) []configs.Problem {
			_, _, problems := readApicurio(v, false, format)
			return problems
		})
}

// NewApicurioSerde makes a Serde that speaks Apicurio's own API. long says that ids take 8 bytes on the wire.
func NewApicurioSerde(v *configs.Values, isKey bool) (d *Serde, long bool, problems configs.Problems) {
	d, a, problems := newApicurioSerde(v, isKey, Avro)
	if len(problems) > 0 {
		return nil, false, problems
	}
	confluent := v.Bool(apicurioConfluentKey)
	if !v.Given(apicurioConfluentKey) {
		confluent = a.v3
	}
	return d, !confluent, nil
}

// NewExtJSONSerde makes a Serde for schemas in Connect's own form. Ids are global ids.
func NewExtJSONSerde(v *configs.Values, isKey bool) (*Serde, configs.Problems) {
	d, _, problems := newApicurioSerde(v, isKey, KConnect)
	return d, problems
}

func newApicurioSerde(v *configs.Values, isKey bool, format Format) (*Serde, *Apicurio, configs.Problems) {
	s, a, problems := readApicurio(v, isKey, format)
	if len(problems) > 0 {
		return nil, nil, problems
	}
	c, err := NewClient(s.Client)
	if err != nil {
		return nil, nil, configs.Problems{{Key: apicurioURLKey, Message: "Invalid configuration " + apicurioURLKey + ": " + err.Error()}}
	}
	a.Client = c
	return newSerde(s, a), a, nil
}

func readApicurio(v *configs.Values, isKey bool, format Format) (Settings, *Apicurio, configs.Problems) {
	var problems configs.Problems
	problem := func(key, why string) {
		problems = append(problems, configs.Problem{Key: key, Message: "Invalid configuration " + key + ": " + why})
	}
	address := strings.TrimSuffix(v.Str(apicurioURLKey), "/")
	a := &Apicurio{format: format, group: v.Str(apicurioGroupKey), v3: strings.HasSuffix(address, "/apis/registry/v3"), ifExists: strings.ToUpper(v.Str(apicurioIfExistsKey)), version: v.Str(apicurioVersionKey)}
	if !a.v3 && !strings.HasSuffix(address, "/apis/registry/v2") {
		problem(apicurioURLKey, "it must end with /apis/registry/v2 or /apis/registry/v3; for another registry use "+confluentClass)
	}
	if headers := v.Bool(apicurioHeadersKey); format == Avro && headers && (v.Given(apicurioHeadersKey) || !a.v3) {
		problem(apicurioHeadersKey, "schema ids in record headers are not built; set it to false on all sides")
	}
	a.global = strings.EqualFold(v.Str(apicurioUseIDKey), "globalId")
	if !v.Given(apicurioUseIDKey) {
		a.global = !a.v3
	}
	a.global = a.global || format == KConnect
	s := Settings{IsKey: isKey, AutoRegister: v.Bool(apicurioAutoKey), UseLatest: v.Bool(apicurioLatestKey) || a.version != "", UseID: -1,
		MaxSchemas: 1000, LatestSize: 1000, LatestTTL: time.Duration(v.Int(apicurioCheckKey)) * time.Millisecond, Artifact: v.Str(apicurioArtifactKey)}
	s.Strategy, _ = apicurioStrategy(v.Str(apicurioStrategyKey))
	if s.Strategy == RecordName && format != Avro {
		problem(apicurioStrategyKey, "RecordIdStrategy is for Avro; use TopicIdStrategy or SimpleTopicIdStrategy")
	}
	a.byRecord = s.Strategy == RecordName && s.Artifact == ""
	c := &s.Client
	c.URLs, c.User, c.Password = []string{address}, v.Str(apicurioUserKey), v.Secret(apicurioPasswordKey)
	c.Retries, c.RetryWait, c.MaxRetryWait = int(v.Int(apicurioRetriesKey)), millis(v, apicurioBackoffKey), millis(v, apicurioBackoffKey)
	c.ConnectTimeout, c.ReadTimeout = 30*time.Second, 30*time.Second
	if h := v.Prefixed(apicurioHeaderPrefix); len(h) > 0 {
		c.Headers = h
	}
	cfg, tls := kafkaprops.TLS(v.Prefixed(apicurioTLSPrefix))
	problems = append(problems, tls.WithPrefix(apicurioTLSPrefix).Problems...)
	c.TLS = cfg
	return s, a, problems
}

const confluentClass = "io.confluent.connect.avro.AvroConverter"
