package customer

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// minWord is the minimum length of a word in the vocabulary.
const minWord = 3

// vocabulary returns the words of search text and details that search_word stores, sorted. These are the words of
// letters only, in scripts in which people mistype single letters.
func vocabulary(search, details string) (words []string) {
	for _, w := range strings.Fields(search + details) {
		if utf8.RuneCountInString(w) >= minWord && !strings.ContainsFunc(w, notSpelt) {
			words = append(words, w)
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

func notSpelt(r rune) bool {
	return !unicode.IsLetter(r) || store.Unspaced(r) || r >= 0x1100 && r <= 0x11ff // Hangul jamo, parts of syllables
}

// vocabulary returns the words that search_word stores for a row: none while its details are not computed.
func (r record) vocabulary() []string {
	if !r.Details.Valid {
		return nil
	}
	return vocabulary(r.Search, r.Details.String)
}

// without returns the words that are not in the other list; both are sorted.
func without(words, other []string) (list []string) {
	for _, w := range words {
		if _, found := slices.BinarySearch(other, w); !found {
			list = append(list, w)
		}
	}
	return list
}

func backwards(word string) string {
	r := []rune(word)
	slices.Reverse(r)
	return string(r)
}

// learn adds words (sorted) to the vocabulary. Most exist already, and inserting an existing word locks nothing, so
// customers of the same city don't wait for each other.
func (s *Service) learn(ctx context.Context, tx bun.IDB, words []string) error {
	if len(words) == 0 {
		return nil
	}
	rows := make([]store.Condition, len(words))
	for i, w := range words {
		rows[i] = bun.SafeQuery(`(?, ?)`, w, backwards(w))
	}
	// Raw SQL: the words are values of one statement, without a model for each.
	_, err := tx.ExecContext(ctx, `INSERT INTO search_word (word, backwards) VALUES ? ON CONFLICT DO NOTHING`, bun.List(rows))
	return err
}

// unlearn removes those of the words (sorted) that no other customer has. On PostgreSQL it locks the words first. If
// two txs remove the last two customers with a word, the second then sees that the first customer no longer has it.
func (s *Service) unlearn(ctx context.Context, tx bun.IDB, number int64, words []string) error {
	if len(words) == 0 {
		return nil
	}
	if s.db.IsPostgres() {
		var locked []string
		err := tx.NewSelect().Table("search_word").Column("word").Where("word IN (?)", bun.List(words)).Order("word").For("UPDATE").
			Scan(ctx, &locked)
		if err != nil {
			return err
		}
	}
	var last []string
	for _, w := range words {
		has, err := s.othersHave(ctx, tx, number, w)
		if err != nil {
			return err
		}
		if !has {
			last = append(last, w)
		}
	}
	if len(last) == 0 {
		return nil
	}
	_, err := tx.NewDelete().Table("search_word").Where("word IN (?)", bun.List(last)).Exec(ctx)
	return err
}

// othersHave says whether the texts of another customer contain a word. It uses the trigram index: MATCH on SQLite, a
// bitmap scan of customer_texts on PostgreSQL.
func (s *Service) othersHave(ctx context.Context, tx bun.IDB, number int64, word string) (has bool, err error) {
	q := s.db.NewSelect().ColumnExpr(`1`)
	if s.db.IsPostgres() {
		q.Table(`customer`)
	} else {
		q.TableExpr(`customer_search CROSS JOIN customer ON customer.number = customer_search.rowid`).
			Where(`customer_search MATCH ?`, store.Match(store.Trigrams(" "+word)...))
	}
	q.Where(`customer.number <> ?`, number).
		Where(`?`, s.db.Has(bothTexts, " "+word)). // the condition for the index on PostgreSQL
		Where(`?`, s.db.Has(`(`+bothTexts+` || ' ')`, " "+word+" "))
	err = tx.NewSelect().ColumnExpr(`EXISTS (?)`, q).Scan(ctx, &has)
	return has, err
}

// wordsOf returns the words that the vocabulary stores for a customer; none if the customer no longer exists.
func (s *Service) wordsOf(ctx context.Context, tx bun.IDB, number int64) ([]string, error) {
	var r record
	err := tx.NewSelect().Model(&r).Column("search", "details").Where("number = ?", number).Scan(ctx)
	if store.IsNoRows(err) {
		return nil, nil
	}
	return r.vocabulary(), err
}

// detailRounds is the number of txs in one call of ContinueDetails. Other txs can write between two calls.
const detailRounds = 20

// ContinueDetails computes the details of customers that were recorded before details existed; the worker calls it. It
// handles chunk customers per tx, and at most detailRounds txs per call. It may be killed at any moment, and several
// workers may run it at once.
func (s *Service) ContinueDetails(ctx context.Context, chunk int) error {
	more, err := s.db.NewSelect().Model((*record)(nil)).Where("details IS NULL").Where("NOT deleting").Exists(ctx)
	if err != nil || !more {
		return err
	}
	if err := s.MergeSearchIndex(ctx); err != nil { // SQLite's index refuses more than 2,000 segments, one per tx
		return err
	}
	for n := 0; more && n < detailRounds; n++ {
		err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
			more, err = s.detail(ctx, tx, chunk)
			return err
		})
		if err == nil {
			err = s.step()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) detail(ctx context.Context, tx bun.Tx, chunk int) (more bool, err error) {
	var rows []record
	q := tx.NewSelect().Model(&rows).Where(`details IS NULL AND NOT deleting`).Order(`number`).Limit(int64(chunk))
	if s.db.IsPostgres() {
		q.For(`NO KEY UPDATE SKIP LOCKED`)
	}
	if err := q.Scan(ctx); err != nil || len(rows) == 0 {
		return false, err
	}
	ids := make([]uuid.UUID, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	accesses, err := s.accessStates(ctx, tx, ids)
	if err != nil {
		return false, err
	}
	contacts := map[uuid.UUID][]Contact{}
	for _, a := range accesses {
		contacts[a.CustomerID] = append(contacts[a.CustomerID], a.contact())
	}
	var words []string
	written := make([]store.Condition, len(rows))
	for i := range rows {
		r := &rows[i]
		r.Details = sql.NullString{String: detailText(r.Search, r.Type, r.Data, contacts[r.ID]), Valid: true}
		words = append(words, r.vocabulary()...)
		written[i] = bun.SafeQuery(`(?, ?)`, r.Number, r.Details.String)
	}
	// Raw SQL: one statement writes a different value to each row.
	if _, err := tx.ExecContext(ctx, `WITH written (number, details) AS (VALUES ?) UPDATE customer SET details = written.details
		FROM written WHERE customer.number = written.number`, bun.List(written)); err != nil {
		return false, err
	}
	slices.Sort(words)
	if err := s.learn(ctx, tx, slices.Compact(words)); err != nil {
		return false, err
	}
	return true, s.indexAgain(ctx, tx, rows)
}

// indexAgain rewrites the entries of several customers in SQLite's search index with one DELETE and one INSERT. Each
// statement between two writes to the index would make a segment of its own.
func (s *Service) indexAgain(ctx context.Context, tx bun.Tx, rows []record) error {
	if s.db.IsPostgres() {
		return nil
	}
	numbers := make([]int64, len(rows))
	for i, r := range rows {
		numbers[i] = r.Number
	}
	if _, err := tx.NewDelete().Table("customer_search").Where("rowid IN (?)", bun.List(numbers)).Exec(ctx); err != nil {
		return err
	}
	return s.index(ctx, tx, rows...)
}
