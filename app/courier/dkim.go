package courier

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"
)

// DKIM holds the settings for signing mails (RFC 6376). All three must be set together; if none is set, mails are not
// signed.
type DKIM struct {
	Domain   string // DKIM_DOMAIN
	Selector string // DKIM_SELECTOR: the key's record is <selector>._domainkey.<domain>
	Key      string // DKIM_KEY: a private key in PEM, or its base64 alone
}

// signedHeaders are the fields that a signature covers. From, To, Subject, Date and Reply-To are listed twice, so that
// nobody can add a second one (RFC 6376 §8.15).
var signedHeaders = []string{
	"From", "From", "To", "To", "Subject", "Subject", "Date", "Date", "Message-ID", "Reply-To", "Reply-To", "MIME-Version",
	"Content-Type", "Auto-Submitted", messageHeader,
}

// minRSA is the shortest RSA key, in bits, that receivers take (RFC 8301 §3.2, which advises 2048).
const minRSA = 1024

var errDKIM = errors.New("DKIM_DOMAIN, DKIM_SELECTOR and DKIM_KEY belong together: set all three or none")

// options returns nil when mails are not signed. No error repeats the key.
func (d DKIM) options() (*dkim.SignOptions, error) {
	if d == (DKIM{}) {
		return nil, nil //nolint:nilnil // unsigned
	}
	if d.Domain == "" || d.Selector == "" || d.Key == "" {
		return nil, errDKIM
	}
	domain, err := dkimDomain(d.Domain)
	if err != nil {
		return nil, err
	}
	if err := CheckDKIMSelector(d.Selector); err != nil {
		return nil, err
	}
	key, err := dkimKey(d.Key)
	if err != nil {
		return nil, err
	}
	return &dkim.SignOptions{
		Domain: domain, Selector: d.Selector, Signer: key, Hash: crypto.SHA256, HeaderKeys: signedHeaders,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	}, nil
}

func dkimDomain(s string) (string, error) {
	domain, err := idna.Lookup.ToASCII(strings.TrimSuffix(s, "."))
	if err != nil || domain == "" || strings.ContainsAny(domain, " ;=") {
		return "", errors.New("DKIM_DOMAIN: want a domain such as example.org")
	}
	return domain, nil
}

// CheckDKIMDomain says whether s can be DKIM_DOMAIN; "" means none.
func CheckDKIMDomain(s string) error {
	if s == "" {
		return nil
	}
	_, err := dkimDomain(s)
	return err
}

// CheckDKIMSelector says whether s can be DKIM_SELECTOR; "" means none.
func CheckDKIMSelector(s string) error {
	if s == "" {
		return nil
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return errors.New("DKIM_SELECTOR: want letters, digits, hyphens and dots, such as kontor2026")
		}
	}
	return nil
}

// CheckDKIMKey says whether s can be DKIM_KEY; "" means none. The error never repeats s.
func CheckDKIMKey(s string) error {
	if s == "" {
		return nil
	}
	_, err := dkimKey(s)
	return err
}

var errDKIMKey = errors.New("DKIM_KEY: want a private key in PEM, RSA of 1024 bits or more (better 2048), or Ed25519")

// dkimKey reads a key in PKCS #8 or PKCS #1, either as PEM or as its base64 alone, which fits on one line.
func dkimKey(s string) (crypto.Signer, error) {
	var der []byte
	if block, _ := pem.Decode([]byte(strings.ReplaceAll(s, `\n`, "\n"))); block != nil {
		der = block.Bytes
	} else {
		var err error
		if der, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), "")); err != nil {
			return nil, errDKIMKey
		}
	}
	var key any
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		if key, err = x509.ParsePKCS1PrivateKey(der); err != nil {
			return nil, errDKIMKey
		}
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() < minRSA {
			return nil, errDKIMKey
		}
		return key, nil
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, errDKIMKey
}

// bytesOf returns a mail as bytes, with a DKIM signature if one is configured.
func (c *smtpTransport) bytesOf(msg *gomail.Msg) ([]byte, error) {
	var plain bytes.Buffer
	if _, err := msg.WriteTo(&plain); err != nil || c.sign == nil {
		return plain.Bytes(), err
	}
	options := *c.sign
	var signed bytes.Buffer
	if err := dkim.Sign(&signed, &plain, &options); err != nil {
		return nil, err
	}
	return signed.Bytes(), nil
}
