package transaction

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/customer"
	"kontor/app/listing"
	"kontor/app/sample"
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
	// Responsible is Me, Nobody or the id of a specialist user; an unknown one finds nothing.
	Responsible string
	Sort        string // ByWork or one of Sorts, with a minus in front for the other direction; "": the newest first
	After       string // keyset cursors; opaque; an invalid one is ignored
	Before      string
}

// Values of Filter.Responsible besides ids.
const (
	Me     = "me"
	Nobody = "none"
)

// Narrow says whether the filter excludes anything.
func (f Filter) Narrow() bool {
	return f.Query != "" || f.Kind != "" || f.Status != "" || f.Customer != "" || f.Due != "" || f.Responsible != ""
}

// Searches says whether the filter has words to search for.
func (f Filter) Searches() bool {
	_, ok := parseQuery(f.Query)
	return ok
}

// Page is one page of a list.
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
	if l.order.by != byNumber {
		return listing.First(ctx, sortedList{l}, n)
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
	if l.order.by != byNumber {
		return listing.Read(ctx, sortedList{l}, f.After, f.Before)
	}
	return listing.Read(ctx, l, f.After, f.Before)
}

// list makes the list of a filter; ok=false when the caller may read no transactions.
func (s *Service) list(ctx context.Context, c account.Caller, of uuid.UUID, f Filter) (l *list, ok bool, err error) {
	scope, err := s.decider.Scope(c.Roles, policies.ObjectTransaction, policies.Read)
	if err != nil || scope.Nothing() {
		return nil, false, err
	}
	l = &list{Service: s, caller: c, scope: scope, customer: of, filter: f}
	l.today, l.week = s.days()
	if l.responsible, ok = responsibleOf(c, f); !ok {
		return nil, false, nil
	}
	l.terms, l.search = parseQuery(f.Query)
	l.wanted = l.terms
	if l.search && f.Kind != "" {
		l.wanted, _ = parseQuery(f.Query, kindNeedle(f.Kind))
	}
	if l.order = l.orderOf(f.Sort); l.order.by == byKind {
		if l.kinds, err = AllKinds(ctx, s.db); err != nil {
			return nil, false, err
		}
	}
	if l.byRelation() && scope.Matters()&policies.Access != 0 {
		l.accesses, err = s.accessesOf(ctx, c.ID)
	}
	return l, err == nil, err
}

// days returns today and the last day of ThisDue.
func (s *Service) days() (today, week string) {
	return s.Today(), s.now().In(s.zone).AddDate(0, 0, 7).Format(time.DateOnly)
}

// limits are the numbers of rows that a list reads at a time. They change how a result is found, never the result.
type limits struct {
	first int // a way begins with this many rows
	batch int // the maximum number of rows in one query of a way
	count int // this many rows are read for a count that no index can answer, half of them for that of a search
	// perRow is how many matches PostgreSQL reads at once for each row of a page: a query takes longer than reading some
	// hundred matches, and hardly anybody sees all of them.
	perRow int
	// sample is the number of transactions in the sample that says which trigrams of a search are rare. Tests set it.
	sample int
	// own is how many transactions a person may see, or a filter find, so that all of them are read and sorted.
	own int
}

// limitsOf returns limits that were measured with three million transactions.
func limitsOf() limits {
	return limits{first: 100, batch: 16_000, count: 2_000, perRow: 8, sample: sample.Size, own: 5_000}
}

// list holds everything from which a page is made; package listing reads it.
type list struct {
	*Service
	caller   account.Caller
	scope    policies.Scope
	customer uuid.UUID   // Nil: all customers
	accesses []uuid.UUID // customers to which the caller has an active access
	filter   Filter
	order    order
	kinds    []Kind // in their order, if the list is sorted by them
	terms    store.Terms
	search   bool        // terms are not empty
	wanted   store.Terms // the terms and the kind, in the form of the trigram index
	// responsible is who must be responsible; Nil: anybody.
	responsible uuid.UUID
	today, week string
	fastest     *way // the way that has found the page
}

// reading is one query of a list by package listing, newest first unless it reads backwards. The key of a row is the
// transaction's number. Transactions get their numbers in the order in which they are created.
type reading = listing.Reading[int64]

// result is what a reading found.
type result = listing.Found[int64]

// Versions of cursors, of the newest first and of the oldest first. They change when the meaning of a key changes. Cursors of
// older versions are then ignored.
const (
	cursorVersion = 2
	oldestVersion = 3
)

// version returns the version of the list's cursors.
func (l *list) version() byte {
	if l.order.reversed {
		return cursorVersion
	}
	return oldestVersion
}

// Encode writes a cursor.
func (l *list) Encode(number int64) string { return listing.Encode(l.version(), number) }

// Decode reads a cursor; ok=false when Encode did not write it.
func (l *list) Decode(cursor string) (number int64, ok bool) {
	ok = listing.Decode(cursor, l.version(), &number)
	return number, ok
}

// Find finds the rows of a reading. The oldest first are those that are read backwards.
func (l *list) Find(ctx context.Context, r reading) (result, error) {
	r.Back = r.Back == l.order.reversed
	return listing.Find(ctx, r, l.count, l.race)
}

// race finds the rows of a reading by the fastest way. It reads the next part of the way that has found most among the
// rows it has read, until one way has found all.
func (l *list) race(ctx context.Context, r reading) (f result, done bool, err error) {
	ways := l.ways(r)
	for {
		w := slices.MaxFunc(ways, func(a, b *way) int { return cmp.Compare(a.rate(), b.rate()) })
		if err := w.read(ctx, w, w.next(l.limits.batch)); err != nil {
			return result{}, false, err
		}
		if w.done {
			l.fastest = w
			return result{Hits: w.hits, Counted: w.counted, Count: w.found}, true, nil
		}
	}
}

// Load loads the rows of a page.
func (l *list) Load(ctx context.Context, numbers []int64) ([]Transaction, error) {
	rows, err := l.byNumber(ctx, l.caller, numbers)
	return listing.InOrder(numbers, rows), err
}

// maxRunes is the maximum length of a query; further characters are ignored.
const maxRunes = 100

// parseQuery folds a query like the search text, and adds further words. ok=false when there is nothing to search for.
func parseQuery(q string, more ...string) (t store.Terms, ok bool) {
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
	t = store.ParseTerms(append(words, more...))
	return t, len(t.Needles) > 0
}
