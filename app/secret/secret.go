// Package secret creates and verifies values that must never be stored in plain text: tokens of one-time links,
// registration codes, session ids. Only their hashes are stored. A token exists only in the mail for which it was
// created.
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

// HashToken returns the hash that is stored instead of a token: SHA-256, in hex. A token has enough entropy to need no
// key or salt.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Alphabet has no two characters that can be confused in print, on a screen or on the telephone: the consonants of RFC
// 8628 §6.1 (no vowels, so no words) without B, D, K, L, N, S, T, Z, and the digits without 0 and 1.
const Alphabet = "23456789CFGHJMPQRVWX"

// CodeLength is the number of characters of a code: 20^8, 34.5 bits.
const CodeLength = 8

// NewCode returns a code of CodeLength characters, each equally likely.
func NewCode() string {
	var b strings.Builder
	buf := make([]byte, 1)
	for b.Len() < CodeLength {
		_, _ = rand.Read(buf)
		if int(buf[0]) < 256-256%len(Alphabet) { // reject the other values to avoid a bias
			b.WriteByte(Alphabet[int(buf[0])%len(Alphabet)])
		}
	}
	return b.String()
}

// ShowCode writes a code the way people read it: XXXX-XXXX.
func ShowCode(code string) string { return code[:CodeLength/2] + "-" + code[CodeLength/2:] }

// ErrCode is the error for text that can't be a code.
var ErrCode = fault.At("code", "code.malformed")

// ParseCode reads a code that a person typed, cleaned as entry.Key does. Lower case, blanks and hyphens are accepted.
// Every other foreign character is refused, not dropped, since dropping would turn a typing error into another code. It
// returns ErrCode.
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

// Key is the program's secret (setting SECRET_KEY) together with its earlier ones (SECRET_KEY_PREVIOUS). Values that
// were made with any of them are accepted; new values are made with one of them. For each purpose a key is derived from
// the secret. Copies of a Key share their state.
type Key struct{ ring *ring }

type ring struct {
	keys [][]byte     // the current one first
	mint atomic.Int32 // index of the key for new values
}

// NewKey takes the 32 bytes of SECRET_KEY and those of the earlier keys, the latest first.
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

// MAC returns the keyed hash (HMAC-SHA-256, hex) of the parts, for one purpose: codes, addresses, CSRF tokens. Use Is
// to compare an existing hash, or MACs to look one up.
func (k Key) MAC(purpose string, parts ...string) string { return mac(k.minting(), purpose, parts) }

// MACs returns the hashes under all keys, the one under the current key first.
func (k Key) MACs(purpose string, parts ...string) []string {
	all := make([]string, 0, 2)
	for _, raw := range k.all() {
		all = append(all, mac(raw, purpose, parts))
	}
	return all
}

// Is says whether made is the MAC of the same purpose and parts, under any of the keys.
func (k Key) Is(made, purpose string, parts ...string) bool {
	is := false
	for _, m := range k.MACs(purpose, parts...) {
		is = Equal(made, m) || is // always check all of them, so that the duration reveals nothing
	}
	return is
}

// Lasting is MAC under the oldest key. It is for counters that are stored under a name: counting goes on while the key
// changes, and starts again when the oldest key is dropped.
func (k Key) Lasting(purpose string, parts ...string) string {
	all := k.all()
	return mac(all[len(all)-1], purpose, parts)
}

// MintWith selects the key with which new values are made from now on; 0 is the current one.
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
