package kafka

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/testenv"
)

// once is a broker with a topic for rows and one for offsets.
type once struct {
	k             *testenv.KafkaServer
	id            string
	rows, offsets string
}

func newOnce(t *testing.T) *once {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a real broker")
	}
	k := testenv.Kafka(t)
	o := &once{k: k, id: k.TopicPrefix(t)}
	o.rows, o.offsets = o.id+"-rows", o.id+"-offsets"
	adm := kadm.NewClient(k.Client(t))
	if _, err := adm.CreateTopics(t.Context(), 1, 1, nil, o.rows, o.offsets); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *once) sink(t *testing.T, change func(*Transactions)) *Sink {
	t.Helper()
	cfg := producerConfig(t, o.k.Brokers())
	cfg.Transactions = &Transactions{ID: o.id, OffsetsTopic: o.offsets}
	if change != nil {
		change(cfg.Transactions)
	}
	return openSink(t, cfg)
}

func (o *once) committed(t *testing.T) (rows, offsets int) {
	t.Helper()
	return len(o.k.ReadAll(t, o.rows)), len(o.k.ReadAll(t, o.offsets))
}

func (o *once) want(t *testing.T, rows, offsets int) {
	t.Helper()
	if r, f := o.committed(t); r != rows || f != offsets {
		t.Fatalf("readers of committed records see %d rows and %d offsets, want %d and %d", r, f, rows, offsets)
	}
}

func (o *once) offset(value string) []deliver.OffsetRecord {
	return []deliver.OffsetRecord{{Topic: o.offsets, Key: []byte("k"), Value: []byte(value)}}
}

func TestSink_TransactionsShowRowsAndOffsetsTogether(t *testing.T) {
	o := newOnce(t)
	s := o.sink(t, nil)
	if err := write(t, s, numbers(o.rows, 0, 10)); err != nil {
		t.Fatal(err)
	}
	o.want(t, 0, 0)
	if err := s.Commit(t.Context(), o.offset("1")); err != nil {
		t.Fatal(err)
	}
	o.want(t, 10, 1)
	if err := s.Commit(t.Context(), o.offset("2")); err != nil { // offsets alone (CW-276)
		t.Fatal(err)
	}
	o.want(t, 10, 2)
	if err := s.Commit(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := write(t, s, numbers(o.rows, 10, 20)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o.want(t, 10, 2) // Close gives up what was not committed
	next := o.sink(t, nil)
	if err := write(t, next, numbers(o.rows, 10, 20)); err != nil {
		t.Fatal(err)
	}
	if err := next.Commit(t.Context(), o.offset("3")); err != nil {
		t.Fatal(err)
	}
	o.want(t, 20, 3)
}

// A task that was started elsewhere takes the id: what the first one holds is gone, and it
// does not come again by itself.
func TestSink_ASecondOwnerFencesTheFirst(t *testing.T) {
	o := newOnce(t)
	first := o.sink(t, nil)
	if err := write(t, first, numbers(o.rows, 0, 10)); err != nil {
		t.Fatal(err)
	}
	second := o.sink(t, nil)
	err := first.Commit(t.Context(), o.offset("first"))
	if err == nil {
		t.Fatal("the first owner could commit")
	}
	if deliver.Retriable(err) || !errors.Is(err, kerr.ProducerFenced) && !errors.Is(err, kerr.InvalidProducerEpoch) {
		t.Errorf("error of the first owner: %v, retriable %v", err, deliver.Retriable(err))
	}
	if err := write(t, first, numbers(o.rows, 10, 20)); err == nil {
		t.Error("the first owner still writes")
	}
	if err := write(t, second, numbers(o.rows, 0, 10)); err != nil {
		t.Fatal(err)
	}
	if err := second.Commit(t.Context(), o.offset("second")); err != nil {
		t.Fatal(err)
	}
	o.want(t, 10, 1)
}

func TestSink_AsksBeforeAndAfterItClaimsItsID(t *testing.T) {
	o := newOnce(t)
	holder := o.sink(t, nil)
	if err := write(t, holder, numbers(o.rows, 0, 10)); err != nil {
		t.Fatal(err)
	}
	cfg := producerConfig(t, o.k.Brokers())
	no := errors.New("not yours")
	cfg.Transactions = &Transactions{ID: o.id, OffsetsTopic: o.offsets, Before: func(context.Context) error { return no }}
	s := New(cfg, deliver.Env{Connector: "c"})
	if err := s.Open(t.Context()); !errors.Is(err, no) {
		t.Fatalf("Open says %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := holder.Commit(t.Context(), nil); err != nil { // it was not fenced
		t.Fatal(err)
	}
	o.want(t, 10, 0)
	cfg.Transactions.Before, cfg.Transactions.After = nil, cfg.Transactions.Before
	s = New(cfg, deliver.Env{Connector: "c"})
	if err := s.Open(t.Context()); !errors.Is(err, no) {
		t.Fatalf("Open says %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// The topic of the offsets is not for records (CW-276).
func TestSink_RefusesRecordsForItsOffsetsTopic(t *testing.T) {
	o := newOnce(t)
	s := o.sink(t, nil)
	err := write(t, s, numbers(o.offsets, 0, 1))
	if err == nil || !strings.Contains(err.Error(), "Source tasks may not produce to their own offsets topics when exactly-once support is enabled") {
		t.Fatalf("error %v", err)
	}
}

// A transaction that takes too long is over, and the error says what to do (CW-275).
func TestSink_TransactionThatTookTooLong(t *testing.T) {
	o := newOnce(t)
	s := o.sink(t, func(x *Transactions) { x.Timeout = time.Second })
	if err := write(t, s, numbers(o.rows, 0, 10)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	adm := kadm.NewClient(o.k.Client(t))
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		d, err := adm.DescribeTransactions(ctx, o.id)
		if err != nil {
			t.Fatal(err)
		}
		if state := d[o.id].State; state != "Ongoing" && state != "PrepareAbort" {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the broker never ended the transaction")
		}
	}
	err := s.Commit(t.Context(), o.offset("1"))
	if err == nil {
		t.Fatal("the commit worked")
	}
	var fault *records.Fault
	if !errors.As(err, &fault) || !strings.Contains(fault.Error(), "transaction") {
		t.Errorf("error %v", err)
	}
	t.Log(err)
	o.want(t, 0, 0)
}
