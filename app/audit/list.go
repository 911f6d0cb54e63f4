package audit

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/listing"
	"kontor/app/store"
)

// How the log is read.
//
// Its order is that of the time. For each condition that can be rare (person, action, customer, transaction, address)
// there is an index in that order, so an entry costs some insertions into B-trees, nearly all at their ends. A page reads
// the index of one condition, newest first, and checks the entries for all others. If there are several such indexes, they are
// read in turns, the one with the most hits among its entries next, so a condition that is rare is found by its own index
// however frequent the others are.
//
// What remains are conditions that are frequent each and rare together, and words: a page looks at limits.most entries
// and then says back to which time it has looked, with a way to go on. An index of trigrams, as the lists of customers and
// transactions have one, would find a rare word in a million entries at once. But it would make every act of every person
// slower for a search that auditors make now and then, nearly always for some days, a customer or a person, and it would
// keep another copy of names that must be forgotten.

// PageSize is how many entries a page of the log has.
const PageSize = listing.PageSize

// Page is one page of the log, newest first.
type Page struct {
	Entries    []Entry
	Next, Prev string // cursors, "" where there is none
	// Until is set if more entries may match than were looked for: the page has those that are not older.
	Until time.Time
	// Count is the number of all entries that match, up to listing.CountCap; Capped says that there are more. Counted
	// says whether that is known.
	Count   int
	Capped  bool
	Counted bool
}

// key is the place of an entry in the order of the log.
type key = listing.Moment

type reading = listing.Reading[key]

// limits are the numbers of entries that a list reads at a time. Except for most they never change what is found. Tests
// set them.
type limits struct {
	first int // a way begins with this many entries
	batch int // the maximum of one query
	most  int // a page looks at no more than this
	few   int // up to so many entries of a network are read at once
}

func limitsOf() limits { return limits{first: 200, batch: 5_000, most: 20_000, few: 2_000} }

// Page returns a page of the entries that match. The caller has checked that the log may be read, and f.Only has what
// may be seen of it.
func (l *Log) Page(ctx context.Context, f Filter) (p Page, err error) {
	read, err := listing.ReadMoments(ctx, f.After, f.Before, func(ctx context.Context, r reading) (found, error) { return l.Find(ctx, f, r) })
	if err != nil {
		return Page{}, err
	}
	p = Page{Next: read.Next, Prev: read.Prev, Until: read.Until}
	if read.First {
		if err := l.count(ctx, f, read.Found, &p); err != nil {
			return Page{}, err
		}
	}
	p.Entries, err = l.Load(ctx, read.Keys)
	return p, err
}

// count says how many entries there are, where one range of an index can tell.
func (l *Log) count(ctx context.Context, f Filter, of found, p *Page) error {
	n := len(of.Hits)
	switch {
	case of.Stopped != nil:
		return nil
	case n > PageSize:
		var known bool
		var err error
		if n, known, err = l.countRange(ctx, f); err != nil || !known {
			return err
		}
	}
	p.Count, p.Capped, p.Counted = min(n, listing.CountCap), n > listing.CountCap, true
	return nil
}

// lastAmong is how many of the newest entries Last looks at.
const lastAmong = 16

// Last returns the newest entry about a customer, as far as only lets it be seen; ok is false if there is none among the
// newest sixteen. What is counted, see Saw, changed nothing and is left out.
func (l *Log) Last(ctx context.Context, customer uuid.UUID, only store.Condition) (e Entry, ok bool, err error) {
	newest := l.walked(Filter{}, &way{
		index: "audit_customer", ranges: []store.Condition{bun.SafeQuery(`entry.customer_id = ?`, customer)},
	}, lastAmong).ColumnExpr(`entry.bucket`)
	err = listing.By(true, "entry.at", "entry.id").First(l.db.NewSelect(), 1).ColumnExpr(`entry.id, entry.at, entry.actor, entry.action`).
		With("walked", newest).TableExpr(`walked AS entry`).Where(`entry.bucket IS NULL`).Where(`?`, store.All(only)).Scan(ctx, &e)
	if store.IsNoRows(err) {
		return Entry{}, false, nil
	}
	return e, err == nil, err
}

// Reader reads all entries that match, newest first, part by part. It never looks at all of them in one query or one
// tx, so it holds up nobody, and what is logged meanwhile is not in it.
type Reader struct {
	log    *Log
	filter Filter
	from   *key
	done   bool
}

// Read returns a Reader; the filter's cursors have no meaning for it. See Page about what may be read.
func (l *Log) Read(f Filter) *Reader { return &Reader{log: l, filter: f} }

// readAtOnce is how many entries a Reader returns at most.
const readAtOnce = 500

// Next returns the next entries, none at the end.
func (r *Reader) Next(ctx context.Context) ([]Entry, error) {
	for !r.done {
		found, err := r.log.Find(ctx, r.filter, reading{From: r.from, Limit: readAtOnce})
		if err != nil {
			return nil, err
		}
		switch {
		case found.Stopped != nil:
			r.from = found.Stopped
		case len(found.Hits) == readAtOnce:
			r.from = &found.Hits[readAtOnce-1]
		default:
			r.done = true
		}
		entries, err := r.log.Load(ctx, found.Hits)
		if err != nil || len(entries) > 0 {
			return entries, err
		}
	}
	return nil, nil
}

type found = listing.Moments

// Find finds the entries of a reading, in the order of the reading. See Page about what may be read.
func (l *Log) Find(ctx context.Context, f Filter, r reading) (found, error) {
	if f.impossible() {
		return found{}, nil
	}
	if hits, all, err := l.gather(ctx, f, r); err != nil || all {
		return found{Hits: hits}, err
	}
	ways := waysOf(f, r)
	for seen := 0; ; {
		w := slices.MaxFunc(ways, func(a, b *way) int { return cmp.Compare(a.rate(l.limits), b.rate(l.limits)) })
		n := w.next(l.limits)
		if err := l.step(ctx, f, w, n); err != nil {
			return found{}, err
		}
		if w.done {
			return found{Hits: w.hits}, nil
		}
		if seen += w.last; seen >= l.limits.most {
			return furthest(ways), nil
		}
	}
}

// furthest returns what the way has found that has come furthest.
func furthest(ways []*way) (f found) {
	for _, w := range ways {
		if at := w.rest.From; w.seen > 0 && (f.Stopped == nil || at.Compare(*f.Stopped) < 0 != w.rest.Back) {
			f = found{Hits: w.hits, Stopped: at}
		}
	}
	return f
}

// way reads the entries of one condition from its index.
type way struct {
	index  string
	ranges []store.Condition // each is one range of the index, of entries that no other one has
	rest   reading           // what was not read yet
	last   int               // the number of entries that the last part was to have
	seen   int               // the number of entries read
	hits   []key
	done   bool // the limit is reached, or the way has ended
}

// rate estimates how many of a way's entries match.
func (w *way) rate(l limits) float64 { return float64(len(w.hits)+1) / float64(w.seen+l.first) }

// next returns how many entries the next part should have: enough for what is left at the present rate, and no more
// than four times as many as the last one.
func (w *way) next(l limits) int {
	if w.last == 0 {
		return min(l.first, l.batch)
	}
	enough := int(1.5 * float64(w.rest.Limit-len(w.hits)) / w.rate(l))
	return min(max(enough, l.first), 4*w.last, l.batch)
}

// add adds a part of n entries: those that match, how many were seen, and the last of them.
func (w *way) add(n int, hits []key, seen int, last key) {
	w.last, w.seen = n, w.seen+seen
	w.hits = append(w.hits, hits...)
	w.rest.From = &last
	if len(w.hits) >= w.rest.Limit {
		w.hits, w.done = w.hits[:w.rest.Limit], true
	}
	w.done = w.done || seen < n
}

// matches checks what the database can't: the words, and networks.
func (f Filter) matches(words []string, e Entry) bool {
	if !f.Address.contains(e.Address) {
		return false
	}
	if len(words) == 0 {
		return true
	}
	text := store.Fold(e.Actor + " " + e.Subject + " " + e.Address)
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

// checked says whether entries must be checked by matches.
func (f Filter) checked() bool {
	_, single := f.Address.single()
	return f.Query != "" || !f.Address.any() && !single
}

// Person is somebody who has acted.
type Person struct {
	ID   uuid.UUID
	Name string // as it was at last
}

// recent is how many entries People looks at.
const recent = 1000

// People returns who has acted in the newest entries of those that match, by name, each once. Kontor itself and people
// who have not proved who they are aren't in it. Only the conditions about customer and transaction are heeded, and Only.
func (l *Log) People(ctx context.Context, f Filter) ([]Person, error) {
	list, err := l.people(ctx, Filter{Customers: f.Customers, Transaction: f.Transaction, Only: f.Only})
	slices.SortStableFunc(list, func(a, b Person) int {
		return cmp.Compare(store.SortKey(a.Name), store.SortKey(b.Name))
	})
	return list, err
}
