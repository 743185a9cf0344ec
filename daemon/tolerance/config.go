package tolerance

import (
	"time"

	"github.com/anabranch/anabranch/configs"
)

// Config are the common error keys of a connector (CW-135 to CW-137).
type Config struct {
	All           bool          // errors.tolerance=all
	RetryTimeout  time.Duration // errors.retry.timeout; negative is for ever
	RetryDelayMax time.Duration // errors.retry.delay.max.ms
	Log           bool          // errors.log.enable
	LogRecords    bool          // errors.log.include.messages
}

// Parse reads the keys.
func Parse(v *configs.Values) Config {
	return Config{
		All: v.Str(configs.ToleranceKey) == "all", RetryTimeout: millis(v.Int(configs.RetryTimeoutKey)),
		RetryDelayMax: millis(v.Int(configs.RetryDelayMaxKey)), Log: v.Bool(configs.ErrorLogKey), LogRecords: v.Bool(configs.ErrorLogMessagesKey),
	}
}

const maxMillis = int64(1<<63-1) / int64(time.Millisecond)

func millis(n int64) time.Duration { return time.Duration(min(n, maxMillis)) * time.Millisecond }
