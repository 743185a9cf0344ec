package keystore

import (
	"bytes"
	"crypto/subtle"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"unicode/utf16"
)

var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEncryptedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}
	oidKeyBag        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 1}
	oidShroudedKey   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}
	oidCertBag       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}
	oidX509          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 22, 1}
	oidFriendlyName  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 20}
	oidLocalKeyID    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 21}
	oidTrusted       = asn1.ObjectIdentifier{2, 16, 840, 1, 113894, 746875, 1, 1}
)

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"tag:0,explicit,optional"`
}

type pfx struct {
	Version  int
	AuthSafe contentInfo
	MAC      struct {
		Digest struct {
			Algorithm pkix.AlgorithmIdentifier
			Digest    []byte
		}
		Salt       []byte
		Iterations int `asn1:"optional,default:1"`
	} `asn1:"optional"`
}

type encryptedData struct {
	Version int
	Content struct {
		Type      asn1.ObjectIdentifier
		Algorithm pkix.AlgorithmIdentifier
		Data      asn1.RawValue `asn1:"tag:0,optional"`
	}
}

type safeBag struct {
	ID         asn1.ObjectIdentifier
	Value      asn1.RawValue `asn1:"tag:0,explicit"`
	Attributes []struct {
		ID     asn1.ObjectIdentifier
		Values asn1.RawValue `asn1:"set"`
	} `asn1:"set,optional"`
}

// pkcs12Bags are the contents of a file, before they are put together.
type pkcs12Bags struct {
	keys  []pkcs12Key
	certs []pkcs12Cert
}

type pkcs12Key struct {
	alias string
	id    []byte
	key   any // nil: the password does not open it
}

type pkcs12Cert struct {
	alias   string
	id      []byte
	trusted bool
	cert    *x509.Certificate
}

// readPKCS12 reads a PFX file. Without a password its encrypted parts are left out, as in Java.
func readPKCS12(data []byte, p Passwords, withKeys bool) (*Store, error) {
	var file pfx
	if err := unmarshal(data, &file); err != nil {
		return nil, err
	}
	if file.Version != 3 || !file.AuthSafe.Type.Equal(oidData) {
		return nil, errors.New("it is not a PKCS12 file of version 3 that a password protects")
	}
	var safe []byte
	if err := unmarshal(file.AuthSafe.Content.Bytes, &safe); err != nil {
		return nil, err
	}
	if p.HasStore && len(file.MAC.Digest.Algorithm.Algorithm) > 0 {
		m := file.MAC
		sum, err := macOf(m.Digest.Algorithm, m.Salt, m.Iterations, p.Store, safe)
		if err != nil {
			return nil, err
		}
		if subtle.ConstantTimeCompare(sum, m.Digest.Digest) != 1 {
			return nil, ErrPassword
		}
	}
	var parts []contentInfo
	if err := unmarshal(safe, &parts); err != nil {
		return nil, err
	}
	b := &pkcs12Bags{}
	for _, part := range parts {
		text, err := openPart(part, p)
		if err != nil {
			return nil, err
		}
		if text == nil {
			continue
		}
		if err := b.add(text, p, withKeys); err != nil {
			return nil, err
		}
	}
	return b.store(), nil
}

// openPart returns the bags of one part; nil if they are encrypted and there is no password.
func openPart(part contentInfo, p Passwords) ([]byte, error) {
	switch {
	case part.Type.Equal(oidData):
		var text []byte
		return text, unmarshal(part.Content.Bytes, &text)
	case part.Type.Equal(oidEncryptedData):
		if !p.HasStore {
			return nil, nil
		}
		var e encryptedData
		if err := unmarshal(part.Content.Bytes, &e); err != nil {
			return nil, err
		}
		if e.Content.Data.IsCompound {
			return nil, errDamaged
		}
		return decrypt(e.Content.Algorithm, e.Content.Data.Bytes, p.Store)
	}
	return nil, fmt.Errorf("content of type %s cannot be read", part.Type)
}

func (b *pkcs12Bags) add(text []byte, p Passwords, withKeys bool) error {
	var bags []safeBag
	if err := unmarshal(text, &bags); err != nil {
		return err
	}
	for _, bag := range bags {
		var alias string
		var id []byte
		trusted := false
		for _, a := range bag.Attributes {
			switch {
			case a.ID.Equal(oidFriendlyName):
				alias = bmpString(a.Values.Bytes)
			case a.ID.Equal(oidLocalKeyID):
				if err := unmarshal(a.Values.Bytes, &id); err != nil {
					return err
				}
			case a.ID.Equal(oidTrusted):
				trusted = true
			}
		}
		switch {
		case bag.ID.Equal(oidCertBag):
			c, err := certOf(bag.Value.Bytes)
			if err != nil {
				return err
			}
			b.certs = append(b.certs, pkcs12Cert{alias, id, trusted, c})
		case bag.ID.Equal(oidKeyBag), bag.ID.Equal(oidShroudedKey):
			key, err := openBagKey(bag, p)
			if err != nil && withKeys {
				return fmt.Errorf("key of entry %q: %w", alias, err)
			}
			b.keys = append(b.keys, pkcs12Key{alias, id, key})
		}
	}
	return nil
}

func openBagKey(bag safeBag, p Passwords) (any, error) {
	der := bag.Value.Bytes
	if bag.ID.Equal(oidShroudedKey) {
		var err error
		if der, err = openPKCS8(der, p.key()); err != nil {
			if errors.Is(err, ErrPassword) {
				err = errors.New("key password was incorrect")
			}
			return nil, err
		}
	}
	return parseKey(der)
}

// openPKCS8 decrypts an EncryptedPrivateKeyInfo.
func openPKCS8(der []byte, password string) ([]byte, error) {
	var sealed struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	if err := unmarshal(der, &sealed); err != nil {
		return nil, err
	}
	return decrypt(sealed.Algorithm, sealed.Data, password)
}

func certOf(der []byte) (*x509.Certificate, error) {
	var bag struct {
		ID   asn1.ObjectIdentifier
		Data []byte `asn1:"tag:0,explicit"`
	}
	if err := unmarshal(der, &bag); err != nil {
		return nil, err
	}
	if !bag.ID.Equal(oidX509) {
		return nil, errors.New("a certificate in it is not X.509")
	}
	c, err := x509.ParseCertificate(bag.Data)
	if err != nil {
		return nil, fmt.Errorf("a certificate in it is damaged: %w", err)
	}
	return c, nil
}

func bmpString(der []byte) string {
	var v asn1.RawValue
	if _, err := asn1.Unmarshal(der, &v); err != nil {
		return ""
	}
	var units []uint16
	for i := 0; i+1 < len(v.Bytes); i += 2 {
		units = append(units, uint16(v.Bytes[i])<<8|uint16(v.Bytes[i+1]))
	}
	return string(utf16.Decode(units))
}

// store puts keys and certificates together: a key's own certificate has its id, the rest of the
// chain follows the issuers. What Java marked as trusted is; in a file that has neither marks
// nor keys, which other tools write, every certificate is.
func (b *pkcs12Bags) store() *Store {
	s := &Store{}
	marked := false
	for _, c := range b.certs {
		if c.trusted {
			marked = true
			s.Trusted = append(s.Trusted, c.cert)
		}
	}
	if !marked && len(b.keys) == 0 {
		for _, c := range b.certs {
			s.Trusted = append(s.Trusted, c.cert)
		}
	}
	for _, k := range b.keys {
		e := Entry{Alias: k.alias, Key: k.key}
		for _, c := range b.certs {
			if len(k.id) > 0 && bytes.Equal(c.id, k.id) {
				e.Chain = b.chain(c.cert)
				break
			}
		}
		s.Keys = append(s.Keys, e)
	}
	return s
}

func (b *pkcs12Bags) chain(leaf *x509.Certificate) []*x509.Certificate {
	chain := []*x509.Certificate{leaf}
	for len(chain) <= len(b.certs) {
		last := chain[len(chain)-1]
		if bytes.Equal(last.RawIssuer, last.RawSubject) {
			break
		}
		var next *x509.Certificate
		for _, c := range b.certs {
			if bytes.Equal(c.cert.RawSubject, last.RawIssuer) {
				next = c.cert
				break
			}
		}
		if next == nil {
			break
		}
		chain = append(chain, next)
	}
	return chain
}
