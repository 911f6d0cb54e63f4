package listing

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A page has PageSize rows; counts end at CountCap.
const (
	PageSize = 50
	CountCap = 1000
)

// Page is one page of a list.
type Page[R any] struct {
	Rows       []R
	First      int    // the first row is the how many-th of the list, as the pages before were read; 0: not known
	Next, Prev string // cursors, "" where there is none
	Count      int    // of all rows of the list, as far as was counted, up to CountCap
	Capped     bool   // there are more than Count
	Similar    bool   // no row has the words of the search; these rows have words with a similar spelling
}

// Last says the how many-th of the list the last row is; see First.
func (p Page[R]) Last() int { return p.First + len(p.Rows) - 1 }

// Part says whether the page is one of several, and which rows it has.
func (p Page[R]) Part() bool { return p.First > 0 && (p.Next != "" || p.Prev != "") }

// Reading is one reading of a list with keys of type K.
type Reading[K any] struct {
	From  *K   // the row after which it begins; nil: at the beginning of the list
	Back  bool // read towards the beginning of the list
	Limit int  // the largest number of rows
	// Uncounted: the number of all rows is not asked for, and is found out only if that costs nothing.
	Uncounted bool
}

// Found is the result of a Reading.
type Found[K any] struct {
	Hits    []K  // in the order in which they were read
	Counted bool // Count and More are known
	Count   int  // of the whole list, not further than CountCap+1; of the hits if it is not Counted
	More    bool // there are more than Count
	Similar bool // see Page
}

// Source is a list with keys of type K and rows of type R. A feature implements it for its list.
type Source[K, R any] interface {
	// Encode and Decode write and read the cursor of a row; see the functions of that name.
	Encode(key K) string
	Decode(cursor string) (key K, ok bool)
	// Find finds the keys of the rows that r asks for, and counts the list unless r says otherwise.
	Find(ctx context.Context, r Reading[K]) (Found[K], error)
	// Load reads the rows with these keys, of which there is at least one; see InOrder.
	Load(ctx context.Context, keys []K) ([]R, error)
}

// Read returns one page of a list. If the cursor before is valid, it is the page that ends before that row; else, if
// the cursor after is valid, the page that begins after that row; else the first page. Read also returns the first page
// if there is nothing after the cursor, or not more than one page before it.
func Read[K, R any](ctx context.Context, of Source[K, R], after, before string) (p Page[R], err error) {
	r := Reading[K]{Limit: PageSize + 1} // one more says that there is another page
	var place int                        // of the row of the cursor
	if key, n, ok := readCursor(of, before); ok {
		r.From, r.Back, place = &key, true, n
	} else if key, n, ok := readCursor(of, after); ok {
		r.From, place = &key, n
	}
	found, err := of.Find(ctx, r)
	if err == nil && r.From != nil && (len(found.Hits) == 0 || r.Back && len(found.Hits) <= PageSize) {
		r.From, r.Back = nil, false
		found, err = of.Find(ctx, r)
	}
	if err != nil {
		return Page[R]{}, err
	}
	p = Page[R]{Count: min(found.Count, CountCap), Capped: found.More || found.Count > CountCap, Similar: found.Similar}
	keys, more := Cut(found.Hits)
	if len(keys) == 0 {
		return p, nil
	}
	if r.Back {
		slices.Reverse(keys)
	}
	switch {
	case r.From == nil:
		p.First = 1
	case place > 0 && r.Back:
		p.First = max(place-len(keys), 0)
	case place > 0:
		p.First = place + 1
	}
	if more || r.Back {
		p.Next = writeCursor(of, keys[len(keys)-1], p.First+len(keys)-1)
	}
	if r.From != nil && !r.Back || r.Back && more {
		p.Prev = writeCursor(of, keys[0], p.First)
	}
	p.Rows, err = of.Load(ctx, keys)
	return p, err
}

// writeCursor writes the cursor of a row, with its place in the list, which is not known if it is not positive.
func writeCursor[K, R any](of Source[K, R], key K, place int) string {
	if cursor := of.Encode(key); place <= 0 {
		return cursor
	} else {
		return cursor + "." + strconv.Itoa(place)
	}
}

// mostPlaces is the highest place that a cursor may say: no list has more rows.
const mostPlaces = math.MaxInt32

// readCursor reads such a cursor.
func readCursor[K, R any](of Source[K, R], cursor string) (key K, place int, ok bool) {
	text, digits, placed := strings.Cut(cursor, ".")
	if placed {
		var err error
		if place, err = strconv.Atoi(digits); err != nil || place < 1 || place > mostPlaces || strconv.Itoa(place) != digits {
			return key, 0, false
		}
	}
	key, ok = of.Decode(text)
	return key, place, ok
}

// First returns the first n rows of a list, as a page without others before or after it. If there are more rows, and
// finding these has not shown how many, Count is n and Capped is set. It can be much faster than Read, because it reads
// fewer rows and counts none.
func First[K, R any](ctx context.Context, of Source[K, R], n int) (p Page[R], err error) {
	found, err := of.Find(ctx, Reading[K]{Limit: n + 1, Uncounted: true}) // one more says that there are others
	if err != nil {
		return Page[R]{}, err
	}
	p = Page[R]{Count: min(found.Count, CountCap), Capped: found.More || found.Count > CountCap, Similar: found.Similar}
	if !found.Counted && len(found.Hits) > n {
		p.Count, p.Capped = n, true
	}
	if len(found.Hits) > 0 {
		p.Rows, err = of.Load(ctx, found.Hits[:min(len(found.Hits), n)])
	}
	return p, err
}

// Cut makes a page of up to PageSize+1 rows that were read; more says that another page follows.
func Cut[R any](rows []R) (page []R, more bool) {
	return rows[:min(len(rows), PageSize)], len(rows) > PageSize
}

// InOrder returns the rows with these ids, in the order of the ids. An id without a row is skipped: the row was deleted
// meanwhile.
func InOrder[I comparable, R any](ids []I, rows map[I]R) []R {
	list := make([]R, 0, len(ids))
	for _, id := range ids {
		if r, ok := rows[id]; ok {
			list = append(list, r)
		}
	}
	return list
}
