package actors

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// stage is the part of a task's work in which an error came up.
type stage uint8

const (
	stageBuild stage = iota
	stageOpen
	stageRead
	stageTransform
	stageWrite
	stageFlush
	stageCommit
	stageClose
	stageDeadline
	stageActor
	stageTransaction
)

var stageNames = [...]string{"build task", "open task", "read", "transform", "write", "flush sink",
	"commit offsets", "close task", "wait for the end of the task", "handle message", "commit transaction"}

func (s stage) String() string { return stageNames[s] }

// taskError is an error on its way to the task's state: what was done, to what, and why.
type taskError struct {
	stage stage
	// sub tells the halves of a stage apart: "open sink", "open source".
	sub   string
	where string // lane, or connector-task
	cause error
}

func (e *taskError) op() string {
	if e.sub != "" {
		return e.sub
	}
	return e.stage.String()
}

func (e *taskError) Error() string { return e.op() + " " + e.where + ": " + e.cause.Error() }
func (e *taskError) Unwrap() error { return e.cause }

// panicError is a panic that was caught, with the stack of its origin.
type panicError struct {
	value  any
	stack  string   // as Go prints it, for the log
	frames []string // one "function(file:line)" each, for the trace
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// Retriable is false: a panic is a bug, and bugs come back.
func (e *panicError) Retriable() bool { return false }

func (e *panicError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}

// newPanicError is called from the deferred function that recovered value.
func newPanicError(value any) *panicError {
	if e, ok := value.(*panicError); ok {
		return e
	}
	e := &panicError{value: value}
	pcs := make([]uintptr, 48)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	var sb strings.Builder
	for {
		f, more := frames.Next()
		at := filepath.Base(f.File) + ":" + strconv.Itoa(f.Line)
		if f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") {
			e.frames = append(e.frames, f.Function+"("+at+")")
		}
		sb.WriteString(f.Function + " " + at + "\n")
		if !more {
			break
		}
	}
	e.stack = sb.String()
	return e
}

// asPanic finds a caught panic in err.
func asPanic(err error) *panicError {
	var p *panicError
	errors.As(err, &p)
	return p
}

// maxUnmarkedRetries bounds the restarts in a row after errors that do not say whether they
// are retriable: enough for an outage that a driver reported badly, and a record that can
// never be written still ends in FAILED.
const maxUnmarkedRetries = 10

// retriable decides what an error means for the task. An error that says so itself decides.
// Of the others those of a sink in steady state, and those of opening again what had run
// before, are retriable for a while; at the first start nothing is (house rule).
func retriable(err error, ranBefore bool, retries int) bool {
	var mark interface{ Retriable() bool }
	if errors.As(err, &mark) {
		return mark.Retriable()
	}
	var te *taskError
	if !errors.As(err, &te) || retries >= maxUnmarkedRetries {
		return false
	}
	switch te.stage {
	case stageWrite, stageFlush, stageTransaction:
		return true
	case stageOpen:
		return ranBefore
	}
	return false
}
