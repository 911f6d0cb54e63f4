package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// units are the binary multiples in which sizes are written.
var units = map[string]uint{"KB": 10, "MB": 20, "GB": 30, "TB": 40}

var errSize = errors.New("not a size")

// parseSize reads a size such as 64MB or 2 GB and returns its bytes: 1 KB is 1024. A number without a unit counts MB.
func parseSize(s string) (int64, error) {
	number, shift := strings.ToUpper(strings.TrimSpace(s)), units["MB"]
	for unit, power := range units {
		if rest, ok := strings.CutSuffix(number, unit); ok {
			number, shift = strings.TrimSpace(rest), power
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || n > math.MaxInt64>>shift {
		return 0, errSize
	}
	return int64(n) << shift, nil
}

// size sets a field to a size from least to most bytes.
func size(field func(*Config) *int64, least, most int64) func(*Config, string) error {
	return func(c *Config, v string) error {
		n, err := parseSize(v)
		if err == nil && (n < least || n > most) {
			err = errValue
		}
		*field(c) = n
		return err
	}
}
