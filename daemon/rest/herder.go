package rest

import (
	"context"
	"net/http"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/daemon/store"
	"github.com/anabranch/anabranch/records"
)

// Herder is what the routes ask for. An error that is an [*Error] decides the status of the
// answer, any other is a 500. Every call may wait for the worker to be ready until ctx ends.
type Herder interface {
	// Health tells what the worker is doing; err nil means that it is ready.
	Health(ctx context.Context) (Health, error)
	ClusterID(ctx context.Context) (string, error)
	Plugins() []Plugin
	// PluginKeys returns the keys of a plugin given by class or alias; a version that is not ""
	// must be that of the plugin (CW-446).
	PluginKeys(name, version string) ([]configs.Key, error)
	Validate(ctx context.Context, config Config) (Validation, error)

	Connectors(ctx context.Context) ([]string, error)
	Info(ctx context.Context, name string) (Info, error)
	Status(ctx context.Context, name string) (Status, error)
	TaskStatus(ctx context.Context, name string, task int) (store.Status, error)
	TaskConfigs(ctx context.Context, name string) ([]map[string]string, error)
	Topics(ctx context.Context, name string) ([]string, error)
	ResetTopics(ctx context.Context, name string) error
	Progress(ctx context.Context, name string) ([]TaskProgress, error)

	// PutConnector creates (replace false) or creates or replaces a connector.
	PutConnector(ctx context.Context, name string, config Config, initial store.Target, replace bool) (info Info, created bool, err error)
	PatchConnector(ctx context.Context, name string, patch map[string]*string) (Info, error)
	DeleteConnector(ctx context.Context, name string) error
	Pause(ctx context.Context, name string) error
	Resume(ctx context.Context, name string) error
	Stop(ctx context.Context, name string) error
	Restart(ctx context.Context, name string) error
	// RestartPlan restarts the connector and its tasks as asked and returns the status that shows it.
	RestartPlan(ctx context.Context, name string, includeTasks, onlyFailed bool) (Status, error)
	RestartTask(ctx context.Context, name string, task int) error

	// PutTasks and Fence are what workers ask their leader (CW-66).
	PutTasks(ctx context.Context, name string, tasks []map[string]string, signed Signed) error
	Fence(ctx context.Context, name string, signed Signed) error

	// SetLevel changes the level of a logger on every worker (CW-64).
	SetLevel(ctx context.Context, logger, level string) error

	Offsets(ctx context.Context, name string) ([]records.Position, error)
	// AlterOffsets changes offsets; no positions means all of them are removed.
	AlterOffsets(ctx context.Context, name string, positions []records.Position) (message string, err error)
}

// Signed is what the signature of a request between workers is about (CW-246).
type Signed struct {
	Header http.Header
	Body   []byte
}

// Config is a configuration as a client sent it. Nulls are the keys whose value is null (CW-04).
type Config struct {
	Values map[string]string
	Nulls  []string
}

// Health is the answer of GET /health (CW-17).
type Health struct {
	Status  string // healthy, starting, unhealthy
	Message string
}

// Plugin is one row of GET /connector-plugins.
type Plugin struct {
	Class, Type, Version string
}

// Info is a connector as GET /connectors/{n} shows it (CW-23).
type Info struct {
	Name   string
	Config map[string]string
	// Order is the order in which to show the keys; nil is that of a map in Java.
	Order []string
	Tasks int
	Type  string
}

// Status is a connector's status (CW-30).
type Status struct {
	Name, Type string
	Connector  store.Status
	TaskIDs    []int
	Tasks      []store.Status
}

// TaskProgress is our own addition: how far a task is.
type TaskProgress struct {
	Task                     int
	State                    string
	Snapshot                 bool // the fields of the snapshot count
	SnapshotState            string
	Table                    string
	TablesDone, TablesTotal  int
	Rows, RowsEstimated      int64
	Percent                  float64 // -1 unknown
	SecondsLeft, SecondsUsed int64
	LagMillis, Records       int64
	Retries                  int
}

// Validation is the answer of a validation (CW-52).
type Validation struct {
	Class   string
	Groups  []string
	Entries []ValidationEntry
}

// ValidationEntry is one key of a Validation. Key is nil for keys that the plugin does not define.
type ValidationEntry struct {
	Key         *configs.Key
	Name        string
	Value       *string // nil is null
	Recommended []string
	Errors      []string
	Hidden      bool // not visible: it does not fit the other values
}

// Errors counts the errors of all keys.
func (v *Validation) Errors() int {
	n := 0
	for i := range v.Entries {
		n += len(v.Entries[i].Errors)
	}
	return n
}
