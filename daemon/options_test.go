package daemon

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records/converters"
	"github.com/anabranch/anabranch/records/transforms"
)

var update = flag.Bool("update", false, "rewrite docs/options.md")

const optionsFile = "../docs/options.md"

// TestOptions_DocumentIsCurrent keeps docs/options.md equal to what is declared in the code.
func TestOptions_DocumentIsCurrent(t *testing.T) {
	var sb strings.Builder
	sb.WriteString(`# Options

Every key that is declared, from the declarations themselves (` + "`go test ./daemon -run TestOptions -update`" + ` rewrites this page).
*honoured*: works as documented by Kafka Connect, Debezium or Confluent. *in part*: some values are refused, with the text that is shown.
*refused*: known, not built yet; validation names the key. *no effect*: accepted, with a warning that says why. Keys that are
not listed are reported as unknown.
`)
	for _, p := range pluginTable() {
		fmt.Fprintf(&sb, "\n## %s\n\n", p.class)
		writeKeys(&sb, p.definition())
	}
	for _, c := range transforms.Classes() {
		fmt.Fprintf(&sb, "\n## %s\n\n", c.Name)
		writeKeys(&sb, c.Def)
	}
	for _, class := range converters.Classes() {
		if def := converters.Definition(class); len(def.Keys()) > 0 {
			fmt.Fprintf(&sb, "\n## %s\n\n", class)
			writeKeys(&sb, def)
		}
	}
	if *update {
		if err := os.WriteFile(optionsFile, []byte(sb.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(optionsFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != sb.String() {
		t.Error("docs/options.md is not what the code declares: run go test ./daemon -run TestOptions -update")
	}
}

func writeKeys(sb *strings.Builder, def *configs.Def) {
	sb.WriteString("| Key | Type | Default | State |\n|---|---|---|---|\n")
	for _, k := range def.Keys() {
		state := "honoured"
		switch {
		case k.NoEffect != "":
			state = "no effect: " + k.NoEffect
		case k.Refuse != nil:
			state = refusal(&k)
		}
		dflt := "–"
		switch {
		case k.HasDefault && k.Default == "":
			dflt = "empty"
		case k.HasDefault:
			dflt = "`" + k.Default + "`"
		case k.Required:
			dflt = "required"
		}
		fmt.Fprintf(sb, "| `%s` | %s | %s | %s |\n", k.Name, k.Type, dflt, strings.ReplaceAll(state, "|", "\\|"))
	}
}

// refusal says what of a key is refused, by asking it.
func refusal(k *configs.Key) string {
	words := k.OneOf
	if k.Type == configs.BooleanType {
		words = []string{"true", "false"}
	}
	var refused, accepted []string
	why := ""
	for _, w := range words {
		if strings.EqualFold(w, k.Default) {
			accepted = append(accepted, w)
			continue
		}
		if reason := k.Refuse(w); reason != "" {
			refused, why = append(refused, w), reason
		} else {
			accepted = append(accepted, w)
		}
	}
	if len(words) == 0 {
		for _, probe := range []string{"something", "1", "2"} {
			if reason := k.Refuse(probe); reason != "" {
				return "refused: " + reason
			}
		}
		return "honoured"
	}
	switch {
	case len(refused) == 0:
		return "honoured"
	case len(accepted) == 0:
		return "refused: " + why
	}
	return fmt.Sprintf("in part: %s; %s refused: %s", strings.Join(accepted, ", "), strings.Join(refused, ", "), why)
}
