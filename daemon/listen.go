package daemon

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/configs"
)

// notYet refuses what the worker file can say and this process does not do.
func notYet(w *configs.Worker) error {
	for _, l := range w.Listeners {
		if l.Secure {
			return fmt.Errorf("https listeners are not honoured yet; use http behind a proxy")
		}
	}
	switch {
	case len(w.AdminListeners) > 0:
		return fmt.Errorf("separate admin listeners are not honoured yet; leave admin.listeners out to serve /admin with the rest, or empty to switch it off")
	case w.BasicAuth:
		return fmt.Errorf("REST extensions are not honoured yet; put a proxy with authentication in front")
	case len(w.ResponseHeaders) > 0:
		return fmt.Errorf("response.http.headers.config is not honoured yet")
	}
	return nil
}

// listen binds every listener; other is what to do when a port is taken.
func listen(listeners []configs.Listener, other string) ([]net.Listener, error) {
	var out []net.Listener
	for _, a := range listeners {
		l, err := net.Listen("tcp", a.Address())
		if err != nil {
			for _, o := range out {
				_ = o.Close() // the first error counts
			}
			return nil, fmt.Errorf("listen for REST on %s: %w (%s)", a.Address(), errors.Unwrap(err), other)
		}
		out = append(out, l)
	}
	return out, nil
}

// workerID is host:port as others reach this worker (CW-33, CW-84).
func workerID(w *configs.Worker, bound net.Addr) string {
	host, port, _ := net.SplitHostPort(bound.String()) // a bound address always has both
	asked := w.Listeners[0].Host
	switch {
	case w.AdvertisedHost != "":
		host = w.AdvertisedHost
	case asked == "" || asked == "0.0.0.0" || asked == "::":
		host = ownAddress()
	default:
		host = asked
	}
	if w.AdvertisedPort > 0 {
		port = strconv.Itoa(w.AdvertisedPort)
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

// ownAddress is the first address of this machine that others may reach.
func ownAddress() string {
	addrs, _ := net.InterfaceAddrs() // without any there is still the loopback
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	return "127.0.0.1"
}

// advertisedURL is where other workers reach this one (CW-84, CW-204).
func advertisedURL(w *configs.Worker, bound net.Addr) string {
	scheme := w.AdvertisedScheme
	if scheme == "" {
		scheme = "https"
		for _, l := range w.Listeners {
			if !l.Secure {
				scheme = "http"
			}
		}
	}
	return strings.ToLower(scheme) + "://" + workerID(w, bound) + "/"
}
