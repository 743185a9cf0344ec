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
var PartNames = []string{"kafka", "connect", "mysql"}

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
	switch name {
	case "kafka":
		_, err := kafkaPlan(KafkaOptions{}).shared(ctx)
		return err
	case "connect":
		k, err := kafkaPlan(KafkaOptions{}).shared(ctx)
		if err != nil {
			return err
		}
		_, err = connectPlan(k.rec.addr("client"), "shared", ConnectOptions{}).shared(ctx)
		return err
	case "mysql":
		_, err := mysqlPlan(MySQLOptions{}).shared(ctx)
		return err
	}
	return fmt.Errorf("no part %q", name)
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
		var answers func(context.Context, *record) error
		switch r.Part {
		case "kafka":
			answers = kafkaAnswers
			p.Address = r.addr("client")
			p.Use = []string{"bootstrap.servers=" + r.addr("client")}
		case "connect":
			answers = connectPlan("", "", ConnectOptions{}).answers
			p.Address = "http://" + r.addr("rest")
			p.Use = []string{"curl -s " + p.Address + "/connector-plugins"}
		case "mysql":
			answers = mysqlAnswers
			p.Address = r.addr("mysql")
			p.Use = []string{
				fmt.Sprintf("user %s password %s, or for a connector user %s password %s", MySQLRoot, MySQLRootPassword, MySQLUser, MySQLPassword),
				"Go DSN: " + mysqlDSN(r, ""),
				fmt.Sprintf("chroot %s mysql -h127.0.0.1 -P%d -uroot -proot", mysqlJail(), r.Ports["mysql"]),
			}
		}
		if r.alive() {
			p.State = "not answering"
			if answers != nil && answers(ctx, r) == nil {
				p.State = "up"
			}
		}
		parts = append(parts, p)
	}
	return parts, nil
}
