package listing

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
)

// Moment is the key of a row in a list in the order of the time, newest first: the log, a customer's history. Rows of the
// same time are in the order of their ids, in which both databases have them as well.
type Moment struct {
	At time.Time `bun:"at"`
	ID uuid.UUID `bun:"id"`
}

// Compare says whether a moment is before another one in time.
func (m Moment) Compare(o Moment) int {
	if c := m.At.Compare(o.At); c != 0 {
		return c
	}
	return bytes.Compare(m.ID[:], o.ID[:])
}

// momentVersion changes when the meaning of a Moment does. Cursors of another version are ignored.
const momentVersion = 1

// Cursor writes the cursor of a row.
func (m Moment) Cursor() string { return Encode(momentVersion, m.At, m.ID) }

// DecodeMoment reads a cursor.
func DecodeMoment(cursor string) (m Moment, ok bool) {
	ok = Decode(cursor, momentVersion, &m.At, &m.ID)
	return m, ok
}

// Moments are what a reading of such a list has found, in the order of the reading.
type Moments struct {
	Hits []Moment
	// Stopped is the last row that was looked at, if others were not and fewer than the limit were found; nil otherwise.
	Stopped *Moment
}

// MergeMoments makes one list of what several lists have found for the same reading: what a reading of all their rows
// together would have found. Where one of them has stopped, the whole has.
func MergeMoments(r Reading[Moment], lists ...Moments) (whole Moments) {
	order := func(a, b Moment) int {
		if r.Back {
			return a.Compare(b)
		}
		return b.Compare(a)
	}
	for _, l := range lists {
		whole.Hits = append(whole.Hits, l.Hits...)
		if l.Stopped != nil && (whole.Stopped == nil || order(*l.Stopped, *whole.Stopped) < 0) {
			whole.Stopped = l.Stopped
		}
	}
	slices.SortFunc(whole.Hits, order)
	if whole.Stopped != nil { // what comes after it may have others before it that nobody has looked at
		whole.Hits = slices.DeleteFunc(whole.Hits, func(m Moment) bool { return order(m, *whole.Stopped) > 0 })
	}
	if len(whole.Hits) >= r.Limit {
		whole.Hits, whole.Stopped = whole.Hits[:r.Limit], nil
	}
	return whole
}

// MomentsPage is one page of such a list, newest first.
type MomentsPage struct {
	Keys       []Moment
	Next, Prev string // cursors, "" where there is none
	// Until is set if more rows may match than were looked for: the page has those that are not older.
	Until time.Time
	// First says that it is the first page, Found what its reading has found.
	First bool
	Found Moments
}

// ReadMoments returns one page of a list that find reads. If the cursor before is valid, it is the page that ends before that
// row; else, if the cursor after is valid, the page that begins after that row; else the first page. It is also the first page
// if there is not more than one page before the row.
func ReadMoments(ctx context.Context, after, before string, find func(context.Context, Reading[Moment]) (Moments, error)) (p MomentsPage, err error) {
	r := Reading[Moment]{Limit: PageSize + 1} // one more says that there is another page
	if m, ok := DecodeMoment(before); ok {
		r.From, r.Back = &m, true
	} else if m, ok := DecodeMoment(after); ok {
		r.From = &m
	}
	found, err := find(ctx, r)
	if err == nil && r.Back && found.Stopped == nil && len(found.Hits) <= PageSize {
		r.From, r.Back = nil, false
		found, err = find(ctx, r)
	}
	if err != nil {
		return MomentsPage{}, err
	}
	p = MomentsPage{First: r.From == nil, Found: found}
	keys, more := Cut(found.Hits)
	if r.Back {
		slices.Reverse(keys)
	}
	if p.Keys = keys; len(keys) > 0 {
		if more || r.Back {
			p.Next = keys[len(keys)-1].Cursor()
		}
		if r.From != nil && !r.Back || r.Back && more {
			p.Prev = keys[0].Cursor()
		}
	}
	switch {
	case found.Stopped == nil:
	case r.Back:
		p.Prev = found.Stopped.Cursor()
	default:
		p.Next, p.Until = found.Stopped.Cursor(), found.Stopped.At
	}
	return p, nil
}
