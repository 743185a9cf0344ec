package rest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Texts of requests that no worker can answer at the moment (CW-08).
const (
	noLeaderText = "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway."
	hopsText     = "Cannot complete request because of a conflicting operation (e.g. worker rebalance)"
)

// forwardKey is the query parameter that counts the hops of a request (CW-10).
const forwardKey = "forward"

// keptBody keeps what is read of a request's body, so that another worker can get it.
type keptBody struct {
	io.ReadCloser
	read bytes.Buffer
}

func (k *keptBody) Read(p []byte) (int, error) {
	n, err := k.ReadCloser.Read(p)
	k.read.Write(p[:n])
	return n, err
}

// forward asks the worker at e.URL and hands its answer on. A request makes two hops at most:
// from a worker to the leader, and from there to the owner of what it is about (CW-10).
func (s *Server) forward(r request, body *keptBody, e *Elsewhere) error {
	query := r.URL.Query()
	next := "true"
	if query.Has(forwardKey) {
		if again, _ := strconv.ParseBool(strings.ToLower(query.Get(forwardKey))); !again {
			return Conflict("%s", hopsText)
		}
		next = "false"
	}
	if e.URL == "" {
		return Conflict("%s", noLeaderText)
	}
	base, err := url.Parse(e.URL)
	if err != nil {
		return fmt.Errorf("forward request: the other worker advertises no URL: %w", err)
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(body, maxBody)); err != nil {
		return fmt.Errorf("forward request: read its body: %w", err)
	}
	path := r.URL.EscapedPath()
	query.Set(forwardKey, next)
	target := strings.TrimSuffix(base.Scheme+"://"+base.Host+base.EscapedPath(), "/") + path + "?" + query.Encode()
	out, err := http.NewRequestWithContext(r.Context(), r.Method, target, bytes.NewReader(body.read.Bytes()))
	if err != nil {
		return fmt.Errorf("forward request: %w", err)
	}
	for _, name := range []string{"Authorization", "Content-Type", "Accept"} {
		if v := r.Header.Values(name); len(v) > 0 {
			out.Header[name] = v
		}
	}
	resp, err := s.opts.Client.Do(out)
	if err != nil {
		return fmt.Errorf("IO Error trying to forward REST request: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return fmt.Errorf("IO Error trying to forward REST request: %w", err)
	}
	if at := resp.Header.Get("Location"); at != "" { // ours, as the client knows us
		if u, err := url.Parse(at); err == nil {
			r.w.Header().Set("Location", r.base()+u.EscapedPath())
		}
	}
	if len(answer) == 0 {
		r.w.WriteHeader(resp.StatusCode)
		return nil
	}
	write(r.w, resp.StatusCode, answer)
	return nil
}
