package testenv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
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

// PartNames are the parts that Up knows.
var PartNames = []string{"kafka", "connect", "mysql", "postgres"}

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
	case "prometheus":
		return prometheusPlan(nil)
	}
	return nil
}

// Down ends every server that this package started and still knows of, private ones
// and those of dead test processes included, and removes their data.
func Down(ctx context.Context) (ended []string, err error) {
	all, err := records()
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if e := (&Server{rec: r}).discard(ctx); e != nil {
			err = errors.Join(err, fmt.Errorf("end %s: %w", r.Name, e))
			continue
		}
		ended = append(ended, r.Name)
	}
	return ended, err
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
		if plan != nil {
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
