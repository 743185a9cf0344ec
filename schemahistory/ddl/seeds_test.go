package ddl_test

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/testenv"
)

func seeds(k *testenv.KafkaServer) []kgo.Opt { return []kgo.Opt{kgo.SeedBrokers(k.Brokers()...)} }
