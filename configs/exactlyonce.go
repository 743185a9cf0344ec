package configs

// Values of exactly.once.source.support (CW-105).
const (
	exactlyOncePreparing = "preparing"
	exactlyOnceEnabled   = "enabled"
)

func exactlyOnceKey() Key {
	return Key{Name: exactlyOnceWorkerKey, Type: StringType, Default: "disabled", HasDefault: true, Check: AnyCaseWords("disabled", "enabled", "preparing"),
		Doc: "Whether source connectors deliver exactly once, in transactions. A cluster that runs already is first restarted with preparing, then with enabled."}
}

// exactlyOnceElsewhere is the key where there is nothing to keep the promise with.
func exactlyOnceElsewhere() Key {
	k := exactlyOnceKey()
	k.Refuse = RefuseExcept("exactly-once delivery needs a distributed worker, whose offsets are in a topic; here delivery is at least once. Use \"disabled\"", "disabled")
	return k
}

// ExactlyOnceSources tells whether every source connector of this worker delivers in transactions.
func (w *Worker) ExactlyOnceSources() bool { return w.ExactlyOnce == exactlyOnceEnabled }

// TransactionalLeader tells whether the leader writes the config topic in transactions, so that the
// next leader fences it (CW-170).
func (w *Worker) TransactionalLeader() bool {
	return w.ExactlyOnce == exactlyOncePreparing || w.ExactlyOnceSources()
}
