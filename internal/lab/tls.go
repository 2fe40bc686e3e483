package lab

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// ServeTLS switches TLS on, with a certificate for 127.0.0.1 of its own making
// that runs out at a time, and returns the file to verify it with (sslrootcert).
// Connections without TLS go on being served.
func (n *Node) ServeTLS(ctx context.Context, until time.Time) (root string, err error) {
	root = filepath.Join(n.data(), "server.crt")
	if err := n.makeCertificate(root, filepath.Join(n.data(), "server.key"), until); err != nil {
		return "", fmt.Errorf("node %s: make a certificate: %w", n.Name, err)
	}
	if err := n.Exec(ctx, "ALTER SYSTEM SET ssl = on"); err != nil {
		return "", err
	}
	if err := n.Exec(ctx, "SELECT pg_reload_conf()"); err != nil {
		return "", err
	}
	for { // the postmaster reads its configuration when it comes to it
		conn, err := pgx.Connect(ctx, strings.Replace(n.DSN(), "sslmode=disable", "sslmode=require", 1))
		switch {
		case err == nil:
			closeSoon(conn)
			return root, nil
		case ctx.Err() != nil:
			return "", fmt.Errorf("node %s: waiting until TLS is on: %w", n.Name, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (n *Node) makeCertificate(certFile, keyFile string, until time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: n.Name + ".example"},
		NotBefore: until.AddDate(-1, 0, 0), NotAfter: until, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
		if err := n.home.pg.own(file); err != nil {
			return err
		}
	}
	return nil
}
