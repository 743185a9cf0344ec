package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// This file is the way with containers. It was NOT run on the machines that the
// project is built on: they have no Docker engine. It is kept small and on the
// host's network, so that configuration, ports and checks are those of the native
// servers, which are run.

// image is a server as a container.
type image struct {
	ref   string
	cmd   []string
	env   map[string]string
	files map[string]string // path in the container -> content
}

// useDocker decides once per process whether servers are containers.
var useDocker = sync.OnceValue(func() bool {
	switch os.Getenv(EnvMode) {
	case "native":
		return false
	case "docker":
		return true
	}
	if os.Getenv("DOCKER_HOST") == "" && !exists("/var/run/docker.sock") {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := engine(func(c *client.Client) error {
		_, err := c.Ping(ctx, client.PingOptions{})
		return err
	})
	return err == nil
})

func engine(do func(*client.Client) error) error {
	c, err := client.New(client.FromEnv)
	if err != nil {
		return err
	}
	return errors.Join(do(c), c.Close())
}

// runContainer starts the container of a record, or creates it. Shared containers
// outlive the test process, so the reaper of the library stays off; private ones of
// dead processes are found by our own records.
func runContainer(ctx context.Context, i image, r *record) (id string, err error) {
	if r.Container != "" {
		return r.Container, engine(func(c *client.Client) error {
			_, err := c.ContainerStart(ctx, r.Container, client.ContainerStartOptions{})
			return err
		})
	}
	if err := os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"); err != nil {
		return "", err
	}
	opts := []testcontainers.ContainerCustomizer{
		testcontainers.WithEnv(i.env),
		testcontainers.WithCmd(i.cmd...),
		testcontainers.CustomizeRequestOption(func(req *testcontainers.GenericContainerRequest) error {
			req.NetworkMode = "host"
			return nil
		}),
	}
	for path, content := range i.files {
		opts = append(opts, testcontainers.WithFiles(testcontainers.ContainerFile{
			Reader: strings.NewReader(content), ContainerFilePath: path, FileMode: 0o644,
		}))
	}
	c, err := testcontainers.Run(ctx, i.ref, opts...)
	if c != nil {
		id = c.GetContainerID()
	}
	if err != nil {
		if id != "" {
			removeContainer(id)
		}
		return "", fmt.Errorf("%w: container of %s: %w", ErrUnavailable, i.ref, err)
	}
	return id, nil
}

func containerRuns(id string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	running := false
	err := engine(func(c *client.Client) error {
		found, err := c.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
		running = err == nil && found.Container.State != nil && found.Container.State.Running
		return err
	})
	return err == nil && running
}

func signalContainer(id string, sig syscall.Signal) error {
	names := map[syscall.Signal]string{
		syscall.SIGTERM: "SIGTERM", syscall.SIGINT: "SIGINT", syscall.SIGKILL: "SIGKILL",
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return engine(func(c *client.Client) error {
		var err error
		switch sig {
		case syscall.SIGSTOP:
			_, err = c.ContainerPause(ctx, id, client.ContainerPauseOptions{})
		case syscall.SIGCONT:
			_, err = c.ContainerUnpause(ctx, id, client.ContainerUnpauseOptions{})
		default:
			_, err = c.ContainerKill(ctx, id, client.ContainerKillOptions{Signal: names[sig]})
		}
		return err
	})
}

// removeContainer is best effort: what is left shows in docker ps and hurts nobody.
func removeContainer(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_ = engine(func(c *client.Client) error {
		_, err := c.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		return err
	})
}

func kafkaImage(props map[string]string, heap string) image {
	env := map[string]string{"CLUSTER_ID": kafkaClusterID, "KAFKA_HEAP_OPTS": "-Xmx" + heap}
	for k, v := range props {
		// The image turns KAFKA_A_B back into a.b.
		env["KAFKA_"+strings.ToUpper(strings.ReplaceAll(k, ".", "_"))] = v
	}
	env["KAFKA_LOG_DIRS"] = "/tmp/kraft-data"
	return image{ref: "apache/kafka:" + kafkaVersion, env: env}
}

func mysqlImage(flags []string) image {
	return image{
		ref:   "mysql:9.7",
		cmd:   flags,
		env:   map[string]string{"MYSQL_ROOT_PASSWORD": MySQLRootPassword, "MYSQL_ROOT_HOST": "%"},
		files: map[string]string{"/docker-entrypoint-initdb.d/grants.sql": mysqlGrants},
	}
}

func postgresImage(settings []string, port string) image {
	cmd := []string{"postgres", "-p", port}
	for _, s := range settings {
		cmd = append(cmd, "-c", s)
	}
	return image{
		ref:   "postgres:15",
		cmd:   cmd,
		env:   map[string]string{"POSTGRES_PASSWORD": PostgresRootPassword, "POSTGRES_HOST_AUTH_METHOD": "trust"},
		files: map[string]string{"/docker-entrypoint-initdb.d/roles.sql": postgresRoles},
	}
}

func prometheusImage(r *record, config string) image {
	return image{
		ref:   "prom/prometheus:v2.42.0",
		cmd:   []string{"--config.file=/etc/prometheus/prometheus.yml", "--web.listen-address=" + r.addr("http")},
		files: map[string]string{"/etc/prometheus/prometheus.yml": config},
	}
}
