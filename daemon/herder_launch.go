package daemon

import (
	"context"
	"maps"
	"strings"
	"time"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/daemon/store"
)

const taskClassKey = "task.class"

// launch brings a connector to the state that its configuration and target ask for. Failures
// end in the connector's status; those that may pass are tried again (CW-242, CW-243).
func (h *herder) launch(ctx context.Context, name string) {
	c, ok := h.configs.Get(name)
	if !ok {
		return
	}
	delete(h.broken, name)
	if c.Target == store.Stopped {
		h.halt(ctx, name)
		return
	}
	tasks := c.Tasks
	if c.Target == store.Started {
		var err error
		var again bool
		if tasks, again, err = h.reconfigure(ctx, c); err != nil {
			h.fail(name, err)
			if again {
				h.launchLater(name)
			}
			return
		}
	}
	h.attempts[name] = 0
	spec := actors.Connector{Name: name, Paused: c.Target == store.Paused}
	for id, t := range tasks {
		spec.Tasks = append(spec.Tasks, actors.Task{ID: id, Build: h.builder(c, id, t)})
	}
	if err := h.system.Start(spec); err != nil {
		h.fail(name, err)
		return
	}
	h.statuses.RemoveTasks(name, len(tasks))
}

// reconfigure asks the connector for its task configurations and writes them if they are not
// the stored ones (CW-241). again says that a later try may go better.
func (h *herder) reconfigure(ctx context.Context, c store.Connector) (tasks []map[string]string, again bool, err error) {
	config, err := h.worker.Providers.Resolve(c.Config)
	if err != nil {
		return nil, true, err
	}
	pl, ok := h.plugins.find(config[configs.ClassKey])
	if !ok {
		return nil, false, &javaError{"org.apache.kafka.connect.errors.ConnectException", h.plugins.unknownClass(config[configs.ClassKey])}
	}
	values, problems := h.commonDef(pl).Merge(pl.definition()).Parse(config)
	if len(problems) > 0 {
		// The topic may hold what an older version or another worker accepted.
		return nil, false, &javaError{"org.apache.kafka.common.config.ConfigException", problems.Error()}
	}
	tasks, err = pl.taskConfigs(config, int(values.Int(configs.TasksMaxKey)))
	if err != nil {
		return nil, false, err
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
	if !c.Inconsistent && equalTasks(tasks, c.Tasks) && maps.Equal(c.Applied, c.Config) {
		return c.Tasks, false, nil
	}
	if err := h.configs.PutTasks(ctx, c.Name, tasks); err != nil {
		return nil, true, err
	}
	return tasks, false, nil
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
			buildEnv: h.env, connector: c.Name, task: id, plugin: pl, config: config, taskConfig: taskConfig,
			common: h.commonDef(pl), log: h.log.With(keyConnector, c.Name, keyTask, id),
		})
	}
}

// fail shows a connector as FAILED; what runs of it goes on (CW-243).
func (h *herder) fail(name string, err error) {
	trace := javaTrace(err)
	h.log.Error("start connector", keyConnector, name, keyErr, err)
	h.broken[name] = trace
	h.brokenStarts.Add(1)
	h.statuses.ConnectorState(name, actors.Failed, trace)
}

// launchLater posts another launch after a growing wait.
func (h *herder) launchLater(name string) {
	wait := launchMost
	if n := h.attempts[name]; n < 8 {
		wait = min(launchFirst<<n, launchMost)
	}
	h.attempts[name]++
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
		case h.work <- func(ctx context.Context) {
			if _, still := h.broken[name]; still {
				h.launch(ctx, name)
			}
		}:
		case <-h.stopping():
		}
	}()
}

// halt stops a connector for good: no tasks, status STOPPED (CW-253).
func (h *herder) halt(ctx context.Context, name string) {
	if err := h.system.Stop(ctx, name); err != nil && !isUnknown(err) {
		h.log.Error("stop connector", keyConnector, name, keyErr, err)
	}
	delete(h.broken, name)
	h.statuses.RemoveTasks(name, 0)
	h.statuses.ConnectorState(name, actors.Stopped, "")
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
