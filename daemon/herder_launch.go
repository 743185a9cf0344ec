package daemon

import (
	"context"
	"maps"
	"strings"
	"time"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/daemon/store"
	"github.com/anabranch/anabranch/daemon/tolerance"
	"github.com/anabranch/anabranch/records/transforms"
)

const taskClassKey = "task.class"

// instance is a connector instance that this worker runs, or tries to.
type instance struct {
	config map[string]string // the one that it was started with
	target store.Target
	broken bool // its start failed: FAILED, while its tasks go on (CW-243)
	added  bool // the actors know it
}

// startInstance brings the instance of a connector to the state that its configuration and
// target ask for. Failures end in the connector's status; those that may pass are tried again
// (CW-242, CW-243).
func (h *herder) startInstance(ctx context.Context, name string) {
	c, ok := h.configs.Get(name)
	if !ok {
		return
	}
	in := &instance{config: c.Config, target: c.Target}
	if old := h.runs[name]; old != nil {
		in.added = old.added
	}
	h.runs[name] = in
	switch c.Target {
	case store.Stopped:
		h.halt(ctx, name, in)
		if len(c.Tasks) > 0 { // whoever stopped it did not come so far (CW-244)
			h.publish(ctx, name, nil)
		}
		return
	case store.Started:
		tasks, changed, again, err := h.reconfigure(c)
		if err == nil && changed {
			again, err = h.publish(ctx, name, tasks)
		}
		if err != nil {
			if in.added { // FAILED is what the herder says from now on
				h.forget(ctx, name, in)
			}
			h.fail(name, err)
			in.broken = true
			if again {
				h.startLater(name)
			}
			return
		}
	}
	delete(h.attempts, name)
	var err error
	if in.added {
		err = h.system.RestartConnector(name)
	}
	if !in.added || isUnknown(err) {
		err = h.system.Add(actors.Connector{Name: name, Paused: c.Target == store.Paused})
	}
	in.added = err == nil
	if err != nil {
		h.fail(name, err)
		in.broken = true
	}
}

// reconfigure asks the connector for its task configurations; changed says that they are not the
// stored ones (CW-241), again that a later try may go better.
func (h *herder) reconfigure(c store.Connector) (tasks []map[string]string, changed, again bool, err error) {
	config, err := h.worker.Providers.Resolve(c.Config)
	if err != nil {
		return nil, false, true, err
	}
	pl, ok := h.plugins.find(config[configs.ClassKey])
	if !ok {
		return nil, false, false, &javaError{"org.apache.kafka.connect.errors.ConnectException", h.plugins.unknownClass(config[configs.ClassKey])}
	}
	// The topic may hold what an older version or another worker accepted, a converter or a
	// transform of a user's jar among it.
	def := h.commonDef(pl, nil).Merge(pl.definition())
	values, problems := def.Parse(config)
	v := &verdict{def: def, values: values, problems: problems}
	h.checkConverters(v, config)
	_, chainProblems := transforms.ParseChain(config)
	if problems = append(v.problems, chainProblems...); len(problems) > 0 {
		return nil, false, false, &javaError{"org.apache.kafka.common.config.ConfigException", problems.Error()}
	}
	tasks, err = pl.taskConfigs(config, int(values.Int(configs.TasksMaxKey)))
	if err != nil {
		return nil, false, false, err
	}
	for _, t := range tasks {
		if _, given := t[taskClassKey]; !given && pl.taskClass != "" {
			t[taskClassKey] = pl.taskClass
		}
		for k, raw := range c.Config {
			// Variables stay variables in everything that is stored (CW-121).
			if _, has := t[k]; has && h.worker.Providers.HasVariable(raw) {
				t[k] = raw
			}
		}
	}
	same := !c.Inconsistent && equalTasks(tasks, c.Tasks) && maps.Equal(c.Applied, c.Config)
	return tasks, !same, false, nil
}

func equalTasks(a, b []map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !maps.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// builder is what makes the parts of one task each time it starts. Variables are resolved
// then, so that a restart takes up a changed secret.
func (h *herder) builder(c store.Connector, id int, task map[string]string) func() (actors.Parts, error) {
	counters := &tolerance.Counters{}
	return func() (actors.Parts, error) {
		config, err := h.worker.Providers.Resolve(c.Config)
		if err != nil {
			return actors.Parts{}, err
		}
		taskConfig, err := h.worker.Providers.Resolve(task)
		if err != nil {
			return actors.Parts{}, err
		}
		pl, ok := h.plugins.find(config[configs.ClassKey])
		if !ok {
			return actors.Parts{}, &javaError{"org.apache.kafka.connect.errors.ConnectException", h.plugins.unknownClass(config[configs.ClassKey])}
		}
		return pl.build(taskEnv{
			buildEnv: h.env, connector: c.Name, task: id, plugin: pl, config: config, taskConfig: taskConfig, generation: c.Generation,
			common: h.commonDef(pl, nil), log: h.log.With(keyConnector, c.Name, keyTask, id), counters: counters,
		})
	}
}

// fail shows a connector as FAILED; what runs of it goes on (CW-243).
func (h *herder) fail(name string, err error) {
	h.log.Error("start connector", keyConnector, name, keyErr, err)
	h.brokenStarts.Add(1)
	h.statuses.ConnectorState(name, actors.Failed, javaTrace(err))
}

// startLater posts another start after a growing wait.
func (h *herder) startLater(name string) {
	h.post(h.backoff(name), func(ctx context.Context) {
		if in := h.runs[name]; in != nil && in.broken {
			h.startInstance(ctx, name)
		}
	})
}

// backoff is how long to wait before the next try with a connector (CW-242).
func (h *herder) backoff(name string) time.Duration {
	wait := launchMost
	if n := h.attempts[name]; n < 8 {
		wait = min(launchFirst<<n, launchMost)
	}
	h.attempts[name]++
	return wait
}

// post runs fn in the loop after a wait.
func (h *herder) post(wait time.Duration, fn func(ctx context.Context)) {
	h.retries.Add(1)
	go func() { // ends with the timer or the loop; stop waits for it
		defer h.retries.Done()
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-h.stopping():
			return
		}
		select {
		case h.work <- func(ctx context.Context) { fn(ctx); h.settle(ctx) }:
		case <-h.stopping():
		}
	}()
}

// halt ends an instance for good: no tasks, status STOPPED (CW-253).
func (h *herder) halt(ctx context.Context, name string, in *instance) {
	if in.added {
		h.forget(ctx, name, in)
	}
	in.broken = false
	h.statuses.ConnectorState(name, actors.Stopped, "")
}

// forget takes the instance out of the actors.
func (h *herder) forget(ctx context.Context, name string, in *instance) {
	in.added = false
	if err := h.system.Remove(ctx, name, actors.Pieces{Instance: true}); err != nil {
		h.log.Error("stop connector", keyConnector, name, keyErr, err)
	}
}

// javaError is an error of ours with the class name that the trace starts with (CW-460).
type javaError struct{ class, message string }

func (e *javaError) Error() string     { return e.message }
func (e *javaError) JavaClass() string { return e.class }

// javaTrace is the text of an error in the shape of a Java stack trace (CW-32).
func javaTrace(err error) string {
	class := "org.apache.kafka.connect.errors.ConnectException"
	if j, ok := err.(interface{ JavaClass() string }); ok && j.JavaClass() != "" {
		class = j.JavaClass()
	}
	return class + ": " + strings.TrimSpace(err.Error()) + "\n\tat anabranch.daemon.herder(herder_launch.go)\n"
}
