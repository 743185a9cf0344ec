package testenv

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestCrash_DeadLetters kills the daemon while it writes to a database and to a dead letter
// queue: every bad record is there at least once, every good one is in the table, none is in both.
func TestCrash_DeadLetters(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and a database; not in short mode")
	}
	k, m := Kafka(t), MySQL(t)
	name, db := m.Database(t)
	topic := strings.ReplaceAll(strings.Trim(unique("letters"), "-_"), "-", "_")
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE "+topic+" (id INT PRIMARY KEY, name VARCHAR(10) NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	cl := k.Client(t, kgo.UnknownTopicRetries(20))
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 3, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	w := PrivateAnabranch(t, k, AnabranchOptions{Props: map[string]string{"offset.flush.interval.ms": "100"}})
	const json = "org.apache.kafka.connect.json.JsonConverter"
	dlq := topic + "-dlq"
	w.Create(t, topic, map[string]string{"connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector", "topics": topic,
		"connection.url": fmt.Sprintf("jdbc:mysql://%s/%s", m.Addr(), name), "connection.user": "root", "connection.password": "root",
		"insert.mode": "upsert", "pk.mode": "record_key", "key.converter": json, "value.converter": json, "tasks.max": "2",
		"errors.tolerance": "all", "errors.deadletterqueue.topic.name": dlq, "errors.deadletterqueue.topic.replication.factor": "1",
		"errors.deadletterqueue.context.headers.enable": "true", "consumer.override.session.timeout.ms": "6000", "consumer.override.heartbeat.interval.ms": "500"})

	var good, bad int
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var failed error
	wg.Go(func() {
		const key = `{"schema":{"type":"struct","fields":[{"field":"id","type":"int32"}]},"payload":{"id":%d}}`
		const value = `{"schema":{"type":"struct","fields":[{"field":"id","type":"int32"},{"field":"name","type":"string","optional":true}]},"payload":{"id":%d,"name":%s}}`
		for i := 0; ctx.Err() == nil; i += 20 {
			var recs []*kgo.Record
			for id := i; id < i+20; id++ {
				r := &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, key, id)}
				switch {
				case id%7 == 3:
					r.Value = []byte(`{"schema":`) // the converter's
				case id%11 == 5:
					r.Value = fmt.Appendf(nil, value, id, "null") // the database's
				default:
					r.Value = fmt.Appendf(nil, value, id, `"good"`)
					good++
					recs = append(recs, r)
					continue
				}
				bad++
				recs = append(recs, r)
			}
			if failed = cl.ProduceSync(context.WithoutCancel(ctx), recs...).FirstErr(); failed != nil {
				return
			}
			select {
			case <-time.After(5 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	for range kills(t) {
		killAfter(t, w, 3*time.Second)
	}
	stop()
	wg.Wait()
	if failed != nil {
		t.Fatal(failed)
	}
	ends, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, w, "the last offsets", 90*time.Second, func() bool {
		o, err := kadm.NewClient(cl).FetchOffsets(t.Context(), "connect-"+topic)
		done := err == nil
		ends.Each(func(e kadm.ListedOffset) {
			at, _ := o.Lookup(e.Topic, e.Partition)
			done = done && at.At == e.Offset
		})
		return done
	})

	rows, err := SelectRows(t.Context(), db, "SELECT id FROM "+topic)
	if err != nil {
		t.Fatal(err)
	}
	inTable := map[string]bool{}
	for _, r := range rows {
		inTable[r["id"]] = true
	}
	letters := map[string]int{}
	stages := map[string]int{}
	for _, r := range k.ReadAll(t, dlq) {
		id := between(string(r.Key), `"id":`, "}")
		letters[id]++
		for _, h := range r.Headers {
			if h.Key == "__connect.errors.stage" {
				stages[string(h.Value)]++
			}
		}
		if inTable[id] {
			t.Errorf("record %s is in the table and in the dead letter queue", id)
		}
	}
	if len(inTable) != good || len(letters) != bad || stages["VALUE_CONVERTER"] == 0 || stages["TASK_PUT"] == 0 {
		t.Errorf("%d of %d good records in the table, %d of %d bad ones in the dead letter queue, stages %v", len(inTable), good, len(letters), bad, stages)
	}
	t.Logf("%d good records, %d bad ones, letters by stage %v", good, bad, stages)
}
