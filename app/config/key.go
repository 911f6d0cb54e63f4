package config

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// KeyFile is the name of the embedded mode's key in DATA_DIR.
const KeyFile = "secret.key"

// ownKey reads the embedded mode's key and creates it if there is none. If two processes start at once, only one of
// them creates it.
func ownKey(path string) ([]byte, error) {
	if key, err := readKey(path); !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh)
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(tmp, KeyText(fresh), 0o600); err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(tmp) }()
	if err := os.Link(tmp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return readKey(path)
}

func readKey(path string) ([]byte, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // our own file
	if err != nil {
		return nil, err
	}
	key, err := ParseKey(string(raw))
	if err != nil {
		return nil, fmt.Errorf("%s is not a key", path)
	}
	return key, nil
}

// ParseKey decodes the content of KeyFile or SECRET_KEY: 32 bytes in base64.
func ParseKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != 32 {
		return nil, errValue
	}
	return key, nil
}

// KeyText returns the content of KeyFile for a key.
func KeyText(key []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(key) + "\n") }
