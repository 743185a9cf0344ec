package rest

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/javaregex"
)

// preflightAge is how long browsers may keep the answer of a preflight, Jetty's default.
const preflightAge = "60"

// Public is what stands around the routes of the main listeners.
type Public struct {
	// Access gets the access log; nil is none.
	Access *slog.Logger
	// AllowOrigin and AllowMethods are CORS; an empty origin is off (CW-11).
	AllowOrigin, AllowMethods string
	// Headers are added to every answer (CW-12).
	Headers []configs.HeaderRule
}

// Wrap puts the headers and the access log around the routes.
func (p Public) Wrap(next http.Handler) (http.Handler, error) {
	c, err := newCORS(p.AllowOrigin, p.AllowMethods)
	if err != nil {
		return nil, err
	}
	h := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.answer(w.Header(), r)
		setHeaders(w.Header(), p.Headers, time.Now())
		next.ServeHTTP(w, r)
	}))
	if p.Access != nil {
		h = &accessLog{next: h, log: p.Access, now: time.Now}
	}
	return h, nil
}

// setHeaders applies response.http.headers.config as Jetty's HeaderFilter does.
func setHeaders(h http.Header, rules []configs.HeaderRule, now time.Time) {
	for _, r := range rules {
		value := r.Value
		if r.Date {
			value = now.Add(time.Duration(r.Millis) * time.Millisecond).UTC().Format(http.TimeFormat)
		}
		if r.Add {
			h.Add(r.Name, value)
		} else {
			h.Set(r.Name, value)
		}
	}
}

// cors answers requests of scripts from other origins as Jetty's CrossOriginHandler does, which
// passes preflights on to the routes.
type cors struct {
	on, any  bool
	patterns []*javaregex.Regex
	methods  string
}

func newCORS(origins, methods string) (*cors, error) {
	c := &cors{methods: "HEAD,POST,GET"} // in the order in which Connect prints its default
	if strings.TrimSpace(origins) == "" {
		return c, nil
	}
	c.on = true
	for _, o := range strings.Split(origins, ",") {
		o = strings.TrimSpace(o)
		if o == "*" {
			c.any = true
			continue
		}
		// Origins are regular expressions in Connect since Jetty 12; dots are any character.
		re, err := javaregex.Compile(o, true)
		if err != nil {
			return nil, configs.Problem{Key: "access.control.allow.origin", Message: "Invalid value " + o + " for configuration access.control.allow.origin: " + err.Error()}
		}
		c.patterns = append(c.patterns, re)
	}
	if strings.TrimSpace(methods) != "" {
		list := configs.SplitList(methods)
		c.methods = strings.Join(list, ",")
	}
	return c, nil
}

func (c *cors) allows(origins string) bool {
	if c.any {
		return true
	}
	for _, origin := range strings.Fields(origins) {
		for _, p := range c.patterns {
			if ok, err := p.Matches(origin); err == nil && ok {
				return true
			}
		}
	}
	return false
}

func (c *cors) answer(h http.Header, r *http.Request) {
	if !c.on {
		return
	}
	h.Set("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || !c.allows(origin) {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		h.Set("Access-Control-Allow-Methods", c.methods)
		h.Set("Access-Control-Allow-Headers", "Content-Type")
		h.Set("Access-Control-Max-Age", preflightAge)
	}
}
