package keystore

import (
	"crypto"
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"testing"
)

func file(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func opened(store string) Passwords { return Passwords{Store: store, HasStore: true} }

func openedKey(store, key string) Passwords {
	return Passwords{Store: store, HasStore: true, Key: key, HasKey: true}
}

// The files are keytool's (JDK 17, and with keystore.pkcs12.legacy) and openssl 3's (and with -legacy).
func TestRead_KeysOfKeytoolAndOpenSSL(t *testing.T) {
	for _, c := range []struct {
		file string
		p    Passwords
		cn   string
		len  int
	}{
		{"key.jks", openedKey("storepw", "keypass"), "localhost", 1},
		{"key.jks", Passwords{Key: "keypass", HasKey: true}, "localhost", 1}, // null store password: not checked
		{"key.p12", opened("storepw"), "localhost", 1},
		{"key.p12", openedKey("storepw", "storepw"), "localhost", 1},
		{"legacy.p12", opened("storepw"), "localhost", 1},
		{"openssl.p12", opened("storepw"), "localhost", 1},
		{"openssl-legacy.p12", opened("storepw"), "localhost", 1},
		{"openssl-rc2.p12", opened("p"), "localhost", 1},
		{"chain.p12", opened("storepw"), "leaf", 2},
		{"chain.jks", openedKey("storepw", "keypass"), "leaf", 2},
	} {
		s, err := Read(file(t, c.file), c.p, true)
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		cert, err := s.Certificate()
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		if cert.Leaf.Subject.CommonName != c.cn || len(cert.Certificate) != c.len {
			t.Errorf("%s: %s with %d certificates", c.file, cert.Leaf.Subject.CommonName, len(cert.Certificate))
		}
		if _, err := s.Roots(); err != nil {
			t.Errorf("%s: %v", c.file, err)
		}
	}
}

func TestRead_TrustStores(t *testing.T) {
	for _, c := range []struct {
		file string
		p    Passwords
		why  string
	}{
		{"trust.jks", opened("storepw"), ""},
		{"trust.jks", Passwords{}, ""},
		{"trust.p12", opened("storepw"), ""},
		{"trust.p12", Passwords{}, "there is no trusted certificate in it"}, // as in Java: it stays closed
		{"legacy-trust.p12", opened("storepw"), ""},
		{"openssl-trust.p12", opened("storepw"), ""},
		{"key.jks", opened("storepw"), ""}, // the key stays closed
	} {
		s, err := Read(file(t, c.file), c.p, false)
		if err == nil {
			_, err = s.Roots()
		}
		if c.why == "" && err != nil || c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why)) {
			t.Errorf("%s: %v", c.file, err)
		}
	}
}

func TestRead_WrongPasswordsAreNamed(t *testing.T) {
	for _, c := range []struct {
		file string
		p    Passwords
		why  string
	}{
		{"key.jks", openedKey("wrong", "keypass"), "keystore password was incorrect"},
		{"key.jks", openedKey("storepw", "wrong"), `key of entry "mine": key password was incorrect`},
		{"key.jks", opened("storepw"), "key password was incorrect"},
		{"key.p12", opened("wrong"), "keystore password was incorrect"},
		{"key.p12", openedKey("storepw", "wrong"), "key password was incorrect"},
		{"legacy.p12", opened("wrong"), "keystore password was incorrect"},
		{"openssl-legacy.p12", openedKey("storepw", "wrong"), "key password was incorrect"},
		{"cert.pem", opened("x"), "set the type to PEM"},
		{"store_test", opened("x"), "neither"},
	} {
		data := []byte("no store at all")
		if c.file != "store_test" {
			data = file(t, c.file)
		}
		_, err := Read(data, c.p, true)
		if err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v", c.file, err)
		}
	}
	if _, err := Read(file(t, "key.p12"), opened("wrong"), true); !errors.Is(err, ErrPassword) {
		t.Errorf("%v", err)
	}
}

func TestReadPEM(t *testing.T) {
	chain := file(t, "chain.pem")
	for _, c := range []struct {
		file string
		p    Passwords
		why  string
	}{
		{"key.pem", Passwords{}, ""},
		{"key-sec1.pem", Passwords{}, ""},
		{"key-aes.pem", Passwords{Key: "keypass", HasKey: true}, ""},
		{"key-3des.pem", Passwords{Key: "keypass", HasKey: true}, ""},
		{"key-aes.pem", Passwords{}, "ssl.key.password is needed"},
		{"key-aes.pem", Passwords{Key: "wrong", HasKey: true}, "key password was incorrect"},
	} {
		s, err := ReadPEM(file(t, c.file), chain, c.p)
		if c.why != "" {
			if err == nil || !strings.Contains(err.Error(), c.why) {
				t.Errorf("%s: %v", c.file, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		cert, err := s.Certificate()
		if err != nil || len(cert.Certificate) != 2 {
			t.Errorf("%s: %v", c.file, err)
		}
	}
	both := append(append([]byte(nil), file(t, "key.pem")...), chain...)
	if s, err := ReadPEM(both, nil, Passwords{}); err != nil || len(s.Keys) != 1 || len(s.Keys[0].Chain) != 2 {
		t.Errorf("%v %v", s, err)
	}
	s, err := ReadPEM(file(t, "key.pem"), file(t, "cert.pem"), Passwords{})
	if err != nil {
		t.Fatal(err)
	}
	// chain.pem and cert.pem have the same key; a foreign one is refused.
	s.Keys[0].Key = foreignKey(t)
	if _, err := s.Certificate(); err == nil || !strings.Contains(err.Error(), "does not belong") {
		t.Errorf("%v", err)
	}
}

func foreignKey(t *testing.T) crypto.PrivateKey {
	t.Helper()
	s, err := Read(file(t, "key.jks"), openedKey("storepw", "keypass"), true)
	if err != nil {
		t.Fatal(err)
	}
	return s.Keys[0].Key
}

// FuzzRead looks for panics and endless work in stores from outside.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"key.jks", "trust.jks", "chain.jks", "key.p12", "trust.p12", "legacy.p12", "openssl.p12", "openssl-legacy.p12", "openssl-rc2.p12"} {
		f.Add(file(f, name), "storepw")
	}
	f.Fuzz(func(t *testing.T, data []byte, password string) {
		for _, p := range []Passwords{opened(password), {}} {
			if s, err := Read(data, p, true); err == nil {
				_, _ = s.Certificate() // only panics count
				_, _ = s.Roots()
			}
		}
	})
}

// FuzzReadPEM looks for panics.
func FuzzReadPEM(f *testing.F) {
	for _, name := range []string{"key-aes.pem", "key-3des.pem", "key-sec1.pem", "chain.pem"} {
		f.Add(file(f, name), "keypass")
	}
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{0x30}}), "")
	f.Fuzz(func(t *testing.T, data []byte, password string) {
		if s, err := ReadPEM(data, nil, Passwords{Key: password, HasKey: true}); err == nil {
			_, _ = s.Certificate()
			_, _ = s.Roots()
		}
	})
}
