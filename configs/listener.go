package configs

import (
	"net"
	"regexp"
	"strings"
)

// Listener is one address that the REST is served on (CW-83).
type Listener struct {
	Secure bool   // https
	Host   string // empty is all interfaces
	Port   string
}

// Scheme is http or https.
func (l Listener) Scheme() string {
	if l.Secure {
		return "https"
	}
	return "http"
}

// Address is host:port for net.Listen.
func (l Listener) Address() string { return net.JoinHostPort(l.Host, l.Port) }

// String is the listener as it is written in the worker file.
func (l Listener) String() string { return l.Scheme() + "://" + l.Address() }

var listenerForm = regexp.MustCompile(`^(.*)://\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]+)$`)

// parseListener reads protocol://host:port; the texts are RestServer's.
func parseListener(s string) (Listener, error) {
	m := listenerForm.FindStringSubmatch(s)
	if m == nil {
		return Listener{}, WholeText("Listener doesn't have the right format (protocol://hostname:port).")
	}
	l := Listener{Secure: strings.EqualFold(m[1], "https"), Host: m[2], Port: m[3]}
	if !l.Secure && !strings.EqualFold(m[1], "http") {
		return Listener{}, WholeText(`Listener protocol must be either "http" or "https".`)
	}
	return l, nil
}

// parseListeners reads a list that a Check has seen already.
func parseListeners(list []string) ([]Listener, error) {
	var out []Listener
	for _, s := range list {
		l, err := parseListener(s)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// listenersCheck is RestServerConfig's ListenersValidator.
func listenersCheck(val any) error {
	list, _ := val.([]string)
	if len(list) == 0 {
		return WholeText("Invalid value for listeners, at least one URL is expected, ex: http://localhost:8080,https://localhost:8443.")
	}
	for _, s := range list {
		if s == "" {
			return WholeText("Empty URL found when parsing listeners list.")
		}
	}
	_, err := parseListeners(list)
	return err
}

// adminListenersCheck is the check of admin.listeners, which may be empty (CW-65).
func adminListenersCheck(val any) error {
	if err := ListItems(adminListenersKey, true)(val); err != nil {
		return err
	}
	list, _ := val.([]string)
	_, err := parseListeners(list)
	return err
}
