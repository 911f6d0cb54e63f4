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

// minWord is the shortest word of the vocabulary.
const minWord = 3

// vocabulary is the words of search text and details that search_word keeps, sorted: those of letters alone, in scripts in
// which words are mistyped letter by letter.
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
	return !unicode.IsLetter(r) || store.Unspaced(r) || r >= 0x1100 && r <= 0x11ff // parts of Hangul
}

// vocabulary is what search_word holds of a row. Of one whose details were never written it holds nothing yet.
func (r record) vocabulary() []string {
	if !r.Details.Valid {
		return nil
	}
	return vocabulary(r.Search, r.Details.String)
}

// without is the words that are not in the other list; both are sorted.
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

// learn adds words, sorted, to the vocabulary. Most are there: that locks nothing, so customers of one city don't wait for
// one another.
func (s *Service) learn(ctx context.Context, tx bun.IDB, words []string) error {
	if len(words) == 0 {
		return nil
	}
	rows := make([]store.Condition, len(words))
	for i, w := range words {
		rows[i] = bun.SafeQuery(`(?, ?)`, w, backwards(w))
	}
	// Raw SQL: the words are values of one statement, without a model of each.
	_, err := tx.ExecContext(ctx, `INSERT INTO search_word (word, backwards) VALUES ? ON CONFLICT DO NOTHING`, bun.List(rows))
	return err
}

// unlearn takes those of the words, sorted, out of the vocabulary that no other customer has. On PostgreSQL the words are
// locked first: of two who each take the last but one customer with a word away, the second sees that the first has.
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

// othersHave says whether the texts of another customer have a word. It asks the trigram index: MATCH on SQLite, a bitmap
// of customer_texts on PostgreSQL.
func (s *Service) othersHave(ctx context.Context, tx bun.IDB, number int64, word string) (has bool, err error) {
	q := s.db.NewSelect().ColumnExpr(`1`)
	if s.db.IsPostgres() {
		q.Table(`customer`)
	} else {
		q.TableExpr(`customer_search CROSS JOIN customer ON customer.number = customer_search.rowid`).
			Where(`customer_search MATCH ?`, store.MatchNeedles(" "+word))
	}
	q.Where(`customer.number <> ?`, number).
		Where(`?`, s.db.Has(bothTexts, " "+word)). // what the index is asked on PostgreSQL
		Where(`?`, s.db.Has(`(`+bothTexts+` || ' ')`, " "+word+" "))
	err = tx.NewSelect().ColumnExpr(`EXISTS (?)`, q).Scan(ctx, &has)
	return has, err
}

// wordsOf is what the vocabulary holds of a customer; nothing if it is gone.
func (s *Service) wordsOf(ctx context.Context, tx bun.IDB, number int64) ([]string, error) {
	var r record
	err := tx.NewSelect().Model(&r).Column("search", "details").Where("number = ?", number).Scan(ctx)
	if store.IsNoRows(err) {
		return nil, nil
	}
	return r.vocabulary(), err
}

// detailRounds is how many txs of ContinueDetails come one after the other: between them and the next ones others write.
const detailRounds = 20

// ContinueDetails is the worker's: it writes the details of customers that were recorded before there were any, chunk of
// them per tx, some txs at a time. It may be killed at any moment and run by several workers at once.
func (s *Service) ContinueDetails(ctx context.Context, chunk int) error {
	more, err := s.db.NewSelect().Model((*record)(nil)).Where("details IS NULL").Where("NOT deleting").Exists(ctx)
	if err != nil || !more {
		return err
	}
	if err := s.MergeSearchIndex(ctx); err != nil { // SQLite's index takes 2,000 segments, one per tx, before it refuses any more
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
	// Raw SQL: one statement writes what differs from row to row.
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

// indexAgain puts customers anew into SQLite's search index, all at once: each statement between two writes to it would
// make a segment of its own.
func (s *Service) indexAgain(ctx context.Context, tx bun.Tx, rows []record) error {
	if s.db.IsPostgres() {
		return nil
	}
	numbers := make([]int64, len(rows))
	texts := make([]store.Condition, len(rows))
	for i, r := range rows {
		numbers[i] = r.Number
		texts[i] = bun.SafeQuery(`(?, ?)`, r.Number, trigramText(r.Search, r.Details.String))
	}
	if _, err := tx.NewDelete().Table("customer_search").Where("rowid IN (?)", bun.List(numbers)).Exec(ctx); err != nil {
		return err
	}
	// Raw SQL: a virtual table is written by its rowid.
	_, err := tx.ExecContext(ctx, `INSERT INTO customer_search (rowid, text) VALUES ?`, bun.List(texts))
	return err
}
