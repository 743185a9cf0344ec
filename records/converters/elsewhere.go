package converters

import "strings"

// elsewhere are converters of others that users of Connect have, and what takes their place here (CW-334).
var elsewhere = map[string]string{
	"io.apicurio.registry.utils.converter.ProtobufConverter":                              "use " + ProtobufClass + " with schema.registry.url=http://HOST:8080/apis/ccompat/v7",
	"io.apicurio.registry.utils.converter.SerdeBasedConverter":                            "Java serializers cannot be loaded; use " + ApicurioAvroClass + " or " + ExtJSONClass,
	"com.amazonaws.services.schemaregistry.kafkaconnect.AWSKafkaAvroConverter":            "the AWS Glue registry is not built, " + glueHint + AvroClass,
	"com.amazonaws.services.schemaregistry.kafkaconnect.jsonschema.JsonSchemaConverter":   "the AWS Glue registry is not built, " + glueHint + JSONSchemaClass,
	"com.amazonaws.services.schemaregistry.kafkaconnect.protobuf.ProtobufSchemaConverter": "the AWS Glue registry is not built, " + glueHint + ProtobufClass,
	"com.blueapron.connect.protobuf.ProtobufConverter":                                    "it needs compiled Java classes; use " + ProtobufClass + " with a schema registry",
}

const glueHint = "and its messages are framed in a way of its own; use a registry with Confluent's protocol and "

// Hint says what to use instead of a converter class that is known but not built, "" for all
// others. It follows Connect's "Class X could not be found." in brackets.
func Hint(class string) string {
	if h := elsewhere[strings.TrimSpace(class)]; h != "" {
		return " (" + h + ")"
	}
	return ""
}
