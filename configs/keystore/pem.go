package keystore

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// ReadPEM reads the text of a PEM store: a private key with its certificates, or certificates
// that are trusted. chain is the text with the certificates if they stand elsewhere.
func ReadPEM(text, chain []byte, p Passwords) (*Store, error) {
	s := &Store{}
	var key any
	var certs []*x509.Certificate
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch block.Type {
		case "CERTIFICATE":
			if chain == nil {
				c, err := x509.ParseCertificate(block.Bytes)
				if err != nil {
					return nil, fmt.Errorf("a certificate in it is damaged: %w", err)
				}
				certs = append(certs, c)
			}
		case "PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
			if key != nil {
				return nil, errors.New("there is more than one private key in it")
			}
			var err error
			if key, err = pemKey(block, p); err != nil {
				return nil, fmt.Errorf("private key: %w", err)
			}
		}
	}
	if chain != nil {
		c, err := Certificates(chain)
		if err != nil {
			return nil, err
		}
		certs = c
	}
	if key != nil {
		s.Keys = []Entry{{Alias: "kafka", Key: key, Chain: certs}}
	} else {
		s.Trusted = certs
	}
	return s, nil
}

// Certificates reads certificates in PEM form; none is an error.
func Certificates(text []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("a certificate in it is damaged: %w", err)
		}
		out = append(out, c)
	}
	if out == nil {
		return nil, errors.New("no certificate in PEM form found in it")
	}
	return out, nil
}

func pemKey(block *pem.Block, p Passwords) (any, error) {
	switch block.Type {
	case "RSA PRIVATE KEY", "EC PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" {
			return nil, errors.New("its old encryption cannot be read; convert it with openssl pkcs8 -topk8 -v2 aes-256-cbc")
		}
		if block.Type == "EC PRIVATE KEY" {
			if k, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
				return k, nil
			}
		} else if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
			return k, nil
		}
		return nil, errors.New("it is damaged")
	case "ENCRYPTED PRIVATE KEY":
		if !p.HasKey {
			return nil, errors.New("it is encrypted, so ssl.key.password is needed")
		}
		der, err := openPKCS8(block.Bytes, p.Key)
		if errors.Is(err, ErrPassword) {
			return nil, errors.New("key password was incorrect")
		}
		if err != nil {
			return nil, err
		}
		key, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil { // wrong passwords pass the padding once in 256 times
			return nil, errors.New("key password was incorrect, or it is of a kind that TLS does not use")
		}
		return key, nil
	}
	return parseKey(block.Bytes)
}
