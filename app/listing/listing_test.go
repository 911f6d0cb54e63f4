package listing

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// key is a key with a value of each type.
type key struct {
	phase  int
	number int64
	at     time.Time
	id     uuid.UUID
	name   string
}

func (k key) encode() string { return Encode(3, k.phase, k.number, k.at, k.id, k.name) }

func decode(s string) (k key, ok bool) {
	ok = Decode(s, 3, &k.phase, &k.number, &k.at, &k.id, &k.name)
	return k, ok
}

func example() key {
	at := time.Date(2026, 11, 29, 7, 30, 0, 123_456_000, time.UTC)
	return key{4, 10_001, at, uuid.Must(uuid.FromString("0198c0de-0000-7000-8000-000000000001")), "muller anna"}
}

// TestCursor: Decode reads what Encode has written, and nothing else.
func TestCursor(t *testing.T) {
	k := example()
	for _, at := range []time.Time{k.at, time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1960, 5, 1, 0, 0, 0, 0, time.UTC)} {
		k.at = at
		got, ok := decode(k.encode())
		require.True(t, ok, "%+v is read as %+v, %v", k, got, ok)
		assert.Equal(t, k, got)
	}
	k = example()
	number, name, at := k, k, k
	number.number = math.MaxInt32 + 1
	name.name = "Müller"
	at.at = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	good := k.encode()
	for what, cursor := range map[string]string{
		"nothing": "", "no base64": "!", "cut off": good[:20], "with a line break": good[:8] + "\n" + good[8:],
		"of another form": Encode(4, k.phase), "too long": Encode(3, strings.Repeat("a", maxCursor)),
		"a number that no row has": number.encode(), "no sort name": name.encode(),
		"a time that no database takes": at.encode(), "no text": Encode(3, k.phase, k.number, k.at, k.id, "a\xff"),
		"a longer number": Encode(3) + "gAAA",
	} {
		got, ok := decode(cursor)
		assert.False(t, ok, "a cursor, %s: read as %+v", what, got)
	}
	assert.False(t, Decode(Encode(3, k.phase, k.number), 3, &k.phase), "a cursor with something left over was read")
}

func FuzzCursor(f *testing.F) {
	f.Add(example().encode())
	f.Add("")
	f.Add(strings.Repeat("\n", 34)) // a decoder that skips line breaks reads nothing
	f.Fuzz(func(t *testing.T, s string) {
		if k, ok := decode(s); ok && k.encode() != s {
			t.Errorf("%q is read and written as %q", s, k.encode())
		}
	})
}

// numbers is a list of the numbers below n, in ascending order.
type numbers struct{ n int }

func (l numbers) Encode(k int) string { return Encode(1, k) }

func (l numbers) Decode(s string) (k int, ok bool) {
	ok = Decode(s, 1, &k)
	return k, ok
}

func (l numbers) Find(_ context.Context, r Reading[int]) (f Found[int], err error) {
	step, at := 1, 0
	if r.Back {
		step, at = -1, l.n-1
	}
	if r.From != nil {
		at = *r.From + step
	}
	for ; len(f.Hits) < r.Limit && at >= 0 && at < l.n; at += step {
		f.Hits = append(f.Hits, at)
	}
	f.Count = min(l.n, CountCap+1)
	return f, nil
}

func (l numbers) Load(_ context.Context, keys []int) (rows []string, err error) {
	for _, k := range keys {
		rows = append(rows, strconv.Itoa(k))
	}
	return rows, nil
}

// TestRead: the pages lead from one end of the list to the other and back, and say whether there are rows before and
// after them.
func TestRead(t *testing.T) {
	for _, n := range []int{0, 1, PageSize, PageSize + 1, 2 * PageSize, 2*PageSize + 7, CountCap, CountCap + 1} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			var pages []Page[string]
			for after := ""; ; {
				p, err := Read(t.Context(), numbers{n}, after, "")
				require.NoError(t, err)
				require.Equal(t, min(n, CountCap), p.Count)
				require.Equal(t, n > CountCap, p.Capped)
				require.Equal(t, after == "", p.Prev == "", "behind")
				if n > 0 {
					assert.Equal(t, PageSize*len(pages)+1, p.First, "the place of the first row")
					assert.Equal(t, n > PageSize, p.Part(), "one of several pages")
				}
				pages = append(pages, p)
				if after = p.Next; after == "" {
					break
				}
			}
			read := 0
			for i, p := range pages {
				want := min(PageSize, n-i*PageSize)
				assert.Len(t, p.Rows, want, "page %d has %d rows of %d", i, len(p.Rows), want)
				read += len(p.Rows)
			}
			assert.Equal(t, n, read, "rows were read")
			for i := len(pages) - 1; i > 0; i-- {
				p, err := Read(t.Context(), numbers{n}, "", pages[i].Prev)
				require.NoError(t, err, "back from page")
				assert.Equal(t, pages[i-1].Rows, p.Rows)
				assert.Equal(t, pages[i-1].Prev, p.Prev)
				assert.Equal(t, pages[i-1].First, p.First, "the place of the first row")
				assert.NotEmpty(t, p.Next)
			}
		})
	}
}

// TestFirst: the first rows, and their number if there are no others; otherwise the number of all rows only if the list
// has counted them.
func TestFirst(t *testing.T) {
	for _, c := range []struct {
		rows    int
		counted bool
		count   int
		capped  bool
	}{
		{0, false, 0, false}, {4, false, 4, false}, {5, false, 5, false}, {6, false, 5, true}, {700, false, 5, true},
		{0, true, 0, false}, {5, true, 5, false}, {6, true, 6, false}, {700, true, 700, false}, {CountCap + 1, true, CountCap, true},
	} {
		l := uncounted{numbers{c.rows}, c.counted}
		p, err := First(t.Context(), l, 5)
		require.NoError(t, err, "%+v", c)
		assert.Len(t, p.Rows, min(c.rows, 5), "%+v", c)
		for i, row := range p.Rows {
			assert.Equal(t, strconv.Itoa(i), row, "%+v", c)
		}
		assert.Equal(t, c.count, p.Count, "%+v", c)
		assert.Equal(t, c.capped, p.Capped, "%+v", c)
		assert.Empty(t, p.Next+p.Prev, "%+v: cursors", c)
	}
}

// uncounted is a list that is to be counted only if that costs nothing.
type uncounted struct {
	numbers
	counted bool // it costs nothing
}

func (l uncounted) Find(ctx context.Context, r Reading[int]) (f Found[int], err error) {
	all, err := l.numbers.Find(ctx, r)
	if !r.Uncounted {
		return Found[int]{}, errors.New("the number of all rows is asked for")
	}
	if !l.counted {
		all.Count = len(all.Hits)
	}
	all.Counted = l.counted
	return all, err
}

// TestReadFromAnywhere: a cursor that leads nowhere leads to the first page.
func TestReadFromAnywhere(t *testing.T) {
	l := numbers{2 * PageSize}
	for _, c := range []struct{ after, before string }{
		{"broken", ""}, {"", "broken"}, {l.Encode(1) + ".0", ""}, {l.Encode(1) + ".x", ""}, {l.Encode(1) + ".07", ""},
		{l.Encode(1) + ".99999999999999999999", ""}, {l.Encode(l.n), ""}, {l.Encode(l.n - 1), ""}, {"", l.Encode(0)}, {"", l.Encode(PageSize - 1)},
	} {
		p, err := Read(t.Context(), l, c.after, c.before)
		require.NoError(t, err, "%+v", c)
		require.Len(t, p.Rows, PageSize, "%+v", c)
		assert.Equal(t, "0", p.Rows[0], "%+v", c)
		assert.Empty(t, p.Prev, "%+v", c)
		assert.NotEmpty(t, p.Next, "%+v", c)
	}
}

// TestFind: Find tries ways until one finds the rows. If that way did not count the list, Find counts it, unless it has
// seen all rows.
func TestFind(t *testing.T) {
	lost := func(context.Context, Reading[int]) (Found[int], bool, error) {
		return Found[int]{Hits: []int{9}}, false, nil
	}
	to := func(f Found[int]) Way[int] {
		return func(context.Context, Reading[int]) (Found[int], bool, error) { return f, true, nil }
	}
	counter := func(context.Context) (int, bool, error) { return 7, true, nil }
	from := 5
	for name, c := range map[string]struct {
		r           Reading[int]
		found, want Found[int]
	}{
		"counted": {
			Reading[int]{Limit: 2},
			Found[int]{Hits: []int{1, 2}, Counted: true, Count: 3},
			Found[int]{Hits: []int{1, 2}, Counted: true, Count: 3},
		},
		"all of it": {
			Reading[int]{Limit: 2},
			Found[int]{Hits: []int{1}},
			Found[int]{Hits: []int{1}, Count: 1},
		},
		"a full page": {
			Reading[int]{Limit: 2},
			Found[int]{Hits: []int{1, 2}},
			Found[int]{Hits: []int{1, 2}, Count: 7, More: true},
		},
		"from somewhere": {
			Reading[int]{Limit: 2, From: &from},
			Found[int]{Hits: []int{1}},
			Found[int]{Hits: []int{1}, Count: 7, More: true},
		},
		"more than were counted": {
			Reading[int]{Limit: 8},
			Found[int]{Hits: make([]int, 8)},
			Found[int]{Hits: make([]int, 8), Count: 8, More: true},
		},
		"nobody asks for the number": {
			Reading[int]{Limit: 2, Uncounted: true},
			Found[int]{Hits: []int{1, 2}},
			Found[int]{Hits: []int{1, 2}, Count: 2},
		},
		"counted although nobody asks": {
			Reading[int]{Limit: 2, Uncounted: true},
			Found[int]{Hits: []int{1, 2}, Counted: true, Count: 3},
			Found[int]{Hits: []int{1, 2}, Counted: true, Count: 3},
		},
	} {
		got, err := Find(t.Context(), c.r, counter, lost, lost, to(c.found))
		require.NoError(t, err, name)
		assert.Equal(t, c.want.Hits, got.Hits, name)
		assert.Equal(t, c.want.Count, got.Count, name)
		assert.Equal(t, c.want.More, got.More, name)
	}
	broken := errors.New("broken")
	fail := func(context.Context, Reading[int]) (Found[int], bool, error) { return Found[int]{}, false, broken }
	_, err := Find(t.Context(), Reading[int]{}, counter, fail)
	assert.ErrorIs(t, err, broken, "an error on the way")
}

// TestEach: all rows come once, in their order, however many are read at a time, until somebody has enough.
func TestEach(t *testing.T) {
	for n := range 8 {
		for at := 1; at <= 8; at++ {
			var got []string
			require.NoError(t, Each(t.Context(), numbers{n}, at, func(rows []string) error {
				assert.LessOrEqual(t, len(rows), at)
				got = append(got, rows...)
				return nil
			}))
			all, err := numbers{n}.Load(t.Context(), numbersTo(n))
			require.NoError(t, err)
			assert.Equal(t, append([]string(nil), all...), got, "%d rows, %d at a time", n, at)
		}
	}
	enough := errors.New("enough")
	assert.ErrorIs(t, Each(t.Context(), numbers{5}, 2, func([]string) error { return enough }), enough)
}

func numbersTo(n int) (keys []int) {
	for i := range n {
		keys = append(keys, i)
	}
	return keys
}
