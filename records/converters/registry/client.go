package registry

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/anabranch/anabranch/configs"
)

const (
	contentType = "application/vnd.schemaregistry.v1+json"
	// maxAnswerBytes bounds what is read of an answer.
	maxAnswerBytes = 16 << 20
	// maxMessage bounds the part of a foreign error text that goes into ours.
	maxMessage = 2000
)

// Config says where registries are and how to talk to them.
type Config struct {
	// URLs are tried in turn, beginning with the one that answered last. User and password in
	// one of them are used for it, unless User is set.
	URLs []string
	User string // with Password, for basic authentication
	// Password and Token print as stars.
	Password configs.Password
	Token    configs.Password  // bearer token, instead of a user
	Headers  map[string]string // added to every request
	TLS      *tls.Config
	Proxy    string // host:port of an HTTP proxy, "" = none
	// ConnectTimeout and ReadTimeout bound one attempt; zero means a minute, as in Confluent's client.
	ConnectTimeout, ReadTimeout time.Duration
	// Retries is how many further rounds over all URLs a retriable error gets, RetryWait the
	// longest wait before the first of them; each further one may wait twice as long, up to MaxRetryWait.
	Retries                 int
	RetryWait, MaxRetryWait time.Duration
}

// Client calls a schema registry. It is safe for concurrent use and needs no closing.
type Client struct {
	cfg   Config
	bases []base
	http  *http.Client
	first atomic.Int32 // index of the base that answered last
}

type base struct {
	url, shown     string
	user, password string
}

// NewClient makes a client. Nothing is connected.
func NewClient(cfg Config) (*Client, error) {
	c := &Client{cfg: cfg}
	for _, text := range cfg.URLs {
		u, err := url.Parse(strings.TrimSpace(text))
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, errors.New("a schema registry's address must look like http://host:8081")
		}
		b := base{user: cfg.User, password: cfg.Password.Reveal()}
		if u.User != nil {
			if b.user == "" {
				b.user = u.User.Username()
				b.password, _ = u.User.Password()
			}
			u.User = nil
		}
		b.url = strings.TrimSuffix(u.String(), "/")
		b.shown = b.url
		c.bases = append(c.bases, b)
	}
	if len(c.bases) == 0 {
		return nil, errors.New("no schema registry is given")
	}
	connect, read := cfg.ConnectTimeout, cfg.ReadTimeout
	if connect <= 0 {
		connect = time.Minute
	}
	if read <= 0 {
		read = time.Minute
	}
	t := &http.Transport{
		DisableKeepAlives:     true, // calls are rare, and nothing must outlive them
		DialContext:           (&net.Dialer{Timeout: connect}).DialContext,
		TLSHandshakeTimeout:   connect,
		TLSClientConfig:       cfg.TLS,
		ResponseHeaderTimeout: read,
	}
	if cfg.Proxy != "" {
		t.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: cfg.Proxy})
	}
	c.http = &http.Client{Transport: t, Timeout: connect + read}
	return c, nil
}

// wireSchema is a schema in a request or an answer.
type wireSchema struct {
	Subject    string      `json:"subject,omitempty"`
	ID         uint32      `json:"id,omitempty"`
	Version    int         `json:"version,omitempty"`
	Format     Format      `json:"schemaType,omitempty"`
	References []Reference `json:"references,omitempty"`
	Text       string      `json:"schema"`
}

func requestOf(s Schema) wireSchema {
	w := wireSchema{Format: s.Format, References: s.References, Text: s.Text}
	if w.Format == Avro {
		w.Format = ""
	}
	return w
}

func (w *wireSchema) schema() Schema {
	s := Schema{Text: w.Text, Format: w.Format, References: w.References}
	if s.Format == "" {
		s.Format = Avro
	}
	return s
}

func (w *wireSchema) registered() Registered {
	return Registered{Schema: w.schema(), Subject: w.Subject, ID: w.ID, Version: w.Version}
}

// Register registers a schema under a subject and returns its id. One that is there already
// keeps its id.
func (c *Client) Register(ctx context.Context, subject string, s Schema, normalize bool) (uint32, error) {
	var out wireSchema
	err := c.call(ctx, "register schema under subject "+subject, http.MethodPost,
		"/subjects/"+url.PathEscape(subject)+"/versions?normalize="+strconv.FormatBool(normalize), requestOf(s), &out)
	return out.ID, err
}

// LookUp finds a schema under a subject.
func (c *Client) LookUp(ctx context.Context, subject string, s Schema, normalize bool) (Registered, error) {
	var out wireSchema
	err := c.call(ctx, "look up schema under subject "+subject, http.MethodPost,
		"/subjects/"+url.PathEscape(subject)+"?normalize="+strconv.FormatBool(normalize)+"&deleted=false", requestOf(s), &out)
	return out.registered(), err
}

// ByID returns the schema of an id. subject, if not empty, lets registries with contexts or
// rights per subject decide.
func (c *Client) ByID(ctx context.Context, id uint32, subject string) (Schema, error) {
	var out wireSchema
	path := "/schemas/ids/" + strconv.FormatUint(uint64(id), 10) + "?fetchMaxId=false"
	if subject != "" {
		path += "&subject=" + url.QueryEscape(subject)
	}
	err := c.call(ctx, fmt.Sprintf("get schema %d", id), http.MethodGet, path, nil, &out)
	return out.schema(), err
}

// Version returns one version of a subject; 0 is the latest.
func (c *Client) Version(ctx context.Context, subject string, version int) (Registered, error) {
	name := "latest"
	if version > 0 {
		name = strconv.Itoa(version)
	}
	var out wireSchema
	err := c.call(ctx, "get version "+name+" of subject "+subject, http.MethodGet,
		"/subjects/"+url.PathEscape(subject)+"/versions/"+name, nil, &out)
	return out.registered(), err
}

// Compatible asks whether a schema may become the next version of a subject. A subject
// without versions takes every schema.
func (c *Client) Compatible(ctx context.Context, subject string, s Schema) (bool, error) {
	var out struct {
		Compatible bool `json:"is_compatible"`
	}
	err := c.call(ctx, "check compatibility with subject "+subject, http.MethodPost,
		"/compatibility/subjects/"+url.PathEscape(subject)+"/versions/latest", requestOf(s), &out)
	var e *Error
	if errors.As(err, &e) && e.NotFound() {
		return true, nil
	}
	return out.Compatible, err
}

// Compatibility returns the compatibility level of a subject, or the registry's own for "".
func (c *Client) Compatibility(ctx context.Context, subject string) (string, error) {
	var out struct {
		Level string `json:"compatibilityLevel"`
	}
	path := "/config"
	if subject != "" {
		path += "/" + url.PathEscape(subject)
	}
	err := c.call(ctx, "get compatibility level of "+subject, http.MethodGet, path, nil, &out)
	return out.Level, err
}

// SetCompatibility sets it (BACKWARD, FULL, NONE, ...).
func (c *Client) SetCompatibility(ctx context.Context, subject, level string) error {
	path := "/config"
	if subject != "" {
		path += "/" + url.PathEscape(subject)
	}
	return c.call(ctx, "set compatibility level of "+subject, http.MethodPut, path, map[string]string{"compatibility": level}, nil)
}

// call makes one request with a JSON body.
func (c *Client) call(ctx context.Context, op, method, path string, body, answer any) error {
	r := request{op: op, method: method, path: path, answer: answer}
	if body != nil {
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(body); err != nil {
			return err
		}
		r.body, r.header = buf.Bytes(), map[string]string{"Content-Type": contentType}
	}
	return c.send(ctx, &r)
}

// request is one call. answer is nil, a *string for the text as it is, or what JSON is read into.
type request struct {
	op, method, path string
	body             []byte
	header           map[string]string
	answer           any
}

// send makes one request, if need be to each of the registries, and again.
func (c *Client) send(ctx context.Context, r *request) error {
	wait := c.cfg.RetryWait
	for round := 0; ; round++ {
		err := c.round(ctx, r)
		if err == nil || !err.Retriable() || round >= c.cfg.Retries || ctx.Err() != nil {
			if err == nil {
				return nil
			}
			return err
		}
		if limit := c.cfg.MaxRetryWait; limit > 0 {
			wait = min(wait, limit)
		}
		t := time.NewTimer(time.Duration(rand.Int64N(int64(wait) + 1)))
		select {
		case <-ctx.Done():
			t.Stop()
			return err
		case <-t.C:
		}
		wait *= 2
	}
}

// round asks each registry once, until one answers.
func (c *Client) round(ctx context.Context, r *request) (err *Error) {
	first := int(c.first.Load())
	for i := range c.bases {
		at := (first + i) % len(c.bases)
		if err = c.ask(ctx, &c.bases[at], r); err == nil || !err.Retriable() {
			c.first.Store(int32(at))
			return err
		}
		if ctx.Err() != nil {
			return err
		}
	}
	return err
}

func (c *Client) ask(ctx context.Context, b *base, r *request) *Error {
	fail := func(err error) *Error {
		var u *url.Error // it would show the whole address again
		if errors.As(err, &u) {
			err = u.Err
		}
		return &Error{Op: r.op, URL: b.shown, Cause: err}
	}
	req, err := http.NewRequestWithContext(ctx, r.method, b.url+r.path, bytes.NewReader(r.body))
	if err != nil {
		return fail(err)
	}
	req.Header.Set("Accept", contentType+", application/vnd.schemaregistry+json, application/json")
	for k, v := range r.header {
		req.Header.Set(k, v)
	}
	switch {
	case c.cfg.Token.Reveal() != "":
		req.Header.Set("Authorization", "Bearer "+c.cfg.Token.Reveal())
	case b.user != "":
		req.SetBasicAuth(b.user, b.password)
	}
	for k, v := range c.cfg.Headers {
		req.Header.Set(k, v)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fail(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes+1))
	switch {
	case err != nil:
		return fail(err)
	case len(raw) > maxAnswerBytes:
		return &Error{Op: r.op, URL: b.shown, Status: http.StatusUnprocessableEntity, Message: "the answer is too long"}
	case res.StatusCode/100 == 2:
		if text, ok := r.answer.(*string); ok {
			*text = string(raw)
			return nil
		}
		if r.answer == nil || len(raw) == 0 {
			return nil
		}
		if err := json.Unmarshal(raw, r.answer); err != nil {
			return &Error{Op: r.op, URL: b.shown, Status: http.StatusUnprocessableEntity, Message: "the answer is not what a schema registry says: " + err.Error()}
		}
		return nil
	}
	e := &Error{Op: r.op, URL: b.shown, Status: res.StatusCode, Code: res.StatusCode}
	var said struct {
		Code    int    `json:"error_code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &said) == nil && said.Message != "" {
		e.Message = said.Message
		if said.Code != 0 {
			e.Code = said.Code
		}
	} else {
		e.Message = "HTTP status " + res.Status
	}
	if len(e.Message) > maxMessage {
		e.Message = e.Message[:maxMessage] + "..."
	}
	return e
}
