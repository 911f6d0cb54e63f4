package demo_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/bulk"
	"kontor/app/config"
	"kontor/app/customer"
	"kontor/app/customerimport"
	"kontor/app/demo"
	"kontor/app/document"
	"kontor/app/handover"
	"kontor/app/savedview"
	"kontor/app/store/storetest"
	"kontor/app/transaction"
	"kontor/app/wire"
	"kontor/policies"
)

// TestStory: everything that the demo is to show is there for the visitor, without anything being done first, on both
// databases.
func TestStory(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"sqlite": {"DATABASE_URL": storetest.SQLiteURL(t)}, "postgres": {"DATABASE_URL": storetest.PostgresURL(t)},
	} {
		t.Run(name, func(t *testing.T) { tells(t, env) })
	}
}

func tells(t *testing.T, env map[string]string) {
	ctx := context.Background()
	env["DATA_DIR"], env["BASE_URL"], env["WORKER"], env["MAILBOX"] = t.TempDir(), "http://localhost", "embedded", "on"
	env["SECRET_KEY"] = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	c, _, err := config.Load(nil, func(k string) string { return env[k] }, wire.Checks())
	require.NoError(t, err)
	s, err := wire.New(ctx, c, slog.New(slog.NewTextHandler(io.Discard, nil)), wire.ApplySchema)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	_, _, err = s.Accounts.CreateFirst(ctx, "admin@kontor.local", "Administrator", "a long enough one 47")
	require.NoError(t, err)
	d := demo.Services{
		DB: s.DB, Now: s.Now, Zone: c.Zone, Accounts: s.Accounts, Customers: s.Customers, Transactions: s.Transactions, Documents: s.Documents, Templates: s.Templates, Views: s.Views,
		Imports: s.Imports, Bulk: s.Bulk, Handovers: s.Handovers, Policies: s.Policies, Jobs: s.Jobs,
	}
	there, err := d.There(ctx)
	require.NoError(t, err)
	require.False(t, there, "the demo firm is found where there is none")
	_, err = demo.Firm(ctx, s.DB, s.Now, s.Customers)
	require.NoError(t, err)
	require.NoError(t, demo.Tell(ctx, d))

	of := func(email string) account.Caller {
		t.Helper()
		a, found, err := s.Accounts.ByEmail(ctx, s.DB, email)
		require.NoError(t, err)
		require.True(t, found, email)
		caller, err := s.Accounts.PresentCaller(ctx, a.ID)
		require.NoError(t, err, email)
		return caller
	}
	me := of("admin@kontor.local")

	kinds, err := s.Transactions.Kinds(ctx)
	require.NoError(t, err)
	var keys []string
	for _, k := range kinds {
		keys = append(keys, k.Key)
	}
	offers, err := s.Templates.Offered(ctx, me, keys)
	require.NoError(t, err)
	require.Len(t, offers, 3, "templates from the gallery")
	var asked []uuid.UUID
	require.NoError(t, s.DB.NewSelect().Table("transactions").Column("id").Where("asked > 0").Order("number").Scan(ctx, &asked))
	require.Len(t, asked, 2, "transactions with content")
	tree, err := s.Documents.Tree(ctx, me, asked[0])
	require.NoError(t, err)
	states := map[document.State]int{}
	for _, e := range tree.Elements {
		states[e.State]++
		if e.Latest != nil && e.Latest.IsDocument() {
			assert.Equal(t, "application/pdf", e.Latest.Type, e.Name)
		}
	}
	assert.Equal(t, [3]int{1, 1, 3}, [3]int{states[document.Accepted], states[document.Rejected], states[document.Answered]}, "accepted, rejected, waiting")
	assert.Equal(t, 3, tree.Progress.ToReview)

	colleagues, err := s.Accounts.Specialists(ctx, me, account.SpecialistFilter{Inactive: true})
	require.NoError(t, err)
	roles, days, never, retired := map[policies.Role]bool{}, map[string]bool{}, 0, 0
	for _, a := range colleagues.Items {
		for _, r := range a.Roles {
			roles[r] = true
		}
		switch {
		case !a.Active:
			retired++
		case a.ID == me.ID:
		case a.LastSignInAt == nil:
			never++
		default:
			days[a.LastSignInAt.Format(time.DateOnly)] = true
		}
	}
	assert.Len(t, roles, len(policies.FirmRoles))
	assert.GreaterOrEqual(t, len(days), 3, "days of the last sign-in")
	assert.Equal(t, []int{1, 1}, []int{never, retired}, "who has never signed in, and who has left")

	for _, status := range []customer.AccessStatus{
		customer.Invited, customer.Registered, customer.LinkExpired, customer.Undeliverable, customer.Deactivated, customer.NotInvited, customer.NoAccesses,
	} {
		page, err := s.Customers.List(ctx, me, customer.Filter{Status: status})
		require.NoError(t, err)
		assert.NotZero(t, page.Count, "customers that are %s", status)
	}
	parts, err := s.Attention.Parts(ctx, me)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, len(parts), 3, "sections that need attention")

	for what, f := range map[string]transaction.Filter{
		"overdue": {Due: transaction.Overdue}, "this week": {Due: transaction.ThisDue}, "without date": {Due: transaction.NoDue}, "closed": {Status: transaction.Closed},
		"mine": {Responsible: transaction.Me}, "nobody's": {Responsible: transaction.Nobody}, "my overdue": {Responsible: transaction.Me, Due: transaction.Overdue},
		"a colleague's": {Responsible: of("brandt@lindner.example").ID.String()},
	} {
		page, err := s.Transactions.List(ctx, me, f)
		require.NoError(t, err)
		assert.NotZero(t, page.Count, "transactions: %s", what)
	}

	open, _, err := s.Approvals.List(ctx, me.Actor(), false)
	require.NoError(t, err)
	require.Len(t, open, 1, "approvals")
	assert.True(t, open[0].MayApprove, "the visitor decides")

	imports, err := s.Imports.List(ctx, me)
	require.NoError(t, err)
	require.Len(t, imports, 1)
	assert.Equal(t, customerimport.Done, imports[0].State)
	assert.Equal(t, map[customerimport.Verdict]int64{
		customerimport.Added: 3, customerimport.Duplicate: 2, customerimport.Repeated: 1, customerimport.Wrong: 1,
	}, imports[0].Counts)

	acts, err := s.Bulk.Recent(ctx, me)
	require.NoError(t, err)
	require.Len(t, acts, 1)
	assert.Equal(t, bulk.Done, acts[0].State)
	assert.NotZero(t, acts[0].Counts[bulk.Changed])
	assert.NotNil(t, acts[0].Until, "it can be taken back")

	shared := map[bool]int{}
	for _, list := range savedview.Lists {
		views, err := s.Views.Of(ctx, me, list)
		require.NoError(t, err)
		for _, v := range views {
			shared[v.Shared]++
		}
	}
	assert.Equal(t, map[bool]int{true: 3, false: 2}, shared, "views by whether they are for everybody")

	draft, err := s.Policies.Draft(ctx, me)
	require.NoError(t, err)
	assert.Len(t, draft.Added, 2)
	next, published, err := s.Policies.Deciders(draft)
	require.NoError(t, err)
	odd, err := policies.Odd(next, published)
	require.NoError(t, err)
	assert.Len(t, odd, 1, "odd combinations")

	deputies, _, err := s.Handovers.Deputies(ctx, me, of("gross@lindner.example").ID)
	require.NoError(t, err)
	require.Len(t, deputies, 1)
	assert.Equal(t, handover.Now, deputies[0].State)

	gone, err := s.Customers.List(ctx, me, customer.Filter{Query: "Behrens"})
	require.NoError(t, err)
	assert.Zero(t, gone.Count, "the customer who was deleted")
	for action, least := range map[audit.Action]int64{
		audit.CustomerDeleted: 1, audit.NoteWritten: 5, audit.AccountSignedIn: 20, audit.CustomerCreated: 30, audit.AccessDeactivated: 2,
	} {
		n, err := s.DB.NewSelect().Table("audit").Where("action = ?", action).Count(ctx)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, n, least, action)
	}
	weeks := map[int]bool{}
	var times []time.Time
	require.NoError(t, s.DB.NewSelect().Table("audit").Column("at").Scan(ctx, &times))
	for _, at := range times {
		_, week := at.ISOWeek()
		weeks[week] = true
		assert.False(t, at.After(s.Now().Add(time.Minute)), "an entry from the future")
	}
	assert.GreaterOrEqual(t, len(weeks), 6, "weeks of the log")

	steps, err := d.Tour(ctx, me)
	require.NoError(t, err)
	assert.Len(t, steps, 10)
}
