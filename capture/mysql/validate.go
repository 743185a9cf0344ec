package mysql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/configs"
)

// Validate is what Debezium's validation does beyond the keys themselves: it connects and asks
// for the version. Whatever fails is reported on database.hostname, because clients look for
// it there (DM-73). Call it only with values that have no problems of their own.
func Validate(ctx context.Context, v *configs.Values) []configs.Problem {
	s, err := newSettings(v)
	if err != nil {
		return []configs.Problem{{Key: keyTopicPrefix, Message: err.Error()}}
	}
	limit := v.Millis("connection.validation.timeout.ms")
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := tryConnect(ctx, s); err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return []configs.Problem{{Key: keyHostname, Message: fmt.Sprintf("Connection validation timed out after %d ms", limit/time.Millisecond)}}
		}
		return []configs.Problem{{Key: keyHostname, Message: "Unable to connect: " + reason(err)}}
	}
	return nil
}

func tryConnect(ctx context.Context, s *settings) error {
	x, err := dial(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = x.close() }() // it was only a trial
	_, err = x.value(ctx, "SELECT version()")
	return err
}

// reason is the text of an error without our own preface.
func reason(err error) string {
	var ce *capture.Error
	if errors.As(err, &ce) && ce.Cause != nil {
		s := ce.Cause.Error()
		if ce.Hint != "" {
			s += " (" + ce.Hint + ")"
		}
		return s
	}
	return err.Error()
}
