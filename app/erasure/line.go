package erasure

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// A log in a file is text. The first line is its head, every other line is an entry:
//
//	kontor-erasures 1 <key, base64>
//	2026-11-28T13:38:32Z customer <hash, base64url>
const headWord = "kontor-erasures 1 "

// longestLine limits the length of a line.
const longestLine = 4 << 10

func (k logKey) line() string { return headWord + base64.StdEncoding.EncodeToString(k[:]) + "\n" }

func parseHead(line string) (k logKey, err error) {
	text, ok := strings.CutPrefix(line, headWord)
	raw, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(raw) != len(k) || base64.StdEncoding.EncodeToString(raw) != text {
		return logKey{}, ErrNoLog
	}
	return logKey(raw), nil
}

func (e entry) line() string {
	return fmt.Sprintf("%s %s %s\n", e.At.UTC().Format(time.RFC3339), e.Kind, e.Hash)
}

func parseEntry(line string) (e entry, ok bool) {
	at, rest, _ := strings.Cut(line, " ")
	kind, hash, _ := strings.Cut(rest, " ")
	when, err := time.Parse(time.RFC3339, at)
	raw, bad := base64.RawURLEncoding.DecodeString(hash)
	exact := bad == nil && len(raw) == sha256.Size && base64.RawURLEncoding.EncodeToString(raw) == hash // it is compared as text
	e = entry{At: when.UTC(), Kind: Kind(kind), Hash: hash}
	switch e.Kind {
	case Customer, Access, Account:
		return e, err == nil && exact
	}
	return entry{}, false
}

// parse reads a log. An incomplete line, left by a crash or a full disk, counts as unreadable. Its subject was not
// deleted then, because Record failed. parse returns ErrNone for an empty log and ErrNoLog for other content.
func parse(from io.Reader) (key logKey, entries []entry, unreadable int, err error) {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, longestLine), longestLine)
	if !lines.Scan() {
		if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
			return logKey{}, nil, 0, err
		} else if err != nil {
			return logKey{}, nil, 0, ErrNoLog
		}
		return logKey{}, nil, 0, ErrNone
	}
	if key, err = parseHead(lines.Text()); err != nil {
		return logKey{}, nil, 0, err
	}
	for lines.Scan() {
		if e, ok := parseEntry(lines.Text()); ok {
			entries = append(entries, e)
		} else {
			unreadable++
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return logKey{}, nil, 0, ErrNoLog
	} else if err != nil {
		return logKey{}, nil, 0, err
	}
	return key, entries, unreadable, nil
}
