package courier

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"strings"
)

// readCA reads SMTP_CA: certificates in PEM, or the name of a file that holds them. They are trusted in addition to the
// system's certificates. If s is "", the result is nil: only the system's are trusted.
func readCA(s string) (*x509.CertPool, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // the system's
	}
	raw := []byte(s)
	if !strings.Contains(s, "-----BEGIN") {
		var err error
		if raw, err = os.ReadFile(s); err != nil { //nolint:gosec // the operator names the file
			return nil, errors.New("SMTP_CA: the file can't be read")
		}
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	found := false
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("SMTP_CA: a certificate in it can't be read")
		}
		pool.AddCert(certificate)
		found = true
	}
	if !found {
		return nil, errors.New("SMTP_CA: there is no certificate in it")
	}
	return pool, nil
}

// CheckCA says whether s can be SMTP_CA: PEM, or the name of a file of it; "" means none.
func CheckCA(s string) error {
	_, err := readCA(s)
	return err
}
