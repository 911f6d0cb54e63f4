package sample

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"kontor/app/store"
)

func of(texts ...string) *Sample[string] {
	return New(texts, 0.1, func(s *string) string { return *s })
}

// TestWith: the rows with some trigrams are those whose texts contain them, for texts of any characters.
func TestWith(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	letters := []rune("abä ß")
	text := func(n int) string {
		runes := make([]rune, n)
		for i := range runes {
			runes[i] = letters[chance.IntN(len(letters))]
		}
		return string(runes)
	}
	for range 200 {
		var texts []string
		for range 20 {
			texts = append(texts, text(chance.IntN(12)))
		}
		s := of(texts...)
		var trigrams []string
		for range 1 + chance.IntN(3) {
			trigrams = append(trigrams, text(3))
		}
		var want []int32
		for i, text := range texts {
			if !slices.ContainsFunc(trigrams, func(g string) bool { return !strings.Contains(text, g) }) {
				want = append(want, int32(i)) //nolint:gosec // twenty
			}
		}
		assert.Equal(t, want, s.With(trigrams), "%q in %q", trigrams, texts)
	}
	assert.Equal(t, []int32{0, 1}, of("abc", "").With(nil), "every text has none")
	assert.Empty(t, (&Sample[string]{}).With([]string{"abc"}))
}

// TestEnough: the rarest trigram is always looked up, and others only if they exclude enough rows, or hardly any row has
// them.
func TestEnough(t *testing.T) {
	var texts []string
	for i := range 2000 {
		text := "all"
		for trigram, every := range map[string]int{"mul": 10, "ull": 10, "koe": 20, "rar": 500, "odd": 2} {
			if i%every == 0 {
				text += " " + trigram
			}
		}
		if i%20 == 1 {
			text += " els"
		}
		texts = append(texts, text)
	}
	s := of(texts...)
	for _, c := range []struct{ of, want string }{
		{"", ""}, {"mul", "mul"}, {"xxx", "xxx"},
		{"mul ull", "mul"},     // say the same
		{"mul koe", "koe"},     // the second one has all of the first one
		{"mul els", "els mul"}, // never together
		{"odd els", "els odd"},
		{"all koe", "koe"}, {"koe all mul els", "koe els"},
		{"rar koe", "rar"},
		{"xxx yyy", "xxx yyy"}, // nobody has them, so both are short lists
		{"xxx rar koe all", "xxx rar"},
	} {
		assert.Equal(t, strings.Fields(c.want), append([]string{}, s.Enough(strings.Fields(c.of))...), "%q", c.of)
	}
	trigrams := []string{"all", "mul", "xxx"}
	assert.Equal(t, trigrams, (*Sample[string])(nil).Enough(trigrams), "without a sample")
	assert.Equal(t, trigrams, (&Sample[string]{}).Enough(trigrams), "with an empty one")
	s.Enough(trigrams)
	assert.Equal(t, []string{"all", "mul", "xxx"}, trigrams, "the list of the caller stays as it is")
}

// TestForm: the trigrams of a search are found in texts of the form for which they are made.
func TestForm(t *testing.T) {
	s := of(store.TrigramText(store.SearchText("Müller", "Zoë", "5")), store.TrigramText(store.SearchText("Bäckerei Müllermann")))
	for query, want := range map[string]string{
		"müller": "[0 1]", "zoë": "[0]", "5": "[0]", "z": "[0]", "mann": "[1]", "b": "[1]", "ann": "[1]", "zoe mull": "[0]", "x": "[]", "r": "[]",
	} {
		terms := store.ParseTerms(strings.Fields(store.Fold(query)))
		assert.Equal(t, want, fmt.Sprint(s.With(terms.Trigrams)), "%q", query)
	}
}

// TestMoreThan: no sample claims more matches than there are, but for very many matches it does claim many.
func TestMoreThan(t *testing.T) {
	const rows, size, limit = 1_000_000, 4000, 1000
	const share = float64(size) / rows
	chance := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		matching int
		want     int // of a hundred samples, at least and at most
		most     int
	}{{0, 0, 0}, {100, 0, 0}, {limit, 0, 0}, {2 * limit, 0, 5}, {15 * limit, 100, 100}, {rows, 100, 100}} {
		claims := 0
		for range 100 {
			met := 0
			for range size {
				if chance.IntN(rows) < c.matching {
					met++
				}
			}
			if (&Sample[string]{Share: share}).MoreThan(limit, met) {
				claims++
			}
		}
		assert.GreaterOrEqual(t, claims, c.want, "%d matches: samples of a hundred are certain that there are more than %d", c.matching, limit)
		assert.LessOrEqual(t, claims, c.most, "%d matches", c.matching)
	}
	assert.False(t, (&Sample[string]{Share: 1}).MoreThan(limit, limit), "a sample of all, of which as many match: more than there are")
}

// TestKept: the first search waits for a small sample, a whole one soon takes its place, stays as long as it may, and is
// renewed only while somebody searches.
func TestKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var taken []int // the part of each
		rows := []string{"text"}
		samples := &Kept[string]{take: func(_ context.Context, part int) (*Sample[string], error) {
			mu.Lock()
			defer mu.Unlock()
			taken = append(taken, part)
			return &Sample[string]{Rows: rows, Share: float64(len(taken))}, nil
		}}
		pass := func(d time.Duration) {
			time.Sleep(d) // in the bubble of synctest, whose clock does not wait
			synctest.Wait()
		}
		parts := func() []int {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(taken)
		}
		get := func() float64 {
			return samples.Get(t.Context()).Share
		}
		assert.InDelta(t, 1, get(), 0)
		pass(time.Nanosecond)
		assert.InDelta(t, 2, get(), 0)
		pass(life - time.Second)
		assert.InDelta(t, 2, get(), 0, "before its life ends")
		pass(2 * time.Second)
		assert.Len(t, parts(), 3, "nobody waits for the next one")
		assert.InDelta(t, 3, get(), 0)
		pass(idle + 2*life)
		assert.Nil(t, samples.newest, "nobody has searched for a while")
		before := len(parts())
		pass(time.Hour)
		assert.Len(t, parts(), before)
		assert.Equal(t, []int{firstPart, 1, 1}, parts()[:3])
		mu.Lock()
		rows = nil // there are too few rows for a sample
		mu.Unlock()
		get()
		pass(life - time.Second)
		assert.Len(t, parts(), before+1, "there is no whole one either")
		pass(time.Hour)
		samples.take = func(context.Context, int) (*Sample[string], error) { return nil, errors.New("away") }
		assert.Empty(t, samples.Get(t.Context()).Rows, "without a database")
		assert.Nil(t, samples.newest, "the next search tries again")
		ended, end := context.WithCancel(t.Context())
		end()
		samples.take = func(ctx context.Context, _ int) (*Sample[string], error) {
			time.Sleep(time.Second)
			return &Sample[string]{Rows: []string{"text"}}, ctx.Err()
		}
		began := time.Now()
		assert.Empty(t, samples.Get(ended).Rows, "nobody waits for the answer")
		assert.Zero(t, time.Since(began))
		assert.Empty(t, samples.Get(t.Context()).Rows, "it takes too long")
		assert.Equal(t, patience, time.Since(began))
		pass(time.Second)
		assert.Len(t, samples.Get(t.Context()).Rows, 1, "it goes on")
		pass(idle + 3*life)
	})
}
