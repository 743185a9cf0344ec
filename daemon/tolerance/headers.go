package tolerance

import (
	"strconv"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/records"
)

// headerPrefix starts the names of the context headers (CW-295).
const headerPrefix = "__connect.errors."

// context are the headers that tell the error, all of them text, in DeadLetterQueueReporter's order.
func (o *Operator) context(f *records.Failure) []records.RawHeader {
	hs := make([]records.RawHeader, 0, 10)
	add := func(name, value string) {
		hs = append(hs, records.RawHeader{Key: headerPrefix + name, Value: []byte(value)})
	}
	add("topic", f.Consumed.Topic)
	add("partition", strconv.Itoa(int(f.Consumed.Partition)))
	add("offset", strconv.FormatInt(f.Consumed.Offset, 10))
	add("connector.name", o.connector)
	add("task.id", strconv.Itoa(o.task))
	add("stage", string(f.Stage))
	add("class.name", f.Class)
	if f.Err != nil {
		add("exception.class.name", actors.JavaClass(f.Err))
		add("exception.message", records.JavaText(f.Err))
		add("exception.stacktrace", actors.Trace(f.Err)+"\n")
	}
	return hs
}
