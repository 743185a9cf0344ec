package testenv

import (
	"context"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestDashboard runs every query of the Grafana board against a real Prometheus that scrapes
// a daemon with a MySQL source: each must be understood and find series.
func TestDashboard(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker, a database and Prometheus; not in short mode")
	}
	text, err := os.ReadFile("../configs/dashboards/lag.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	k, m := Kafka(t), MySQL(t)
	name, db := m.Database(t)
	for _, stmt := range []string{"CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)", "ANALYZE TABLE t"} {
		if _, err := db.ExecContext(t.Context(), stmt); err != nil {
			t.Fatal(err)
		}
	}
	w := PrivateAnabranch(t, k, AnabranchOptions{})
	prefix := strings.Trim(unique("board"), "-")
	w.Create(t, prefix, map[string]string{
		"connector.class": "io.debezium.connector.mysql.MySqlConnector", "database.hostname": m.Host(), "database.port": strconv.Itoa(m.Port()),
		"database.user": MySQLUser, "database.password": MySQLPassword, "database.server.id": "734501", "topic.prefix": prefix,
		"database.include.list": name, "schema.history.internal.kafka.bootstrap.servers": k.Bootstrap(),
		"schema.history.internal.kafka.topic": prefix + "-history"})
	p := Prometheus(t, strings.TrimPrefix(w.URL(), "http://"))
	queries := 0
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			queries++
			expr := strings.NewReplacer("$__rate_interval", "30s", "$connector", prefix).Replace(target.Expr)
			ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
			// A rate needs two scrapes with the series.
			err := poll(ctx, func() (bool, error) {
				found, err := p.query(ctx, expr)
				return len(found) > 0, err
			})
			cancel()
			if err != nil {
				t.Errorf("panel %q: %s: %v", panel.Title, expr, err)
			}
		}
	}
	if queries == 0 {
		t.Fatal("the board has no queries")
	}
}
