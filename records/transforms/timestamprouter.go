package transforms

import (
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/javatime"
)

// timestampRouter is TimestampRouter (CW-369): the topic's name with the record's time in it.
// As long as topic and printed time stay the same nothing is made anew.
type timestampRouter struct {
	topic  string
	format *javatime.Format

	text      []byte
	last      string // the topic seen last,
	lastText  string // the time printed for it,
	lastTopic string // and where it went
}

func timestampRouterClass() Class {
	return Class{Name: kafkaPrefix + "TimestampRouter",
		Def: configs.NewDef(
			configs.Key{Name: "topic.format", Type: configs.StringType, Default: "${topic}-${timestamp}", HasDefault: true, Importance: configs.High,
				Doc: "The new topic, with ${topic} and ${timestamp} in it."},
			configs.Key{Name: "timestamp.format", Type: configs.StringType, Default: "yyyyMMdd", HasDefault: true, Importance: configs.High,
				Doc: "Pattern of java.text.SimpleDateFormat for ${timestamp}, in UTC."}),
		New: func(v *configs.Values) (Transform, error) {
			f, err := javatime.Compile(v.Str("timestamp.format"))
			return &timestampRouter{topic: v.Str("topic.format"), format: f}, err
		}}
}

func (t *timestampRouter) Apply(b *records.Batch, r *records.Record) (bool, error) {
	if r.Timestamp == records.NoTimestamp {
		return true, dataErrorf("Timestamp missing on record: %s", hidden)
	}
	topic := b.Topics[r.Topic]
	t.text = t.format.AppendMillis(t.text[:0], r.Timestamp)
	if topic != t.last || string(t.text) != t.lastText {
		to := strings.ReplaceAll(t.topic, "${topic}", topic)
		t.last, t.lastText = topic, string(t.text)
		t.lastTopic = strings.ReplaceAll(to, "${timestamp}", t.lastText)
	}
	r.Topic = b.TopicIndex(t.lastTopic)
	return true, nil
}
