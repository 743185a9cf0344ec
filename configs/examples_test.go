package configs

import "testing"

// The examples are manuals: they must stay right.
func TestExamples_AreWorkerFiles(t *testing.T) {
	for _, name := range []string{"connect-distributed", "connect-secure"} {
		raw, err := LoadProperties("examples/" + name + ".properties")
		if err != nil {
			t.Fatal(err)
		}
		for k := range raw { // the paths of the example do not exist here
			if k == "config.providers" {
				delete(raw, k)
			}
		}
		if w, err := NewWorker(Distributed, raw); err != nil || len(w.Listeners) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
