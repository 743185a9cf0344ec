package logging

import (
	"bytes"
	"strings"
	"testing"
)

func TestLevels_ChangeWhileRunning(t *testing.T) {
	var out bytes.Buffer
	log, levels := New(&out)
	shop := log.With("connector", "shop")
	said := func(msg string) bool { return strings.Contains(out.String(), msg) }

	log.Debug("one")
	log.Info("two")
	if said("one") || !said("two") {
		t.Error(out.String())
	}
	if _, ok := levels.Set("connector.shop", "debug"); !ok {
		t.Error("debug is a level")
	}
	log.Debug("three")
	shop.Debug("four")
	if said("three") || !said("four") {
		t.Error(out.String())
	}
	if changed, _ := levels.Set("root", "ERROR"); len(changed) != 2 {
		t.Error(changed)
	}
	log.Warn("five")
	shop.Warn("six")
	if said("five") || said("six") {
		t.Error(out.String())
	}
	levels.Set("io.debezium", "DEBUG")
	log.Debug("seven")
	if !said("seven") {
		t.Error(out.String())
	}
	if _, ok := levels.Set("root", "LOUD"); ok {
		t.Error("LOUD is no level")
	}
	if got := levels.Levels(); len(got) != 3 || got[0].Name != "connector.shop" {
		t.Error(got)
	}
}
