package registry

import "strings"

// Strategy derives the subject of a schema (CW-339).
type Strategy uint8

// The strategies that serdes come with.
const (
	TopicName       Strategy = iota // TOPIC-key, TOPIC-value
	RecordName                      // the record's full name
	TopicRecordName                 // TOPIC-FULLNAME
	SimpleTopic                     // TOPIC; Apicurio's only
)

const strategyPackage = "io.confluent.kafka.serializers.subject."

var strategies = map[string]Strategy{
	"TopicNameStrategy": TopicName, "RecordNameStrategy": RecordName, "TopicRecordNameStrategy": TopicRecordName,
	// The default of the newest serdes; without associations in the registry it is TopicNameStrategy.
	"AssociatedNameStrategy": TopicName,
}

func strategyOf(class string) (Strategy, bool) {
	class = strings.TrimSpace(class)
	s, ok := strategies[strings.TrimPrefix(class, strategyPackage)]
	return s, ok
}

// NeedsRecord reports whether the subject depends on the schema's name.
func (s Strategy) NeedsRecord() bool { return s == RecordName || s == TopicRecordName }

// Subject returns the subject of a schema; record is its full name, "" if it has none.
func (s Strategy) Subject(topic string, isKey bool, record string) (string, error) {
	if s == TopicName {
		if isKey {
			return topic + "-key", nil
		}
		return topic + "-value", nil
	}
	if s == SimpleTopic {
		return topic, nil
	}
	if record == "" {
		side := "value"
		if isKey {
			side = "key"
		}
		return "", Dataf("In configuration %s.subject.name.strategy, the message %s must only be a record schema", side, side)
	}
	if s == RecordName {
		return record, nil
	}
	return topic + "-" + record, nil
}
