package keystore

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrPassword says that the password of a store is wrong, in Java's words.
var ErrPassword = errors.New("keystore password was incorrect")

// Entry is a private key with its certificates, the key's own first.
type Entry struct {
	Alias string
	Key   crypto.PrivateKey
	Chain []*x509.Certificate
}

// Store is what a file holds.
type Store struct {
	Keys []Entry
	// Trusted are the certificates that stand alone.
	Trusted []*x509.Certificate
}

// Passwords open a store. Java lets both be absent.
type Passwords struct {
	// Store is ssl.keystore.password or ssl.truststore.password; HasStore false is null.
	Store    string
	HasStore bool
	// Key is ssl.key.password; absent is the store's.
	Key    string
	HasKey bool
}

func (p Passwords) key() string {
	if p.HasKey {
		return p.Key
	}
	return p.Store
}

const (
	jksMagic   = 0xFEEDFEED
	jceksMagic = 0xCECECECE
)

// Read reads a JKS or PKCS12 store. Keys that the password does not open are an error only if
// withKeys, which trust stores do not need.
func Read(data []byte, p Passwords, withKeys bool) (*Store, error) {
	if len(data) >= 4 {
		switch binary.BigEndian.Uint32(data) {
		case jksMagic:
			return readJKS(data, p, withKeys)
		case jceksMagic:
			return nil, errors.New("a JCEKS store cannot be read; convert it with keytool -importkeystore -deststoretype PKCS12")
		}
	}
	if bytes.HasPrefix(data, []byte("-----BEGIN")) {
		return nil, errors.New("it is in PEM form; set the type to PEM")
	}
	if len(data) > 0 && data[0] == 0x30 {
		return readPKCS12(data, p, withKeys)
	}
	return nil, errors.New("it is neither a JKS nor a PKCS12 store")
}

// Certificate is the first key with its chain, for TLS.
func (s *Store) Certificate() (tls.Certificate, error) {
	for _, e := range s.Keys {
		if len(e.Chain) == 0 {
			continue
		}
		c := tls.Certificate{PrivateKey: e.Key, Leaf: e.Chain[0]}
		for _, x := range e.Chain {
			c.Certificate = append(c.Certificate, x.Raw)
		}
		pub, ok := e.Key.(interface{ Public() crypto.PublicKey })
		if !ok {
			return c, fmt.Errorf("the key of entry %q is of a kind that TLS does not use", e.Alias)
		}
		if eq, ok := e.Chain[0].PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !eq.Equal(pub.Public()) {
			return c, fmt.Errorf("the key of entry %q does not belong to its certificate", e.Alias)
		}
		return c, nil
	}
	return tls.Certificate{}, errors.New("there is no private key with a certificate in it")
}

// Roots are the certificates that the store makes trusted, as Java's trust managers see it:
// those that stand alone and the own certificate of each key.
func (s *Store) Roots() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	n := 0
	for _, c := range s.Trusted {
		pool.AddCert(c)
		n++
	}
	for _, e := range s.Keys {
		if len(e.Chain) > 0 {
			pool.AddCert(e.Chain[0])
			n++
		}
	}
	if n == 0 {
		return nil, errors.New("there is no trusted certificate in it")
	}
	return pool, nil
}
