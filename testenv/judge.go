package testenv

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/testenv/typed"
)

//go:embed java/Judge.java
var judgeSource string

// Judge is a JVM with the real classes of Kafka Connect. Tests ask it what the Java transform,
// predicate, converter or SimpleDateFormat makes of an input and compare that with ours.
type Judge struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// Question is one request; which of the fields count depends on Op:
//
//	transform   Class, Config, Records -> Answer.Results; also for predicates
//	definition  Class -> Answer.Keys
//	validate    Class, Config -> Answer.Keys with errors
//	encode      Class, Config, Use, Values -> Answer.Results with Data
//	decode      Class, Config, Use, Data -> Answer.Results with Schema and Value
//	bench       Class, Config, Use, Values (one), Millis, Warm, Rounds -> Answer.Write, Answer.Read, Answer.Text
//	format      Text (the pattern), Millis -> Answer.Text
//	parse       Text (the pattern), Input -> Answer.Millis
type Question struct {
	Op      string            `json:"op"`
	Class   string            `json:"class,omitempty"`
	Config  map[string]string `json:"config"`
	Records []*typed.Record   `json:"records,omitempty"`
	Use     string            `json:"use,omitempty"` // key, value or header
	Values  []typed.Value     `json:"values,omitempty"`
	Data    []*string         `json:"data,omitempty"` // hexadecimal; nil is null
	Text    string            `json:"text"`
	Input   string            `json:"input"`
	Millis  int64             `json:"millis"`
	Warm    int               `json:"warm"` // rounds that do not count, of Millis each
	Rounds  int               `json:"rounds"`
}

// Answer is what the Java classes did with a Question. Error is an exception that came before
// the first record, such as one of configure.
type Answer struct {
	Error   *JavaError   `json:"error"`
	Results []JudgeCase  `json:"results"`
	Keys    []JudgeKey   `json:"keys"`
	Text    string       `json:"text"`
	Millis  *json.Number `json:"millis"`
	Write   []float64    `json:"write"` // records a second, for each round
	Read    []float64    `json:"read"`
}

// JudgeCase is the outcome of one record or value.
type JudgeCase struct {
	Error   *JavaError    `json:"error"`
	Record  *typed.Record `json:"record"`
	Dropped bool          `json:"dropped"`
	Yes     bool          `json:"yes"` // of a predicate
	Data    *string       `json:"data"`
	typed.Value
}

// JudgeKey is one key of a ConfigDef, or what its validation said.
type JudgeKey struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"`
	Required    bool     `json:"required"`
	Default     *string  `json:"default"`
	Importance  string   `json:"importance"`
	Group       *string  `json:"group"`
	Order       int      `json:"order"`
	Width       string   `json:"width"`
	Display     string   `json:"display"`
	Errors      []string `json:"errors"`
	Recommended []string `json:"recommended"`
}

// JavaError is an exception.
type JavaError struct {
	Class   string `json:"class"`
	Message string `json:"message"`
}

func (e *JavaError) String() string {
	if e == nil {
		return "no error"
	}
	return e.Class + ": " + e.Message
}

// NewJudge starts the JVM; it ends with the test. plugins are poms whose jars it gets beside
// Kafka's.
func NewJudge(t testing.TB, plugins ...string) *Judge {
	t.Helper()
	if testing.Short() {
		t.Skip("testenv: asks Java's classes")
	}
	return newJudge(t, []string{"-XX:TieredStopAtLevel=1"}, plugins) // starts quicker
}

// NewFastJudge is a Judge whose JVM compiles as it does in production, to be measured.
func NewFastJudge(t testing.TB, plugins ...string) *Judge {
	t.Helper()
	return newJudge(t, nil, plugins)
}

func newJudge(t testing.TB, flags, plugins []string) *Judge {
	t.Helper()
	ctx, cancel := patience(t, prepareWithin)
	defer cancel()
	j, stop, err := startJudge(ctx, flags, plugins)
	settle(t, err)
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("testenv: judge: %v", err)
		}
	})
	return j
}

func startJudge(ctx context.Context, flags, plugins []string) (*Judge, func() error, error) {
	bin, err := java(ctx)
	if err != nil {
		return nil, nil, err
	}
	var path []string
	for _, name := range append([]string{"kafka"}, plugins...) {
		dir, err := jars(ctx, name)
		if err != nil {
			return nil, nil, err
		}
		path = append(path, filepath.Join(dir, "*"))
	}
	classes, err := compileJudge(ctx, strings.Join(path, ":"))
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.Command(bin, append(append([]string{"-Xmx256m", "-XX:+UseSerialGC", "-XX:-UsePerfData"}, flags...),
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-Duser.language=en", "-Duser.country=US",
		"-cp", strings.Join(append(path, classes), ":"), "Judge")...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	stop := func() error {
		// The end of its input ends it; a JVM that hangs is killed.
		late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		return errors.Join(in.Close(), cmd.Wait())
	}
	return &Judge{in: in, out: bufio.NewReaderSize(out, 1<<20)}, stop, nil
}

// compileJudge compiles Judge.java once for each of its versions.
func compileJudge(ctx context.Context, path string) (string, error) {
	dir := filepath.Join(Root(), "judge-"+shortHash(judgeSource))
	if exists(filepath.Join(dir, "Judge.class")) {
		return dir, nil
	}
	release, err := lock(ctx, "judge")
	if err != nil {
		return "", err
	}
	defer release()
	if exists(filepath.Join(dir, "Judge.class")) {
		return dir, nil
	}
	javac, err := need(ctx, "javac", "jdk")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	file := filepath.Join(dir, "Judge.java")
	if err := os.WriteFile(file, []byte(judgeSource), 0o644); err != nil {
		return "", err
	}
	_, err = run(ctx, command{path: javac, args: []string{"-d", dir, "-cp", path, file}})
	return dir, err
}

// Ask puts all questions and returns the answers in their order.
func (j *Judge) Ask(t testing.TB, questions []Question) []Answer {
	t.Helper()
	wrote := make(chan error, 1)
	go func() {
		w := bufio.NewWriterSize(j.in, 1<<20)
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		for i := range questions {
			if questions[i].Config == nil {
				questions[i].Config = map[string]string{}
			}
			if err := enc.Encode(&questions[i]); err != nil {
				wrote <- err
				return
			}
		}
		wrote <- w.Flush()
	}()
	answers := make([]Answer, len(questions))
	for i := range answers {
		line, err := j.out.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &answers[i])
		}
		if err != nil {
			t.Fatalf("testenv: judge: answer %d: %v", i, fmt.Errorf("%w: %.300s", err, line))
		}
	}
	if err := <-wrote; err != nil {
		t.Fatalf("testenv: judge: %v", err)
	}
	return answers
}
