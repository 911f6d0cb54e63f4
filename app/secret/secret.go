// Package secret makes and recognises what must never be stored as it is: tokens of one-time links, registration
// codes, session ids. It keeps hashes; a token exists in the mail it was minted for and nowhere else.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"sync/atomic"

	"kontor/app/entry"
	"kontor/app/fault"
)

// TokenBytes is the entropy of a token: 256 bits.
const TokenBytes = 32

// NewToken returns 32 random bytes as 43 characters of base64url.
func NewToken() string {
	b := make([]byte, TokenBytes)
	_, _ = rand.Read(b) // never fails: crypto/rand
	return base64.RawURLEncoding.EncodeToString(b)
}

// HashToken is what is stored of a token: SHA-256, in hex. A token has enough entropy to need no key or salt.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Alphabet has no two characters that can be taken for each other in print, on a screen or on the telephone:
// RFC 8628 §6.1's consonants (no vowels: no words) without B, D, K, L, N, S, T, Z, and the digits without 0 and 1.
const Alphabet = "23456789CFGHJMPQRVWX"

// CodeLength is the number of characters of a code: 20^8, 34.5 bits.
const CodeLength = 8

// NewCode returns a code of CodeLength characters, each equally likely.
func NewCode() string {
	var b strings.Builder
	buf := make([]byte, 1)
	for b.Len() < CodeLength {
		_, _ = rand.Read(buf)
		if int(buf[0]) < 256-256%len(Alphabet) { // reject the rest: no bias
			b.WriteByte(Alphabet[int(buf[0])%len(Alphabet)])
		}
	}
	return b.String()
}

// ShowCode writes a code the way people read it: XXXX-XXXX.
func ShowCode(code string) string { return code[:CodeLength/2] + "-" + code[CodeLength/2:] }

// ErrCode is the complaint about text that can't be a code.
var ErrCode = fault.At("code", "code.malformed")

// ParseCode reads what a person typed, cleaned as entry.Key does: lower case, blanks and hyphens are fine, every other foreign character is
// refused, not dropped, since dropping would turn a typing error into another code. It returns ErrCode.
func ParseCode(typed string) (string, error) {
	var b strings.Builder
	for _, r := range strings.ToUpper(entry.Key(typed)) {
		switch {
		case r == ' ', r == '-':
		case r < 128 && strings.ContainsRune(Alphabet, r):
			b.WriteRune(r)
		default:
			return "", ErrCode
		}
	}
	if b.Len() != CodeLength {
		return "", ErrCode
	}
	return b.String(), nil
}

// Key is the program's secret (setting SECRET_KEY) with the ones that it had before (SECRET_KEY_PREVIOUS): what was made under
// any of them is understood, and new things are made under one. Everything keyed is derived from it by purpose. Copies of
// a Key are one and the same.
type Key struct{ ring *ring }

type ring struct {
	keys [][]byte     // the current one first
	mint atomic.Int32 // which of them makes new things
}

// NewKey takes the 32 bytes of SECRET_KEY, and of those before it, the latest first.
func NewKey(current []byte, previous ...[]byte) (Key, error) {
	r := &ring{}
	for _, raw := range append([][]byte{current}, previous...) {
		if len(raw) != 32 {
			return Key{}, errors.New("secret key: want 32 bytes")
		}
		r.keys = append(r.keys, append([]byte(nil), raw...))
	}
	return Key{ring: r}, nil
}

// MAC is the keyed hash (HMAC-SHA-256, hex) of the parts, for one purpose: codes, addresses, CSRF tokens. What was made
// before is compared by Is, or looked for by MACs.
func (k Key) MAC(purpose string, parts ...string) string { return mac(k.minting(), purpose, parts) }

// MACs are the hashes under all keys, that under the current one first.
func (k Key) MACs(purpose string, parts ...string) []string {
	all := make([]string, 0, 2)
	for _, raw := range k.all() {
		all = append(all, mac(raw, purpose, parts))
	}
	return all
}

// Is says whether MAC made it for the same purpose and parts, under any of the keys.
func (k Key) Is(made, purpose string, parts ...string) bool {
	is := false
	for _, m := range k.MACs(purpose, parts...) {
		is = Equal(made, m) || is // all of them: the time says nothing
	}
	return is
}

// Lasting is MAC under the oldest of the keys. It is for what is counted under a name: the count goes on while the key
// changes, and begins anew when the old one is dropped.
func (k Key) Lasting(purpose string, parts ...string) string {
	all := k.all()
	return mac(all[len(all)-1], purpose, parts)
}

// MintWith says under which of the keys, 0 being the current one, new things are made from now on.
func (k Key) MintWith(i int) {
	if k.ring != nil && i >= 0 && i < len(k.ring.keys) {
		k.ring.mint.Store(int32(i)) //nolint:gosec // a few
	}
}

func (k Key) all() [][]byte {
	if k.ring == nil {
		return [][]byte{nil}
	}
	return k.ring.keys
}

func (k Key) minting() []byte {
	if k.ring == nil {
		return nil
	}
	return k.ring.keys[k.ring.mint.Load()]
}

func mac(raw []byte, purpose string, parts []string) string {
	mac := hmac.New(sha256.New, derive(raw, purpose))
	for _, p := range parts {
		sum := sha256.Sum256([]byte(p)) // fixed length: ("ab","c") is not ("a","bc")
		mac.Write(sum[:])
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// Equal compares two MACs or hashes in constant time.
func Equal(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }

// Seal encrypts (AES-256-GCM) for one purpose; Open is its inverse.
func (k Key) Seal(purpose string, plain []byte) ([]byte, error) {
	gcm, err := gcm(k.minting(), purpose)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, gcm.NonceSize())
	_, _ = rand.Read(nonce)
	return gcm.Seal(nonce, nonce, plain, nil), nil
}

// Open decrypts what Seal made for the same purpose, under any of the keys, and fails for anything else.
func (k Key) Open(purpose string, sealed []byte) (plain []byte, err error) {
	for _, raw := range k.all() {
		if plain, err = open(raw, purpose, sealed); err == nil {
			return plain, nil
		}
	}
	return nil, err
}

func open(raw []byte, purpose string, sealed []byte) ([]byte, error) {
	gcm, err := gcm(raw, purpose)
	if err != nil {
		return nil, err
	}
	if len(sealed) < gcm.NonceSize() {
		return nil, errors.New("secret: too short to be sealed")
	}
	return gcm.Open(nil, sealed[:gcm.NonceSize()], sealed[gcm.NonceSize():], nil)
}

func gcm(raw []byte, purpose string) (cipher.AEAD, error) {
	block, err := aes.NewCipher(derive(raw, purpose))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func derive(raw []byte, purpose string) []byte {
	mac := hmac.New(sha256.New, raw)
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}
