package daemon

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anabranch/anabranch/testenv"
)

// replayConnect may hold the URL of a running Java worker that the replay uses instead of
// starting its own; its plugins are connect-file and debezium-mysql, its converters String.
const replayConnect = "ANABRANCH_REPLAY_CONNECT"

// replayCases may name a folder with further scripts.
const replayCases = "ANABRANCH_REPLAY"

// The same requests to the real worker and to ours: same status, same headers, same body.
//
// A script in testdata/replay has one request a line: METHOD PATH [Header: value]... BODY.
// A path in quotes is a Go string. <p> is a prefix for names of connectors and topics, <dir>
// a folder, <big> 70,000 letters. Marks before a request:
//
//	~  the text of the error body is of a parser or lists plugins: only status and headers count
//	!  a difference on purpose, named in docs/compatibility.md; the two must differ
//	^  an answer of 409 or about a rebalance counts; otherwise Java is asked again
//
// "= NAME STATE [TASKS]" waits until a connector and its tasks (at least TASKS, 1 without) have
// that state; GONE is no status. "? PATH TEXT" waits until both answers of a GET hold the text.
func TestREST_ReplayBesideTheRealConnect(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a Kafka Connect worker")
	}
	k := testenv.Kafka(t)
	java := os.Getenv(replayConnect)
	if java == "" {
		prefix := k.TopicPrefix(t)
		java = testenv.PrivateConnect(t, k, testenv.ConnectOptions{Heap: "256m", JVM: []string{"-XX:TieredStopAtLevel=1"}, Props: map[string]string{
			"group.id": prefix + "-group", "config.storage.topic": prefix + "-configs", "offset.storage.topic": prefix + "-offsets", "status.storage.topic": prefix + "-status",
			"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
			"offset.flush.interval.ms": "200",
		}}).URL()
	}
	prefix := k.TopicPrefix(t)
	ours := startWorker(t, Options{WorkerFile: workerFile(t, k.Bootstrap(), prefix)})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in.txt"), []byte("a\nb\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := &replay{sides: [2]*replaySide{
		{name: "java", host: strings.TrimPrefix(java, "http://"), prefix: prefix + "j", dir: dir},
		{name: "ours", host: strings.TrimPrefix(ours.url, "http://"), prefix: prefix + "o", dir: dir},
	}}
	t.Cleanup(func() { r.sides[0].deleteAll() })
	waitFor(t, "our worker", func() bool {
		a, err := r.sides[1].ask(replayLine{method: "GET", path: "/health"})
		return err == nil && a.status == http.StatusOK
	})
	files, _ := filepath.Glob("testdata/replay/*.txt") // the pattern is well formed
	if more := os.Getenv(replayCases); more != "" {
		files, _ = filepath.Glob(more)
	}
	if len(files) == 0 {
		t.Fatal("no scripts")
	}
	for _, f := range files {
		start, before := time.Now(), r.requests
		r.script(t, f)
		t.Logf("%s: %d requests in %v", filepath.Base(f), r.requests-before, time.Since(start).Round(time.Millisecond))
	}
	t.Logf("%d requests, %d differ on purpose", r.requests, r.wanted)
}

type replay struct {
	sides    [2]*replaySide // Java, ours
	requests int
	wanted   int
}

type replaySide struct {
	name, host, prefix, dir string
}

// replayAnswer is what is compared.
type replayAnswer struct {
	status  int
	headers string
	body    string
}

func (a replayAnswer) String() string { return fmt.Sprintf("%d %s %s", a.status, a.headers, a.body) }

type replayLine struct {
	mark         string
	method, path string
	headers      []string
	body         string
}

var replayForm = regexp.MustCompile(`^([~!^]*) ?([A-Za-z]+) ("(?:[^"\\]|\\.)*"|\S+)((?: \[[A-Za-z-]+:[^\]]*\])*)(?: (.*))?$`)

func (r *replay) script(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(data), "\n") {
		at := fmt.Sprintf("%s:%d: %s", filepath.Base(file), i+1, line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '=' || line[0] == '?':
			r.both(func(s *replaySide) error { return s.wait(line) }, func(s *replaySide, err error) {
				t.Errorf("%s\n %s: %v", at, s.name, err)
			})
		default:
			m := replayForm.FindStringSubmatch(line)
			if m == nil {
				t.Fatalf("%s: not a request", at)
			}
			l := replayLine{mark: m[1], method: m[2], path: m[3], body: m[5]}
			if m[4] != "" {
				l.headers = strings.Split(m[4][2:len(m[4])-1], "] [")
			}
			if l.path[0] == '"' {
				if l.path, err = strconv.Unquote(l.path); err != nil {
					t.Fatalf("%s: %v", at, err)
				}
			}
			r.request(t, at, l)
		}
	}
}

// both does the same on both sides at once.
func (r *replay) both(do func(*replaySide) error, failed func(*replaySide, error)) {
	var errs [2]error
	var wg sync.WaitGroup
	for i, s := range r.sides {
		wg.Go(func() { errs[i] = do(s) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			failed(r.sides[i], err)
		}
	}
}

func (r *replay) request(t *testing.T, at string, l replayLine) {
	t.Helper()
	r.requests++
	var answers [2]replayAnswer
	failed := false
	r.both(func(s *replaySide) error {
		var err error
		if s == r.sides[0] {
			answers[0], err = s.patient(l)
		} else {
			answers[1], err = s.ask(l)
		}
		return err
	}, func(s *replaySide, err error) {
		failed = true
		t.Errorf("%s\n %s: %v", at, s.name, err)
	})
	if failed {
		return
	}
	// Connect shows offsets and topics some time after it has changed them.
	late := l.method == "GET" && l.mark == "" && (strings.HasSuffix(l.path, "/offsets") || strings.HasSuffix(l.path, "/topics"))
	for until := time.Now().Add(5 * time.Second); late && answers[0] != answers[1] && time.Now().Before(until); {
		<-time.After(100 * time.Millisecond)
		again, err := r.sides[0].patient(l)
		if err != nil {
			t.Errorf("%s\n java: %v", at, err)
			return
		}
		answers[0] = again
	}
	if strings.Contains(l.mark, "~") {
		for i := range answers {
			if strings.HasPrefix(answers[i].body, `{"error_code":`) {
				answers[i].body = "an error body"
			}
		}
	}
	if strings.Contains(answers[0].body, "Powered by Jetty") {
		// Java's server refused the request before Connect saw it; its page is no answer of
		// Connect. Ours has a body like all errors, but for what Go's server refuses itself.
		if answers[0].status != answers[1].status || !strings.HasPrefix(answers[1].body, `{"error_code":`) && answers[1].body != "400 Bad Request" {
			m := regexp.MustCompile("<title>(.*)</title>").FindStringSubmatch(answers[0].body)
			answers[0].body = m[1]
		} else {
			answers[0] = answers[1]
		}
	}
	same := answers[0] == answers[1]
	switch wanted := strings.Contains(l.mark, "!"); {
	case wanted && same:
		t.Errorf("%s\n the difference is gone: both say %v", at, answers[0])
	case wanted:
		r.wanted++
	case !same:
		java, ours := answers[0], answers[1]
		if len(java.body) > 2000 && len(ours.body) > 2000 {
			java.body, ours.body = apart(java.body, ours.body)
		}
		t.Errorf("%s\n ours %v\n java %v", at, ours, java)
	}
}

// apart cuts what long answers have in common.
func apart(a, b string) (string, string) {
	pa, pb := strings.Split(a, `{"definition":`), strings.Split(b, `{"definition":`)
	var da, db []string
	for i := range max(len(pa), len(pb)) {
		var x, y string
		if i < len(pa) {
			x = pa[i]
		}
		if i < len(pb) {
			y = pb[i]
		}
		if x != y {
			da, db = append(da, x), append(db, y)
		}
	}
	return "..." + strings.Join(da, "\n  "), "..." + strings.Join(db, "\n  ")
}

// patient asks again while the group rebalances.
func (s *replaySide) patient(l replayLine) (replayAnswer, error) {
	deadline := time.Now().Add(20 * time.Second)
	for {
		a, err := s.ask(l)
		if err != nil || strings.Contains(l.mark, "^") || time.Now().After(deadline) {
			return a, err
		}
		if !strings.Contains(a.body, "rebalance") && !strings.Contains(a.body, "Cannot complete request momentarily") {
			return a, nil
		}
		<-time.After(50 * time.Millisecond)
	}
}

// ask sends one request as it stands in the script, byte for byte.
func (s *replaySide) ask(l replayLine) (replayAnswer, error) {
	conn, err := net.DialTimeout("tcp", s.host, 10*time.Second)
	if err != nil {
		return replayAnswer{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(60 * time.Second)); err != nil {
		return replayAnswer{}, err
	}
	body := s.fill(l.body)
	head := l.method + " " + s.fill(l.path) + " HTTP/1.1\r\nHost: " + s.host + "\r\nConnection: close\r\n"
	typed := false
	for _, h := range l.headers {
		name, value, _ := strings.Cut(h, ":")
		typed = typed || strings.EqualFold(name, "Content-Type")
		if strings.TrimSpace(value) != "-" { // "Content-Type: -" sends none
			head += s.fill(h) + "\r\n"
		}
	}
	if body != "" && !typed {
		head += "Content-Type: application/json\r\n"
	}
	if body != "" || slices.Contains([]string{"POST", "PUT", "PATCH"}, l.method) {
		head += "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	if _, err := io.WriteString(conn, head+"\r\n"+body); err != nil {
		return replayAnswer{}, err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: l.method})
	if err != nil {
		return replayAnswer{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return replayAnswer{}, err
	}
	a := replayAnswer{status: res.StatusCode, body: s.mask(string(raw))}
	for _, name := range []string{"Content-Type", "Location", "Allow", "WWW-Authenticate", "Access-Control-Allow-Origin", "Access-Control-Allow-Methods"} {
		v := strings.Join(res.Header.Values(name), ",")
		if name == "Allow" {
			list := strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
			slices.Sort(list)
			v = strings.Join(list, ",")
			if strings.Contains(a.body, "OPTIONS") {
				a.body = "" // the list again, in the order of a hash
			}
		}
		if v != "" {
			a.headers += "[" + name + ": " + s.mask(v) + "]"
		}
	}
	return a, nil
}

func (s *replaySide) fill(text string) string {
	return strings.NewReplacer("<p>", s.prefix, "<dir>", s.dir, "<big>", strings.Repeat("abcdefghij", 7000)).Replace(text)
}

var replayMasks = []struct {
	find *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`"worker_id":"[^"]*"`), `"worker_id":"W"`},
	{regexp.MustCompile(`"commit":"[^"]*"`), `"commit":"C"`},
	{regexp.MustCompile(`"last_modified":\d+`), `"last_modified":1`},
	{regexp.MustCompile(`("trace":"(?:[^"\\]|\\[^n])*)(?:\\n(?:[^"\\]|\\.)*)?"`), `$1"`},
	{regexp.MustCompile(`"recommended_values":\["(?:io|org|com)\.[^\]]*\]`), `"recommended_values":["CLASSES"]`}, // ours are others
	{regexp.MustCompile(`available connectors are: [^"]*`), `available connectors are: `},
	{regexp.MustCompile(`"documentation":"(?:[^"\\]|\\.)*"`), `"documentation":"D"`},
}

func (s *replaySide) mask(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, s.prefix, "P"), s.host, "HOST")
	for _, m := range replayMasks {
		text = m.find.ReplaceAllString(text, m.by)
	}
	if list, ok := strings.CutPrefix(text, `{"offsets":[`); ok { // their order is that of a hash map
		parts := strings.Split(strings.TrimSuffix(list, "]}"), `,{"partition"`)
		parts[0] = strings.TrimPrefix(parts[0], `{"partition"`)
		// Java shows removed ones for a while.
		parts = slices.DeleteFunc(parts, func(p string) bool { return strings.HasSuffix(p, `"offset":null}`) })
		slices.Sort(parts)
		text = `{"offsets":[` + strings.Join(parts, "\n") + "]}"
	}
	return text
}

var replayState = regexp.MustCompile(`"state":"([A-Z]+)"`)

// wait is a line with = or ?.
func (s *replaySide) wait(line string) error {
	f := strings.Fields(s.fill(line))
	var last string
	good := func() bool { return false }
	if f[0] == "?" {
		text := strings.Join(f[2:], " ")
		good = func() bool {
			a, err := s.ask(replayLine{method: "GET", path: f[1]})
			last = a.String()
			return err == nil && strings.Contains(a.body, text)
		}
	} else {
		tasks := 1
		if len(f) > 3 {
			tasks, _ = strconv.Atoi(f[3])
		}
		if f[2] == "STOPPED" {
			tasks = 0
		}
		good = func() bool {
			a, err := s.ask(replayLine{method: "GET", path: "/connectors/" + f[1] + "/status"})
			last = a.String()
			if f[2] == "GONE" {
				return err == nil && a.status == http.StatusNotFound
			}
			states := replayState.FindAllStringSubmatch(a.body, -1)
			for _, m := range states {
				if m[1] != f[2] {
					return false
				}
			}
			return err == nil && len(states) >= tasks+1 && (f[2] != "STOPPED" || len(states) == 1)
		}
	}
	for deadline := time.Now().Add(8 * time.Second); !good(); {
		if time.Now().After(deadline) {
			return fmt.Errorf("never came true; last %s", last)
		}
		<-time.After(20 * time.Millisecond)
	}
	return nil
}

func (s *replaySide) deleteAll() {
	a, err := s.ask(replayLine{method: "GET", path: "/connectors"})
	if err != nil {
		return // it is gone
	}
	for _, n := range regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`).FindAllStringSubmatch(a.body, -1) {
		_, _ = s.patient(replayLine{method: "DELETE", path: "/connectors/" + strings.ReplaceAll(strings.ReplaceAll(n[1], "P", s.prefix), " ", "%20")})
	}
}
