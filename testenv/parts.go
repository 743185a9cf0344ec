package testenv

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
)

// Part is a shared server as a person sees it.
type Part struct {
	Name    string
	State   string // up, not answering, dead
	Shared  bool
	PID     int
	Log     string
	Dir     string
	Address string
	Use     []string // lines that say what to do with it
}

// PartNames are the parts that Up knows. Prometheus is only installed: each test starts
// its own, on its own targets.
var PartNames = []string{"kafka", "connect", "mysql", "postgres", "registry", "prometheus"}

// Up starts the shared server of each named part, or finds it running. Missing
// system packages are installed.
func Up(ctx context.Context, names ...string) error {
	mayInstall.Store(true)
	for _, n := range names {
		if !slices.Contains(PartNames, n) {
			return fmt.Errorf("no part %q; there are %v", n, PartNames)
		}
	}
	// MySQL's and PostgreSQL's starts are mostly waiting, Kafka's is mostly computing.
	var wg sync.WaitGroup
	errs := make([]error, len(names))
	for i, n := range names {
		wg.Go(func() { errs[i] = up(ctx, n) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func up(ctx context.Context, name string) error {
	if name == "prometheus" {
		if useDocker() {
			return nil
		}
		_, err := need(ctx, "prometheus", "prometheus")
		return err
	}
	p := planOf(name)
	if name == "connect" {
		k, err := planOf("kafka").shared(ctx)
		if err != nil {
			return err
		}
		p = connectPlan(k.rec.addr("client"), "shared", ConnectOptions{})
	}
	_, err := p.shared(ctx)
	return err
}

// planOf returns the plan of a part by its name in a record, for all that can be done
// without the options it was started with; nil for a part of another version of us.
func planOf(part string) *plan {
	switch part {
	case "kafka":
		return kafkaPlan(KafkaOptions{})
	case "connect":
		return connectPlan("", "", ConnectOptions{})
	case "mysql":
		return mysqlPlan(MySQLOptions{})
	case "postgres":
		return postgresPlan(PostgresOptions{})
	case "registry":
		return registryPlan(RegistryOptions{})
	case "prometheus":
		return prometheusPlan(nil)
	}
	return nil
}

// Down ends the named shared servers. Without names it ends every server that this
// package ever started here, private ones and those of dead test processes included.
// The data goes, the logs stay.
func Down(ctx context.Context, names ...string) (ended []string, err error) {
	all, err := records()
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, r := range all {
		if len(names) > 0 && (r.Owner != 0 || !slices.Contains(names, r.Part)) {
			continue
		}
		if err := endRecorded(ctx, r.Name); err != nil {
			errs = append(errs, fmt.Errorf("end %s: %w", r.Name, err))
			continue
		}
		ended = append(ended, r.Name)
	}
	if len(names) == 0 {
		lost, err := endStrays(ctx)
		ended, errs = append(ended, lost...), append(errs, err)
	}
	return ended, errors.Join(errs...)
}

// endRecorded ends one server, not while another process is starting it.
func endRecorded(ctx context.Context, name string) error {
	release, err := lock(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	r, err := loadRecord(name)
	if err != nil || r == nil {
		return err
	}
	return (&Server{rec: r}).discard(ctx)
}

// endStrays kills the servers below our directories that no record names any more, for
// example because someone removed the state, and clears what is left of their data.
func endStrays(ctx context.Context) (ended []string, err error) {
	homes := []string{filepath.Join(Root(), "run")}
	if base, _, err := postgresHome(); err == nil {
		homes = append(homes, base)
	}
	for _, pid := range strays(mysqlJail(), homes) {
		gone, err := killFamily(pid)
		if errors.Is(err, syscall.ESRCH) {
			continue
		}
		if err == nil {
			err = poll(ctx, func() (bool, error) { return gone(), nil })
		}
		if err != nil {
			return ended, fmt.Errorf("end the stray process %d: %w", pid, err)
		}
		ended = append(ended, fmt.Sprintf("stray process %d", pid))
	}
	left := []string{filepath.Join(Root(), "run"), filepath.Join(mysqlJail(), "srv", "run")}
	if base, _, err := postgresHome(); err == nil {
		data, err := filepath.Glob(filepath.Join(base, "postgres*")) // not the templates
		if err != nil {
			return ended, err
		}
		left = append(left, data...)
	}
	for _, dir := range left {
		if err := removeTree(dir); err != nil {
			return ended, err
		}
	}
	proc := filepath.Join(mysqlJail(), "proc")
	if mounted, err := isMounted(proc); err != nil || !mounted {
		return ended, err
	}
	return ended, syscall.Unmount(proc, 0)
}

// List returns all recorded servers.
func List(ctx context.Context) ([]Part, error) {
	all, err := records()
	if err != nil {
		return nil, err
	}
	var parts []Part
	for _, r := range all {
		p := Part{Name: r.Name, State: "dead", Shared: r.Owner == 0, PID: r.PID, Log: r.Log, Dir: r.Dir}
		plan := planOf(r.Part)
		if plan != nil && plan.use != nil {
			p.Address, p.Use = plan.use(r)
		}
		if r.alive() {
			p.State = "not answering"
			if plan != nil && plan.answers(ctx, r) == nil {
				p.State = "up"
			}
		}
		parts = append(parts, p)
	}
	return parts, nil
}
