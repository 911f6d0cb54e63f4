// Package sample keeps a random sample of the texts in which rows are searched in memory. It tells how many rows a search
// will find, and which trigrams of the search are worth reading in an index.
package sample

import (
	"cmp"
	"math"
	"slices"
	"unicode/utf8"
)

// Sample is a random sample of rows. An empty one says nothing: there are so few rows that it would not be worth it.
type Sample[Row any] struct {
	Rows  []Row
	Share float64 // of all rows that it contains
	// having holds the places in Rows of the texts with a trigram, in ascending order.
	having map[string][]int32
}

// New makes a sample of rows that have texts in the form of store.TrigramText.
func New[Row any](rows []Row, share float64, text func(*Row) string) *Sample[Row] {
	s := &Sample[Row]{Rows: rows, Share: share, having: map[string][]int32{}}
	for i := range rows {
		s.index(int32(i), text(&rows[i])) //nolint:gosec // a sample has some thousand rows
	}
	return s
}

func (s *Sample[Row]) index(row int32, text string) {
	var starts [3]int // of the last three characters; the oldest one begins a trigram
	for n, at := 0, 0; at < len(text); n++ {
		starts[0], starts[1], starts[2] = starts[1], starts[2], at
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
		if n < 2 {
			continue
		}
		trigram := text[starts[0]:at]
		if list := s.having[trigram]; len(list) == 0 || list[len(list)-1] != row {
			s.having[trigram] = append(list, row)
		}
	}
}

// With returns the places in Rows of the texts that have all these trigrams.
func (s *Sample[Row]) With(trigrams []string) []int32 {
	if len(trigrams) == 0 {
		all := make([]int32, len(s.Rows))
		for i := range all {
			all[i] = int32(i) //nolint:gosec // a sample has some thousand rows
		}
		return all
	}
	rest := s.rarest(trigrams)
	found := s.having[rest[0]]
	for _, trigram := range rest[1:] {
		found = both(found, s.having[trigram])
	}
	return found
}

// checked says that checking a row takes as long as reading this many entries of an index of trigrams.
const checked = 32

// Enough returns those trigrams whose rows are to be looked up in an index if rows with all these trigrams are wanted and
// are checked anyway: another trigram is left out if reading its entries takes longer than checking the rows that it
// would exclude. One more row than in the sample is reckoned with, as it may only have been missed. Without a sample all
// are worth it.
func (s *Sample[Row]) Enough(trigrams []string) []string {
	if s == nil || len(s.Rows) == 0 || len(trigrams) < 2 {
		return trigrams
	}
	rest := s.rarest(trigrams)
	enough, found := rest[:1:1], s.having[rest[0]]
	for _, trigram := range rest[1:] {
		left := both(found, s.having[trigram])
		if len(s.having[trigram]) < checked*(len(found)-len(left)+1) {
			enough, found = append(enough, trigram), left
		}
	}
	return enough
}

// rarest returns trigrams in the order of how many texts have them.
func (s *Sample[Row]) rarest(trigrams []string) []string {
	return slices.SortedStableFunc(slices.Values(trigrams), func(a, b string) int {
		return cmp.Compare(len(s.having[a]), len(s.having[b]))
	})
}

// both returns what is in both of two ascending lists.
func both(a, b []int32) (list []int32) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch c := cmp.Compare(a[i], b[j]); {
		case c < 0:
			i++
		case c > 0:
			j++
		default:
			list = append(list, a[i])
			i, j = i+1, j+1
		}
	}
	return list
}

// MoreThan says whether more than limit rows match for certain, if n rows of the sample do. If only limit rows matched, the
// chance to meet so many would be at most one in 10^9, by the Poisson distribution.
func (s *Sample[Row]) MoreThan(limit, n int) bool {
	mean := float64(limit) * s.Share
	chance := math.Exp(-mean) // the chance to meet none, then one, two, …
	more := 1.0               // the chance to meet as many or more
	for i := range n {
		more -= chance
		chance *= mean / float64(i+1)
	}
	return more < 1e-9
}
