package courier

import (
	"encoding/base32"
	"encoding/hex"
	"errors"
	"net/mail"
	"regexp"
	"strings"

	"github.com/gofrs/uuid/v5"

	"kontor/app/secret"
)

// messageHeader carries a mail's token. Unlike the Message-ID, servers on the way do not replace it.
const messageHeader = "X-Kontor-Message"

// A token identifies a message in reports about it. It is the id and 8 bytes of its keyed hash, in lower-case letters
// and digits, since some servers change the case of an address. Nobody else can make a token, so a report with a valid
// token is about a mail that was really sent.
const (
	tokenMAC    = 8
	tokenLength = 39 // (16 + tokenMAC) bytes in base32
)

// maxLocal is the maximum length of the part of an address before the @ (RFC 5321 §4.5.3.1.1).
const maxLocal = 64

var tokenCoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// tokens finds strings that may be tokens.
var tokens = regexp.MustCompile(`[a-zA-Z2-7]{39,}`)

func tokenOf(k secret.Key, id uuid.UUID) string {
	check, _ := hex.DecodeString(k.MAC("message", id.String())) // MAC is hex
	return tokenCoding.EncodeToString(append(id.Bytes(), check[:tokenMAC]...))
}

// readToken returns the id of the message that a token names; false if Kontor did not make the token.
func readToken(k secret.Key, s string) (uuid.UUID, bool) {
	if len(s) != tokenLength {
		return uuid.Nil, false
	}
	raw, err := tokenCoding.DecodeString(strings.ToLower(s))
	if err != nil || len(raw) != uuid.Size+tokenMAC {
		return uuid.Nil, false
	}
	id := uuid.FromBytesOrNil(raw[:uuid.Size])
	return id, secret.Equal(strings.ToLower(s), tokenOf(k, id))
}

// findToken returns the id of the message that the first valid token in a text names.
func findToken(k secret.Key, text string) (uuid.UUID, bool) {
	for _, candidate := range tokens.FindAllString(text, -1) {
		if id, ok := readToken(k, candidate); ok {
			return id, true
		}
	}
	return uuid.Nil, false
}

// returnPath is the address to which bounces of a mail are sent: BOUNCE_ADDRESS with a + and the mail's token.
type returnPath struct{ local, domain string }

func (p returnPath) of(token string) string { return p.local + "+" + token + "@" + p.domain }

var errBounceAddress = errors.New("BOUNCE_ADDRESS: want an address such as bounce@example.org, with at most 24 characters before the @")

// parseBounceAddress reads BOUNCE_ADDRESS; "" means none.
func parseBounceAddress(s string) (*returnPath, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // none is none
	}
	address, err := asciiAddress(s)
	if err != nil {
		return nil, errBounceAddress
	}
	local, domain, _ := cutAddress(address)
	if !isASCII(local) || strings.ContainsAny(local, " \"()<>,;:\\[]@") || len(local)+1+tokenLength > maxLocal {
		return nil, errBounceAddress
	}
	return &returnPath{local: local, domain: domain}, nil
}

// CheckBounceAddress says whether s can be BOUNCE_ADDRESS; "" means none.
func CheckBounceAddress(s string) error {
	_, err := parseBounceAddress(s)
	return err
}

// parseReplyTo reads REPLY_TO, an address with or without a name; "" means none.
func parseReplyTo(s string) (*mail.Address, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // none is none
	}
	a, err := mail.ParseAddress(s)
	if err == nil {
		a.Address, err = asciiAddress(a.Address)
	}
	if err != nil {
		return nil, errors.New(`REPLY_TO: want "Name <address@example.org>"`)
	}
	a.Name = oneLine(a.Name)
	return a, nil
}

// CheckReplyTo says whether s can be REPLY_TO; "" means none.
func CheckReplyTo(s string) error {
	_, err := parseReplyTo(s)
	return err
}
