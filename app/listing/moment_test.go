package listing

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// moments is a list of moments, newest first, of which a reading looks at no more than most.
type moments struct {
	all  []Moment
	most int
}

func (l moments) find(r Reading[Moment]) (found Moments) {
	rows := slices.Clone(l.all)
	if r.Back {
		slices.Reverse(rows)
	}
	seen := 0
	for i, m := range rows {
		if r.From != nil && (m.Compare(*r.From) >= 0) != r.Back || r.From != nil && m == *r.From {
			continue
		}
		if seen++; seen > l.most {
			found.Stopped = &rows[i-1]
			return found
		}
		if found.Hits = append(found.Hits, m); len(found.Hits) == r.Limit {
			return found
		}
	}
	return found
}

// TestMergeMoments: what several lists have found is what one list of all their rows would have; where one has stopped, nothing
// is left out and nothing comes twice.
func TestMergeMoments(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	for round := range 300 {
		random := rand.New(rand.NewPCG(uint64(round), 1)) //nolint:gosec // not negative
		lists := make([]moments, 1+random.IntN(3))
		var all []Moment
		for i := range lists {
			lists[i].most = 1 + random.IntN(12)
			if random.IntN(2) > 0 {
				lists[i].most = 1000
			}
			for range random.IntN(30) {
				m := Moment{At: at.Add(time.Duration(random.IntN(10)) * time.Second)}
				for j := range m.ID {
					m.ID[j] = byte(random.IntN(4))
				}
				lists[i].all, all = append(lists[i].all, m), append(all, m)
			}
			slices.SortFunc(lists[i].all, func(a, b Moment) int { return b.Compare(a) })
		}
		slices.SortFunc(all, func(a, b Moment) int { return b.Compare(a) })
		for _, back := range []bool{false, true} {
			var got []Moment
			r := Reading[Moment]{Limit: 1 + random.IntN(9), Back: back}
			for steps := 0; ; steps++ {
				require.Less(t, steps, 1000, "it goes on")
				parts := make([]Moments, len(lists))
				for i, l := range lists {
					parts[i] = l.find(r)
				}
				found := MergeMoments(r, parts...)
				require.LessOrEqual(t, len(found.Hits), r.Limit)
				got = append(got, found.Hits...)
				if found.Stopped != nil {
					r.From = found.Stopped
				} else if len(found.Hits) == r.Limit {
					r.From = &found.Hits[r.Limit-1]
				} else {
					break
				}
			}
			if back {
				slices.Reverse(got)
			}
			require.Equal(t, all, got, "round %d, back: %v", round, back)
		}
	}
}

// TestReadMoments: the pages lead from one end to the other and back; a page that has stopped says until when it has looked.
func TestReadMoments(t *testing.T) {
	var l moments
	for i := range 2*PageSize + 7 {
		l.all = append(l.all, Moment{At: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC).Add(-time.Duration(i) * time.Minute), ID: uuid.Must(uuid.NewV7())})
	}
	l.most = 1000
	read := func(after, before string) MomentsPage {
		p, err := ReadMoments(t.Context(), after, before, func(_ context.Context, r Reading[Moment]) (Moments, error) { return l.find(r), nil })
		require.NoError(t, err)
		return p
	}
	first := read("", "")
	second := read(first.Next, "")
	last := read(second.Next, "")
	assert.Equal(t, l.all, slices.Concat(first.Keys, second.Keys, last.Keys))
	assert.True(t, first.First && first.Prev == "" && !second.First && last.Next == "")
	assert.Equal(t, second.Keys, read("", last.Prev).Keys)
	assert.Equal(t, first, read("", second.Prev), "back to the first page")
	assert.Equal(t, first.Keys, read("broken", "").Keys)
	l.most = 10
	stopped := read("", "")
	assert.Equal(t, l.all[:10], stopped.Keys)
	assert.Equal(t, l.all[9].At, stopped.Until)
	assert.Equal(t, l.all[10:20], read(stopped.Next, "").Keys)
}
