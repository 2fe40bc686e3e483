package archive

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Sign writes a detached Ed25519 signature of the manifest. The key is PKCS #8
// PEM, as "openssl genpkey -algorithm ed25519" writes it.
func Sign(dir, keyFile string) error {
	block, err := readPEM(keyFile, "PRIVATE KEY")
	if err != nil {
		return err
	}
	key, err := x509.ParsePKCS8PrivateKey(block)
	if err != nil {
		return errors.New("holds no PKCS #8 private key")
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return fmt.Errorf("holds a key of another kind (%T): expected Ed25519", key)
	}
	data, err := os.ReadFile(filepath.Join(dir, Manifest))
	if err != nil {
		return err
	}
	text := base64.StdEncoding.EncodeToString(ed25519.Sign(private, data)) + "\n"
	return write(filepath.Join(dir, Signature), []byte(text), false)
}

// CheckSignature returns nil when the manifest carries a signature of the
// public key in a PEM file, as "openssl pkey -pubout" writes it.
func CheckSignature(dir, keyFile string) (*Fault, error) {
	block, err := readPEM(keyFile, "PUBLIC KEY")
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKIXPublicKey(block)
	if err != nil {
		return nil, errors.New("holds no public key")
	}
	public, ok := key.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("holds a key of another kind (%T): expected Ed25519", key)
	}
	data, err := os.ReadFile(filepath.Join(dir, Manifest))
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, Signature))
	if err != nil {
		return &Fault{Kind: "signature", File: Signature, Text: "the signature is missing"}, nil
	}
	sig, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || !ed25519.Verify(public, data, sig) {
		return &Fault{Kind: "signature", File: Signature, Text: "is not this key's signature of the manifest"}, nil
	}
	return nil, nil
}

func readPEM(file, kind string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			return nil, fmt.Errorf("holds no PEM block %q", kind)
		}
		if block.Type == kind {
			return block.Bytes, nil
		}
		data = rest
	}
}
