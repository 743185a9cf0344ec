package file

import (
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/configs"
)

// SinkClass is the Java class name that users have in their configuration.
const SinkClass = "org.apache.kafka.connect.file.FileStreamSinkConnector"

// FileKey names the destination (SF-030).
const FileKey = "file"

// Definition declares the sink's own keys.
func Definition() *configs.Def {
	return configs.NewDef(configs.Key{Name: FileKey, Type: configs.StringType, Importance: configs.High,
		Doc: "Destination filename. If not given, lines go to standard output."})
}

// TaskConfigs makes one task configuration for each task, all writing to the same file (SF-031).
func TaskConfigs(cfg map[string]string) []map[string]string {
	n, err := strconv.Atoi(strings.TrimSpace(cfg["tasks.max"]))
	if err != nil || n < 1 {
		n = 1
	}
	out := make([]map[string]string, n)
	for i := range out {
		out[i] = map[string]string{"task.class": strings.TrimSuffix(SinkClass, "Connector") + "Task"}
		for k, v := range cfg {
			out[i][k] = v
		}
	}
	return out
}
