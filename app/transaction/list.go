package transaction

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/customer"
	"kontor/app/listing"
	"kontor/app/store"
	"kontor/policies"
)

// PageSize and CountCap are those of all lists.
const (
	PageSize = listing.PageSize
	CountCap = listing.CountCap
)

// Due narrows a list by the due date.
type Due string

// The ways to narrow by it.
const (
	Overdue Due = "overdue" // should have been closed before today
	ThisDue Due = "week"    // today or in the seven days after, and not closed
	NoDue   Due = "none"    // without a due date
)

// Dues lists them.
var Dues = []Due{Overdue, ThisDue, NoDue}

// Filter is the state of a list, as it stands in the URL. What is not understood counts as not there.
type Filter struct {
	Query    string // every word must be found; 1-2 characters find beginnings of words, more find any part
	Kind     string // key
	Status   Status
	Customer string // id or number; one that is not there finds nothing
	Due      Due
	After    string // keyset cursors; opaque; a broken one is ignored
	Before   string
}

// Narrow says whether the filter leaves anything out.
func (f Filter) Narrow() bool {
	return f.Query != "" || f.Kind != "" || f.Status != "" || f.Customer != "" || f.Due != ""
}

// Page is one page of a list, newest first.
type Page = listing.Page[Transaction]

// List returns a page of everything that the caller may read. What they may not read is in no row and in no count. It is
// empty for who may read nothing.
func (s *Service) List(ctx context.Context, c account.Caller, f Filter) (Page, error) {
	of, ok, err := s.ownerOf(ctx, f.Customer)
	if err != nil || !ok {
		return Page{}, err
	}
	return s.list(ctx, c, of, f)
}

// OfCustomer is List for one customer. customer.ErrNotFound when the caller may not read it.
func (s *Service) OfCustomer(ctx context.Context, c account.Caller, customerID uuid.UUID, f Filter) (Page, error) {
	if _, err := s.customers.Authorise(ctx, s.db, c, customerID, wantCustomer); err != nil {
		return Page{}, err
	}
	return s.list(ctx, c, customerID, f)
}

// ownerOf reads the customer of a filter: Nil for all; ok=false when there is no such customer.
func (s *Service) ownerOf(ctx context.Context, text string) (id uuid.UUID, ok bool, err error) {
	if text == "" {
		return uuid.Nil, true, nil
	}
	if number, isNumber := customer.ParseNumber(text); isNumber {
		return s.customerByNumber(ctx, number)
	}
	id, err = uuid.FromString(text)
	return id, err == nil && id != uuid.Nil, nil
}

func (s *Service) list(ctx context.Context, c account.Caller, of uuid.UUID, f Filter) (Page, error) {
	scope, err := s.decider.Scope(c.Roles, policies.ObjectTransaction, policies.Read)
	if err != nil || scope.Nothing() {
		return Page{}, err
	}
	l := &list{
		Service: s, caller: c, scope: scope, customer: of, filter: f,
		today: s.Today(), week: s.now().In(s.zone).AddDate(0, 0, 7).Format(time.DateOnly),
	}
	l.terms, l.search = parseQuery(f.Query)
	l.wanted = l.terms
	if l.search && f.Kind != "" {
		l.wanted = store.ParseTerms(append(slices.Clone(l.terms.Needles), kindNeedle(f.Kind)))
	}
	if l.byRelation() && scope.Matters()&policies.Access != 0 {
		if l.accesses, err = s.accessesOf(ctx, c.ID); err != nil {
			return Page{}, err
		}
	}
	return listing.Read(ctx, l, f.After, f.Before)
}

// limits is how many rows are looked at before a list takes the other way. They change how a result is found, never the
// result.
type limits struct {
	// first: so many rows of the caller's range are looked at, newest first, before anything else: a page of what is very
	// frequent lies within them, and so does all that most people see.
	first int
	// rare: what the index of what is looked for has fewer of is gathered from it.
	rare int
	// walk: up to so many rows the walk goes on for the rest.
	walk int
	// gather: so many candidates are taken from the index then; of what has more, the walk goes on to its end.
	gather int
	// count: so many rows are looked at for counting what is no row of an index.
	count int
	// batch is the largest part in which a walk goes.
	batch int
}

// defaultLimits are measured at three million transactions. A page of matches as rare as may be must lie within the walk, or
// both ways are gone in vain: rare × walk ≥ PageSize × 3,000,000.
var defaultLimits = limits{first: 1_000, rare: 8_000, walk: 20_000, gather: 50_000, count: 2_000, batch: 16_000}

// list is what a page is made from; package listing reads it.
type list struct {
	*Service
	caller      account.Caller
	scope       policies.Scope
	customer    uuid.UUID   // Nil: of all
	accesses    []uuid.UUID // customers to which the caller has an active access
	filter      Filter
	terms       store.Terms
	search      bool        // terms hold something
	wanted      store.Terms // the terms and the kind, as the trigram index knows them
	today, week string
}

// reading is one reading of a list, newest first unless it goes back.
type reading = listing.Reading[position]

// result is what it found.
type result = listing.Found[position]

// Encode writes a cursor.
func (l *list) Encode(p position) string { return p.encode() }

// Decode reads it.
func (l *list) Decode(cursor string) (position, bool) { return decode(cursor) }

// Find does a run. It walks the range that the list lies in and gathers from the index of what is looked for in turns, each
// as far as it is likely to lead. The walk goes on where it stopped.
func (l *list) Find(ctx context.Context, r reading) (result, error) {
	var hits []position
	rest := r // what is still to be walked
	walk := func(most int) listing.Way[position] {
		return func(ctx context.Context, _ reading) (result, bool, error) {
			more, last, err := l.walk(ctx, rest, most)
			hits = append(hits, more...)
			rest.From, rest.Limit = last, rest.Limit-len(more)
			return result{Hits: hits}, last == nil, err
		}
	}
	gather := func(most int) listing.Way[position] {
		return func(ctx context.Context, r reading) (result, bool, error) { return l.gather(ctx, r, most) }
	}
	if l.candidates() == nil {
		return listing.Find(ctx, r, l.count, walk(0))
	}
	return listing.Find(ctx, r, l.count,
		walk(l.limits.first), gather(l.limits.rare), walk(l.limits.walk), gather(l.limits.gather), walk(0))
}

// Load loads the rows of a page.
func (l *list) Load(ctx context.Context, keys []position) ([]Transaction, error) {
	ids := make([]uuid.UUID, len(keys))
	for i, p := range keys {
		ids[i] = p.ID
	}
	rows, err := l.byID(ctx, l.caller, ids)
	return listing.InOrder(ids, rows), err
}

// position is the key of a row in a list.
type position struct {
	CreatedAt time.Time `bun:"created_at"`
	ID        uuid.UUID `bun:"id"`
}

// cursorVersion changes when the meaning of a position does: cursors of before are ignored then.
const cursorVersion = 1

func (p position) encode() string { return listing.Encode(cursorVersion, p.CreatedAt, p.ID) }

// decode reads a cursor; ok=false for everything that encode can't have written.
func decode(s string) (p position, ok bool) {
	ok = listing.Decode(s, cursorVersion, &p.CreatedAt, &p.ID)
	return p, ok
}

// maxRunes bounds a query: more characters than that are not looked at.
const maxRunes = 100

// parseQuery folds a query as the search text is folded. ok=false when there is nothing to search for.
func parseQuery(q string) (t store.Terms, ok bool) {
	if utf8.RuneCountInString(q) > maxRunes {
		q = string([]rune(q)[:maxRunes])
	}
	var words []string
	for _, word := range strings.Fields(q) {
		if _, isNumber := ParseNumber(word); isNumber {
			word = strings.ReplaceAll(word, "-", "") // one word in the search text as well: "v10001"
		}
		words = append(words, strings.Fields(store.Fold(word))...)
	}
	t = store.ParseTerms(words)
	return t, len(t.Needles) > 0
}
