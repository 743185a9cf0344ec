package daemon

import (
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/kafkaprops"
)

// clientWarnings are about client keys of the worker file that have no effect, and about those
// with which tasks cannot start.
func clientWarnings(w *configs.Worker) []configs.Problem {
	out := kafkaprops.Client(commonClientProps(w)).Warnings
	for _, kind := range []struct {
		prefix    string
		translate func(map[string]string) *kafkaprops.Settings
	}{{"producer.", kafkaprops.Producer}, {"consumer.", kafkaprops.Consumer}, {"admin.", kafkaprops.Client}} {
		props := kafkaprops.Below(w.Raw, kind.prefix)
		for k := range props {
			if strings.HasPrefix(k, "override.") || strings.HasPrefix(k, "listeners") {
				delete(props, k)
			}
		}
		if len(props) == 0 {
			continue
		}
		s := kind.translate(props).WithPrefix(kind.prefix)
		out = append(append(out, s.Warnings...), s.Problems...)
	}
	return out
}
