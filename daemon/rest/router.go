package rest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxPath is where Connect's server says that a path is too long.
const maxPath = 8 << 10

// endpoint is one path with what it can be asked with.
type endpoint struct {
	parts   []string // "{name}" matches any segment
	methods map[string]http.HandlerFunc
}

// router finds the endpoint of a path. It is not http.ServeMux: that one cleans paths and
// redirects, where Connect takes segments as they are: "." and ".." can be names, what follows
// a ";" does not count, and one slash at the end is nothing (CW-05, CW-503).
type router struct {
	endpoints []*endpoint
}

func (ro *router) handle(method, path string, fn http.HandlerFunc) {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for _, e := range ro.endpoints {
		if slices.Equal(e.parts, parts) {
			e.methods[method] = fn
			return
		}
	}
	ro.endpoints = append(ro.endpoints, &endpoint{parts, map[string]http.HandlerFunc{method: fn}})
}

// find returns the endpoint of decoded segments, nil if there is none. It puts the names in the
// path into the request.
func (ro *router) find(r *http.Request, segments []string) *endpoint {
	for _, e := range ro.endpoints {
		if !e.matches(segments) {
			continue
		}
		for i, p := range e.parts {
			if name, ok := strings.CutPrefix(p, "{"); ok {
				r.SetPathValue(strings.TrimSuffix(name, "}"), segments[i])
			}
		}
		return e
	}
	return nil
}

func (e *endpoint) matches(segments []string) bool {
	if len(e.parts) != len(segments) {
		return false
	}
	for i, p := range e.parts {
		if p != segments[i] && !(strings.HasPrefix(p, "{") && segments[i] != "") {
			return false
		}
	}
	return true
}

// allowed lists what an endpoint can be asked with (CW-502).
func (e *endpoint) allowed() []string {
	var out []string
	for _, m := range []string{http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodGet} {
		_, ok := e.methods[m]
		if m == http.MethodHead {
			_, ok = e.methods[http.MethodGet]
		}
		if ok {
			out = append(out, m)
		}
	}
	return append(out, http.MethodOptions)
}

// rawPath is the path as the client sent it.
func rawPath(r *http.Request) string {
	raw := r.RequestURI
	if raw == "" || raw[0] != '/' { // a whole URL, or a request that a test made
		return r.URL.EscapedPath()
	}
	raw, _, _ = strings.Cut(raw, "?")
	return raw
}

// segmentsOf cuts and decodes a path. The status is 400 for what Connect's server refuses before
// Connect sees it, otherwise 0.
func segmentsOf(raw string) (segments []string, status int) {
	if len(raw) > maxPath {
		return nil, http.StatusRequestURITooLong
	}
	if raw == "/" {
		return []string{""}, 0
	}
	if strings.Contains(raw, "//") {
		return nil, http.StatusBadRequest
	}
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>[\\]^`{|}", c) >= 0 {
			return nil, http.StatusBadRequest // they have to be escaped
		}
	}
	raw = strings.TrimSuffix(strings.TrimPrefix(raw, "/"), "/")
	for _, part := range strings.Split(raw, "/") {
		part, _, _ = strings.Cut(part, ";")
		text, err := url.PathUnescape(part)
		if err != nil || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil, http.StatusBadRequest
		}
		if text != part && (text == "." || text == "..") {
			return nil, http.StatusBadRequest // a proxy may or may not see a step up
		}
		segments = append(segments, text)
	}
	return segments, 0
}

// locationOf is the path of a connector in a Location header. Slashes, semicolons and percent
// signs of a name are escaped, so that the path leads to the connector; Java leaves them.
func locationOf(name string) string {
	var sb strings.Builder
	sb.WriteString("/connectors/")
	for i := range len(name) {
		c := name[i]
		if c > ' ' && c < 0x7f && strings.IndexByte("\"<>[\\]^`{|}%/;?#", c) < 0 {
			sb.WriteByte(c)
			continue
		}
		sb.WriteString("%" + strings.ToUpper(string("0123456789abcdef"[c>>4])+string("0123456789abcdef"[c&15])))
	}
	return sb.String()
}
