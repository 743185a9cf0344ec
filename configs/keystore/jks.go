package keystore

import (
	"crypto/sha1"
	"crypto/subtle"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"
)

// keyProtector is Sun's own protection of keys in JKS.
var keyProtector = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 42, 2, 17, 1, 1}

const jksWhitener = "Mighty Aphrodite"

// jksReader reads Java's DataOutput form; after the first error it gives zeros.
type jksReader struct {
	data []byte
	err  error
}

func (r *jksReader) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.data) {
		if r.err == nil {
			r.err = errors.New("the store ends too early")
		}
		return nil
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

func (r *jksReader) u32() int {
	if b := r.take(4); b != nil {
		return int(int32(binary.BigEndian.Uint32(b)))
	}
	return 0
}

func (r *jksReader) utf() string {
	b := r.take(2)
	if b == nil {
		return ""
	}
	return string(r.take(int(binary.BigEndian.Uint16(b))))
}

func (r *jksReader) cert(version int) *x509.Certificate {
	if version == 2 {
		if kind := r.utf(); r.err == nil && kind != "X.509" {
			r.err = errors.New("a certificate in it is not X.509")
		}
	}
	raw := r.take(r.u32())
	if r.err != nil {
		return nil
	}
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		r.err = fmt.Errorf("a certificate in it is damaged: %w", err)
	}
	return c
}

// readJKS reads a store of Java's older format.
func readJKS(data []byte, p Passwords, withKeys bool) (*Store, error) {
	const digest = sha1.Size
	if len(data) < 12+digest {
		return nil, errors.New("the store ends too early")
	}
	body, sum := data[:len(data)-digest], data[len(data)-digest:]
	if p.HasStore {
		h := sha1.New()
		h.Write(javaPassword(p.Store))
		h.Write([]byte(jksWhitener))
		h.Write(body)
		if subtle.ConstantTimeCompare(h.Sum(nil), sum) != 1 {
			return nil, fmt.Errorf("%w, or the file is damaged", ErrPassword)
		}
	}
	r := &jksReader{data: body[4:]}
	version := r.u32()
	if version != 1 && version != 2 {
		return nil, fmt.Errorf("version %d of the JKS format is not known", version)
	}
	s := &Store{}
	for n := r.u32(); n > 0 && r.err == nil; n-- {
		switch tag := r.u32(); tag {
		case 1:
			e := Entry{Alias: r.utf()}
			r.take(8) // its time
			sealed := r.take(r.u32())
			for c := r.u32(); c > 0 && r.err == nil; c-- {
				if x := r.cert(version); x != nil {
					e.Chain = append(e.Chain, x)
				}
			}
			if r.err != nil {
				break
			}
			key, err := openJKSKey(sealed, p.key())
			switch {
			case err == nil:
				e.Key = key
			case withKeys:
				return nil, fmt.Errorf("key of entry %q: %w", e.Alias, err)
			}
			s.Keys = append(s.Keys, e)
		case 2:
			r.utf()
			r.take(8)
			if c := r.cert(version); c != nil {
				s.Trusted = append(s.Trusted, c)
			}
		default:
			return nil, fmt.Errorf("entries of kind %d are not known", tag)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return s, nil
}

func openJKSKey(sealed []byte, password string) (any, error) {
	var info struct {
		Algorithm struct {
			OID    asn1.ObjectIdentifier
			Params asn1.RawValue `asn1:"optional"`
		}
		Data []byte
	}
	if _, err := asn1.Unmarshal(sealed, &info); err != nil {
		return nil, errors.New("its form is damaged")
	}
	if !info.Algorithm.OID.Equal(keyProtector) {
		return nil, errors.New("its protection is not known")
	}
	const size = sha1.Size
	if len(info.Data) < 2*size {
		return nil, errors.New("its form is damaged")
	}
	salt, check := info.Data[:size], info.Data[len(info.Data)-size:]
	text := append([]byte(nil), info.Data[size:len(info.Data)-size]...)
	pass := javaPassword(password)
	round := salt
	for i := 0; i < len(text); i += size {
		h := sha1.New()
		h.Write(pass)
		h.Write(round)
		round = h.Sum(nil)
		subtle.XORBytes(text[i:], text[i:], round)
	}
	h := sha1.New()
	h.Write(pass)
	h.Write(text)
	if subtle.ConstantTimeCompare(h.Sum(nil), check) != 1 {
		return nil, errors.New("key password was incorrect")
	}
	return parseKey(text)
}

// javaPassword is a password as two bytes a character.
func javaPassword(s string) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u>>8), byte(u))
	}
	return out
}

func parseKey(der []byte) (any, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("it is of a kind that TLS does not use")
	}
	return key, nil
}
