package store

import (
	"context"
	"regexp"
	"strings"
	"unicode"

	"github.com/uptrace/bun"

	"kontor/app/fault"
)

// ErrHeld is the answer to whatever would write for a context that is held.
var ErrHeld = fault.New(fault.Invalid, "held")

type heldKey struct{}

// Hold returns a context for which nothing is written: InTx and InSharedTx return ErrHeld without calling anybody, and a
// statement that writes outside of them fails as if ctx had ended. It is for a request that must not be carried out but
// whose form is to be shown again.
func Hold(ctx context.Context) context.Context { return context.WithValue(ctx, heldKey{}, true) }

// IsHeld says whether ctx comes from Hold.
func IsHeld(ctx context.Context) bool { return ctx.Value(heldKey{}) != nil }

// holder is a hook that stops statements which write for a held context. Bun gives a hook no other way to say no than to
// hand on a context that has ended.
type holder struct{}

var _ bun.QueryHook = holder{}

// BeforeQuery is bun.QueryHook's.
func (holder) BeforeQuery(ctx context.Context, event *bun.QueryEvent) context.Context {
	if !IsHeld(ctx) || reads(event.Query) {
		return ctx
	}
	ended, end := context.WithCancel(ctx)
	end()
	return ended
}

// AfterQuery is bun.QueryHook's.
func (holder) AfterQuery(context.Context, *bun.QueryEvent) {}

// Bun writes its arguments into the text: what somebody typed says nothing about the statement.
var quoted = regexp.MustCompile(`'(?:[^']|'')*'`)

var writing = regexp.MustCompile(`(?i)\b(INSERT\s+INTO|REPLACE\s+INTO|UPDATE|DELETE\s+FROM)\b`)

// reads says whether a statement only looks. What is not known to is taken to write.
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
