package store

import "github.com/uptrace/bun/schema"

// Condition is an expression of SQL that is true or false for a row, with its arguments: what bun.SafeQuery makes, or a
// query of Bun. It stands in another query by a "?". nil is the condition that all rows fulfil: since Bun writes NULL for
// nil, a condition that may be nil goes through All.
type Condition = schema.QueryAppender

// All is the condition that all of these are true; of none it is TRUE.
func All(conditions ...Condition) Condition { return joined{" AND ", "TRUE", conditions} }

// Any is the condition that one of these is true at least; of none it is FALSE.
func Any(conditions ...Condition) Condition { return joined{" OR ", "FALSE", conditions} }

// joined are conditions with a word between them.
type joined struct {
	word, none string
	conditions []Condition
}

// AppendQuery is what Bun calls.
func (j joined) AppendQuery(gen schema.QueryGen, b []byte) (_ []byte, err error) {
	if len(j.conditions) == 0 {
		return append(b, j.none...), nil
	}
	b = append(b, '(')
	for i, c := range j.conditions {
		if i > 0 {
			b = append(b, j.word...)
		}
		if c == nil {
			b = append(b, "TRUE"...)
		} else if b, err = c.AppendQuery(gen, b); err != nil {
			return nil, err
		}
	}
	return append(b, ')'), nil
}
