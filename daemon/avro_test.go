package daemon

import (
	"strings"
	"testing"
)

// Keys of a converter with a schema registry are part of a connector's validation (CW-55).
func TestREST_ValidateKnowsTheSchemaRegistry(t *testing.T) {
	b := newBench(t)
	got := b.must(t, "PUT", "/connector-plugins/FileStreamSource/config/validate", `{"connector.class":"FileStreamSource","name":"x","topic":"t",
		"key.converter":"io.confluent.connect.avro.AvroConverter","value.converter":"io.confluent.connect.avro.AvroConverter",
		"value.converter.schema.registry.url":"http://127.0.0.1:1","value.converter.basic.auth.credentials.source":"USER_INFO",
		"value.converter.basic.auth.user.info":"user:hush","value.converter.request.header.X":"y","value.converter.max.schemas.per.subject":"many"}`, 200)
	for _, want := range []string{
		`"value":{"name":"key.converter.schema.registry.url","value":null,"recommended_values":[],"errors":["Missing required configuration \"schema.registry.url\" which has no default value."]`,
		`"value":{"name":"value.converter.schema.registry.url","value":"http://127.0.0.1:1",`,
		`"value":{"name":"value.converter.basic.auth.user.info","value":"[hidden]",`,
		`"name":"value.converter.auto.register.schemas","type":"BOOLEAN","required":false,"default_value":"true","importance":"MEDIUM"`,
		`Invalid value many for configuration max.schemas.per.subject: Not a number of type INT`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %s in\n%s", want, got)
		}
	}
	if strings.Contains(got, "hush") {
		t.Error("the password is shown")
	}
	for body, want := range map[string]string{
		`{"connector.class":"FileStreamSource","topic":"t","key.converter":"com.amazonaws.services.schemaregistry.kafkaconnect.AWSKafkaAvroConverter"}`:                                                                                                                                                  `could not be found. (the AWS Glue registry is not built`,
		`{"connector.class":"FileStreamSource","topic":"t","key.converter":"io.apicurio.registry.utils.converter.ExtJsonConverter"}`:                                                                                                                                                                     `apicurio.registry.url\" which has no default`,
		`{"connector.class":"FileStreamSource","topic":"t","key.converter":"AvroConverter"}`:                                                                                                                                                                                                             `schema.registry.url`,
		`{"connector.class":"FileStreamSource","topic":"t","key.converter":"io.apicurio.registry.utils.converter.AvroConverter","key.converter.apicurio.registry.url":"http://x/apis/registry/v2"}`:                                                                                                      `apicurio.registry.headers.enabled`,
		`{"connector.class":"FileStreamSource","topic":"t","value.converter":"io.confluent.connect.avro.AvroConverter","value.converter.schema.registry.url":"http://x","value.converter.context.name.strategy":"com.acme.X"}`:                                                                           `context.name.strategy`,
		`{"connector.class":"FileStreamSource","topic":"t","value.converter":"io.confluent.connect.avro.AvroConverter","value.converter.schema.registry.url":"https://x","value.converter.schema.registry.ssl.truststore.location":"/none","value.converter.schema.registry.ssl.truststore.type":"PEM"}`: `schema.registry.ssl.truststore.location`,
	} {
		if resp, got := b.ask(t, "PUT", "/connectors/x/config", jsonCT, body); resp.StatusCode != 400 || !strings.Contains(got, want) {
			t.Errorf("%s: %d %s, want %s", body, resp.StatusCode, got, want)
		}
	}
	plugins := b.must(t, "GET", "/connector-plugins?connectorsOnly=false", "", 200)
	if !strings.Contains(plugins, `{"class":"io.confluent.connect.avro.AvroConverter","type":"converter","version":"undefined"}`) {
		t.Error(plugins)
	}
}
