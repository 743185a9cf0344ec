package records

import (
	"context"
	"errors"
	"sort"
	"strconv"
)

// Stage names where in a task a record failed, as Connect does (CW-288).
type Stage string

// Connect's stages.
const (
	StageTaskPoll        Stage = "TASK_POLL"
	StageTaskPut         Stage = "TASK_PUT"
	StageTransformation  Stage = "TRANSFORMATION"
	StageKeyConverter    Stage = "KEY_CONVERTER"
	StageValueConverter  Stage = "VALUE_CONVERTER"
	StageHeaderConverter Stage = "HEADER_CONVERTER"
	StageKafkaProduce    Stage = "KAFKA_PRODUCE"
	StageKafkaConsume    Stage = "KAFKA_CONSUME"
)

// Consumed is a record as a sink connector got it from its topic, for the dead letter queue.
type Consumed struct {
	Topic         string
	Partition     int32
	Offset        int64
	Timestamp     int64 // ms since epoch
	LogAppendTime bool  // the timestamp is the broker's
	Key, Value    []byte
	Headers       []RawHeader
}

// RawHeader is a header as bytes; Value nil is null.
type RawHeader struct {
	Key   string
	Value []byte
}

// Failure is one record that could not be processed.
type Failure struct {
	Stage Stage
	// Class is the Java class name of the converter, transform or task that failed (CW-296).
	Class string
	Err   error
	// Consumed is the record as it came; nil in source connectors.
	Consumed *Consumed
	// Describe returns the text of a source connector's record for
	// errors.log.include.messages; nil in sink connectors.
	Describe func() string
}

// Failures decides about records that fail (errors.tolerance and its siblings). It is safe for
// concurrent use.
type Failures interface {
	// Retry calls op again while its error is Retriable and errors.retry.timeout allows it
	// (CW-289). first is what the first call, made by the caller, returned.
	Retry(ctx context.Context, stage Stage, class string, first error, op func() error) error
	// Handle reports the record and returns nil if it counts as dropped on purpose, else the
	// error that ends the task (CW-290, CW-292).
	Handle(ctx context.Context, f *Failure) error
}

// Strict is the Failures of errors.tolerance=none without retries and reporters.
var Strict Failures = strict{}

type strict struct{}

func (strict) Retry(_ context.Context, _ Stage, _ string, first error, _ func() error) error {
	return first
}

func (strict) Handle(_ context.Context, f *Failure) error { return Intolerable(f) }

// connectException is the class of the errors that end a task.
const connectException = "org.apache.kafka.connect.errors.ConnectException"

// Intolerable is the error of a task that may not go on without a record (CW-290).
func Intolerable(f *Failure) error {
	class := ""
	var j interface{ JavaClass() string }
	if errors.As(f.Err, &j) {
		class = j.JavaClass()
	}
	subject := "(" + string(f.Stage) + ")"
	if c := f.Consumed; c != nil {
		subject = c.where() + " " + subject
	}
	cause := &Fault{Op: "process record", Subject: subject, Cause: f.Err, Class: class,
		Hint: "errors.tolerance=all lets the task go on without such records; sinks can keep them with errors.deadletterqueue.topic.name"}
	return &Fault{Op: toleranceExceeded, Message: toleranceExceeded, Cause: cause, Class: connectException}
}

// toleranceExceeded is Connect's text (CW-290); alert rules search for it.
const toleranceExceeded = "Tolerance exceeded in error handler"

// IsIntolerable reports whether err comes from Intolerable.
func IsIntolerable(err error) bool {
	var f *Fault
	return errors.As(err, &f) && f.Message == toleranceExceeded
}

// ConsumedOf returns a consumed record as it came. If the batch does not keep the bytes, only
// its coordinates are set. It is nil for records of source connectors.
func (b *Batch) ConsumedOf(r *Record) *Consumed {
	if b.Origin.Topic == "" {
		return nil
	}
	i := sort.Search(len(b.Consumed), func(i int) bool { return b.Consumed[i].Offset >= r.Offset })
	if i < len(b.Consumed) && b.Consumed[i].Offset == r.Offset {
		return &b.Consumed[i]
	}
	return &Consumed{Topic: b.Origin.Topic, Partition: b.Origin.Partition, Offset: r.Offset, Timestamp: r.Timestamp}
}

func (c *Consumed) where() string {
	return "of topic " + c.Topic + " partition " + strconv.Itoa(int(c.Partition)) + " offset " + strconv.FormatInt(c.Offset, 10)
}
