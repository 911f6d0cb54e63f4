package policy

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/audit"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/migrations"
	"kontor/policies"
)

// before is the last step of the version in which these rights were not known.
const before = "20261125000010"

// offered is how many offers an installation of these tests gets. It has the rights of all later ones.
const offered = 2

// withLater adds the rights of all offers but the first ones to a policy.
func withLater(text string, first int) string {
	for _, o := range policies.Offers[first:] {
		for _, r := range o.Rules {
			text += r.String() + "\n"
		}
	}
	return text
}

// yesterdays is the default policy without what is offered first.
func yesterdays() string {
	text := policies.Default
	for _, o := range policies.Offers[:offered] {
		for _, r := range o.Rules {
			text = strings.Replace(text, r.String()+"\n", "", 1)
		}
	}
	return text
}

// upgraded is a world on the database of a version before, with the policy that was in force and, unless it is "", the
// draft that somebody was editing.
func upgraded(t *testing.T, postgres bool, text, draft string) *world {
	t.Helper()
	url := storetest.SQLiteURL
	if postgres {
		url = storetest.PostgresURL
	}
	ctx := context.Background()
	db, err := store.Open(ctx, url(t))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	_, err = migrations.Apply(ctx, db.DB, migrations.To(before))
	require.NoError(t, err)
	exec := func(sql string, args ...any) {
		t.Helper()
		_, err := db.ExecContext(ctx, sql, args...)
		require.NoError(t, err)
	}
	exec(`INSERT INTO policy_version (version, text, comment, author, published_at) VALUES (1, 'p, specialist, *, customer, *, list, allow', 'x', 'Kontor', '2026-11-24 12:00:00+00:00')`)
	exec(`INSERT INTO policy_version (version, text, comment, author, published_at) VALUES (2, ?, 'x', 'Petra', '2026-11-24 13:00:00+00:00')`, text)
	if draft != "" {
		exec(`INSERT INTO policy_draft (id, text, base, edit, changed_by) VALUES (1, ?, 2, 7, 'Paul')`, draft)
	}
	_, err = migrations.Apply(ctx, db.DB)
	require.NoError(t, err)
	return newWorld(t, db)
}

func (w *world) offers() (said string) {
	w.Helper()
	list, err := w.Offered(w.Ctx, w.petra)
	w.Must(err)
	for _, o := range list {
		said += o.ID
		if o.Drafted {
			said += " drafted"
		}
		said += ", "
	}
	n, err := w.Waiting(w.Ctx, w.petra)
	w.Must(err)
	assert.Equal(w, len(list), n, "wait, are shown")
	return strings.TrimSuffix(said, ", ")
}

const custom = `# ours
p, policy_administrator, *, policy, *, read, allow
p, policy_administrator, *, policy, *, manage, allow
p, specialist, *, customer, *, list, allow
g, auditor, specialist
`

// TestOffers: an installation of an older version gets the new rights as a draft, once, even if several processes
// start. Nothing is published, and a draft that somebody has edited stays unchanged.
func TestOffers(t *testing.T) {
	const all = "mailbox, approval"
	custom := withLater(custom, offered)
	for name, c := range map[string]struct {
		text, draft string
		want        string // the offers that wait
		touched     bool   // the draft is Kontor's
	}{
		"yesterday's default":      {yesterdays(), "", "mailbox drafted, approval drafted", true},
		"a policy of their own":    {custom, "", "mailbox drafted, approval drafted", true},
		"a draft without changes":  {custom, custom, "mailbox drafted, approval drafted", true},
		"a draft with changes":     {custom, custom + "p, specialist, *, customer, *, read, allow\n", all, false},
		"one of them there":        {custom + "p, user_administrator, *, mailbox, *, read, allow\n", "", "approval drafted", true},
		"all there":                {policies.Default, "", "", false},
		"a part of one":            {custom + "p, auditor, *, approval, *, read, allow\n", "", "mailbox drafted, approval drafted", true},
		"somebody drafts the same": {custom, custom + "p, user_administrator, *, mailbox, *, read, allow\n", "mailbox drafted, approval", false},
	} {
		for database, postgres := range map[string]bool{"sqlite": false, "postgres": true} {
			t.Run(name+"/"+database, func(t *testing.T) {
				w := upgraded(t, postgres, c.text, c.draft)
				earlier := w.draftNow()
				var starts sync.WaitGroup
				for range 4 {
					starts.Go(func() {
						assert.NoError(t, w.Offer(w.Ctx))
					})
				}
				starts.Wait()
				assert.Equal(t, c.want, w.offers(), "offers that wait")
				d := w.draftNow()
				n := w.count("policy_version")
				assert.Equal(t, 2, n, "versions: something was published")
				assert.Equal(t, c.text, d.Published.Text, "something was published")
				if !c.touched {
					assert.Equal(t, earlier.Edit, d.Edit, "a draft was touched")
					assert.Equal(t, earlier.Text, d.Text, "a draft was touched")
					return
				}
				assert.Equal(t, earlier.Edit+1, d.Edit, "the draft")
				require.Len(t, d.Steps, 1)
				assert.Equal(t, "Kontor", d.Steps[0].By)
				assert.Empty(t, d.Removed)
				assert.False(t, d.Proposed)
				for _, o := range policies.Offers {
					assert.Empty(t, o.Missing(d.Document()))
				}
				assert.Equal(t, 1, strings.Count(d.Text, "*, mailbox,"), "the text")
				assert.True(t, strings.HasPrefix(d.Text, strings.SplitN(c.text, "\n", 2)[0]))
			})
		}
	}
}

// TestNoOffer: a new installation has all rights and gets no offer; an older installation gets the later offers.
func TestNoOffer(t *testing.T) {
	each(t, func(w *world) {
		w.Must(w.Offer(w.Ctx))
		got := w.offers()
		assert.Empty(w, got, "is offered")
		assert.False(w, w.draftNow().Changed())
		assert.Equal(w, len(policies.Offers), w.count("policy_offer WHERE state = 'given'"))
		// The right is removed on purpose later.
		w.Must(w.SetText(w.Ctx, w.petra, w.draftNow().Edit, yesterdays()))
		w.Must(w.publish())
		w.Must(w.Offer(w.Ctx))
		got = w.offers()
		assert.Empty(w, got, "is offered again")
		assert.False(w, w.draftNow().Changed())
	})
}

// TestOfferOnce: each offer is made once, whether it is published, dismissed, discarded with the draft, or taken into a
// draft that somebody edits.
func TestOfferOnce(t *testing.T) {
	for database, postgres := range map[string]bool{"sqlite": false, "postgres": true} {
		t.Run(database, func(t *testing.T) {
			custom := withLater(custom, 2) // two are enough
			w := upgraded(t, postgres, custom, custom+"p, specialist, *, customer, *, read, allow\n")
			edit := func() int { return w.draftNow().Edit }
			again := func(what, want string) {
				w.Helper()
				w.Must(w.Offer(w.Ctx))
				assert.Equal(w, want, w.offers(), "%s: waits", what)
			}
			clara := w.Specialist("Clara")
			n, err := w.Waiting(w.Ctx, clara)
			assert.NoError(w, err, "for who may")
			assert.Equal(w, 0, n)
			for _, err := range []error{w.TakeOffer(w.Ctx, clara, edit(), "mailbox"), w.DismissOffer(w.Ctx, clara, edit(), "mailbox"), func() error { _, err := w.Offered(w.Ctx, clara); return err }()} {
				w.Want("who may not", err, policies.ErrForbidden)
			}
			again("at first", "mailbox, approval")
			w.Want("behind", w.TakeOffer(w.Ctx, w.petra, 0, "mailbox"), ErrBehind)
			w.Want("unknown", w.TakeOffer(w.Ctx, w.petra, edit(), "robot"), ErrOffer)
			w.Must(w.TakeOffer(w.Ctx, w.petra, edit(), "mailbox"))
			again("taken over", "mailbox drafted, approval")
			assert.Len(w, w.draftNow().Added, 2, "added")
			w.Must(w.DismissOffer(w.Ctx, w.petra, edit(), "mailbox"))
			again("dismissed", "approval")
			assert.Equal(w, []string{"p, specialist, *, customer, *, read, allow"}, w.draftNow().Added, "dismissed, and in the draft")
			w.Want("dismissed twice", w.DismissOffer(w.Ctx, w.petra, edit(), "mailbox"), ErrOffer)
			w.Must(w.Discard(w.Ctx, w.petra, edit()))
			again("the draft is free again", "approval drafted")
			w.Must(w.Discard(w.Ctx, w.petra, edit()))
			again("thrown away", "approval") // Kontor drafts once
			w.Must(w.TakeOffer(w.Ctx, w.petra, edit(), "approval"))
			paul := w.Specialist("Paul", policies.PolicyAdministrator)
			w.Must(w.Propose(w.Ctx, paul, edit(), "new"))
			w.Must(w.publish())
			again("published", "")
			assert.Equal(w, 1, w.count("audit WHERE action = ?", audit.PolicyOfferDismissed), "the log or the table lacks it")
			assert.Equal(w, 1, w.count("policy_offer WHERE state = 'dismissed'"), "the log or the table lacks it")
			_, err = w.Restore(w.Ctx, w.petra, 2, "back")
			w.Must(err)
			again("taken back on purpose", "")
		})
	}
}
