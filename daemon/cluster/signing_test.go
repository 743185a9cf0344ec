package cluster

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

func keyed(cfg SignConfig) *Signer {
	s := NewSigner(cfg)
	k := &SessionKey{Algorithm: "HmacSHA256"}
	for i := range 32 {
		k.Key = append(k.Key, byte(i))
	}
	s.SetKey(k)
	return s
}

func TestSigner_Vectors(t *testing.T) { // CW-246
	s := keyed(DefaultSigning())
	for body, want := range map[string]string{
		"[]": "RFz4uuvEwRyKDg2eLYkj6DfD/GYfMQFAut0Di01ZS3o=",
		"":   "04tCCW2A9F+Ca0Sp1WB95ySWpBXT9KGoyI47udqNwcs=",
	} {
		h := http.Header{}
		s.Sign(h, []byte(body))
		if got := h.Get("X-Connect-Authorization"); got != want {
			t.Errorf("body %q: %s, want %s", body, got, want)
		}
		if got := h.Get("X-Connect-Request-Signature-Algorithm"); got != "HmacSHA256" {
			t.Errorf("algorithm %q", got)
		}
		if err := s.Verify(h, []byte(body)); err != nil {
			t.Errorf("body %q: %v", body, err)
		}
	}
}

func TestSigner_Refusals(t *testing.T) { // CW-248
	s := keyed(DefaultSigning())
	signed := http.Header{}
	s.Sign(signed, []byte("[]"))
	other := http.Header{}
	keyed(SignConfig{Algorithm: "HmacSHA512"}).Sign(other, []byte("[]"))
	for _, c := range []struct {
		name   string
		signer *Signer
		header http.Header
		body   string
		status int
		text   string
	}{
		{"no signature", s, http.Header{}, "[]", 400, "Internal request missing required signature"},
		{"no algorithm", s, http.Header{SignatureHeader: signed[SignatureHeader]}, "[]", 400, "Internal request missing required signature"},
		{"algorithm not allowed", s, other, "[]", 400, "This worker does not support the 'HmacSHA512' key signing algorithm used by other workers. This worker is currently configured to use: [HmacSHA256]. Check that all workers' configuration files permit the same set of signature algorithms, and correct any misconfigured worker and restart it."},
		{"algorithm unknown", s, http.Header{SignatureHeader: {"AAAA"}, AlgorithmHeader: {"X"}}, "[]", 400, "Algorithm X not available"},
		{"not base64", s, http.Header{SignatureHeader: {"*"}, AlgorithmHeader: {"HmacSHA256"}}, "[]", 400, "the signature is not base64"},
		{"no key yet", NewSigner(DefaultSigning()), signed, "[]", 503, "This worker is still starting up and has not been able to read a session key from the config topic yet"},
		{"another body", s, signed, "[{}]", 403, "Internal request contained invalid signature."},
	} {
		var r *Refusal
		if err := c.signer.Verify(c.header, []byte(c.body)); !errors.As(err, &r) || r.Status != c.status || r.Message != c.text {
			t.Errorf("%s: %v (%+v)", c.name, err, r)
		}
	}
	unsigned := http.Header{}
	NewSigner(DefaultSigning()).Sign(unsigned, nil)
	if len(unsigned) > 0 {
		t.Errorf("signed without a key: %v", unsigned)
	}
}

func TestSignConfig_KeyRotation(t *testing.T) { // CW-247
	now := time.UnixMilli(1_700_000_000_000)
	c := DefaultSigning()
	k := c.NewKey(now)
	if len(k.Key) != 32 || k.Algorithm != "HmacSHA256" || k.Created != now.UnixMilli() {
		t.Fatalf("key %+v", k)
	}
	other := c
	other.KeyAlgorithm = "HmacSHA512"
	sized := c
	sized.KeySize = 512
	forever := c
	forever.TTL = 0
	for _, w := range []struct {
		name    string
		c       SignConfig
		k       *SessionKey
		at      time.Time
		expired bool
	}{
		{"no key", c, nil, now, true},
		{"new", c, &k, now, false},
		{"nearly over", c, &k, now.Add(time.Hour - time.Millisecond), false},
		{"over", c, &k, now.Add(time.Hour), true},
		{"another algorithm", other, &k, now, true},
		{"another size", sized, &k, now, true},
		{"no rotation", forever, &k, now.Add(1000 * time.Hour), false},
	} {
		if got := w.c.Expired(w.k, w.at); got != w.expired {
			t.Errorf("%s: expired %v", w.name, got)
		}
	}
	if n := len(sized.NewKey(now).Key); n != 64 {
		t.Errorf("512 bits are %d bytes", n)
	}
}
