package store_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/uptrace/bun"

	"kontor/app/store"
	"kontor/app/store/storetest"
)

// TestConditions: conditions are joined in brackets, and nil counts as TRUE.
func TestConditions(t *testing.T) {
	db := storetest.SQLite(t)
	a, b := bun.SafeQuery(`a = ?`, "it's"), bun.SafeQuery(`b`)
	for want, c := range map[string]store.Condition{
		`TRUE`:                         store.All(),
		`FALSE`:                        store.Any(),
		`(a = 'it''s')`:                store.All(a),
		`(a = 'it''s' AND b)`:          store.All(a, b),
		`(TRUE)`:                       store.All(nil),
		`(a = 'it''s' AND TRUE)`:       store.All(a, nil),
		`(b OR TRUE)`:                  store.Any(b, nil),
		`(b AND (a = 'it''s' OR b))`:   store.All(b, store.Any(a, b)),
		`((b) OR (a = 'it''s' AND b))`: store.Any(store.All(b), store.All(a, b)),
	} {
		assert.Equal(t, want, store.Plain(db.NewRaw(`?`, c).String()))
	}
}
