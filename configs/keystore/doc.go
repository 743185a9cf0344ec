// Package keystore reads the files in which Java keeps keys and certificates for TLS: JKS,
// PKCS12 (as keytool and openssl write it, old and new encryption) and PEM (CW-89, CW-464).
//
// It only reads, and only bytes that the caller has: no file is opened here. The type that the
// configuration names counts for PEM alone; JKS and PKCS12 are told apart by their first bytes, as
// Java's keystore.type.compat does. Nothing in an error comes from inside of an entry; passwords are never shown.
//
// Not here: JCEKS, BKS, PKCS11, scrypt and files in BER that is not DER; they are refused with a way out.
package keystore
