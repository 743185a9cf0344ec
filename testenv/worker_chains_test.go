package testenv

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// pair are the real worker and ours on one broker.
type pair struct {
	k   *KafkaServer
	w   map[string]*ConnectWorker // "jav", "our": names of one length, which stand in topics
	id  string
	dir string
}

func newPair(t *testing.T) *pair {
	t.Helper()
	k := Kafka(t)
	return &pair{k: k, id: strings.Trim(unique("pair"), "-_"), dir: t.TempDir(), w: map[string]*ConnectWorker{"jav": Connect(t),
		"our": PrivateAnabranch(t, k, AnabranchOptions{Props: map[string]string{"offset.flush.interval.ms": "500", "heartbeat.interval.ms": "300"}})}}
}

const (
	jsonConverter   = "org.apache.kafka.connect.json.JsonConverter"
	stringConverter = "org.apache.kafka.connect.storage.StringConverter"
	smt             = "org.apache.kafka.connect.transforms."
)

// chain is the configuration of a list of transforms: "alias Class k=v k=v".
func chain(steps ...string) map[string]string {
	c := map[string]string{}
	var aliases []string
	for _, s := range steps {
		parts := strings.Split(s, " ")
		prefix := "transforms." + parts[0] + "."
		if kind, ok := strings.CutPrefix(parts[0], "?"); ok {
			prefix = "predicates." + kind + "."
			c["predicates"] = strings.TrimPrefix(c["predicates"]+","+kind, ",")
			c[prefix+"type"] = smt + "predicates." + parts[1]
		} else {
			aliases = append(aliases, parts[0])
			c[prefix+"type"] = smt + parts[1]
		}
		for _, p := range parts[2:] {
			key, value, _ := strings.Cut(p, "=")
			c[prefix+key] = value
		}
	}
	c["transforms"] = strings.Join(aliases, ",")
	return c
}

type chainCase struct {
	name   string
	config map[string]string
	want   int // records or lines that come out
	topics []string
}

// both runs one function beside the other for the two workers.
func (p *pair) both(fn func(kind string, w *ConnectWorker)) {
	var wg sync.WaitGroup
	for kind, w := range p.w {
		wg.Go(func() { fn(kind, w) })
	}
	wg.Wait()
}

// put creates a connector and deletes it with the test. It does not wait.
func (p *pair) put(t *testing.T, w *ConnectWorker, name string, config map[string]string) {
	code, body, err := w.Call(t.Context(), http.MethodPut, connectorPath(name, "/config"), config)
	for i := 0; i < 100 && err == nil && code == http.StatusConflict; i++ {
		code, body, err = w.Call(t.Context(), http.MethodPut, connectorPath(name, "/config"), config)
	}
	if err != nil || code != http.StatusCreated {
		t.Errorf("create %s: %d %s %v", name, code, body, err)
	}
	t.Cleanup(func() {
		if !w.Private() {
			w.Delete(t, name)
		}
	})
}

// TestWorker_SourceChains runs the same file through the same transforms in the real worker and
// ours: the same topics, keys, values and headers.
func TestWorker_SourceChains(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and Kafka Connect; not in short mode")
	}
	t.Parallel()
	p := newPair(t)
	lines := []string{"1", "22", "größe", "", "-7.5", "true", " 3", "2024-02-29T12:34:56", "9223372036854775808", `{"a":1}`, "last"}
	in := filepath.Join(p.dir, "in")
	if err := os.WriteFile(in, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	n := len(lines)
	cases := []chainCase{
		{name: "hoist", want: n, config: chain("h HoistField$Value field=line", "i InsertField$Value static.field=s! static.value=x topic.field=t?", "m SetSchemaMetadata$Value schema.name=org.acme.Line schema.version=3")},
		{name: "route", want: n, topics: []string{"-routed"}, config: with(chain("r RegexRouter regex=(.*)-lines replacement=$1-routed", "hi InsertHeader header=h value.literal=42"),
			"topic.creation.default.partitions", "1", "topic.creation.default.replication.factor", "1", "topic.creation.groups", "g",
			"topic.creation.g.include", ".*-routed", "topic.creation.g.partitions", "1", "topic.creation.g.cleanup.policy", "delete", "topic.creation.g.compression.type", "lz4")},
		{name: "compacted", want: 0, config: with(chain("hi InsertHeader header=h value.literal=42"), "topic.creation.default.partitions", "1", "topic.creation.default.replication.factor", "1",
			"topic.creation.default.cleanup.policy", "compact")}, // takes no records without a key
		{name: "two groups", want: n, config: with(map[string]string{"topic.creation.default.partitions": "3", "topic.creation.default.replication.factor": "1", "topic.creation.groups": "a,b,c"},
			"topic.creation.a.include", "no.*", "topic.creation.a.partitions", "5", "topic.creation.b.include", ".*", "topic.creation.b.exclude", ".*-lines", "topic.creation.b.partitions", "7",
			"topic.creation.c.include", ".*-li.*,x", "topic.creation.c.partitions", "1", "topic.creation.c.min.insync.replicas", "1", "topic.creation.c.max.compaction.lag.ms", "77777777")},
		{name: "missing file", want: 0, config: map[string]string{"file": filepath.Join(p.dir, "none")}},
		{name: "created", want: n, config: with(chain("hi InsertHeader header=h value.literal=a"), "topic.creation.default.partitions", "1", "topic.creation.default.replication.factor", "-1",
			"topic.creation.default.retention.ms", "987654321", "topic.creation.default.max.message.bytes", "1234567")},
		{name: "keyed", want: n, config: with(chain("h HoistField$Value field=line", "k ValueToKey fields=line", "e ExtractField$Key field=line", "r ReplaceField$Value renames=line:text", "ts InsertField$Value static.field=b static.value=7", "c Cast$Value spec=b:int16"),
			"key.converter.schemas.enable", "false")},
		{name: "plain", want: n, config: with(chain("h HoistField$Value field=line", "i InsertField$Value static.field=s static.value=x", "m MaskField$Value fields=s"), "value.converter.schemas.enable", "false")},
		{name: "string", want: n, config: with(chain("h HoistField$Value field=line", "i InsertField$Value static.field=s static.value=x"), "value.converter", stringConverter)},
		{name: "cast", want: 2, config: with(chain("c Cast$Value spec=int32"), "errors.tolerance", "all")},
		{name: "double", want: 5, config: with(chain("c Cast$Value spec=float64"), "errors.tolerance", "all")},
		{name: "drop none", want: n, config: chain("?t TopicNameMatches pattern=nothing.*", "f Filter predicate=t")},
		{name: "negate", want: n, config: chain("?t TopicNameMatches pattern=.*-lines", "f Filter predicate=t negate=true", "hi InsertHeader header=x value.literal=1.5")},
		{name: "header", want: n, config: chain("?h HasHeaderKey name=yes", "i InsertHeader header=yes value.literal=true", "f Filter predicate=h negate=true", "d DropHeaders headers=yes", "j InsertHeader header=no value.literal=2020-01-01")},
		{name: "headerfrom", want: n, config: chain("h HoistField$Value field=line", "i InsertField$Value static.field=s static.value=x", "f HeaderFrom$Value fields=line,s headers=l,ss operation=move")},
		{name: "flat", want: n, config: chain("a HoistField$Value field=c", "b HoistField$Value field=b", "c HoistField$Value field=a", "f Flatten$Value delimiter=_")},
		{name: "deep", want: n, config: chain("a HoistField$Value field=c", "b HoistField$Value field=b.x", "e ExtractField$Value field=`b.x`.c field.syntax.version=V2")},
		{name: "time", want: 1, config: with(chain("t TimestampConverter$Value target.type=unix format=yyyy-MM-dd'T'HH:mm:ss"), "errors.tolerance", "all")},
		{name: "date", want: 1, config: with(chain("t TimestampConverter$Value target.type=Timestamp format=yyyy-MM-dd'T'HH:mm:ss"), "errors.tolerance", "all")},
		{name: "router", want: n, topics: []string{"-lines-2026"}, config: chain("t TimestampRouter topic.format=${topic}-${timestamp} timestamp.format=yyyy")},
	}
	cases[len(cases)-1].topics[0] = "-lines-" + time.Now().UTC().Format("2006")
	topicOf := func(i int, kind string) string { return fmt.Sprintf("%s-%s-%02d", p.id, kind, i) }
	p.both(func(kind string, w *ConnectWorker) { // all of them first: they start side by side
		for i, c := range cases {
			config := with(fileSource(in, topicOf(i, kind)+"-lines"), "value.converter", jsonConverter)
			maps.Copy(config, c.config)
			p.put(t, w, topicOf(i, kind), config)
		}
	})
	t.Run("cases", func(t *testing.T) {
		for i, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				topic := func(kind string) string { return topicOf(i, kind) }
				if c.topics == nil {
					c.topics = []string{"-lines"}
				}
				out := map[string][]string{}
				failed := map[string]bool{}
				var mu sync.Mutex
				p.both(func(kind string, w *ConnectWorker) {
					var got []string
					deadline := time.Now().Add(40 * time.Second)
					_ = poll(t.Context(), func() (bool, error) {
						got = got[:0]
						for _, suffix := range c.topics {
							recs, _ := p.k.readAll(t.Context(), []string{topic(kind) + suffix})
							for _, r := range recs {
								got = append(got, strings.ReplaceAll(plainRecord(r), kind, "KIND"))
							}
						}
						s, code, err := w.status(t.Context(), topic(kind))
						bad := err == nil && code == http.StatusOK && len(s.Tasks) == 1 && s.Tasks[0].State == "FAILED"
						mu.Lock()
						failed[kind] = bad
						mu.Unlock()
						return len(got) >= c.want && c.want > 0 || bad || c.name == "missing file" && len(s.Tasks) > 0 || time.Now().After(deadline), nil
					})
					mu.Lock()
					defer mu.Unlock()
					out[kind] = got
				})
				compareLines(t, out)
				if len(out["our"]) != c.want {
					t.Errorf("%d records, want %d; status %+v", len(out["our"]), c.want, p.w["our"].Status(t, topic("our")))
				}
				if failed["our"] != failed["jav"] {
					t.Errorf("failed: %v", failed)
				}
				if c.name == "missing file" {
					return
				}
				var settings [2]string
				for j, kind := range []string{"our", "jav"} {
					settings[j] = topicSettings(t, p.k, topic(kind)+c.topics[0])
				}
				if settings[0] != settings[1] {
					t.Errorf("topic of ours %s, of Connect %s", settings[0], settings[1])
				}
			})
		}
	})
}

// plainRecord is a record as text, without its time.
func plainRecord(r *kgo.Record) string {
	var sb strings.Builder
	fmt.Fprintf(&sb, "%s-%d key %q null %t value %q null %t", r.Topic, r.Partition, r.Key, r.Key == nil, r.Value, r.Value == nil)
	for _, h := range r.Headers {
		fmt.Fprintf(&sb, " %s=%q", h.Key, h.Value)
	}
	return sb.String()
}

func compareLines(t *testing.T, out map[string][]string) {
	t.Helper()
	for i := range max(len(out["our"]), len(out["jav"])) {
		line := func(kind string) string {
			if i < len(out[kind]) {
				return out[kind][i]
			}
			return "(nothing)"
		}
		if a, b := line("our"), line("jav"); a != b {
			t.Errorf("%d\nours    %s\nConnect %s", i, a, b)
		}
	}
}

// topicSettings are what somebody has set on a topic.
func topicSettings(t *testing.T, k *KafkaServer, topic string) string {
	t.Helper()
	admin := kadm.NewClient(k.Client(t))
	d, err := admin.ListTopics(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	rcs, err := admin.DescribeTopicConfigs(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	var set []string
	for _, c := range rcs[0].Configs {
		if strings.Contains(c.Source.String(), "DYNAMIC_TOPIC") {
			set = append(set, c.Key+"="+c.MaybeValue())
		}
	}
	slices.Sort(set)
	return fmt.Sprintf("%d partitions %v", len(d[topic].Partitions), set)
}

// TestWorker_SinkChains reads one topic through the same transforms in the real worker and ours.
func TestWorker_SinkChains(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and Kafka Connect; not in short mode")
	}
	t.Parallel()
	p := newPair(t)
	cl := p.k.Client(t)
	schemaful, plain := p.id+"-structs", p.id+"-maps"
	if _, err := kadm.NewClient(cl).CreateTopics(t.Context(), 1, 1, nil, schemaful, plain); err != nil {
		t.Fatal(err)
	}
	const schema = `{"type":"struct","name":"org.acme.Row","optional":true,"fields":[{"field":"id","type":"int32"},{"field":"name","type":"string","optional":true},` +
		`{"field":"at","type":"int64","name":"org.apache.kafka.connect.data.Timestamp","version":1},{"field":"sub","type":"struct","optional":true,"fields":[{"field":"x","type":"double"},{"field":"y","type":"boolean","optional":true}]},` +
		`{"field":"list","type":"array","items":{"type":"int16"},"optional":true},{"field":"map","type":"map","keys":{"type":"string"},"values":{"type":"int64"},"optional":true},{"field":"raw","type":"bytes","optional":true}]}`
	var recs []*kgo.Record
	for i := range 6 {
		at := time.UnixMilli(1_700_000_000_123 + int64(i)*3_600_000)
		var headers []kgo.RecordHeader
		if i%2 == 0 {
			headers = []kgo.RecordHeader{{Key: "even", Value: fmt.Append(nil, i)}}
		}
		row := fmt.Sprintf(`{"id":%d,"name":"n%d","at":%d,"sub":{"x":%d.25,"y":true},"list":[1,2],"map":{"k":%d},"raw":"AQI="}`, i, i, at.UnixMilli(), i, i)
		recs = append(recs, &kgo.Record{Topic: schemaful, Key: fmt.Appendf(nil, "k%d", i), Value: []byte(`{"schema":` + schema + `,"payload":` + row + `}`), Timestamp: at, Headers: headers},
			&kgo.Record{Topic: plain, Key: fmt.Appendf(nil, "k%d", i), Value: []byte(row), Timestamp: at, Headers: headers})
	}
	for _, topic := range []string{schemaful, plain} {
		recs = append(recs, &kgo.Record{Topic: topic, Key: []byte("gone"), Timestamp: time.UnixMilli(1_700_000_000_000)})
	}
	last := fmt.Sprintf(`{"id":%d,"name":null,"at":0,"sub":null,"list":null,"map":null,"raw":null}`, 99)
	recs = append(recs, &kgo.Record{Topic: schemaful, Value: []byte(`{"schema":` + schema + `,"payload":` + last + `}`), Timestamp: time.UnixMilli(1_700_000_000_000)},
		&kgo.Record{Topic: plain, Value: []byte(`{"id":99,"name":null}`), Timestamp: time.UnixMilli(1_700_000_000_000)})
	if err := cl.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	const n = 8
	notGone := []string{"?gone RecordIsTombstone", "nogone Filter predicate=gone"}
	cases := []chainCase{
		{name: "none", want: n, config: map[string]string{}},
		{name: "origin", want: n, config: chain("i InsertField$Value topic.field=t partition.field=p! offset.field=o? timestamp.field=ts static.field=s static.value=x")},
		{name: "tombstones", want: n - 1, config: chain(notGone...)},
		{name: "only tombstones", want: 1, config: chain("?gone RecordIsTombstone", "f Filter predicate=gone negate=true")},
		{name: "headers", want: 3, config: chain("?even HasHeaderKey name=even", "f Filter predicate=even negate=true")},
		{name: "odd", want: n - 3, config: chain("?even HasHeaderKey name=even", "f Filter predicate=even")},
		{name: "topic", want: n, config: chain("?t TopicNameMatches pattern=.*-nothing", "f Filter predicate=t", "r RegexRouter regex=.* replacement=other", "i InsertField$Value topic.field=t")},
		{name: "conditional", want: n, config: chain("?even HasHeaderKey name=even", "r ReplaceField$Value predicate=even exclude=raw,map,list,sub")},
		{name: "extract", want: n - 1, config: chain(append(notGone, "e ExtractField$Value field=sub")...)},
		{name: "extract deep", want: n - 1, config: chain(append(notGone, "e ExtractField$Value field=sub.x field.syntax.version=V2")...)},
		{name: "hoist", want: n, config: chain("h HoistField$Value field=row")},
		{name: "flat", want: n - 1, config: chain(append(notGone, "r ReplaceField$Value exclude=list,map,raw", "f Flatten$Value")...)},
		{name: "cast", want: n - 1, config: chain(append(notGone, "c Cast$Value spec=id:string,name:string,at:int64", "r ReplaceField$Value include=id,name,at,raw renames=raw:bytes,id:key")...)},
		{name: "mask", want: n - 1, config: chain(append(notGone, "m MaskField$Value fields=id,name,at")...)},
		{name: "time", want: n - 1, config: chain(append(notGone, "t TimestampConverter$Value field=at target.type=string format=yyyy-MM-dd", "r ReplaceField$Value include=at")...)},
		{name: "key", want: n - 1, config: chain(append(notGone, "k ValueToKey fields=id,name", "e ExtractField$Key field=id", "s SetSchemaMetadata$Key schema.name=k")...)},
		{name: "key to string", want: n, config: with(chain("h HoistField$Key field=k"), "value.converter", stringConverter)},
		{name: "bytes", want: n, config: map[string]string{"value.converter": stringConverter, "transforms": ""}},
		{name: "router", want: n, config: chain("t TimestampRouter timestamp.format=yyyyMMddHH", "i InsertField$Value topic.field=t", "r ReplaceField$Value include=t")},
	}
	nameOf := func(i int, kind, topic string) string {
		return fmt.Sprintf("%s-%s-%02d%s", p.id, kind, i, strings.TrimPrefix(topic, p.id))
	}
	p.both(func(kind string, w *ConnectWorker) { // all of them first: they start side by side
		for i, c := range cases {
			for _, topic := range []string{schemaful, plain} {
				name := nameOf(i, kind, topic)
				schemas := topic == schemaful && c.config["value.converter"] == ""
				config := with(fileSink(filepath.Join(p.dir, name), topic), "value.converter", jsonConverter, "value.converter.schemas.enable", fmt.Sprint(schemas),
					"key.converter", stringConverter, "consumer.override.fetch.max.wait.ms", "50")
				maps.Copy(config, c.config)
				p.put(t, w, name, config)
			}
		}
	})
	t.Run("cases", func(t *testing.T) {
		for i, c := range cases {
			for _, topic := range []string{schemaful, plain} {
				t.Run(c.name+strings.TrimPrefix(topic, p.id), func(t *testing.T) {
					out := map[string][]string{}
					trace := map[string]string{}
					var mu sync.Mutex
					p.both(func(kind string, w *ConnectWorker) {
						name := nameOf(i, kind, topic)
						file := filepath.Join(p.dir, name)
						var got []string
						failed := ""
						deadline := time.Now().Add(40 * time.Second)
						_ = poll(t.Context(), func() (bool, error) {
							raw, _ := os.ReadFile(file)
							got = strings.Split(string(raw), "\n")
							got = got[:len(got)-1]
							for i := range got {
								got[i] = sinkLine(got[i], topic == plain)
							}
							if s, code, err := w.status(t.Context(), name); err == nil && code == http.StatusOK && len(s.Tasks) == 1 && s.Tasks[0].State == "FAILED" {
								failed = rootCause(s.Tasks[0].Trace)
							}
							return len(got) >= c.want || failed != "" || time.Now().After(deadline), nil
						})
						mu.Lock()
						defer mu.Unlock()
						out[kind], trace[kind] = got, failed
					})
					compareLines(t, out)
					if trace["our"] != trace["jav"] {
						t.Errorf("trace\nours    %s\nConnect %s", trace["our"], trace["jav"])
					}
					if trace["our"] == "" && len(out["our"]) != c.want {
						t.Errorf("%d lines, want %d", len(out["our"]), c.want)
					}
				})
			}
		}
	})
}

// sinkLine is a line without what Java leaves open: the addresses of byte arrays and, of maps,
// the order.
func sinkLine(line string, maps bool) string {
	line = byteArray.ReplaceAllString(line, "[B")
	if maps {
		words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune("{}, ", r) })
		slices.Sort(words)
		line = strings.Join(words, " ")
	}
	return line
}

var byteArray = regexp.MustCompile(`\[B@[0-9a-f]+`)

// rootCause is the last cause of a stack trace, without the frames.
func rootCause(trace string) string {
	cause := firstLine(trace)
	for line := range strings.SplitSeq(trace, "\n") {
		if c, ok := strings.CutPrefix(line, "Caused by: "); ok {
			cause = c
		}
	}
	return cause
}
