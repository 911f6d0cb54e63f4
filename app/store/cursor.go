package store

import "encoding/base64"

// EncodeCursor writes where a page ended, for an address.
func EncodeCursor(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// DecodeCursor reads what EncodeCursor wrote; ok is false for everything else, line breaks in it included, which
// encoding/base64 skips.
func DecodeCursor(s string) (b []byte, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	return b, err == nil && EncodeCursor(b) == s
}
