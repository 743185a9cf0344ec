package rest

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// LoggerName is the logger of the access log, as Connect names it (CW-13).
const LoggerName = "org.apache.kafka.connect.runtime.rest.RestServer"

// accessLog writes a line for each request, in NCSA's extended form and the milliseconds at its end.
type accessLog struct {
	next http.Handler
	log  *slog.Logger
	now  func() time.Time
}

// counted notes what is answered.
type counted struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (c *counted) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *counted) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	n, err := c.ResponseWriter.Write(p)
	c.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController find the connection.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// ServeHTTP implements http.Handler.
func (a *accessLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !a.log.Enabled(r.Context(), slog.LevelInfo) {
		a.next.ServeHTTP(w, r)
		return
	}
	began := a.now()
	c := &counted{ResponseWriter: w}
	a.next.ServeHTTP(c, r)
	if c.status == 0 {
		c.status = http.StatusOK
	}
	client, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		client = r.RemoteAddr
	}
	a.log.Info(fmt.Sprintf(`%s - - [%s] "%s %s %s" %d %d "%s" "%s" %d`, client, began.UTC().Format("02/Jan/2006:15:04:05 -0700"),
		oneLine(r.Method), oneLine(r.RequestURI), r.Proto, c.status, c.bytes, oneLine(r.Referer()), oneLine(r.UserAgent()), a.now().Sub(began).Milliseconds()))
}

// oneLine keeps what a client sends from making lines of its own.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == '"' || r == 0x7f {
			return '_'
		}
		return r
	}, s)
}
