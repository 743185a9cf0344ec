package daemon

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/testenv"
)

// validated is the part of an answer of validate that is about transforms and predicates.
func validated(t *testing.T, url string, config map[string]string) []string {
	t.Helper()
	full := map[string]string{"connector.class": "FileStreamSink", "name": "n", "topics": "t"}
	for k, v := range config {
		full[k] = v
	}
	body, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	code, answer := get(t, http.MethodPut, url+"/connector-plugins/FileStreamSink/config/validate", string(body))
	if code != http.StatusOK {
		return []string{fmt.Sprint(code, " ", answer)}
	}
	var a struct {
		ErrorCount int      `json:"error_count"`
		Groups     []string `json:"groups"`
		Configs    []struct {
			Definition map[string]any `json:"definition"`
			Value      map[string]any `json:"value"`
		} `json:"configs"`
	}
	if err := json.Unmarshal([]byte(answer), &a); err != nil {
		t.Fatal(err)
	}
	out := []string{fmt.Sprint(a.ErrorCount, " errors, groups ", a.Groups)}
	for _, c := range a.Configs {
		name, _ := c.Definition["name"].(string)
		errs, _ := c.Value["errors"].([]any)
		if !strings.HasPrefix(name, "transforms.") && !strings.HasPrefix(name, "predicates.") && !(len(errs) > 0 && (name == "transforms" || name == "predicates")) {
			continue
		}
		delete(c.Definition, "documentation")
		// Which other classes are there is a matter of the installation.
		if strings.HasSuffix(name, ".type") {
			delete(c.Value, "recommended_values")
		}
		line, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		// A JVM that threw this often stops telling why.
		out = append(out, strings.ReplaceAll(string(line), `Cannot invoke \"String.isEmpty()\" because \"this.pattern\" is null`, "null"))
	}
	return out
}

// Keys, order, values and errors of transforms and predicates in validate are Connect's.
func TestValidate_TransformsAsConnect(t *testing.T) {
	k := testenv.Kafka(t)
	java := testenv.Connect(t)
	ours := startWorker(t, Options{WorkerFile: workerFile(t, k.Bootstrap(), k.TopicPrefix(t))})
	const pkg = "org.apache.kafka.connect.transforms."
	conf := func(kv ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	var cases []map[string]string
	for _, class := range []string{"Cast$Value", "DropHeaders", "ExtractField$Key", "Filter", "Flatten$Value", "HeaderFrom$Key", "HoistField$Value", "InsertHeader",
		"MaskField$Value", "RegexRouter", "ReplaceField$Value", "TimestampConverter$Key", "TimestampRouter", "ValueToKey", "Cast", "predicates.RecordIsTombstone", "Nope"} {
		cases = append(cases, conf("transforms", "a", "transforms.a.type", pkg+class))
	}
	for _, class := range []string{"HasHeaderKey", "TopicNameMatches", "RecordIsTombstone", pkg + "predicates.HasHeaderKey", pkg + "Filter", "nope"} {
		cases = append(cases, conf("predicates", "p", "predicates.p.type", class))
	}
	for _, pattern := range []string{"", "(", "a)", "[a", "*x", "ok.*"} {
		cases = append(cases, conf("predicates", "p", "predicates.p.type", "TopicNameMatches", "predicates.p.pattern", pattern))
	}
	cases = append(cases,
		conf("transforms", "a,a", "transforms.a.type", "Filter", "predicates", "p,p"),
		conf("transforms", "a", "predicates", "p"), conf("transforms", "a, ,b"), conf("transforms", "a", "transforms.a.type", ""),
		conf("transforms", "a", "transforms.a.type", "Cast$Value", "transforms.a.spec", "int8"),
		conf("transforms", "a", "transforms.a.negate", "true"),
		conf("transforms", "a", "transforms.a.negate", "true", "transforms.a.type", "nope"),
		conf("transforms", "a", "transforms.a.type", "Filter", "transforms.a.plugin.version", "1.0"),
		conf("transforms", "a", "transforms.a.type", "Filter", "transforms.a.plugin.version", "[4.0,5.0)"),
		conf("transforms", "a", "transforms.a.type", pkg+"MaskField$Value", "transforms.a.fields", "a,a", "transforms.a.negate", "true"),
		conf("transforms", "a", "transforms.a.type", pkg+"MaskField$Value", "transforms.a.fields", "a,,b", "transforms.a.replace.null.with.default", "x", "transforms.a.replacement", ""),
		conf("transforms", "a", "transforms.a.type", pkg+"MaskField$Value", "transforms.a.fields", "", "transforms.a.predicate", "p", "transforms.a.negate", "maybe", "predicates", "p", "predicates.p.type", "RecordIsTombstone"),
		conf("transforms", "a", "transforms.a.type", pkg+"ReplaceField$Key", "transforms.a.renames", "a:b:c", "transforms.a.exclude", "x,x", "transforms.a.include", "y,,z"),
		conf("transforms", "a", "transforms.a.type", pkg+"Cast$Value", "transforms.a.spec", "a:foo"),
		conf("transforms", "a", "transforms.a.type", pkg+"HeaderFrom$Value", "transforms.a.fields", "", "transforms.a.headers", "x", "transforms.a.operation", "drop"),
		conf("transforms", "a", "transforms.a.type", pkg+"TimestampConverter$Value", "transforms.a.target.type", "q", "transforms.a.unix.precision", "x"),
		conf("transforms", "a", "transforms.a.type", pkg+"SetSchemaMetadata$Value", "transforms.a.schema.version", "x", "transforms.a.schema.name", "n"),
		conf("transforms", "a", "transforms.a.type", pkg+"ExtractField$Value", "transforms.a.field", "f", "transforms.a.field.syntax.version", "V3"),
		conf("transforms", "a", "transforms.a.type", pkg+"InsertField$Value", "transforms.a.topic.field", "t", "transforms.a.static.field", "s", "transforms.a.static.value", ""),
		conf("transforms", "a,b", "transforms.a.type", pkg+"Flatten$Value", "transforms.b.type", "RegexRouter", "transforms.b.regex", ".*", "transforms.b.replacement", "x", "transforms.b.predicate", "p", "predicates", "p", "predicates.p.type", "RecordIsTombstone"),
	)
	for _, c := range cases {
		want, got := validated(t, java.URL(), c), validated(t, ours.url, c)
		if !slices.Equal(got, want) {
			t.Errorf("%v\n ours %s\n java %s", c, strings.Join(got, "\n      "), strings.Join(want, "\n      "))
		}
	}
	// Definitions and the list of plugins.
	for _, name := range []string{"Filter", "RecordIsTombstone", "TopicNameMatches", "Cast", pkg + "Cast$Key", pkg + "TimestampConverter$Value", "HasHeaderKey"} {
		path := "/connector-plugins/" + strings.ReplaceAll(name, "$", "%24") + "/config"
		wantCode, want := get(t, http.MethodGet, java.URL()+path, "")
		gotCode, got := get(t, http.MethodGet, ours.url+path, "")
		if gotCode != wantCode || withoutDocs(t, got) != withoutDocs(t, want) {
			t.Errorf("%s\n ours %d %s\n java %d %s", name, gotCode, got, wantCode, want)
		}
	}
}

func withoutDocs(t *testing.T, body string) string {
	t.Helper()
	var list []map[string]any
	if json.Unmarshal([]byte(body), &list) != nil {
		return body // an error, which is an object
	}
	for _, m := range list {
		delete(m, "documentation")
	}
	raw, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
