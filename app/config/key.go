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

// KeyFile is what the embedded mode's key is called in DATA_DIR.
const KeyFile = "secret.key"

// ownKey reads the embedded mode's key, making it first when there is none. Of two processes that start at once, one
// makes it.
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

// ParseKey reads what stands in KeyFile, or in SECRET_KEY: 32 bytes in base64.
func ParseKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != 32 {
		return nil, errValue
	}
	return key, nil
}

// KeyText is what stands in KeyFile for a key.
func KeyText(key []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(key) + "\n") }
