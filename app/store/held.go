package store

import (
	"context"
	"regexp"
	"strings"
	"unicode"

	"github.com/uptrace/bun"

	"kontor/app/fault"
)

// ErrHeld is returned by functions that would write for a held context.
var ErrHeld = fault.New(fault.Invalid, "held")

type heldKey struct{}

// Hold returns a context for which nothing is written. InTx and Batch.Do return ErrHeld without calling their
// function. A writing statement outside of them fails as if ctx had ended. Hold is for a request that must not be
// carried out but whose form is to be shown again.
func Hold(ctx context.Context) context.Context { return context.WithValue(ctx, heldKey{}, true) }

// isHeld says whether ctx comes from Hold.
func isHeld(ctx context.Context) bool { return ctx.Value(heldKey{}) != nil }

// holder is a hook that stops writing statements of a held context. A hook of Bun can stop a statement only by
// returning a context that has ended.
type holder struct{}

var _ bun.QueryHook = holder{}

// BeforeQuery implements bun.QueryHook.
func (holder) BeforeQuery(ctx context.Context, event *bun.QueryEvent) context.Context {
	if !isHeld(ctx) || reads(event.Query) {
		return ctx
	}
	ended, end := context.WithCancel(ctx)
	end()
	return ended
}

// AfterQuery implements bun.QueryHook.
func (holder) AfterQuery(context.Context, *bun.QueryEvent) {}

// Bun writes arguments into the query text. String literals are ignored, because what a person typed says nothing about
// the statement.
var quoted = regexp.MustCompile(`'(?:[^']|'')*'`)

var writing = regexp.MustCompile(`(?i)\b(INSERT\s+INTO|REPLACE\s+INTO|UPDATE|DELETE\s+FROM)\b`)

// reads says whether a statement only reads. A statement of an unknown kind counts as writing.
func reads(query string) bool {
	query = strings.TrimSpace(query)
	first := query
	if end := strings.IndexFunc(query, func(r rune) bool { return !unicode.IsLetter(r) }); end >= 0 {
		first = query[:end]
	}
	switch strings.ToUpper(first) {
	case "SELECT", "WITH":
		return !writing.MatchString(quoted.ReplaceAllLiteralString(query, "''"))
	case "BEGIN", "COMMIT", "ROLLBACK", "SET", "SHOW", "PRAGMA":
		return true
	}
	return false
}
