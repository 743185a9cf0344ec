package daemon

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/kafkaprops"
	"github.com/anabranch/anabranch/daemon/logging"
	"github.com/anabranch/anabranch/daemon/rest"
)

// Prefixes of the TLS settings of listeners. If any key has the prefix, only those count; if
// none has, the bare ssl.* do (CW-89).
const (
	httpsPrefix      = "listeners.https."
	adminHTTPSPrefix = "admin.listeners.https."
)

// bound is a listener that is bound.
type bound struct {
	net.Listener
	asked configs.Listener
}

// front is all that the process listens on for REST.
type front struct {
	main, admin []bound
}

func (f *front) close() {
	for _, l := range append(append([]bound(nil), f.main...), f.admin...) {
		_ = l.Close() // the process ends
	}
}

// listen reads the TLS settings, then binds every listener; other is what to do when a port is taken.
func listen(w *configs.Worker, other string, log *slog.Logger) (*front, error) {
	main, err := serverTLS(w, w.Listeners, httpsPrefix, log)
	if err != nil {
		return nil, err
	}
	admin, err := serverTLS(w, w.AdminListeners, adminHTTPSPrefix, log)
	if err != nil {
		return nil, err
	}
	f := &front{}
	if f.main, err = bind(w.Listeners, main, other); err == nil {
		f.admin, err = bind(w.AdminListeners, admin, other)
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// served is a server with what it listens on.
type served struct {
	*http.Server
	listeners []bound
}

// servers puts the routes on the listeners: /admin on those of its own, if there are any.
func (f *front) servers(w *configs.Worker, routes rest.Options, log *slog.Logger) ([]served, error) {
	main := routes
	if len(f.admin) > 0 {
		main.Loggers = nil
	}
	access := log.With(logging.LoggerKey, rest.LoggerName)
	if w.Mode == configs.Embedded {
		access = nil // who tries it out reads the log himself
	}
	handler, err := rest.Public{Access: access, AllowOrigin: w.AllowOrigin, AllowMethods: w.AllowMethods, Headers: w.ResponseHeaders}.Wrap(rest.NewServer(main))
	if err != nil {
		return nil, err
	}
	make := func(h http.Handler, on []bound) served {
		return served{&http.Server{Handler: h, DisableGeneralOptionsHandler: true, ReadHeaderTimeout: readHeaderWithin, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}, on}
	}
	out := []served{make(handler, f.main)}
	if len(f.admin) > 0 {
		admin, err := rest.Public{Access: access}.Wrap(rest.NewAdmin(routes))
		if err != nil {
			return nil, err
		}
		out = append(out, make(admin, f.admin))
	}
	return out, nil
}

func bind(listeners []configs.Listener, cfg *tls.Config, other string) ([]bound, error) {
	var out []bound
	for _, a := range listeners {
		l, err := net.Listen("tcp", a.Address())
		if err != nil {
			for _, o := range out {
				_ = o.Close() // the first error counts
			}
			return nil, fmt.Errorf("listen for REST on %s: %w (%s)", a.Address(), errors.Unwrap(err), other)
		}
		if a.Secure {
			l = tls.NewListener(l, cfg)
		}
		out = append(out, bound{l, a})
	}
	return out, nil
}

// listenerTLSKeys are the TLS settings with a prefix, or the bare ones.
func listenerTLSKeys(w *configs.Worker, prefix string) (props map[string]string, shown string) {
	if own := kafkaprops.Below(w.Raw, prefix); len(own) > 0 {
		return own, prefix
	}
	return only(w.Raw, "ssl."), ""
}

func serverTLS(w *configs.Worker, listeners []configs.Listener, prefix string, log *slog.Logger) (*tls.Config, error) {
	for _, l := range listeners {
		if !l.Secure {
			continue
		}
		props, shown := listenerTLSKeys(w, prefix)
		cfg, warnings, err := kafkaprops.ServerTLS(props)
		if err != nil {
			if shown != "" {
				err = fmt.Errorf("%s: %w", strings.TrimSuffix(shown, "."), err)
			}
			return nil, &ConfigError{err}
		}
		for _, warning := range warnings {
			log.Warn(warning.Message, "key", shown+warning.Key)
		}
		return cfg, nil
	}
	return nil, nil
}

// workerClient asks other workers, with the TLS settings of the listeners (CW-10). It follows no redirects.
func workerClient(w *configs.Worker) (*http.Client, error) {
	props, shown := listenerTLSKeys(w, httpsPrefix)
	props = only(props, "ssl.")
	delete(props, "ssl.client.auth")
	cfg, s := kafkaprops.TLS(props)
	secure := slices.ContainsFunc(w.Listeners, func(l configs.Listener) bool { return l.Secure })
	if len(s.Problems) > 0 && secure { // otherwise nobody uses them here, and Connect reads them when it does
		return nil, fmt.Errorf("TLS settings for requests to other workers (%sssl.*): %w", shown, s.Problems)
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = cfg
	t.Proxy = nil
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// advertised is the URL under which others reach this worker (CW-84).
func advertised(w *configs.Worker, main []bound) string {
	scheme := w.AdvertisedScheme
	if scheme == "" {
		scheme = "https"
		for _, l := range main {
			if !l.asked.Secure {
				scheme = "http"
			}
		}
	}
	at := main[0]
	for _, l := range main {
		if l.asked.Scheme() == scheme {
			at = l
			break
		}
	}
	_, port, _ := net.SplitHostPort(at.Addr().String()) // a bound address always has one
	host := ""
	switch asked := at.asked.Host; {
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
	return scheme + "://" + host + ":" + port + "/"
}

// workerID is host:port of the advertised URL (CW-33).
func workerID(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	return strings.TrimSuffix(rest, "/")
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
