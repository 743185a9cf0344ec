package file

import (
	"strings"

	"github.com/anabranch/anabranch/configs"
)

// SourceClass is the Java class name that users have in their configuration.
const SourceClass = "org.apache.kafka.connect.file.FileStreamSourceConnector"

// Keys of the FileStream source (SF-020).
const (
	FileKey      = "file"
	TopicKey     = "topic"
	BatchSizeKey = "batch.size"
)

// Definition declares the source's own keys.
func Definition() *configs.Def {
	return configs.NewDef(
		configs.Key{Name: FileKey, Type: configs.StringType, Importance: configs.High,
			Doc: "Source filename. If not given, standard input is read."},
		configs.Key{Name: TopicKey, Type: configs.StringType, Required: true, Importance: configs.High,
			Doc: "The topic to publish lines to.", Check: configs.NonEmptyString},
		configs.Key{Name: BatchSizeKey, Type: configs.IntType, Default: "2000", HasDefault: true, Importance: configs.Low,
			Doc: "The most lines handed over at a time; one if it is less."},
	)
}

// TaskConfigs makes the one task that a FileStream source has.
func TaskConfigs(cfg map[string]string) []map[string]string {
	t := map[string]string{"task.class": strings.TrimSuffix(SourceClass, "Connector") + "Task"}
	for k, v := range cfg {
		t[k] = v
	}
	return []map[string]string{t}
}
