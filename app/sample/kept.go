package sample

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/uptrace/bun"
	"golang.org/x/sync/singleflight"

	"kontor/app/store"
)

// Size is the number of rows in a sample.
const Size = 4000

// life is how long a sample is used before a new one takes its place. While somebody searches, the new one is read beside,
// so that no search waits for it. The text of a row that is deleted meanwhile stays in memory for twice that time at most.
// idle is how long after the last search this goes on.
const (
	life = 50 * time.Second
	idle = 10 * time.Minute
)

// firstPart is the part of a sample that the first search waits for, one of so many rows, and patience is how long.
const (
	firstPart = 8
	patience  = 100 * time.Millisecond
)

// Kept keeps the newest sample of a table in memory.
type Kept[Row any] struct {
	take   func(ctx context.Context, part int) (*Sample[Row], error)
	first  singleflight.Group
	mu     sync.Mutex
	newest *Sample[Row] // nil: none
	used   time.Time    // when somebody last asked for it
}

// Keep keeps samples of a source.
func Keep[Row any](from Source[Row]) *Kept[Row] { return &Kept[Row]{take: from.Take} }

// Always keeps one sample for good. Tests need it, to know what a sample says.
func Always[Row any](s *Sample[Row]) *Kept[Row] { return &Kept[Row]{newest: s} }

// Get returns the newest sample. If there is none, it takes a small one, and after that a whole one takes its place. A
// sample only makes a search faster, so if it can't be read at once, Get returns an empty one.
func (k *Kept[Row]) Get(ctx context.Context) *Sample[Row] {
	k.mu.Lock()
	k.used = time.Now()
	newest := k.newest
	k.mu.Unlock()
	if newest != nil {
		return newest
	}
	taken := k.first.DoChan("", func() (any, error) { return k.takeFirst(context.WithoutCancel(ctx)) })
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-ctx.Done():
	case <-late.C:
	case r := <-taken:
		if r.Err == nil {
			return r.Val.(*Sample[Row])
		}
	}
	return &Sample[Row]{}
}

func (k *Kept[Row]) takeFirst(ctx context.Context) (*Sample[Row], error) {
	ctx, cancel := context.WithTimeout(ctx, life)
	defer cancel()
	s, err := k.take(ctx, firstPart)
	if err != nil {
		return nil, err
	}
	wait := life
	if len(s.Rows) > 0 {
		wait = 0
	}
	k.put(s, wait)
	return s, nil
}

// put puts a sample in place of the one before. renew follows after a while.
func (k *Kept[Row]) put(s *Sample[Row], wait time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.newest = s; s != nil {
		time.AfterFunc(wait, k.renew)
	}
}

// renew takes a new sample, or forgets the old one if nobody has searched for a while.
func (k *Kept[Row]) renew() {
	k.mu.Lock()
	unused := time.Since(k.used) > idle
	k.mu.Unlock()
	var s *Sample[Row]
	if !unused {
		ctx, cancel := context.WithTimeout(context.Background(), life)
		defer cancel()
		s, _ = k.take(ctx, 1) // after an error the next search takes one
	}
	k.put(s, life)
}

// Source is a table of which samples are taken.
type Source[Row any] struct {
	DB    *store.DB
	Table string // its key is the column number
	Size  int    // of a whole sample; 0: none is taken
	// Read reads those of some rows that there are, and Text is the text of one in the form of store.TrigramText.
	Read func(ctx context.Context, numbers []int64) ([]Row, error)
	Text func(*Row) string
}

// Take reads rows with random numbers, in no order: one of part rows of a whole sample. It takes no sample if there are few
// rows: then all matches can be read.
func (f Source[Row]) Take(ctx context.Context, part int) (*Sample[Row], error) {
	var first, last int64
	// Raw SQL: in two subqueries, min and max each take one step into the index; in one query they would read all of it.
	err := f.DB.NewRaw(`SELECT COALESCE((SELECT min(number) FROM ?0), 0), COALESCE((SELECT max(number) FROM ?0), 0)`, bun.Ident(f.Table)).
		Scan(ctx, &first, &last)
	of := last - first + 1
	if err != nil || f.Size == 0 || of < worthwhile*int64(f.Size) {
		return &Sample[Row]{}, err
	}
	size := max(f.Size/part, 1)
	numbers := map[int64]bool{}
	for len(numbers) < size {
		numbers[first+rand.Int64N(of)] = true //nolint:gosec // nothing is secret about it
	}
	var all []Row
	for some := range slices.Chunk(slices.Sorted(maps.Keys(numbers)), chunk) {
		rows, err := f.Read(ctx, some)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	swap := func(i, j int) { all[i], all[j] = all[j], all[i] }
	rand.Shuffle(len(all), swap) //nolint:gosec // nothing is secret about it; the first rows are a sample, too
	return New(all, float64(size)/float64(of), f.Text), nil
}

// worthwhile is how many times as many rows there must be as a sample has. chunk is how many of them one query reads.
const (
	worthwhile = 3
	chunk      = 500
)
