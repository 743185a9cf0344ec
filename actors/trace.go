package actors

import (
	"errors"
	"strings"

	"github.com/anabranch/anabranch/records"
)

// defaultClass is the class of errors that name none (CW-299).
const defaultClass = "org.apache.kafka.connect.errors.ConnectException"

// First lines that Connect gives to the failures of its task loops; alert rules search for them.
const (
	sinkExit      = "Exiting WorkerSinkTask due to unrecoverable exception." // CW-282
	producerExit  = "Unrecoverable exception from producer send callback"    // CW-264
	toleranceExit = "Tolerance exceeded in error handler"                    // CW-290
	maxTraceBytes = 64 << 10                                                 // a status record must stay small
	maxCauses     = 32                                                       // against errors that wrap themselves
	frameMarker   = "\n\tat anabranch/"
)

// Trace renders an error in the shape of a Java stack trace (CW-32): a first line
// "<class>: <message>", "at" lines, and a "Caused by:" block for each error that it wraps.
func Trace(err error) string { return trace(err, "") }

// failureTrace is Trace with the line in front that Connect itself would have put there.
func failureTrace(err error, sinkConnector bool) string {
	var te *taskError
	if !errors.As(err, &te) || asPanic(err) != nil {
		return Trace(err)
	}
	tolerance := records.IsIntolerable(err) // which has its line already
	switch te.stage {
	case stageTransform:
		if tolerance {
			break
		}
		return trace(err, toleranceExit)
	case stageWrite, stageFlush:
		if sinkConnector {
			return trace(err, sinkExit)
		}
		if tolerance {
			break
		}
		return trace(err, producerExit)
	}
	return Trace(err)
}

func trace(err error, outer string) string {
	if err == nil {
		return ""
	}
	var sb strings.Builder
	var te *taskError
	where := ""
	if errors.As(err, &te) {
		where = frame(te.op(), te.where)
		if err == error(te) {
			err = te.cause
		}
	}
	if outer != "" {
		sb.WriteString(defaultClass + ": " + outer + where + "\nCaused by: ")
		where = ""
	}
	writeBlock(&sb, err, where, maxCauses)
	if sb.Len() > maxTraceBytes {
		return strings.ToValidUTF8(sb.String()[:maxTraceBytes], "")
	}
	return sb.String()
}

func writeBlock(sb *strings.Builder, err error, where string, left int) {
	sb.WriteString(classOf(err))
	sb.WriteString(": ")
	sb.WriteString(records.JavaText(err))
	if p, ok := err.(*panicError); ok { //nolint:errorlint // this level only: each level is printed once
		for _, f := range p.frames {
			sb.WriteString("\n\tat ")
			sb.WriteString(f)
		}
	} else if f := ownFrame(err); f != "" {
		sb.WriteString(f)
		sb.WriteString(where)
	} else if where != "" {
		sb.WriteString(where)
	} else {
		sb.WriteString(frameMarker + "task(Unknown Source)")
	}
	if left == 0 {
		return
	}
	for _, cause := range causes(err) {
		sb.WriteString("\nCaused by: ")
		writeBlock(sb, cause, "", left-1)
	}
}

// causes returns what err wraps. Of joined errors only the first is a cause in Java's sense.
func causes(err error) []error {
	switch x := err.(type) { //nolint:errorlint // walks the levels itself
	case interface{ Unwrap() error }:
		if c := x.Unwrap(); c != nil {
			return []error{c}
		}
	case interface{ Unwrap() []error }:
		if cs := x.Unwrap(); len(cs) > 0 {
			return cs[:1]
		}
	}
	return nil
}

// JavaClass is the Java class of err, or of the first error in it that names one (CW-299).
func JavaClass(err error) string { return classOf(err) }

// classOf is the Java class of err, or of the first error in it that names one.
func classOf(err error) string {
	for range maxCauses {
		if j, ok := err.(interface{ JavaClass() string }); ok && j.JavaClass() != "" {
			return j.JavaClass()
		}
		cs := causes(err)
		if len(cs) == 0 {
			break
		}
		err = cs[0]
	}
	return defaultClass
}

// ownFrame is the "at" line of the rooms' typed error.
func ownFrame(err error) string {
	if x, ok := err.(*records.Fault); ok { //nolint:errorlint // this level only
		return frame(x.Op, x.Subject)
	}
	return ""
}

// frame makes "\tat anabranch/<op>(<where>)".
func frame(op, where string) string {
	if op == "" {
		op = "task"
	}
	if where == "" {
		where = "Unknown Source"
	}
	return frameMarker + strings.ReplaceAll(oneLine(op), " ", ".") + "(" + oneLine(where) + ")"
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
}
