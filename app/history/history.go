// Package history puts together what happened with a customer, newest first: the entries of the log, the messages to its
// accesses, and the notes about it. Each of the three is read along an index of its own.
package history

import (
	"context"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/listing"
	"kontor/app/note"
	"kontor/app/store"
	"kontor/app/transaction"
	"kontor/policies"
)

// Sort is a kind of entries that a page can be limited to. The log alone has a page of its own.
type Sort string

// The sorts; "" is all of them.
const (
	Deliveries Sort = "deliveries"
	Notes      Sort = "notes"
)

// Filter is what a page is to show.
type Filter struct {
	Sort  Sort
	Query string // words that a note must have; then the page has notes alone

	After, Before string // cursors; an invalid one is ignored
}

// Entry is one thing that happened: exactly one of the three is set.
type Entry struct {
	At       time.Time
	Log      *audit.Entry
	Delivery *Delivery
	Note     *note.Note
}

// Delivery is a message to an access, at the time at which it was queued, with its state now.
type Delivery struct {
	courier.Message
	Person string // whom the access is for
}

// Page is one page of a customer's history.
type Page struct {
	Filter     // as far as the caller may see what it asks for
	Entries    []Entry
	Next, Prev string // cursors, "" where there is none
	// Until is set if the log has more entries than were looked at: the page has what is not older.
	Until time.Time
	// SeesDeliveries and SeesNotes say whether the caller may see the customer's deliveries and notes, MayWrite whether they
	// may write a note. All says that nothing is hidden from them.
	SeesDeliveries, SeesNotes, MayWrite, All bool
}

// Options are the dependencies of a Service. All are required.
type Options struct {
	Audit        *audit.Log
	Courier      *courier.Service
	Customers    *customer.Service
	Accesses     *access.Service
	Transactions *transaction.Service
	Notes        *note.Service
}

// Service reads histories.
type Service struct{ Options }

// New makes the service.
func New(o Options) *Service { return &Service{o} }

// source is one of the three lists.
type source struct {
	find func(context.Context, listing.Reading[listing.Moment]) (listing.Moments, error)
	load func(context.Context, []listing.Moment, map[uuid.UUID]Entry) error
}

var wantDeliveries = policies.Permission{Object: policies.ObjectAccess, Action: policies.Read}

// Page returns a page of a customer's history: of the log what the caller may see of it, and deliveries and notes if they may
// see those. customer.ErrNotFound.
func (s *Service) Page(ctx context.Context, c account.Caller, customerID uuid.UUID, f Filter) (p Page, err error) {
	cu, err := s.Customers.Get(ctx, c, customerID)
	if err != nil {
		return Page{}, err
	}
	may, err := s.Customers.May(ctx, c, cu, wantDeliveries, note.WantRead, note.WantCreate)
	if err != nil {
		return Page{}, err
	}
	p = Page{Filter: f, SeesDeliveries: may[wantDeliveries], SeesNotes: may[note.WantRead], MayWrite: may[note.WantRead] && may[note.WantCreate]}
	sources, err := s.sources(c, customerID, &p)
	if err != nil {
		return Page{}, err
	}
	read, err := listing.ReadMoments(ctx, f.After, f.Before, func(ctx context.Context, r listing.Reading[listing.Moment]) (listing.Moments, error) {
		lists := make([]listing.Moments, len(sources))
		for i, source := range sources {
			if lists[i], err = source.find(ctx, r); err != nil {
				return listing.Moments{}, err
			}
		}
		return listing.MergeMoments(r, lists...), nil
	})
	if err != nil || len(read.Keys) == 0 {
		p.Next, p.Prev, p.Until = read.Next, read.Prev, read.Until
		return p, err
	}
	entries := map[uuid.UUID]Entry{}
	for _, source := range sources {
		if err := source.load(ctx, read.Keys, entries); err != nil {
			return Page{}, err
		}
	}
	p.Next, p.Prev, p.Until = read.Next, read.Prev, read.Until
	p.Entries = listing.InOrder(ids(read.Keys), entries)
	return p, nil
}

// sources are the lists that a page is made of. It takes from the filter what the caller may not ask for.
func (s *Service) sources(c account.Caller, customerID uuid.UUID, p *Page) (list []source, err error) {
	if !p.SeesNotes {
		p.Query = ""
	}
	if p.Query != "" {
		p.Sort = Notes
	}
	if p.Sort != Notes && p.Sort != Deliveries || p.Sort == Notes && !p.SeesNotes || p.Sort == Deliveries && !p.SeesDeliveries {
		p.Sort = ""
	}
	logged, err := s.Transactions.Logged(c, "entry")
	if err != nil {
		return nil, err
	}
	p.All = p.SeesDeliveries && p.SeesNotes && logged == nil
	if p.Sort == "" {
		log, err := s.log(c, customerID, p.SeesNotes, logged)
		if err != nil {
			return nil, err
		}
		list = append(list, log)
	}
	if p.SeesDeliveries && p.Sort != Notes {
		list = append(list, s.deliveries(customerID))
	}
	if p.SeesNotes && p.Sort != Deliveries {
		list = append(list, s.notes(customerID, p.Query))
	}
	return list, nil
}

// log is the customer's log. Where notes are shown, it does not say once more that they were written.
func (s *Service) log(c account.Caller, customerID uuid.UUID, withNotes bool, logged store.Condition) (source, error) {
	f := audit.Filter{Customers: []uuid.UUID{customerID}, Only: logged}
	noted, err := s.Notes.Logged(c, "entry")
	if err != nil {
		return source{}, err
	}
	if withNotes {
		noted = bun.SafeQuery(`entry.action <> ?`, audit.NoteWritten)
	}
	switch {
	case f.Only == nil:
		f.Only = noted
	case noted != nil:
		f.Only = store.All(logged, noted)
	}
	return source{
		find: func(ctx context.Context, r listing.Reading[listing.Moment]) (listing.Moments, error) {
			return s.Audit.Find(ctx, f, r)
		},
		load: func(ctx context.Context, keys []listing.Moment, to map[uuid.UUID]Entry) error {
			entries, err := s.Audit.Load(ctx, keys)
			for _, e := range entries {
				to[e.ID] = Entry{At: e.At, Log: &e}
			}
			return err
		},
	}, nil
}

// deliveries are the messages to the customer's accesses.
func (s *Service) deliveries(customerID uuid.UUID) source {
	return source{
		find: func(ctx context.Context, r listing.Reading[listing.Moment]) (listing.Moments, error) {
			return s.Courier.Find(ctx, customerID, r)
		},
		load: func(ctx context.Context, keys []listing.Moment, to map[uuid.UUID]Entry) error {
			messages, err := s.Courier.Load(ctx, ids(keys))
			if err != nil || len(messages) == 0 {
				return err
			}
			var accesses []uuid.UUID
			for _, m := range messages {
				if !slices.Contains(accesses, m.AccessID.UUID) {
					accesses = append(accesses, m.AccessID.UUID)
				}
			}
			names, err := s.Accesses.Names(ctx, accesses)
			for _, m := range messages {
				to[m.ID] = Entry{At: m.CreatedAt, Delivery: &Delivery{Message: m, Person: names[m.AccessID.UUID]}}
			}
			return err
		},
	}
}

// notes are the notes about the customer.
func (s *Service) notes(customerID uuid.UUID, query string) source {
	return source{
		find: func(ctx context.Context, r listing.Reading[listing.Moment]) (listing.Moments, error) {
			return s.Notes.Find(ctx, customerID, query, r)
		},
		load: func(ctx context.Context, keys []listing.Moment, to map[uuid.UUID]Entry) error {
			notes, err := s.Notes.Load(ctx, ids(keys))
			for id, n := range notes {
				to[id] = Entry{At: n.CreatedAt, Note: &n}
			}
			return err
		},
	}
}

func ids(keys []listing.Moment) []uuid.UUID {
	list := make([]uuid.UUID, len(keys))
	for i, k := range keys {
		list[i] = k.ID
	}
	return list
}
