package testenv

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// PrometheusServer is a Prometheus that scrapes given targets every second. It is
// always private: its targets belong to the test.
type PrometheusServer struct{ *Server }

// Sample is one series of an instant query.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Prometheus starts a Prometheus on targets given as host:port, or as URL if the path
// is not /metrics, and waits until each was scraped with success.
func Prometheus(t testing.TB, targets ...string) *PrometheusServer {
	t.Helper()
	p := &PrometheusServer{prometheusPlan(targets).private(t)}
	ctx, cancel := patience(t, 30*time.Second)
	defer cancel()
	var up []Sample
	err := poll(ctx, func() (bool, error) {
		var err error
		up, err = p.query(ctx, "up == 1")
		return len(up) == len(targets), err
	})
	if err != nil {
		t.Fatalf("testenv: %d of %d targets scraped: %v; see %s/api/v1/targets, log %s:\n%s",
			len(up), len(targets), err, p.URL(), p.Log(), tail(p.Log()))
	}
	return p
}

// URL is the address of the web interface and the API.
func (p *PrometheusServer) URL() string { return "http://" + p.rec.addr("http") }

// Query evaluates an expression now.
func (p *PrometheusServer) Query(t testing.TB, expr string) []Sample {
	t.Helper()
	ctx, cancel := patience(t, 30*time.Second)
	defer cancel()
	s, err := p.query(ctx, expr)
	if err != nil {
		t.Fatalf("testenv: prometheus: %v", err)
	}
	return s
}

func (p *PrometheusServer) query(ctx context.Context, expr string) ([]Sample, error) {
	code, body, err := call(ctx, http.MethodGet, p.URL()+"/api/v1/query?query="+url.QueryEscape(expr), nil)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Status string `json:"status"`
		Error  string `json:"error"`
		Data   struct {
			Type   string          `json:"resultType"`
			Result json.RawMessage `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status != "success" {
		return nil, fmt.Errorf("query %s: status %d: %s %w", expr, code, answer.Error, err)
	}
	type point = [2]any
	type series struct {
		Metric map[string]string `json:"metric"`
		Value  point             `json:"value"`
	}
	var all []series
	switch answer.Data.Type {
	case "vector":
		err = json.Unmarshal(answer.Data.Result, &all)
	case "scalar":
		all = make([]series, 1)
		err = json.Unmarshal(answer.Data.Result, &all[0].Value)
	default:
		err = fmt.Errorf("a %s is no instant vector", answer.Data.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", expr, err)
	}
	samples := make([]Sample, 0, len(all))
	for _, s := range all {
		text, _ := s.Value[1].(string)
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("query %s: %w", expr, err)
		}
		samples = append(samples, Sample{s.Metric, v})
	}
	return samples, nil
}

func prometheusConfig(targets []string) (string, error) {
	var b strings.Builder
	b.WriteString("global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\nscrape_configs:\n")
	for i, target := range targets {
		if !strings.Contains(target, "://") {
			target = "http://" + target
		}
		u, err := url.Parse(target)
		if err != nil {
			return "", fmt.Errorf("target: %w", err)
		}
		if u.Path == "" {
			u.Path = "/metrics"
		}
		fmt.Fprintf(&b, "- {job_name: target-%d, scheme: %q, metrics_path: %q, static_configs: [{targets: [%q]}]}\n", i, u.Scheme, u.Path, u.Host)
	}
	return b.String(), nil
}

func prometheusPlan(targets []string) *plan {
	config, configErr := prometheusConfig(targets)
	return &plan{
		part:   "prometheus",
		ports:  []string{"http"},
		within: 30 * time.Second,
		stop:   syscall.SIGTERM,
		prepare: func(ctx context.Context, r *record) error {
			if configErr != nil {
				return configErr
			}
			return os.WriteFile(filepath.Join(r.Dir, "prometheus.yml"), []byte(config), 0o644)
		},
		launch: func(ctx context.Context, r *record) (command, error) {
			bin, err := need(ctx, "prometheus", "prometheus")
			return command{path: bin, dir: r.Dir, args: []string{
				"--config.file=" + filepath.Join(r.Dir, "prometheus.yml"),
				"--storage.tsdb.path=" + filepath.Join(r.Dir, "data"),
				"--web.listen-address=" + r.addr("http"),
				// Five seconds by default, and the first targets wait for it too.
				"--scrape.discovery-reload-interval=200ms",
			}}, err
		},
		answers: func(ctx context.Context, r *record) error {
			code, _, err := call(ctx, http.MethodGet, "http://"+r.addr("http")+"/-/ready", nil)
			if err == nil && code != http.StatusOK {
				err = fmt.Errorf("status %d", code)
			}
			return err
		},
		use: func(r *record) (string, []string) {
			return "http://" + r.addr("http"), nil
		},
		image: func(r *record) image { return prometheusImage(r, config) },
	}
}
