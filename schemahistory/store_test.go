package schemahistory

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/records"
)

func doc(kv ...any) records.Doc {
	d := records.Doc{}
	for i := 0; i < len(kv); i += 2 {
		v := kv[i+1]
		if n, ok := v.(int); ok {
			v = int64(n)
		}
		d = append(d, records.DocField{Key: kv[i].(string), Value: v})
	}
	return d
}

func rec(n int) Record {
	return Record{Source: doc("server", "s"), Position: doc("file", "bin.000001", "pos", n), TSMillis: int64(1000 + n), Database: "d", HasDB: true,
		DDL: fmt.Sprintf("CREATE TABLE t%d (a INT)", n), HasDDL: true, Changes: []Change{{Type: Create, ID: TableID{Database: "d", Table: fmt.Sprint("t", n)},
			Table: &Table{ID: TableID{Database: "d", Table: fmt.Sprint("t", n)}, DefaultCharset: "utf8mb4", Columns: []Column{{Name: "a", JDBCType: 4, TypeName: "INT", TypeExpression: "INT", Position: 1, Optional: true, HasDefault: true}}}}}}
}

func readAll(t *testing.T, s Store) (out []Record) {
	t.Helper()
	if err := s.Read(t.Context(), func(r Record) error { out = append(out, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// A backend opens the same storage again and again, and can spoil it.
type backend struct {
	open  func() Store
	spoil func(t *testing.T, data string) // "" is a record without a value
}

func backends(t *testing.T) map[string]backend {
	mem := NewMemory()
	path := filepath.Join(t.TempDir(), "deep", "history.dat")
	addrs := fakeKafka(t)
	return map[string]backend{
		"memory": {open: func() Store { return mem }},
		"file": {open: func() Store { return NewFile(path, nil) }, spoil: func(t *testing.T, data string) {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteString(data + "\n"); err != nil {
				t.Fatal(err)
			}
		}},
		"kafka": {open: func() Store {
			return NewKafka(KafkaOptions{Topic: "hist", Producer: addrs, Consumer: addrs})
		}, spoil: func(t *testing.T, data string) {
			cl, err := kgo.NewClient(addrs...)
			if err != nil {
				t.Fatal(err)
			}
			defer cl.Close()
			r := &kgo.Record{Topic: "hist", Value: []byte(data)}
			if data == "" {
				r.Value = nil
			}
			if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}},
	}
}

func fakeKafka(t *testing.T) []kgo.Opt {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return []kgo.Opt{kgo.SeedBrokers(c.ListenAddrs()...)}
}

func TestStore_Contract(t *testing.T) {
	for name, b := range backends(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			s := b.open()
			exists := func(want bool) {
				t.Helper()
				if got, err := s.Exists(ctx); err != nil || got != want {
					t.Fatalf("exists: %v %v, want %v", got, err, want)
				}
			}
			exists(false)
			if got := readAll(t, s); len(got) != 0 {
				t.Fatalf("read %d records before there is anything", len(got))
			}
			for range 2 { // twice must do no harm
				if err := s.Initialize(ctx); err != nil {
					t.Fatal(err)
				}
			}
			exists(false)
			if err := s.Append(ctx); err != nil {
				t.Fatal(err)
			}
			if err := s.Append(ctx, rec(1), rec(2)); err != nil {
				t.Fatal(err)
			}
			exists(true)
			want := []Record{rec(1), rec(2)}
			if b.spoil != nil {
				for _, data := range []string{"", "{", "no json", `{"position":{}}`, `{"source":1,"position":{}}`, `{"source":{},"position":{},"tableChanges":[{"type":"BAD"}]}`} {
					b.spoil(t, data)
				}
			}
			for n := 3; n < 50; n++ {
				want = append(want, rec(n))
			}
			if err := s.Append(ctx, want[2:]...); err != nil {
				t.Fatal(err)
			}
			check := func() {
				t.Helper()
				if d := cmp.Diff(want, readAll(t, s), cmpopts.EquateEmpty()); d != "" {
					t.Fatal(d)
				}
			}
			check()
			for range 2 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			s = b.open()
			defer s.Close()
			check()
			if err := s.Append(ctx, rec(50)); err != nil {
				t.Fatal(err)
			}
			want = append(want, rec(50))
			check()
			stop := errors.New("stop")
			n := 0
			if err := s.Read(ctx, func(Record) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
				t.Errorf("read went on after an error: %v %d", err, n)
			}
		})
	}
}

func TestFile_HalfLineOfACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h")
	s := NewFile(path, nil)
	if err := s.Append(t.Context(), rec(1)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	full, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(full, full[:20]...), 0o600); err != nil {
		t.Fatal(err)
	}
	s = NewFile(path, nil)
	defer s.Close()
	if err := s.Append(t.Context(), rec(2)); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]Record{rec(1), rec(2)}, readAll(t, s), cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
}

func TestKafka_TopicSettings(t *testing.T) {
	addrs := fakeKafka(t)
	s := NewKafka(KafkaOptions{Topic: "hist", Producer: addrs, Consumer: addrs})
	defer s.Close()
	if err := s.Initialize(t.Context()); err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(addrs...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	rs, err := adm.DescribeTopicConfigs(t.Context(), "hist")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range rs[0].Configs {
		got[c.Key] = c.MaybeValue()
	}
	for k, v := range map[string]string{"cleanup.policy": "delete", "retention.ms": "9223372036854775807", "retention.bytes": "-1"} {
		if got[k] != v {
			t.Errorf("%s is %q, want %q", k, got[k], v)
		}
	}
	ds, err := adm.ListTopics(t.Context(), "hist")
	if err != nil || len(ds["hist"].Partitions) != 1 {
		t.Errorf("partitions %v: %v", ds["hist"].Partitions, err)
	}
}

func TestKafka_RecordsHaveNoKeyAndDebeziumsText(t *testing.T) {
	addrs := fakeKafka(t)
	s := NewKafka(KafkaOptions{Topic: "hist", Producer: addrs, Consumer: addrs})
	defer s.Close()
	if err := s.Initialize(t.Context()); err != nil {
		t.Fatal(err)
	}
	r1 := rec(1)
	if err := s.Append(t.Context(), r1); err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(append(addrs, kgo.ConsumeTopics("hist"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	got := cl.PollFetches(t.Context()).Records()
	if len(got) != 1 || got[0].Key != nil || string(got[0].Value) != string(AppendRecord(nil, &r1)) || len(got[0].Headers) != 0 || got[0].Partition != 0 {
		t.Errorf("%+v", got)
	}
}

func TestKafka_UnreachableBrokers(t *testing.T) {
	addrs := []kgo.Opt{kgo.SeedBrokers("127.0.0.1:1"), kgo.RetryTimeout(time.Second), kgo.RequestRetries(1)}
	s := NewKafka(KafkaOptions{Topic: "hist", Servers: "127.0.0.1:1", Producer: addrs, Consumer: addrs, WriteTimeout: time.Second, CreateTimeout: time.Second})
	defer s.Close()
	for op, f := range map[string]func() error{
		"exists": func() error { _, err := s.Exists(t.Context()); return err },
		"create": func() error { return s.Initialize(t.Context()) },
		"append": func() error { return s.Append(t.Context(), rec(1)) },
		"read":   func() error { return s.Read(t.Context(), func(Record) error { return nil }) },
	} {
		err := f()
		var e *Error
		if !errors.As(err, &e) || !e.Retriable() || e.Hint == "" || !strings.Contains(err.Error(), "127.0.0.1:1") {
			t.Errorf("%s: %v", op, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Append(ctx, rec(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
