package daemon

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/testenv"
)

// process is the real program as a child.
type process struct {
	cmd  *exec.Cmd
	out  *bytes.Buffer
	done chan error
}

func spawn(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	bin, err := testenv.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(bin, args...), out: &bytes.Buffer{}, done: make(chan error, 1)}
	p.cmd.Stderr, p.cmd.Stdout = p.out, p.out
	p.cmd.Env = append(os.Environ(), env...)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // most have ended by then
	return p
}

// exit waits for the end and returns the status, -1 if a signal did it.
func (p *process) exit(t *testing.T) int {
	t.Helper()
	select {
	case err := <-p.done:
		var status *exec.ExitError
		if errors.As(err, &status) {
			return status.ExitCode()
		}
		return 0
	case <-time.After(time.Minute):
		t.Fatalf("process does not end: %s", p.out)
		return 0
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestEmbedded_NothingIsLostByKill(t *testing.T) {
	dir := t.TempDir()
	broker, rest := freePort(t), freePort(t)
	args := []string{"run", "-data", filepath.Join(dir, "data"), "-broker-port", fmt.Sprint(broker), "-rest-port", fmt.Sprint(rest)}
	url := fmt.Sprintf("http://127.0.0.1:%d", rest)
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, []byte("one\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	up := func() {
		t.Helper()
		waitFor(t, "REST", func() bool {
			c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
			if err != nil {
				return false
			}
			_ = c.Close() // it only showed that the port is open
			code, _ := get(t, "GET", url+"/health", "")
			return code == 200
		})
	}
	holds := func(want string) {
		t.Helper()
		waitFor(t, "lines "+want, func() bool {
			data, _ := os.ReadFile(out)
			return strings.Contains(string(data), want)
		})
	}
	p := spawn(t, nil, args...)
	up()
	for name, config := range map[string]string{
		"source": `{"connector.class":"FileStreamSource","file":"` + in + `","topic":"lines"}`,
		"sink":   `{"connector.class":"FileStreamSink","file":"` + out + `","topics":"lines"}`,
	} {
		if code, body := get(t, "PUT", url+"/connectors/"+name+"/config", config); code != 201 {
			t.Fatalf("%d %s", code, body)
		}
	}
	holds("one\n")
	if second := spawn(t, nil, "run", "-data", filepath.Join(dir, "data"), "-broker-port", fmt.Sprint(freePort(t)), "-rest-port", fmt.Sprint(freePort(t))); second.exit(t) != 3 ||
		!strings.Contains(second.out.String(), "another process uses this data directory") {
		t.Errorf("a second process over the directory: %s", second.out)
	}
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.exit(t)
	f, err := os.OpenFile(in, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("two\n"); err != nil {
		t.Fatal(err)
	}
	_ = f.Close() // written already
	p = spawn(t, nil, args...)
	up()
	holds("two\n")
	if _, body := get(t, "GET", url+"/connectors", ""); body != `["sink","source"]` {
		t.Error(body)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(t); code != 0 {
		t.Errorf("exit %d: %s", code, p.out)
	}
}

// A standalone worker keeps its offsets in a file that Java wrote and can go on with.
func TestStandalone_GoesOnFromJavasOffsetFile(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "lines"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	dir := t.TempDir()
	in := filepath.Join(dir, "in.txt")
	offsets := filepath.Join(dir, "connect.offsets")
	key := `["file",{"filename":"` + in + `"}]`
	java := "aced0005737200116a6176612e7574696c2e486173684d61700507dac1c31660d103000246000a6c6f6164466163746f724900097468726573686f6c6478703f4000000000000c77080000001000000001757200025b42acf317f8060854e002000078700000" +
		fmt.Sprintf("%04x", len(key)) + hex.EncodeToString([]byte(key)) + "7571007e00020000000e" + hex.EncodeToString([]byte(`{"position":4}`)) + "78"
	data, err := hex.DecodeString(java)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"in.txt":           "one\ntwo\n",
		"connect.offsets":  string(data),
		"file.properties":  "name=file\nconnector.class=FileStreamSource\nfile=" + in + "\ntopic=lines\n",
		"wrong.properties": "name=wrong\nconnector.class=FileStreamSource\n",
		"worker.properties": "bootstrap.servers=" + c.ListenAddrs()[0] + "\nkey.converter=org.apache.kafka.connect.json.JsonConverter\nvalue.converter=org.apache.kafka.connect.json.JsonConverter\n" +
			"offset.storage.file.filename=" + offsets + "\noffset.flush.interval.ms=100\nlisteners=http://127.0.0.1:0\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w := startWorker(t, Options{WorkerFile: filepath.Join(dir, "worker.properties"), ConnectorFiles: []string{filepath.Join(dir, "file.properties")}})
	waitFor(t, "the offset in the file", func() bool {
		data, err := os.ReadFile(offsets)
		return err == nil && bytes.Contains(data, []byte(`{"position":8}`))
	})
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics("lines"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	fetched, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	if r := cl.PollFetches(fetched).Records(); len(r) != 1 || !bytes.Contains(r[0].Value, []byte("two")) {
		t.Errorf("the topic holds %d records", len(r))
	}
	if _, body := get(t, "GET", w.url+"/connectors/file", ""); !strings.Contains(body, `"tasks":[{"connector":"file","task":0}]`) {
		t.Error(body)
	}
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	// A connector file that does not validate stops the start (CW-149).
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = Run(ctx, Options{WorkerFile: filepath.Join(dir, "worker.properties"), ConnectorFiles: []string{filepath.Join(dir, "wrong.properties")}, Stderr: &bytes.Buffer{}})
	if err == nil || !strings.Contains(err.Error(), "wrong.properties") || !strings.Contains(err.Error(), `Missing required configuration "topic"`) {
		t.Errorf("got %v", err)
	}
}

const standaloneFile = "bootstrap.servers=127.0.0.1:1\noffset.storage.file.filename=/tmp/x\n" +
	"key.converter=org.apache.kafka.connect.json.JsonConverter\nvalue.converter=org.apache.kafka.connect.json.JsonConverter\n"

func TestProcess_ExitStatusSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"no command", nil, 1, "usage:"},
		{"unknown command", []string{"walk"}, 1, `unknown command "walk"`},
		{"unknown flag", []string{"run", "-x"}, 1, "usage:"},
		{"help", []string{"help"}, 0, "usage:"},
		{"version", []string{"version"}, 0, "anabranch "},
		{"unknown converter", []string{"run", write("conv", strings.Replace(standaloneFile, "JsonConverter", "XmlConverter", 1))}, 2,
			"Invalid value org.apache.kafka.connect.json.XmlConverter for configuration key.converter: Class org.apache.kafka.connect.json.XmlConverter could not be found."},
		{"converter setting", []string{"run", write("convset", standaloneFile+"value.converter.schemas.enable=perhaps\n")}, 2, "value.converter.schemas.enable"},
		{"no such file", []string{"run", filepath.Join(dir, "none")}, 2, "none"},
		{"neither mode", []string{"run", write("neither", "bootstrap.servers=x:1\n")}, 2, "neither distributed"},
		{"bad value", []string{"run", write("bad", "group.id=g\nconfig.storage.topic=c\noffset.storage.topic=o\nstatus.storage.topic=s\nkey.converter=a\nvalue.converter=b\noffset.flush.interval.ms=soon\n")}, 2, "offset.flush.interval.ms"},
		{"missing key", []string{"run", write("missing", "group.id=g\nconfig.storage.topic=c\nkey.converter=a\nvalue.converter=b\n")}, 2, "offset.storage.topic"},
		{"bad connector file", []string{"run", write("good", standaloneFile), write("c.json", `{"name":`)}, 3, "c.json"},
		{"nameless connector", []string{"connect-standalone", write("good2", standaloneFile), write("c.properties", "file=x\n")}, 3, "c.properties' is missing the mandatory 'name' configuration"},
		{"other mode", []string{"connect-distributed", write("good3", standaloneFile)}, 2, `Missing required configuration "group.id" which has no default value.`},
		{"script without arguments", []string{"connect-distributed"}, 1, "usage:"},
		{"script's help", []string{"connect-standalone", "w", "--help"}, 1, "usage:"},
		{"script in the background", []string{"connect-distributed.sh", "-daemon", "w"}, 1, "-daemon is not supported"},
		{"port taken", []string{"run", "-data", filepath.Join(dir, "data"), "-rest-port", fmt.Sprint(taken.Addr().(*net.TCPAddr).Port)}, 3, "address already in use"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := spawn(t, nil, c.args...)
			if got := p.exit(t); got != c.status || !strings.Contains(p.out.String(), c.says) {
				t.Errorf("exit %d, want %d: %s", got, c.status, p.out)
			}
		})
	}
}

// systemd hears READY, the watchdog as long as the herder answers, and STOPPING.
func TestService_TalksToSystemd(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := spawn(t, []string{"NOTIFY_SOCKET=" + socket, "WATCHDOG_USEC=200000"}, "run", "-data", filepath.Join(dir, "data"),
		"-broker-port", fmt.Sprint(freePort(t)), "-rest-port", fmt.Sprint(freePort(t)))
	for _, want := range []string{"READY=1", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"} {
		if want == "STOPPING=1" {
			if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
		for {
			if err := l.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 100)
			n, err := l.Read(buf)
			if err != nil {
				t.Fatalf("waiting for %s: %v\n%s", want, err, p.out)
			}
			if got := string(buf[:n]); got == want {
				break
			} else if want != "STOPPING=1" {
				t.Fatalf("got %s, want %s", got, want)
			}
		}
	}
	if code := p.exit(t); code != 0 {
		t.Errorf("exit %d: %s", code, p.out)
	}
}
