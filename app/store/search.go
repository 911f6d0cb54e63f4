package store

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"
)

// MaxTerms is how many words of a query are used; further words are ignored.
const MaxTerms = 8

// Terms are the folded words of a query, in the form in which they are searched for.
type Terms struct {
	Needles  []string // the search text must contain each of them
	Trigrams []string // every other trigram of the needles, for SQLite's trigram index
}

// ParseTerms makes Terms from folded words. A word of one or two characters matches beginnings of words, a longer one
// any part.
func ParseTerms(words []string) (t Terms) {
	for _, word := range words {
		word = Needle(word)
		if !slices.Contains(t.Needles, word) && len(t.Needles) < MaxTerms {
			t.Needles = append(t.Needles, word)
		}
	}
	t.Trigrams = Trigrams(t.Needles...)
	return t
}

// Needle returns a folded word in the form in which it is searched for. A word of one or two characters must be the
// beginning of a word, so it gets a blank before it.
func Needle(word string) string {
	if utf8.RuneCountInString(word) < 3 {
		return " " + word
	}
	return word
}

// appendTrigrams adds those trigrams of a needle that are missing in the list: every other one and the last one, which
// together contain each pair of letters. This halves the number of index lists to read, while Verify has to drop hardly
// more rows.
func appendTrigrams(list []string, needle string) []string {
	r := []rune(needle)
	if len(r) < 3 {
		r = []rune(" " + needle) // one letter: see TrigramText
	}
	for i, last := 0, len(r)-3; i <= last; i++ {
		if g := string(r[i : i+3]); (i%2 == 0 || i == last) && !slices.Contains(list, g) {
			list = append(list, g)
		}
	}
	return list
}

// SearchText returns the text in which a search looks: the folded words of the parts, each after a blank, so that a
// pattern can match the beginning of a word.
func SearchText(parts ...string) string {
	return " " + strings.Join(strings.Fields(Fold(strings.Join(parts, " "))), " ")
}

// TrigramText returns a search text in the form for SQLite's trigram index: with two blanks before each word, so that
// even one letter at the beginning of a word is a trigram ("  b").
func TrigramText(search string) string { return strings.ReplaceAll(search, " ", "  ") }

// Trigrams returns the trigrams of some needles, as Terms has them.
func Trigrams(needles ...string) (list []string) {
	for _, n := range needles {
		list = appendTrigrams(list, n)
	}
	return list
}

// Match returns the query for SQLite's index that finds the rows with all these trigrams; rows without the needles may
// be among them. Each trigram is a separate string, because an index without positions (detail=none) supports no
// phrases.
func Match(trigrams ...string) string {
	quoted := make([]string, len(trigrams))
	for i, g := range trigrams {
		quoted[i] = `"` + strings.ReplaceAll(g, `"`, `""`) + `"`
	}
	return strings.Join(quoted, " AND ")
}

// Verify is the condition that a search text has all the words.
func (db *DB) Verify(t Terms, column string) Condition {
	var each []Condition
	for _, n := range t.Needles {
		each = append(each, db.Has(column, n))
	}
	return All(each...)
}

// Has is the condition that a search text contains a needle. On SQLite, instr is faster than LIKE and has no wildcards;
// on PostgreSQL only LIKE can use the trigram index.
func (db *DB) Has(column, needle string) Condition {
	if db.IsPostgres() {
		return bun.SafeQuery(column+` LIKE ?`, likePattern(needle))
	}
	return bun.SafeQuery(`instr(`+column+`, ?) > 0`, needle)
}

// likePattern finds a needle anywhere; what LIKE would read as a wildcard is escaped.
func likePattern(needle string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(needle) + "%"
}

// The bounds of one MergeSearchIndex: the number of steps, and the pages of each step. A step holds the write lock for
// a few milliseconds.
const (
	mergeSteps = 200
	mergePages = 16
)

// MergeSearchIndex merges one of SQLite's search indexes in small steps, between which others can write. The worker
// calls it regularly. PostgreSQL maintains its indexes by itself.
func (db *DB) MergeSearchIndex(ctx context.Context, index string) error {
	if db.IsPostgres() {
		return nil
	}
	for range mergeSteps {
		more, err := db.mergeSearch(ctx, index)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// mergeSearch merges a little; more says whether it found something to merge.
func (db *DB) mergeSearch(ctx context.Context, index string) (more bool, err error) {
	err = db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var before, after int64
		if err := tx.NewRaw(`SELECT total_changes()`).Scan(ctx, &before); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO ? (?, rank) VALUES ('merge', ?)`, bun.Ident(index), bun.Ident(index), mergePages)
		if err != nil {
			return err
		}
		if err := tx.NewRaw(`SELECT total_changes()`).Scan(ctx, &after); err != nil {
			return err
		}
		more = after-before >= 2 // SQLite's documentation: fewer than two changes mean that nothing was done
		return nil
	})
	return more, err
}
