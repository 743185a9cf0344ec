package rest

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// Authenticator says whether a user may ask; ok false is that no credentials came (CW-14).
type Authenticator func(user, password string, ok bool) bool

// noAccess is the answer to others.
const noAccess = "User cannot access the resource."

// internal are the requests between workers, which are signed instead.
var internal = []struct {
	method string
	path   *regexp.Regexp
}{
	{http.MethodPost, regexp.MustCompile(`^/?connectors/([^/]+)/tasks/?$`)},
	{http.MethodPut, regexp.MustCompile(`^/?connectors/[^/]+/fence/?$`)},
}

// authorized reports whether the route may answer. If not, it has answered itself: Connect's
// filter runs once a route is found, so an unknown path is 404 for everybody.
func (s *Server) authorized(w http.ResponseWriter, r *http.Request) bool {
	if s.opts.Authenticate == nil {
		return true
	}
	for _, i := range internal {
		if r.Method == i.method && i.path.MatchString(r.URL.EscapedPath()) {
			return true
		}
	}
	user, password, ok, err := basicCredentials(r.Header.Get("Authorization"))
	if err != nil {
		write(w, http.StatusInternalServerError, errorBody(http.StatusInternalServerError, err.Error()))
		return false
	}
	if s.opts.Authenticate(user, password, ok) {
		return true
	}
	w.Header().Set("Content-Type", jsonType)
	if r.Method == http.MethodOptions {
		w.Header().Set("Content-Type", "text/plain")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(noAccess)))
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, noAccess) // the client is gone; there is nobody to tell
	return false
}

// basicCredentials reads a header as BasicAuthCredentials does. Text that is not base64 is an
// error with Java's words.
func basicCredentials(header string) (user, password string, ok bool, err error) {
	method, rest, found := strings.Cut(header, " ")
	if !found || method == "" || !strings.EqualFold(method, "BASIC") {
		return "", "", false, nil
	}
	raw, err := base64.StdEncoding.DecodeString(rest)
	if err != nil {
		raw, err = base64.RawStdEncoding.DecodeString(rest) // Java needs no padding
	}
	if err != nil {
		for i := 0; i < len(rest); i++ {
			c := rest[i]
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '+' && c != '/' && c != '=' {
				return "", "", false, fmt.Errorf("Illegal base64 character %x", c)
			}
		}
		return "", "", false, fmt.Errorf("Input byte array has wrong 4-byte ending unit")
	}
	user, password, found = strings.Cut(string(raw), ":")
	if !found || user == "" {
		return "", "", false, nil
	}
	return user, password, true, nil
}
