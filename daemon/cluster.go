package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/kafkaprops"
	"github.com/anabranch/anabranch/daemon/store"
)

const (
	connectWithin = 60 * time.Second
	connectAgain  = 500 * time.Millisecond
	connectSay    = 5 * time.Second
	adminWithin   = 30 * time.Second
)

// kafkaCluster is the worker's own view of Kafka.
type kafkaCluster struct {
	cl        *kgo.Client
	adm       *kadm.Client
	log       *slog.Logger
	bootstrap string
}

var _ kafka = (*kafkaCluster)(nil)

// internalOpts are the options of the worker's own clients: the unprefixed keys of the worker
// file (CW-110, CW-111), under Connect's client id (CW-117).
func internalOpts(w *configs.Worker, purpose string) ([]kgo.Opt, error) {
	own := commonClientProps(w)
	id := w.GroupID
	if given := w.Raw[kafkaprops.ClientID]; given != "" {
		id = given
	}
	if id == "" {
		id = "connect-standalone"
	}
	own[kafkaprops.ClientID] = id + "-" + purpose
	s := kafkaprops.Client(own)
	if len(s.Problems) > 0 {
		return nil, s.Problems
	}
	return s.Opts, nil
}

// commonClientProps are the settings in the worker file that every Kafka client knows.
func commonClientProps(w *configs.Worker) map[string]string {
	own := map[string]string{}
	// What producers and consumers both know is what every client knows.
	producer, consumer := kafkaprops.ProducerDef(), kafkaprops.ConsumerDef()
	for k, v := range w.Raw {
		if producer.Knows(k) && consumer.Knows(k) && !strings.HasPrefix(k, configs.ProvidersKey) {
			own[k] = v
		}
	}
	own[kafkaprops.BootstrapServers] = strings.Join(w.Bootstrap, ",")
	return own
}

func newCluster(w *configs.Worker, log *slog.Logger) (*kafkaCluster, error) {
	opts, err := internalOpts(w, "shared-admin")
	if err != nil {
		return nil, err
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, err
	}
	return &kafkaCluster{cl: cl, adm: kadm.NewClient(cl), log: log, bootstrap: strings.Join(w.Bootstrap, ",")}, nil
}

// ID implements kafka. A broker that is not there yet gets a minute.
func (k *kafkaCluster) ID(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	said := time.Time{}
	for {
		once, stop := context.WithTimeout(ctx, connectSay)
		md, err := k.adm.BrokerMetadata(once)
		stop()
		if err == nil {
			return md.Cluster, nil
		}
		if ctx.Err() != nil {
			return "", &store.Error{Op: "connect to Kafka at", Subject: k.bootstrap, Cause: err,
				Hint: "check bootstrap.servers and the security settings of the worker file"}
		}
		if time.Since(said) > connectSay {
			k.log.Warn("Kafka does not answer yet, trying on", "bootstrap", k.bootstrap, keyErr, err)
			said = time.Now()
		}
		t := time.NewTimer(connectAgain)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
		}
	}
}

// GroupOffsets implements kafka.
func (k *kafkaCluster) GroupOffsets(ctx context.Context, group string) ([]groupOffset, error) {
	resp, err := k.adm.FetchOffsets(ctx, group)
	if err != nil {
		return nil, err
	}
	var out []groupOffset
	resp.Each(func(o kadm.OffsetResponse) {
		if o.Err == nil && o.At >= 0 {
			out = append(out, groupOffset{topic: o.Topic, partition: o.Partition, offset: o.At})
		}
	})
	return out, nil
}

// AlterGroup implements kafka.
func (k *kafkaCluster) AlterGroup(ctx context.Context, group string, offsets []groupOffset) error {
	set := kadm.Offsets{}
	gone := kadm.TopicsSet{}
	for _, o := range offsets {
		if o.remove {
			gone.Add(o.topic, o.partition)
		} else {
			set.Add(kadm.Offset{Topic: o.topic, Partition: o.partition, At: o.offset, LeaderEpoch: -1})
		}
	}
	if len(set) > 0 {
		resp, err := k.adm.CommitOffsets(ctx, group, set)
		if err == nil {
			err = resp.Error()
		}
		if err != nil {
			return fmt.Errorf("alter offsets of consumer group %s, which must have no members: %w", group, err)
		}
	}
	if len(gone) > 0 {
		resp, err := k.adm.DeleteOffsets(ctx, group, gone)
		if err == nil {
			err = resp.Error()
		}
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			return fmt.Errorf("remove offsets of consumer group %s, which must have no members: %w", group, err)
		}
	}
	return nil
}

// DeleteGroup implements kafka; an absent group is fine (CW-44).
func (k *kafkaCluster) DeleteGroup(ctx context.Context, group string) error {
	resp, err := k.adm.DeleteGroup(ctx, group)
	if err == nil {
		err = resp.Err
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return fmt.Errorf("delete consumer group %s, which must have no members: %w", group, err)
	}
	return nil
}

// Close implements kafka.
func (k *kafkaCluster) Close() { k.cl.Close() }
