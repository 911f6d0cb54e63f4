package config

import (
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// ErasureFile is the name of the erasure log in DATA_DIR.
const ErasureFile = "erasures.log"

func erasureLog(c *Config, v string) error {
	c.ErasureLog = v
	scheme, rest, address := strings.Cut(v, "://")
	if address && (rest == "" || !slices.Contains([]string{"sqlite", "postgres", "postgresql"}, scheme)) || strings.ContainsFunc(v, unicode.IsControl) {
		return errValue
	}
	return nil
}

// completeErasureLog sets the default of ERASURE_LOG. With PostgreSQL there is no default, because there is no place
// that all processes share.
func (c *Config) completeErasureLog() (err error) {
	if c.ErasureLog == "" && c.SQLite() != "" {
		c.ErasureLog, err = filepath.Abs(filepath.Join(c.DataDir, ErasureFile))
		return err
	}
	c.ErasureLogSet = c.ErasureLog != ""
	if c.ErasureLog != "" && c.ErasureLog == c.DatabaseURL {
		return &Error{Name: "ERASURE_LOG", Takes: "a file or a database that is not DATABASE_URL, since it would be restored with it"}
	}
	return nil
}
