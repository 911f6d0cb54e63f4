package customer

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// minTypo is the minimum length of a word that may be mistyped; from length twoTypos it may have two mistakes.
	minTypo, twoTypos = 4, 8
	// maxSimilar is the maximum number of words that are searched instead of one.
	maxSimilar = 10
	// maxCandidates limits the words that are compared with one word: those with the same beginning or ending.
	maxCandidates = 20_000
)

// similar turns a query without results into one for words of similar spelling. A word may have one mistake (a letter
// missing, added or replaced, or two neighbours swapped), a long word two, in the whole word or in its beginning. For a
// long word with two mistakes, the first two or the last three letters must be right. Numbers stay unchanged.
// found=false when the vocabulary has no similar word.
//
// It reads two ranges of search_word. SQLite searches its primary key and search_word_backwards, PostgreSQL scans
// search_word_pkey and search_word_backwards.
func (s *Service) similar(ctx context.Context, t terms) (alike terms, found bool, err error) {
	alike = t
	alike.all, alike.code = slices.Clone(t.all), ""
	for i, part := range alike.all {
		if len(part.either) != 1 {
			continue
		}
		word := part.either[0]
		spellings := []string{word}
		if typed := t.spelt[word]; typed != "" {
			spellings = append(spellings, typed)
		}
		words, err := s.alike(ctx, spellings)
		if err != nil {
			return t, false, err
		}
		if len(words) > 0 {
			alike.all[i].either = append([]string{word}, words...)
			found = true
		}
	}
	if !found {
		return t, false, nil
	}
	return alike, true, nil
}

// alike returns needles for the words that are similar to one of the spellings, the best first.
func (s *Service) alike(ctx context.Context, spellings []string) ([]string, error) {
	var guesses []guess
	for _, typed := range spellings {
		if utf8.RuneCountInString(typed) < minTypo || strings.ContainsFunc(typed, notSpelt) {
			continue
		}
		words, err := s.candidates(ctx, typed)
		if err != nil {
			return nil, err
		}
		for _, w := range words {
			if g, ok := rank([]rune(typed), []rune(w)); ok {
				guesses = append(guesses, g)
			}
		}
	}
	return nearest(guesses), nil
}

// candidates returns the words that may be similar.
func (s *Service) candidates(ctx context.Context, word string) (words []string, err error) {
	r := []rune(word)
	begin := max(1, (len(r)-1)/2) // with one mistake, either these first letters or the last letters are right
	end := max(1, len(r)-1-begin)
	if len(r) >= twoTypos {
		begin, end = 2, 3
	}
	beginning, ending := string(r[:begin]), backwards(string(r[len(r)-end:]))
	// Raw SQL: a UNION of two ranges, each with its limit.
	err = s.db.NewRaw(`SELECT word FROM (SELECT word FROM search_word WHERE word >= ? AND word < ? LIMIT ?) AS beginning
		UNION SELECT word FROM (SELECT word FROM search_word WHERE backwards >= ? AND backwards < ? LIMIT ?) AS ending`,
		beginning, beginning+prefixEnd, maxCandidates, ending, ending+prefixEnd, maxCandidates).Scan(ctx, &words)
	return words, err
}

// guess is a word that may have been intended.
type guess struct {
	needle string
	rank   int // lower is more likely; see rank
}

// nearest returns needles for the words with the best rank, and with the next rank if both ranks are equally likely.
func nearest(guesses []guess) (needles []string) {
	slices.SortFunc(guesses, func(a, b guess) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), strings.Compare(a.needle, b.needle))
	})
	for _, g := range guesses {
		if g.rank/2 > guesses[0].rank/2 || len(needles) == maxSimilar {
			break
		}
		if !slices.Contains(needles, g.needle) {
			needles = append(needles, g.needle)
		}
	}
	return needles
}

// The ranks: a whole word before the beginning of a word, one mistake before two. With one mistake, a beginning that is
// shorter than the typed word comes last. The two ranks of a pair (0 and 1, 2 and 3, …) are equally likely.
const (
	wholeOnce = iota
	beginOnce
	shorterOnce
	_
	wholeTwice
	beginTwice
)

// rank compares a word with the typed one; ok=false when they are not similar.
func rank(typed, word []rune) (g guess, ok bool) {
	most := 1
	if len(typed) >= twoTypos {
		most = 2
	}
	if len(word) < len(typed)-most {
		return guess{}, false
	}
	// the distances of typed from all beginnings of the word that may be similar
	ends := distances(typed, word[:min(len(word), len(typed)+most)])
	best := guess{rank: beginTwice + 1}
	for length := max(minWord, len(typed)-most); length < len(ends); length++ {
		d, whole := ends[length], length == len(word)
		r := beginTwice + 1
		switch {
		case d == 0 || d > most:
			continue
		case whole && d == 1:
			r = wholeOnce
		case whole:
			r = wholeTwice
		case length < len(typed) && d == 1:
			r = shorterOnce
		case length >= len(typed) && d == 1:
			r = beginOnce
		case length >= len(typed):
			r = beginTwice
		}
		if r < best.rank {
			best = guess{needle: " " + string(word[:length]), rank: r}
		}
	}
	return best, best.rank <= beginTwice
}

// distances returns, for each beginning of word by its length, the number of mistakes between it and typed: letters
// missing, added or replaced, neighbours swapped (optimal string alignment).
func distances(typed, word []rune) []int {
	before, last, row := make([]int, len(word)+1), make([]int, len(word)+1), make([]int, len(word)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(typed); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(word); j++ {
			other := 1
			if typed[i-1] == word[j-1] {
				other = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+other)
			if i > 1 && j > 1 && typed[i-1] == word[j-2] && typed[i-2] == word[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row
}
