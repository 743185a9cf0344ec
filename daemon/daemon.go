package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/javametrics"
	"github.com/anabranch/anabranch/daemon/cluster"
	"github.com/anabranch/anabranch/daemon/embedded"
	"github.com/anabranch/anabranch/daemon/logging"
	"github.com/anabranch/anabranch/daemon/metrics"
	"github.com/anabranch/anabranch/daemon/rest"
	"github.com/anabranch/anabranch/daemon/store"
	"github.com/anabranch/anabranch/records/converters"
)

// Version is the version of this program. The REST reports Kafka's (CW-16).
var Version = "dev"

// commit is what GET / shows as the commit; clients only print it.
const commit = "616e616272616e63"

// DefaultDataDir is where the embedded mode keeps everything.
const DefaultDataDir = "anabranch-data"

const (
	embeddedListener  = "http://127.0.0.1:8083"
	readHeaderWithin  = 10 * time.Second
	restDrainWithin   = 3 * time.Second
	distributedEpoch  = 1 // generation in statuses; a group of one never rebalances
	jsonConverterName = "org.apache.kafka.connect.json.JsonConverter"
)

// Mode is how a worker keeps its state.
type Mode = configs.Mode

// The modes that a command can ask for.
const (
	Distributed = configs.Distributed
	Standalone  = configs.Standalone
)

// Options says what to run.
type Options struct {
	// Mode is the mode that the command asks for, "" is the one that the worker file shows.
	Mode configs.Mode
	// WorkerFile is the worker's properties file; "" runs the embedded mode.
	WorkerFile string
	// ConnectorFiles are started once the worker is ready (CW-148).
	ConnectorFiles []string
	// DataDir is the directory of the embedded mode.
	DataDir string
	// Stderr gets the log.
	Stderr io.Writer
	// BrokerPort and RESTPort are those of the embedded mode, for tests; 0 is the usual one,
	// negative a free one.
	BrokerPort, RESTPort int
	// Listening, if set, hears the REST address once it is bound.
	Listening func(addr string)
}

// ConfigError is an error in what the user configured: the process ends with status 2 (CW-149).
type ConfigError struct{ Err error }

func (e *ConfigError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// Run runs a worker until ctx ends. An error is why it could not start.
func Run(ctx context.Context, o Options) error {
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	log, levels := logging.New(o.Stderr)
	worker, err := loadWorker(o)
	if err != nil {
		return &ConfigError{err}
	}
	if worker.Mode == configs.Distributed && o.Mode == configs.Distributed && len(o.ConnectorFiles) > 0 {
		log.Warn("connector files are for standalone mode and not read", "files", len(o.ConnectorFiles))
		o.ConnectorFiles = nil
	}
	files, err := loadConnectorFiles(o.ConnectorFiles)
	if err != nil {
		return err // Connect ends with 3 here, as when a connector's configuration is not valid
	}
	for _, w := range worker.Warnings {
		log.Warn(w.Message, "key", w.Key)
	}
	levels.Scrub(worker.Providers.Scrub)
	logins, err := readLogins(worker)
	if err != nil {
		return &ConfigError{err}
	}
	addClientLogin(worker, logins)
	for _, w := range clientWarnings(worker) {
		log.Warn(w.Message, "key", w.Key)
	}
	other := "choose another port with listeners in the worker file"
	if worker.Mode == configs.Embedded {
		other = "is anabranch running already? choose other ports with -rest-port and -broker-port"
	}
	listeners, err := listen(worker, other, log)
	if err != nil {
		return err
	}
	if o.Listening != nil {
		o.Listening(listeners.main[0].Addr().String())
	}
	var explain explainer
	if worker.Mode == configs.Embedded {
		broker, err := embedded.Start(o.DataDir, portOf(o.BrokerPort, embedded.DefaultPort), log)
		if err != nil {
			listeners.close()
			return err
		}
		defer func() {
			if err := broker.Close(); err != nil {
				log.Error("close embedded broker", keyErr, err)
			}
		}()
		explain = broker.Explain
		worker.Bootstrap = []string{broker.Addr()}
		worker.Raw[configs.BootstrapServersKey] = broker.Addr()
		log.Warn("embedded mode: for trying out, with a broker in this process; delivery is at least once",
			"data", o.DataDir, "broker", broker.Addr(), "rest", listeners.main[0].Addr().String())
	}
	h, routes, err := assemble(worker, files, levels, log, advertised(worker, listeners.main), explain)
	if err == nil {
		routes.Authenticate, err = authenticator(worker, logins)
	}
	var servers []served
	if err == nil {
		servers, err = listeners.servers(worker, routes, log)
	}
	if err != nil {
		listeners.close()
		return &ConfigError{err}
	}
	return serve(ctx, h, servers, log)
}

// serve runs the herder and the REST until ctx ends or the start fails, then closes in the
// order REST, connectors, stores.
func serve(ctx context.Context, h *herder, servers []served, log *slog.Logger) error {
	g, gctx := errgroup.WithContext(ctx)
	herding, stopHerder := context.WithCancel(context.Background())
	for _, s := range servers {
		for _, l := range s.listeners {
			g.Go(func() error {
				if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
					return fmt.Errorf("serve REST on %s: %w", l.Addr(), err)
				}
				return nil
			})
		}
	}
	g.Go(func() error { return h.run(herding) })
	g.Go(func() error { return superviseService(gctx, h, log) })
	g.Go(func() error { return watchMemory(gctx) })
	g.Go(func() error {
		<-gctx.Done()
		log.Info("worker is stopping")
		drain, cancel := context.WithTimeout(context.Background(), restDrainWithin)
		defer cancel()
		for _, s := range servers {
			if err := s.Shutdown(drain); err != nil {
				_ = s.Close() // requests that wait for the herder are cut off
			}
		}
		stopHerder()
		return nil
	})
	err := g.Wait()
	stopHerder()
	var classified *store.Error
	if errors.As(err, &classified) && classified.Config {
		return &ConfigError{err}
	}
	return err
}

func portOf(asked, usual int) int {
	switch {
	case asked < 0:
		return 0
	case asked == 0:
		return usual
	}
	return asked
}

// loadWorker reads the worker file, or makes the one of the embedded mode.
func loadWorker(o Options) (*configs.Worker, error) {
	if o.WorkerFile != "" {
		raw, err := configs.LoadProperties(o.WorkerFile)
		if err != nil {
			return nil, err
		}
		mode := o.Mode
		if mode == "" {
			if mode, err = configs.ModeOf(raw); err != nil {
				return nil, fmt.Errorf("worker file %s: %w", o.WorkerFile, err)
			}
		}
		w, err := configs.NewWorker(mode, raw)
		if err == nil {
			err = checkConverters(w)
		}
		if err != nil {
			return nil, fmt.Errorf("worker file %s: %w", o.WorkerFile, err)
		}
		return w, nil
	}
	return configs.NewWorker(configs.Embedded, embeddedWorker(o))
}

// checkConverters validates the worker's converters and adds the warnings of their settings.
func checkConverters(w *configs.Worker) error {
	for _, key := range []string{configs.KeyConverterKey, configs.ValueConverterKey, configs.HeaderConverterKey} {
		class, given := w.Raw[key]
		if !given {
			continue
		}
		def := converters.Definition(class)
		if def == nil {
			return fmt.Errorf("Invalid value %s for configuration %s: Class %s could not be found.%s", class, key, class, converters.Hint(class))
		}
		v, problems := def.Prefixed(key+".", "").Parse(only(w.Raw, key+"."))
		if len(problems) > 0 {
			return problems
		}
		for _, warning := range v.Warnings {
			if !strings.HasSuffix(warning.Key, ".plugin.version") {
				w.Warnings = append(w.Warnings, warning)
			}
		}
	}
	return nil
}

// embeddedWorker is a distributed worker file for one node. Offsets are stored every second:
// whoever tries it out wants to see that a restart goes on where it stopped.
func embeddedWorker(o Options) map[string]string {
	listener := embeddedListener
	if o.RESTPort != 0 {
		listener = "http://127.0.0.1:" + strconv.Itoa(portOf(o.RESTPort, 0))
	}
	return map[string]string{
		"group.id":                  "anabranch",
		configs.BootstrapServersKey: "127.0.0.1", // the address of the embedded broker comes later
		"listeners":                 listener,
		"key.converter":             jsonConverterName, "value.converter": jsonConverterName,
		"config.storage.topic": "connect-configs", "config.storage.replication.factor": "1",
		"offset.storage.topic": "connect-offsets", "offset.storage.replication.factor": "1", "offset.storage.partitions": "1",
		"status.storage.topic": "connect-status", "status.storage.replication.factor": "1", "status.storage.partitions": "1",
		"offset.flush.interval.ms": "1000",
	}
}

// assemble makes the rooms; nothing is opened yet.
func assemble(w *configs.Worker, files []connectorFile, levels *logging.Levels, log *slog.Logger, url string, explain explainer) (*herder, rest.Options, error) {
	registry := metrics.NewRegistry()
	k, err := newCluster(w, log)
	if err != nil {
		return nil, rest.Options{}, err
	}
	configLog, offsetLog, statusLog, err := logs(w, log, explain)
	if err != nil {
		return nil, rest.Options{}, err
	}
	generation := int64(distributedEpoch)
	if w.Mode == configs.Standalone {
		generation = 0
	}
	h := newHerder(&herder{
		worker: w, log: log, plugins: newPlugins(pluginTable()), cluster: k, files: files,
		configs:  store.NewConfigs(configLog, log),
		offsets:  store.NewOffsets(offsetLog, log),
		statuses: store.NewStatuses(statusLog, workerID(url), generation, log),
	})
	h.statuses.VersionOf, h.statuses.Scrub = h.version, w.Providers.Scrub
	if h.client, err = workerClient(w); err != nil {
		return nil, rest.Options{}, err
	}
	samples := javametrics.Spec{Sample: w.SampleWindow, Count: w.Samples}
	names, err := metrics.LoadRules(w.MetricNames, w.MetricExporter)
	if err != nil {
		return nil, rest.Options{}, fmt.Errorf("%s: %w", configs.MetricNamesKey, err)
	}
	tasks := metrics.NewTasks()
	h.env = buildEnv{worker: w, metrics: tasks, offsets: h.offsets, explain: explain, clients: javametrics.NewClients(samples)}
	if w.TopicTracking {
		h.env.active = h.statuses
	}
	if w.Mode == configs.Distributed {
		h.signer = cluster.NewSigner(cluster.SignConfig{TTL: w.Signing.KeyTTL, KeyAlgorithm: w.Signing.KeyAlgorithm, KeySize: w.Signing.KeyBits,
			Algorithm: w.Signing.SignatureAlgorithm, Verified: w.Signing.VerificationAlgorithms})
		if h.group, err = newMembers(h, w, url); err != nil {
			return nil, rest.Options{}, err
		}
		h.configs.Fresh, h.statuses.Fresh = h.group.fresh, h.group.fresh
		h.env.fresh = h.group.fresh
		h.env.evict = func(ctx context.Context, group, clientID string) {
			if h.group.fresh() == nil {
				k.Evict(ctx, group, clientID)
			}
		}
	}
	if w.ExactlyOnceSources() {
		h.fenceZombies = h.fenceAsLeader
		h.env.fence, h.env.verify = h.fenceTask, h.verifyTask
	}
	h.system = actors.New(actors.Options{
		Log: log, Metrics: registry, Status: h.statuses,
		FlushInterval: w.FlushInterval, FlushTimeout: w.FlushTimeout, ShutdownTimeout: w.StopWithin, Samples: samples,
	})
	registry.MustRegister(metrics.NewWorker(h.instances), metrics.NewMBeans(h.beans, names))
	options := rest.Options{
		Scrub:  w.Providers.Scrub,
		Herder: h, Log: log, Version: kafkaVersion, Commit: commit, Metrics: metrics.Handler(registry, tasks),
		Client: h.client, TopicTracking: w.TopicTracking, TopicTrackingReset: w.TopicTrackingReset,
	}
	h.levels = levels
	if !w.AdminOff {
		options.Loggers = levels
	}
	return h, options, nil
}

// logs makes the storage of configurations, offsets and statuses for the worker's mode.
func logs(w *configs.Worker, log *slog.Logger, explain explainer) (config, offset, status store.Log, err error) {
	if w.Mode == configs.Standalone {
		return &store.MemoryLog{}, store.NewFileLog(w.OffsetFile), &store.MemoryLog{}, nil
	}
	made := map[string]store.Log{}
	for purpose, t := range map[string]configs.Topic{"configs": w.ConfigTopic, "offsets": w.OffsetTopic, "statuses": w.StatusTopic} {
		opts, err := internalOpts(w, purpose)
		if err != nil {
			return nil, nil, nil, err
		}
		if made[purpose], err = internalLog(w, t, purpose, opts, log); err != nil {
			return nil, nil, nil, err
		}
		if explain != nil {
			made[purpose] = &explainedLog{made[purpose], explain}
		}
	}
	return made["configs"], made["offsets"], made["statuses"], nil
}

// internalLog makes one of the worker's own logs. With exactly-once delivery configurations and
// offsets count when they are committed (CW-157), and the leader writes configurations in
// transactions (CW-170).
func internalLog(w *configs.Worker, t configs.Topic, purpose string, opts []kgo.Opt, log *slog.Logger) (store.Log, error) {
	l := store.NewKafkaLog(t, purpose == "configs", opts, log)
	if w.ExactlyOnceSources() && purpose != "statuses" {
		l.ReadCommitted()
	}
	if w.TransactionalLeader() && purpose == "configs" {
		leader, err := internalOpts(w, "configs-leader")
		if err != nil {
			return nil, err
		}
		l.LeadAs(leaderID(w.GroupID), leader)
	}
	return l, nil
}
