package store

import "github.com/uptrace/bun/schema"

// Condition is an SQL expression that is true or false for a row, with its arguments: the result of bun.SafeQuery, or a
// query of Bun. It replaces a "?" in another query. nil is the condition that every row fulfils. Since Bun writes NULL
// for nil, a condition that may be nil must go through All.
type Condition = schema.QueryAppender

// All is the condition that all of the given conditions are true; without conditions it is TRUE.
func All(conditions ...Condition) Condition { return joined{" AND ", "TRUE", conditions} }

// Any is the condition that at least one of the given conditions is true; without conditions it is FALSE.
func Any(conditions ...Condition) Condition { return joined{" OR ", "FALSE", conditions} }

// joined is a list of conditions with a word between them. none is the condition if the list is empty.
type joined struct {
	word, none string
	conditions []Condition
}

// AppendQuery implements schema.QueryAppender.
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
