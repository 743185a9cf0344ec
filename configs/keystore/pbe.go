package keystore

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
	"math/big"
)

// maxIterations bounds the work that a file can ask for; keytool and openssl take 10,000 and less.
const maxIterations = 1_000_000

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBMAC1 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 14}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}

	hmacs = map[string]func() hash.Hash{
		"1.2.840.113549.2.7":  sha1.New,
		"1.2.840.113549.2.8":  sha256.New224,
		"1.2.840.113549.2.9":  sha256.New,
		"1.2.840.113549.2.10": sha512.New384,
		"1.2.840.113549.2.11": sha512.New,
	}
	digests = map[string]func() hash.Hash{
		"1.3.14.3.2.26":          sha1.New,
		"2.16.840.1.101.3.4.2.4": sha256.New224,
		"2.16.840.1.101.3.4.2.1": sha256.New,
		"2.16.840.1.101.3.4.2.2": sha512.New384,
		"2.16.840.1.101.3.4.2.3": sha512.New,
	}
	ciphers = map[string]struct {
		keyLen int
		make   func(key []byte) (cipher.Block, error)
	}{
		"2.16.840.1.101.3.4.1.2":  {16, aes.NewCipher},
		"2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
		"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher},
		"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher},
	}
	oldCiphers = map[string]struct {
		keyLen int
		make   func(key []byte) (cipher.Block, error)
	}{
		"1.2.840.113549.1.12.1.3": {24, des.NewTripleDESCipher},
		"1.2.840.113549.1.12.1.4": {16, twoKeyDES},
		"1.2.840.113549.1.12.1.5": {16, func(k []byte) (cipher.Block, error) { return newRC2(k, 128), nil }},
		"1.2.840.113549.1.12.1.6": {5, func(k []byte) (cipher.Block, error) { return newRC2(k, 40), nil }},
	}
	errDamaged = errors.New("the file is damaged, or not in DER form; write it anew with keytool -importkeystore")
)

func twoKeyDES(k []byte) (cipher.Block, error) {
	return des.NewTripleDESCipher(append(append([]byte(nil), k...), k[:8]...))
}

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

type pbes2Params struct {
	KDF    pkix.AlgorithmIdentifier
	Scheme pkix.AlgorithmIdentifier
}

func unmarshal(der []byte, into any) error {
	if rest, err := asn1.Unmarshal(der, into); err != nil || len(rest) > 0 {
		return errDamaged
	}
	return nil
}

func iterationsOK(n int) error {
	if n < 1 || n > maxIterations {
		return fmt.Errorf("%d rounds of key derivation are not accepted", n)
	}
	return nil
}

// deriveKey runs the key derivation that PBES2 and PBMAC1 name.
func deriveKey(kdf pkix.AlgorithmIdentifier, password string, size int) ([]byte, error) {
	if !kdf.Algorithm.Equal(oidPBKDF2) {
		return nil, fmt.Errorf("key derivation %s cannot be read; encrypt it with PBKDF2", kdf.Algorithm)
	}
	var p pbkdf2Params
	if err := unmarshal(kdf.Parameters.FullBytes, &p); err != nil {
		return nil, err
	}
	if err := iterationsOK(p.Iterations); err != nil {
		return nil, err
	}
	prf := sha1.New
	if len(p.PRF.Algorithm) > 0 {
		var ok bool
		if prf, ok = hmacs[p.PRF.Algorithm.String()]; !ok {
			return nil, fmt.Errorf("hash %s cannot be read", p.PRF.Algorithm)
		}
	}
	if size == 0 {
		size = p.KeyLength
	}
	if size < 1 || size > 128 {
		return nil, errDamaged
	}
	return pbkdf2.Key(prf, password, p.Salt, p.Iterations, size)
}

// decrypt undoes a password-based encryption. A wrong password shows as bad padding.
func decrypt(alg pkix.AlgorithmIdentifier, data []byte, password string) ([]byte, error) {
	var block cipher.Block
	var iv []byte
	if alg.Algorithm.Equal(oidPBES2) {
		var p pbes2Params
		if err := unmarshal(alg.Parameters.FullBytes, &p); err != nil {
			return nil, err
		}
		c, ok := ciphers[p.Scheme.Algorithm.String()]
		if !ok {
			return nil, fmt.Errorf("cipher %s cannot be read; encrypt it with AES", p.Scheme.Algorithm)
		}
		key, err := deriveKey(p.KDF, password, c.keyLen)
		if err != nil {
			return nil, err
		}
		if err := unmarshal(p.Scheme.Parameters.FullBytes, &iv); err != nil {
			return nil, err
		}
		if block, err = c.make(key); err != nil {
			return nil, errDamaged
		}
	} else {
		c, ok := oldCiphers[alg.Algorithm.String()]
		if !ok {
			return nil, fmt.Errorf("encryption %s cannot be read; encrypt it with AES", alg.Algorithm)
		}
		var p struct {
			Salt       []byte
			Iterations int
		}
		if err := unmarshal(alg.Parameters.FullBytes, &p); err != nil {
			return nil, err
		}
		if err := iterationsOK(p.Iterations); err != nil {
			return nil, err
		}
		pass := bmp(password)
		var err error
		if block, err = c.make(pkcs12KDF(sha1.New, pass, p.Salt, 1, p.Iterations, c.keyLen)); err != nil {
			return nil, errDamaged
		}
		iv = pkcs12KDF(sha1.New, pass, p.Salt, 2, p.Iterations, block.BlockSize())
	}
	size := block.BlockSize()
	if len(iv) != size || len(data) == 0 || len(data)%size != 0 {
		return nil, errDamaged
	}
	out := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, data)
	pad := int(out[len(out)-1])
	if pad < 1 || pad > size {
		return nil, ErrPassword
	}
	for _, b := range out[len(out)-pad:] {
		if int(b) != pad {
			return nil, ErrPassword
		}
	}
	return out[:len(out)-pad], nil
}

// bmp is a password as PKCS12's own key derivation takes it: two bytes a character and a zero at the end.
func bmp(s string) []byte { return append(javaPassword(s), 0, 0) }

// pkcs12KDF derives a key, an initial vector or a MAC key (RFC 7292, appendix B).
func pkcs12KDF(h func() hash.Hash, password, salt []byte, id byte, iterations, size int) []byte {
	v := h().BlockSize()
	fill := func(src []byte) []byte {
		if len(src) == 0 {
			return nil
		}
		out := make([]byte, (len(src)+v-1)/v*v)
		for i := range out {
			out[i] = src[i%len(src)]
		}
		return out
	}
	d := make([]byte, v)
	for i := range d {
		d[i] = id
	}
	in := append(fill(salt), fill(password)...)
	var out []byte
	one := big.NewInt(1)
	for len(out) < size {
		sum := h()
		sum.Write(d)
		sum.Write(in)
		a := sum.Sum(nil)
		for range iterations - 1 {
			sum.Reset()
			sum.Write(a)
			a = sum.Sum(a[:0])
		}
		out = append(out, a...)
		b := make([]byte, v)
		for i := range b {
			b[i] = a[i%len(a)]
		}
		add := new(big.Int).Add(new(big.Int).SetBytes(b), one)
		for i := 0; i+v <= len(in); i += v {
			x := new(big.Int).Add(new(big.Int).SetBytes(in[i:i+v]), add).Bytes()
			if len(x) > v {
				x = x[len(x)-v:]
			}
			clear(in[i : i+v])
			copy(in[i+v-len(x):i+v], x)
		}
	}
	return out[:size]
}

// macOf computes the MAC of a PKCS12 file.
func macOf(alg pkix.AlgorithmIdentifier, salt []byte, iterations int, password string, data []byte) ([]byte, error) {
	if alg.Algorithm.Equal(oidPBMAC1) {
		var p pbes2Params
		if err := unmarshal(alg.Parameters.FullBytes, &p); err != nil {
			return nil, err
		}
		h, ok := hmacs[p.Scheme.Algorithm.String()]
		if !ok {
			return nil, fmt.Errorf("hash %s cannot be read", p.Scheme.Algorithm)
		}
		key, err := deriveKey(p.KDF, password, 0)
		if err != nil {
			return nil, err
		}
		m := hmac.New(h, key)
		m.Write(data)
		return m.Sum(nil), nil
	}
	h, ok := digests[alg.Algorithm.String()]
	if !ok {
		return nil, fmt.Errorf("hash %s cannot be read", alg.Algorithm)
	}
	if err := iterationsOK(iterations); err != nil {
		return nil, err
	}
	m := hmac.New(h, pkcs12KDF(h, bmp(password), salt, 3, iterations, h().Size()))
	m.Write(data)
	return m.Sum(nil), nil
}
