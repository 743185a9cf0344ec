package testenv

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	registryVersion = "3.3.3"
	registryHeap    = "256m"
	registryJava    = 21 // the oldest that it runs on
)

// RegistryServer is an Apicurio schema registry, which speaks Confluent's protocol too.
type RegistryServer struct{ *Server }

// RegistryOptions shape a private registry.
type RegistryOptions struct {
	Env []string // QUARKUS_… and APICURIO_… variables over ours
}

// Registry returns the shared registry. Subjects are unique where topics are.
func Registry(t testing.TB) *RegistryServer {
	t.Helper()
	return &RegistryServer{registryPlan(RegistryOptions{}).common(t)}
}

// PrivateRegistry starts a registry for this test alone. Its schemas outlive Stop, Kill and Start.
func PrivateRegistry(t testing.TB, o RegistryOptions) *RegistryServer {
	t.Helper()
	return &RegistryServer{registryPlan(o).private(t)}
}

// URL is the value for schema.registry.url.
func (r *RegistryServer) URL() string { return "http://" + r.rec.addr("http") + "/apis/ccompat/v7" }

// NativeURL is the value for apicurio.registry.url.
func (r *RegistryServer) NativeURL() string {
	return "http://" + r.rec.addr("http") + "/apis/registry/v2"
}

func registryPlan(o RegistryOptions) *plan {
	return &plan{
		part:   "registry",
		print:  "apicurio " + registryVersion,
		ports:  []string{"http", "management"},
		within: 90 * time.Second,
		stop:   syscall.SIGTERM,
		launch: func(ctx context.Context, r *record) (command, error) {
			app, err := mavenArchive(ctx, "apicurio-registry", "io.apicurio:apicurio-registry-app:"+registryVersion+":tar.gz:all")
			if err != nil {
				return command{}, err
			}
			bin, err := javaSince(registryJava)
			if err != nil {
				return command{}, err
			}
			return command{path: bin, dir: r.Dir,
				args: []string{"-Xmx" + registryHeap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
					"-jar", filepath.Join(app, "quarkus-run.jar")},
				env: append([]string{
					"QUARKUS_HTTP_HOST=127.0.0.1", "QUARKUS_HTTP_PORT=" + strconv.Itoa(r.Ports["http"]),
					// Otherwise port 9000 is opened on all interfaces.
					"QUARKUS_MANAGEMENT_HOST=127.0.0.1", "QUARKUS_MANAGEMENT_PORT=" + strconv.Itoa(r.Ports["management"]),
					"QUARKUS_HTTP_ACCESS_LOG_ENABLED=false",
					// In a file and with few connections: schemas outlive a restart, and the start is quick.
					"APICURIO_DATASOURCE_URL=jdbc:h2:file:" + filepath.Join(r.Dir, "schemas"),
					"APICURIO_DATASOURCE_JDBC_INITIAL_SIZE=2", "APICURIO_DATASOURCE_JDBC_MIN_SIZE=2",
				}, o.Env...)}, nil
		},
		answers: func(ctx context.Context, r *record) error {
			code, _, err := call(ctx, http.MethodGet, "http://"+r.addr("http")+"/apis/ccompat/v7/subjects", nil)
			if err == nil && code != http.StatusOK && code != http.StatusUnauthorized {
				err = fmt.Errorf("status %d", code)
			}
			return err
		},
		use: func(r *record) (string, []string) {
			url := "http://" + r.addr("http")
			return url, []string{"schema.registry.url=" + url + "/apis/ccompat/v7", "apicurio.registry.url=" + url + "/apis/registry/v2"}
		},
	}
}

// mavenArchive returns the folder with the unpacked archive of a Maven artifact
// (group:name:version:tar.gz:classifier), fetching it the first time.
func mavenArchive(ctx context.Context, name, artifact string) (string, error) {
	dir := filepath.Join(Root(), "jars", name+"-"+shortHash(artifact))
	stamp := filepath.Join(dir, ".complete")
	if exists(stamp) {
		return dir, nil
	}
	release, err := lock(ctx, "jars-"+name)
	if err != nil {
		return "", err
	}
	defer release()
	if exists(stamp) {
		return dir, nil
	}
	if _, err := need(ctx, "mvn", "maven"); err != nil {
		return "", err
	}
	if err := removeTree(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if _, err := run(ctx, command{path: "mvn", args: []string{"-q", "-B",
		"org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy", "-Dartifact=" + artifact, "-DoutputDirectory=" + dir}}); err != nil {
		return "", fmt.Errorf("%w: fetch %s: %w", ErrUnavailable, artifact, err)
	}
	packed, err := filepath.Glob(filepath.Join(dir, "*.tar.gz"))
	if err != nil || len(packed) != 1 {
		return "", fmt.Errorf("fetch %s: got %v %w", artifact, packed, err)
	}
	if _, err := run(ctx, command{path: "tar", args: []string{"xzf", packed[0], "-C", dir}}); err != nil {
		return "", fmt.Errorf("unpack %s: %w", packed[0], err)
	}
	if err := os.Remove(packed[0]); err != nil {
		return "", err
	}
	return dir, os.WriteFile(stamp, nil, 0o644)
}

// javaSince returns a java binary of at least this version; the one on the path may be older.
func javaSince(version int) (string, error) {
	homes, err := filepath.Glob("/usr/lib/jvm/*")
	if err != nil {
		return "", err
	}
	for _, home := range slices.Concat([]string{os.Getenv("JAVA_HOME")}, homes) {
		raw, err := os.ReadFile(filepath.Join(home, "release"))
		if home == "" || err != nil {
			continue
		}
		_, text, _ := strings.Cut(string(raw), `JAVA_VERSION="`)
		major, _, _ := strings.Cut(text, ".")
		major, _, _ = strings.Cut(major, `"`)
		if v, err := strconv.Atoi(major); err == nil && v >= version {
			if bin := filepath.Join(home, "bin", "java"); exists(bin) {
				return bin, nil
			}
		}
	}
	return "", fmt.Errorf("%w: Java %d or newer, below /usr/lib/jvm or as JAVA_HOME", ErrUnavailable, version)
}
