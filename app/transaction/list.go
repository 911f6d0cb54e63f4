package transaction

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/customer"
	"kontor/app/store"
	"kontor/policies"
)

// PageSize and CountCap: 50 rows a page, counts up to 1,000.
const (
	PageSize = 50
	CountCap = 1000
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
type Page struct {
	Rows       []Transaction
	Next, Prev string // cursors, "" where there is none
	Count      int    // of all that match, as far as was counted
	Capped     bool   // there are more than Count
}

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
	scope, err := s.policy.Scope(c.Roles, policies.Transaction, policies.Read)
	if err != nil || scope.Nothing() {
		return Page{}, err
	}
	l := listing{caller: c, scope: scope, customer: of, filter: f, today: s.Today(), week: s.now().In(s.zone).AddDate(0, 0, 7).Format(time.DateOnly)}
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
	r := run{listing: l, limit: PageSize + 1}
	if p, ok := decode(f.Before); ok {
		r.from, r.back = &p, true
	} else if p, ok := decode(f.After); ok {
		r.from = &p
	}
	found, err := s.read(ctx, r)
	if err != nil {
		return Page{}, err
	}
	if r.from != nil && (len(found.hits) == 0 || r.back && len(found.hits) <= PageSize) {
		// behind the end, or so near the beginning that the first page is what was meant
		r.from, r.back = nil, false
		if found, err = s.read(ctx, r); err != nil {
			return Page{}, err
		}
	}
	return s.page(ctx, r, found)
}

// page turns hits into a page.
func (s *Service) page(ctx context.Context, r run, f found) (Page, error) {
	more := len(f.hits) > PageSize
	hits := f.hits[:min(len(f.hits), PageSize)]
	if r.back {
		slices.Reverse(hits)
	}
	p := Page{Count: min(f.count, CountCap), Capped: f.more || f.count > CountCap}
	if len(hits) > 0 {
		if more || r.back {
			p.Next = hits[len(hits)-1].encode()
		}
		if r.from != nil && !r.back || r.back && more {
			p.Prev = hits[0].encode()
		}
	}
	var err error
	p.Rows, err = s.loadRows(ctx, r.caller, hits)
	return p, err
}

// position is where a row stands in a list: a page begins behind the last row of the one before (keyset).
type position struct {
	CreatedAt time.Time `bun:"created_at"`
	ID        uuid.UUID `bun:"id"`
}

// cursorVersion changes when the meaning of a position does: cursors of before are ignored then.
const cursorVersion = 1

// encode writes a position for a URL.
func (p position) encode() string {
	b := binary.BigEndian.AppendUint64([]byte{cursorVersion}, uint64(p.CreatedAt.UnixMicro()))
	return store.EncodeCursor(append(b, p.ID.Bytes()...))
}

// decode reads a cursor; ok=false for everything that encode can't have written.
func decode(s string) (p position, ok bool) {
	const length = 1 + 8 + uuid.Size
	b, ok := store.DecodeCursor(s)
	if !ok || len(b) != length || b[0] != cursorVersion {
		return position{}, false
	}
	micro := int64(binary.BigEndian.Uint64(b[1:9]))
	if micro <= 0 || micro > maxMicro {
		return position{}, false
	}
	return position{time.UnixMicro(micro).UTC(), uuid.FromBytesOrNil(b[9:])}, true
}

// maxMicro is the year 9999: what lies behind it no database takes.
const maxMicro = 253_370_764_800_000_000

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
