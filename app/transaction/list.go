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

// Due filters a list by the due date.
type Due string

// The values of the filter.
const (
	Overdue Due = "overdue" // should have been closed before today
	ThisDue Due = "week"    // today or in the seven days after, and not closed
	NoDue   Due = "none"    // without a due date
)

// Dues lists the values of Due.
var Dues = []Due{Overdue, ThisDue, NoDue}

// Filter is the filter and page of a list, as in the URL. Values that are not understood are ignored.
type Filter struct {
	Query    string // every word must be found; 1-2 characters find beginnings of words, more find any part
	Kind     string // key
	Status   Status
	Customer string // id or number; an unknown customer finds nothing
	Due      Due
	After    string // keyset cursors; opaque; an invalid one is ignored
	Before   string
}

// Narrow says whether the filter excludes anything.
func (f Filter) Narrow() bool {
	return f.Query != "" || f.Kind != "" || f.Status != "" || f.Customer != "" || f.Due != ""
}

// Page is one page of a list, newest first.
type Page = listing.Page[Transaction]

// List returns a page of all transactions that the caller may read. Others are in no row and in no count. The page is
// empty when the caller may read none.
func (s *Service) List(ctx context.Context, c account.Caller, f Filter) (Page, error) {
	of, ok, err := s.ownerOf(ctx, f.Customer)
	if err != nil || !ok {
		return Page{}, err
	}
	return s.page(ctx, c, of, f)
}

// First returns the first n transactions of List, and does not count the others: see listing.First.
func (s *Service) First(ctx context.Context, c account.Caller, f Filter, n int) (Page, error) {
	of, ok, err := s.ownerOf(ctx, f.Customer)
	if err != nil || !ok {
		return Page{}, err
	}
	l, ok, err := s.list(ctx, c, of, f)
	if err != nil || !ok {
		return Page{}, err
	}
	return listing.First(ctx, l, n)
}

// OfCustomer is List for one customer. customer.ErrNotFound when the caller may not read it.
func (s *Service) OfCustomer(ctx context.Context, c account.Caller, customerID uuid.UUID, f Filter) (Page, error) {
	if _, err := s.customers.Authorise(ctx, s.db, c, customerID, wantCustomer); err != nil {
		return Page{}, err
	}
	return s.page(ctx, c, customerID, f)
}

// ownerOf reads the customer of a filter: Nil for all customers; ok=false when there is no such customer.
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

func (s *Service) page(ctx context.Context, c account.Caller, of uuid.UUID, f Filter) (Page, error) {
	l, ok, err := s.list(ctx, c, of, f)
	if err != nil || !ok {
		return Page{}, err
	}
	return listing.Read(ctx, l, f.After, f.Before)
}

// list makes the list of a filter; ok=false when the caller may read no transactions.
func (s *Service) list(ctx context.Context, c account.Caller, of uuid.UUID, f Filter) (l *list, ok bool, err error) {
	scope, err := s.decider.Scope(c.Roles, policies.ObjectTransaction, policies.Read)
	if err != nil || scope.Nothing() {
		return nil, false, err
	}
	l = &list{
		Service: s, caller: c, scope: scope, customer: of, filter: f,
		today: s.Today(), week: s.now().In(s.zone).AddDate(0, 0, 7).Format(time.DateOnly),
	}
	l.terms, l.search = parseQuery(f.Query)
	l.wanted = l.terms
	if l.search && f.Kind != "" {
		l.wanted = store.ParseTerms(append(slices.Clone(l.terms.Needles), kindNeedle(f.Kind)))
	}
	if l.byRelation() && scope.Matters()&policies.Access != 0 {
		l.accesses, err = s.accessesOf(ctx, c.ID)
	}
	return l, err == nil, err
}

// limits are the numbers of rows that a list reads before it switches between walking and gathering (see Find). They
// change how a result is found, never the result.
type limits struct {
	// scarce: up to this many matches of a search are gathered first, because most searches have no more. 0 on
	// PostgreSQL, whose index is read to its end before it returns the first match.
	scarce int
	// first: the walk first reads this many of the caller's newest rows. A page of very frequent matches lies within
	// them, and so do all rows that most people may see.
	first int
	// rare: if the index for the search or filter has fewer matches than this, they are all gathered from it.
	rare int
	// walk: otherwise the walk continues up to this many rows.
	walk int
	// gather: then up to this many candidates are gathered. If the index has more, the walk continues to its end.
	gather int
	// count: this many rows are read for a count that no index can answer.
	count int
	// batch is the maximum number of rows in one query of a walk.
	batch int
}

// limitsOf returns limits that were measured with three million transactions. A page of matches that are just too frequent
// for rare must lie within the walk, or both attempts are wasted: rare × walk ≥ listing.PageSize × 3,000,000.
func limitsOf(db *store.DB) limits {
	l := limits{first: 1_000, rare: 8_000, walk: 20_000, gather: 50_000, count: 2_000, batch: 16_000}
	if !db.IsPostgres() {
		l.scarce = 2 * listing.PageSize
	}
	return l
}

// list holds everything from which a page is made; package listing reads it.
type list struct {
	*Service
	caller      account.Caller
	scope       policies.Scope
	customer    uuid.UUID   // Nil: all customers
	accesses    []uuid.UUID // customers to which the caller has an active access
	filter      Filter
	terms       store.Terms
	search      bool        // terms are not empty
	wanted      store.Terms // the terms and the kind, in the form of the trigram index
	today, week string
}

// reading is one query of a list by package listing, newest first unless it reads backwards.
type reading = listing.Reading[position]

// result is what a reading found.
type result = listing.Found[position]

// Encode writes a cursor.
func (l *list) Encode(p position) string { return p.encode() }

// Decode reads a cursor.
func (l *list) Decode(cursor string) (position, bool) { return decode(cursor) }

// Find finds the rows of a reading. It alternates between walking (reading the list's range in order) and gathering
// (reading all matches from an index). Each attempt is limited to what is likely to succeed. The walk continues where
// it stopped. A search begins with gathering the few matches that most searches have.
func (l *list) Find(ctx context.Context, r reading) (result, error) {
	var hits []position
	rest := r // the part that the walk has not read yet
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
	ways := []listing.Way[position]{walk(l.limits.first), gather(l.limits.rare), walk(l.limits.walk), gather(l.limits.gather), walk(0)}
	if l.search && l.limits.scarce > 0 {
		ways = append([]listing.Way[position]{gather(l.limits.scarce)}, ways...)
	}
	return listing.Find(ctx, r, l.count, ways...)
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

// cursorVersion changes when the meaning of a position changes. Cursors of older versions are then ignored.
const cursorVersion = 1

func (p position) encode() string { return listing.Encode(cursorVersion, p.CreatedAt, p.ID) }

// decode reads a cursor; ok=false when encode did not write it.
func decode(s string) (p position, ok bool) {
	ok = listing.Decode(s, cursorVersion, &p.CreatedAt, &p.ID)
	return p, ok
}

// maxRunes is the maximum length of a query; further characters are ignored.
const maxRunes = 100

// parseQuery folds a query like the search text. ok=false when there is nothing to search for.
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
