package jdbc

import (
	"context"
	"errors"
	"time"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/deliver"
)

// validateWithin bounds the connection that validation makes.
const validateWithin = 15 * time.Second

// Validate opens a connection and closes it again (SJ-055). A failure is reported on
// connection.url, and on the user and password keys where those are to blame. values must
// have parsed without problems; rules over several keys are part of [Definition].
func Validate(ctx context.Context, class string, values *configs.Values) []configs.Problem {
	c, err := parseConfig(class, values)
	if err != nil {
		return []configs.Problem{{Key: keyURL, Message: err.Error()}}
	}
	d, err := dialectOf(c.url)
	if err != nil {
		return []configs.Problem{{Key: keyURL, Message: err.Error()}}
	}
	ctx, cancel := context.WithTimeout(ctx, validateWithin)
	defer cancel()
	s, err := d.open(ctx, c, quiet{})
	if err == nil {
		_ = s.close() // it was only a trial
		return nil
	}
	w := &writer{config: c, dialect: d}
	shown := w.shown("connect to", c.url.String(), err)
	ps := []configs.Problem{problem(keyURL, c.url.String(), "could not connect: "+shown.Error())}
	if loginRefused(shown) {
		user := keyUser
		if c.family == debezium {
			user = keyUsername
		}
		ps = append(ps, problem(user, c.user, "the database refuses this user and password"),
			problem(keyPassword, "[hidden]", "the database refuses this user and password"))
	}
	return ps
}

func loginRefused(err error) bool {
	var de *deliver.Error
	return errors.As(err, &de) && de.Hint == hintLogin
}

// hintLogin is the way out of a refused login.
const hintLogin = "check connection.user, which is connection.username of Debezium's sink, and connection.password"

// quiet is a logger that drops everything.
type quiet struct{}

func (quiet) Warn(string, ...any) {}
func (quiet) Info(string, ...any) {}
