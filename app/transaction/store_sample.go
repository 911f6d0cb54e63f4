package transaction

import (
	"context"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"kontor/app/sample"
	"kontor/app/store"
)

// sampledText is a row of a sample.
type sampledText struct {
	Number int64  `bun:"number"`
	Search string `bun:"search"`
}

// sampled is where samples of all transactions come from. They tell which trigrams of a search are rare, and where its
// matches are.
func (s *Service) sampled() sample.Source[sampledText] {
	return sample.Source[sampledText]{
		DB: s.db, Table: "transactions", Size: s.limits.sample,
		Read: func(ctx context.Context, numbers []int64) (rows []sampledText, err error) {
			err = s.db.NewSelect().Table(`transactions`).Column(`number`, `search`).Where(`number IN (?)`, bun.List(numbers)).Scan(ctx, &rows)
			return rows, err
		},
		Text: func(r *sampledText) string { return s.indexed(r.Search) },
	}
}

// indexed returns a search text in the form of the database's index. To PostgreSQL's, all but letters and digits are between
// words.
func (s *Service) indexed(search string) string {
	if s.db.IsPostgres() {
		search = " " + strings.Join(wordsIn(search), " ")
	}
	return store.TrigramText(search)
}

func wordsIn(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// matches are the blocks of those rows of a sample that match a search, in ascending order, and of those that PostgreSQL's
// index finds for it, which are then checked.
type matches struct {
	blocks, found []int64
	share         float64 // of all rows that the sample contains; 0: there is no sample
}

// expect estimates where the matches of the search are.
func (l *list) expect(ctx context.Context) (m matches) {
	texts := l.texts.Get(ctx)
	m.share = texts.Share
	for _, i := range texts.With(l.asked()) {
		r := &texts.Rows[i]
		m.found = append(m.found, r.Number>>blockBits)
		if !slices.ContainsFunc(l.wanted.Needles, func(n string) bool { return !strings.Contains(r.Search, n) }) {
			m.blocks = append(m.blocks, r.Number>>blockBits)
		}
	}
	slices.Sort(m.found)
	slices.Sort(m.blocks)
	return m
}

// asked returns trigrams of which PostgreSQL's index is asked. It is asked of others, too, such as the ends of words, so it
// finds no more than the sample says. If there are none, it finds everything.
func (l *list) asked() []string {
	var needles []string
	for _, n := range l.wanted.Needles {
		for i, word := range wordsIn(n) {
			switch {
			case i > 0 || !strings.HasPrefix(n, word): // the beginning of a word
				needles = append(needles, " "+word)
			case utf8.RuneCountInString(word) > 2:
				needles = append(needles, word)
			}
		}
	}
	return store.Trigrams(needles...)
}

// rows estimates how many rows of some blocks the index finds.
func (m matches) rows(from, to int64) int {
	low, _ := slices.BinarySearch(m.found, from)
	high, _ := slices.BinarySearch(m.found, to+1)
	if high <= low {
		return 0
	}
	return int(float64(high-low) / m.share)
}

// mostBlocks is how many blocks a query names at most.
const mostBlocks = 256

// first returns the first of some blocks, in the direction of a reading, that are expected to have n rows together. A row
// of the sample stands for many rows, which are expected to be spread over the blocks up to it.
func (m matches) first(n int, from, to int64, back bool) (first, last int64) {
	wanted := max(float64(n)*m.share, math.SmallestNonzeroFloat64) // rows of the sample
	needed := int(math.Ceil(wanted))
	part := func(blocks int64) int64 {
		return min(max(int64(math.Ceil(float64(blocks)*wanted/float64(needed))), 1), mostBlocks) - 1
	}
	if back {
		at, _ := slices.BinarySearch(m.blocks, from)
		if at += needed - 1; at < len(m.blocks) {
			to = min(to, m.blocks[at])
		}
		return from, from + part(to-from+1)
	}
	at, _ := slices.BinarySearch(m.blocks, to+1)
	if at -= needed; at >= 0 {
		from = max(from, m.blocks[at])
	}
	return to - part(to-from+1), to
}
