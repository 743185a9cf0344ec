package cluster

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Headers of a signed request between workers (CW-246).
const (
	SignatureHeader = "X-Connect-Authorization"
	AlgorithmHeader = "X-Connect-Request-Signature-Algorithm"
)

// SessionKey is the key that workers share through the config topic, in the record with the
// key "session-key" (CW-163).
type SessionKey struct {
	Key       []byte
	Algorithm string // of the key generator: inter.worker.key.generation.algorithm
	Created   int64  // creation-timestamp, milliseconds since 1970
}

// SignConfig are the keys inter.worker.* (CW-109).
type SignConfig struct {
	TTL          time.Duration // inter.worker.key.ttl.ms
	KeyAlgorithm string        // inter.worker.key.generation.algorithm
	KeySize      int           // inter.worker.key.size in bits as Java counts for HMAC keys; 0: the algorithm's own
	Algorithm    string        // inter.worker.signature.algorithm
	Verified     []string      // inter.worker.verification.algorithms
}

// DefaultSigning are Connect's defaults.
func DefaultSigning() SignConfig {
	return SignConfig{TTL: time.Hour, KeyAlgorithm: "HmacSHA256", Algorithm: "HmacSHA256", Verified: []string{"HmacSHA256"}}
}

// macs are the algorithms of Java's that we know, by lower-case name.
var macs = map[string]func() hash.Hash{
	"hmacmd5": md5.New, "hmacsha1": sha1.New, "hmacsha224": sha256.New224, "hmacsha256": sha256.New,
	"hmacsha384": sha512.New384, "hmacsha512": sha512.New,
	"hmacsha512/224": sha512.New512_224, "hmacsha512/256": sha512.New512_256,
}

// keyBytes is the length that Java's generators give without a size: that of the MAC, and 64
// for HmacMD5 and HmacSHA1.
func keyBytes(algorithm string) int {
	switch name := strings.ToLower(algorithm); name {
	case "hmacmd5", "hmacsha1":
		return 64
	default:
		return macs[name]().Size()
	}
}

// NewKey makes a session key (CW-247).
func (c SignConfig) NewKey(now time.Time) SessionKey {
	n := keyBytes(c.KeyAlgorithm)
	if c.KeySize > 0 {
		n = (c.KeySize + 7) / 8
	}
	k := SessionKey{Key: make([]byte, n), Algorithm: c.KeyAlgorithm, Created: now.UnixMilli()}
	_, _ = rand.Read(k.Key) // never fails: crypto/rand
	return k
}

// Expired tells whether a leader has to write a new key: there is none, its time is over, or
// it is not of the kind that is configured (CW-247).
func (c SignConfig) Expired(k *SessionKey, now time.Time) bool {
	if k == nil {
		return true
	}
	fresh := c.NewKey(now)
	return c.TTL > 0 && now.UnixMilli() >= k.Created+c.TTL.Milliseconds() ||
		k.Algorithm != c.KeyAlgorithm || len(k.Key) != len(fresh.Key)
}

// Signer signs requests and checks those of others with the newest key. Safe for concurrent
// use; a nil key means that none has been read yet.
type Signer struct {
	cfg SignConfig

	mu  sync.RWMutex // guards the field below
	key *SessionKey
}

// NewSigner makes one without a key.
func NewSigner(cfg SignConfig) *Signer { return &Signer{cfg: cfg} }

// SetKey takes the key that was read from the config topic.
func (s *Signer) SetKey(k *SessionKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = k
}

// Key is the key in force, or nil.
func (s *Signer) Key() *SessionKey {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.key
}

// NeedsKey tells whether this worker, being the leader, has to write a new key (CW-247).
func (s *Signer) NeedsKey(now time.Time) bool { return s.cfg.Expired(s.Key(), now) }

// NewKey makes one of the configured kind; it is in force when it has been read back.
func (s *Signer) NewKey(now time.Time) SessionKey { return s.cfg.NewKey(now) }

// Refusal is the answer to a request that is not signed as it should be (CW-248).
type Refusal struct {
	Status  int
	Message string
}

func (r *Refusal) Error() string { return r.Message }

// Sign adds the headers for a body (CW-246). A PUT without one signs zero bytes. Without a key
// nothing is added, as Connect does.
func (s *Signer) Sign(h http.Header, body []byte) {
	k := s.Key()
	if k == nil {
		return
	}
	h.Set(SignatureHeader, base64.StdEncoding.EncodeToString(mac(s.cfg.Algorithm, k.Key, body)))
	h.Set(AlgorithmHeader, s.cfg.Algorithm)
}

// Verify checks a request that another worker sent. It gives nil or a *Refusal. Below
// [Sessioned] nothing is to be checked (CW-248): ask [Version.Signed] first.
func (s *Signer) Verify(h http.Header, body []byte) error {
	text, algorithm := h.Get(SignatureHeader), h.Get(AlgorithmHeader)
	if text == "" || algorithm == "" {
		return &Refusal{http.StatusBadRequest, "Internal request missing required signature"}
	}
	if macs[strings.ToLower(algorithm)] == nil {
		return &Refusal{http.StatusBadRequest, "Algorithm " + algorithm + " not available"}
	}
	given, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return &Refusal{http.StatusBadRequest, "the signature is not base64"}
	}
	if !slices.Contains(s.cfg.Verified, algorithm) {
		return &Refusal{http.StatusBadRequest, fmt.Sprintf("This worker does not support the '%s' key signing algorithm used by other workers. "+
			"This worker is currently configured to use: [%s]. Check that all workers' configuration files permit the same set of signature algorithms, "+
			"and correct any misconfigured worker and restart it.", algorithm, strings.Join(s.cfg.Verified, ", "))}
	}
	k := s.Key()
	if k == nil {
		return &Refusal{http.StatusServiceUnavailable, "This worker is still starting up and has not been able to read a session key from the config topic yet"}
	}
	if !hmac.Equal(given, mac(algorithm, k.Key, body)) {
		return &Refusal{http.StatusForbidden, "Internal request contained invalid signature."}
	}
	return nil
}

func mac(algorithm string, key, body []byte) []byte {
	m := hmac.New(macs[strings.ToLower(algorithm)], key)
	m.Write(body)
	return m.Sum(nil)
}
