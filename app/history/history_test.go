package history

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/listing"
	"kontor/app/note"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/app/transaction"
	"kontor/policies"
)

// world is a firm with a customer that anna administers; ben processes one of its two transactions.
type world struct {
	*accounttest.Firm
	*Service

	anna, ben account.Caller
	customer  uuid.UUID
	access    uuid.UUID
	seen      transaction.Transaction // by ben
	hidden    transaction.Transaction
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := &world{Firm: accounttest.NewFirm(t, db, time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))}
		customers := customer.New(customer.Options{
			DB: db, Now: w.Now, Decider: w.Decider, Audit: w.Audit, Courier: w.Post, Accounts: w.Accounts, Jobs: w.Jobs,
		})
		w.Service = New(Options{
			Audit: w.Audit, Courier: w.Post, Customers: customers,
			Accesses: access.New(access.Options{
				DB: db, Now: w.Now, Key: w.Key, Decider: w.Decider, Customers: customers, Accounts: w.Accounts, Courier: w.Post,
				Audit: w.Audit, Approvals: w.Approvals, BaseURL: accounttest.BaseURL,
			}),
			Transactions: transaction.New(transaction.Options{DB: db, Now: w.Now, Decider: w.Decider, Audit: w.Audit, Customers: customers}),
			Notes:        note.New(note.Options{DB: db, Now: w.Now, Audit: w.Audit, Customers: customers}),
		})
		w.anna, w.ben = w.Specialist("Anna Amt"), w.Specialist("Ben Büro")
		cu, _, err := customers.Add(w.Ctx, w.anna, customer.Draft{Type: customer.Person, Data: customer.Data{FirstName: "Berta", LastName: "Kühn", Locale: "de"}}, nil)
		w.Must(err)
		w.customer = cu.ID
		a, err := w.Accesses.Create(w.Ctx, w.anna, cu.ID, access.Form{FirstName: "Eva", LastName: "Ende", Email: "eva@example.org", Locale: "de"}, "")
		w.Must(err)
		w.access = a.ID
		for name, t := range map[string]*transaction.Transaction{"Gesehen": &w.seen, "Verborgen": &w.hidden} {
			*t, _, err = w.Transactions.Create(w.Ctx, w.anna, cu.ID, transaction.Form{Name: name})
			w.Must(err)
		}
		w.InTx(func(ctx context.Context, tx bun.Tx) error {
			_, err := assignment.AddProcessor(ctx, tx, assignment.Processor{
				TransactionID: w.seen.ID, SpecialistID: w.ben.ID, CustomerID: cu.ID, CreatedAt: w.Now(), CreatedBy: w.anna.ID,
			})
			return err
		})
		test(t, w)
	})
}

// adopt puts the default policy without some of its rules in force.
func (w *world) adopt(without ...string) {
	w.Helper()
	text := policies.Default
	for _, rule := range without {
		require.Contains(w, text, rule)
		text = strings.ReplaceAll(text, rule+"\n", "")
	}
	d, err := policies.New(text)
	w.Must(err)
	w.Decider.Adopt(w.Decider.Version()+1, d)
}

// one is an entry of the plain model.
type one struct {
	At     time.Time
	ID     uuid.UUID
	Text   string // of a note, or the action
	sort   Sort   // "" for the log
	hidden bool   // about the transaction that ben does not see
}

// fill writes entries of all sorts, many of them at the same time.
func (w *world) fill(n int) {
	w.Helper()
	random := rand.New(rand.NewPCG(uint64(n), 3)) //nolint:gosec // not negative
	for i := range n {
		w.Tick(time.Duration(random.IntN(3)/2) * time.Second)
		switch random.IntN(5) {
		case 0:
			w.Exec(`INSERT INTO message (id, kind, channel, customer_id, access_id, recipient, locale, generation, dedupe, state, expires_at, created_at)
				VALUES (?, 'registration', 'email', ?, ?, 'eva@example.org', 'de', 1, ?, 'failed', ?, ?)`, accounttest.ID(), w.customer, w.access, fmt.Sprint("m", i), w.Now(), w.Now())
		case 1:
			w.Must(w.Notes.Write(w.Ctx, w.anna, w.customer, []string{"Ruft zurück", "Nichts"}[random.IntN(2)], ""))
		default:
			r := audit.Record{Action: audit.CustomerUpdated, CustomerID: w.customer, SubjectID: w.customer}
			if random.IntN(2) > 0 {
				r.Action, r.TransactionID = audit.TransactionUpdated, []uuid.UUID{w.seen.ID, w.hidden.ID}[random.IntN(2)]
			}
			w.Must(w.Audit.Write(w.Ctx, w.DB, w.anna.Actor(), r))
		}
	}
}

// model is everything that happened with the customer, newest first, as the tables have it.
func (w *world) model() (all []one) {
	w.Helper()
	read := func(sort Sort, sql string) {
		var rows []one
		w.Must(w.DB.NewRaw(sql, w.customer).Scan(w.Ctx, &rows))
		for _, o := range rows {
			o.sort, o.hidden = sort, sort == "" && strings.HasSuffix(o.Text, w.hidden.ID.String())
			all = append(all, o)
		}
	}
	read("", `SELECT at, id, action || ' ' || COALESCE(CAST(transaction_id AS TEXT), '') AS text FROM audit WHERE customer_id = ?`)
	read(Deliveries, `SELECT created_at AS at, id, kind AS text FROM message WHERE customer_id = ?`)
	read(Notes, `SELECT created_at AS at, id, text FROM note WHERE customer_id = ? AND removed_at IS NULL`)
	slices.SortFunc(all, func(a, b one) int {
		if c := b.At.Compare(a.At); c != 0 {
			return c
		}
		return bytes.Compare(b.ID[:], a.ID[:])
	})
	return all
}

// pages reads all pages, and all of them backwards, which must be the same.
func (w *world) pages(c account.Caller, f Filter) (got []uuid.UUID) {
	w.Helper()
	var prev []uuid.UUID
	for {
		p, err := w.Page(w.Ctx, c, w.customer, f)
		w.Must(err)
		require.Equal(w, f.After == "", p.Prev == "")
		if p.Prev != "" {
			back, err := w.Page(w.Ctx, c, w.customer, Filter{Sort: f.Sort, Query: f.Query, Before: p.Prev})
			w.Must(err)
			require.Equal(w, prev, idsOf(back), "the way back")
		}
		prev = idsOf(p)
		got = append(got, prev...)
		if p.Next == "" {
			return got
		}
		require.Len(w, p.Entries, listing.PageSize)
		f.After = p.Next
	}
}

func idsOf(p Page) (list []uuid.UUID) {
	for _, e := range p.Entries {
		switch {
		case e.Log != nil:
			list = append(list, e.Log.ID)
		case e.Delivery != nil:
			list = append(list, e.Delivery.ID)
		default:
			list = append(list, e.Note.ID)
		}
	}
	return list
}

// TestMerged: the pages of a history are the sorted union of its three lists, for everybody and every filter, in both
// directions, with many entries of the same time.
func TestMerged(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.fill(260)
		all := w.model()
		gone := all[slices.IndexFunc(all, func(o one) bool { return o.sort == Notes })]
		w.Must(w.Notes.Remove(w.Ctx, w.anna, w.customer, gone.ID))
		all = w.model()
		noDeliveries, noNotes := "p, specialist, *, access, *, read, allow", "p, specialist, *, note, *, read, allow"
		for name, c := range map[string]struct {
			without []string
			filter  Filter
			want    func(o one) bool
		}{
			"everything":            {nil, Filter{}, func(one) bool { return true }},
			"deliveries":            {nil, Filter{Sort: Deliveries}, func(o one) bool { return o.sort == Deliveries }},
			"notes":                 {nil, Filter{Sort: Notes}, func(o one) bool { return o.sort == Notes }},
			"words":                 {nil, Filter{Query: "zuruck"}, func(o one) bool { return o.sort == Notes && o.Text == "Ruft zurück" }},
			"words of no note":      {nil, Filter{Query: "qwertz"}, func(one) bool { return false }},
			"an unknown sort":       {nil, Filter{Sort: "x"}, func(one) bool { return true }},
			"without deliveries":    {[]string{noDeliveries}, Filter{Sort: Deliveries}, func(o one) bool { return o.sort != Deliveries }},
			"without notes":         {[]string{noNotes}, Filter{Sort: Notes, Query: "zuruck"}, func(o one) bool { return o.sort != Notes && !strings.HasPrefix(o.Text, "note.") }},
			"with nothing but logs": {[]string{noNotes, noDeliveries}, Filter{}, func(o one) bool { return o.sort == "" && !strings.HasPrefix(o.Text, "note.") }},
		} {
			w.adopt(c.without...)
			for _, caller := range []account.Caller{w.anna, w.ben} {
				var want []uuid.UUID
				for _, o := range all {
					said := o.sort == "" && strings.HasPrefix(o.Text, string(audit.NoteWritten)) // the note itself stands there
					if c.want(o) && !said && (caller.ID == w.anna.ID || !o.hidden) {
						want = append(want, o.ID)
					}
				}
				assert.Equal(t, want, w.pages(caller, c.filter), "%s: %s", name, caller.Name)
			}
		}
	})
}

// TestPage: an entry has what it is about, and the page says what the caller may see and do.
func TestPage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.Tick(time.Minute)
		w.Must(w.Notes.Write(w.Ctx, w.anna, w.customer, "Ruft zurück", ""))
		p, err := w.Page(w.Ctx, w.anna, w.customer, Filter{})
		require.NoError(t, err)
		require.NotNil(t, p.Entries[0].Note)
		assert.Equal(t, "Ruft zurück", p.Entries[0].Note.Text)
		var sent []Delivery
		for _, e := range p.Entries {
			if e.Delivery != nil {
				sent = append(sent, *e.Delivery)
			}
		}
		require.Len(t, sent, 1)
		assert.Equal(t, "Eva Ende", sent[0].Person)
		assert.Equal(t, courier.Queued, sent[0].State)
		assert.True(t, p.SeesDeliveries && p.SeesNotes && p.MayWrite)
		assert.False(t, p.All, "anna does not see the transactions of others")
		p, err = w.Page(w.Ctx, w.Person("Rita Revision", true, policies.Auditor), w.customer, Filter{})
		require.NoError(t, err)
		assert.True(t, p.All)
		assert.False(t, p.MayWrite)
		_, err = w.Page(w.Ctx, w.Person("Eva Ende", false, policies.EndUser), w.customer, Filter{})
		w.Want("an end user", err, customer.ErrNotFound)
	})
}
