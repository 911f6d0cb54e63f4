package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/await"
	"kontor/app/store/storetest"
	"kontor/policies"
)

// eventually waits for something that another goroutine brings about.
func (w *world) eventually(within time.Duration, what string, cond func() bool) {
	w.Helper()
	require.True(w, await.Within(within, cond), "not within %s: %s", within, what)
}

func mayProcess(t *testing.T, d *policies.Decider) bool {
	t.Helper()
	ok, err := d.Allows(policies.Request{
		Roles: []policies.Role{policies.Specialist}, Relation: policies.Processor, Object: policies.ObjectTransaction, Kind: "contract", Action: policies.Process,
	})
	require.NoError(t, err)
	return ok
}

// TestLoadAtOnce: several processes that start on an empty table agree on version 1.
func TestLoadAtOnce(t *testing.T) {
	each(t, func(w *world) {
		w.Exec(`DELETE FROM policy_version`)
		var wg sync.WaitGroup
		for range 6 {
			p := w.process()
			wg.Go(func() {
				err := p.Load(w.Ctx)
				if assert.NoError(w, err) {
					assert.Equal(w, 1, p.o.Decider.Version(), "version")
				}
			})
		}
		wg.Wait()
		v, err := w.Current(w.Ctx, w.petra)
		w.Must(err)
		assert.Equal(w, policies.Default, v.Text)
		assert.Equal(w, "Kontor", v.Author)
		assert.False(w, v.AuthorID.Valid)
		assert.Equal(w, 1, w.count("policy_version"))
	})
}

// TestFollow: a version that one process publishes is in force there at once and in another process within a second.
// When the database fails, the old version stays in force and readiness reports it (S28). A version that can't be read
// changes nothing either.
func TestFollow(t *testing.T) {
	each(t, func(w *world) {
		other := w.process()
		w.Must(other.Load(w.Ctx))
		ctx, stop := context.WithCancel(w.Ctx)
		done := make(chan struct{})
		go func() { other.Follow(ctx); close(done) }()
		defer func() { stop(); <-done }()

		w.add(deny(denyProcess))
		require.True(w, mayProcess(t, w.o.Decider), "a draft is in force")
		w.Must(w.publish())
		assert.False(w, mayProcess(t, w.o.Decider), "not in force where it was published")
		assert.Equal(w, 2, w.o.Decider.Version(), "not in force where it was published")
		w.eventually(time.Second, "in force in the other process", func() bool { return !mayProcess(t, other.o.Decider) })

		w.Exec(`ALTER TABLE policy_version RENAME TO policy_version_away`)
		w.eventually(5*time.Second, "readiness says that it can't be followed", func() bool { return other.Err() != nil })
		assert.Equal(w, 2, other.o.Decider.Version(), "the old version did not stay")
		assert.False(w, mayProcess(t, other.o.Decider), "the old version did not stay")
		w.Exec(`ALTER TABLE policy_version_away RENAME TO policy_version`)
		w.eventually(5*time.Second, "followed again", func() bool { return other.Err() == nil })

		w.Exec(`INSERT INTO policy_version (version, text, comment, author, published_at) VALUES (3, 'p, specialist, *', '', '', ?)`, w.Now())
		w.eventually(5*time.Second, "a version that can't be read", func() bool { return other.Err() != nil })
		assert.Equal(w, 2, other.o.Decider.Version(), "a version that can't be read replaced the old one")
		assert.False(w, mayProcess(t, other.o.Decider), "a version that can't be read replaced the old one")
		v, err := other.Reset(w.Ctx)
		w.Must(err)
		w.eventually(time.Second, "reset", func() bool {
			return other.Err() == nil && other.o.Decider.Version() == v.Number && mayProcess(t, other.o.Decider)
		})
		assert.Equal(w, 4, v.Number)
		assert.Equal(w, "Kontor (command)", v.Author)
		assert.Equal(w, CommentReset, v.Comment)
		assert.True(w, v.Own())
		assert.Equal(w, 1, w.count(`audit WHERE action = 'policy.reset' AND subject = 'Version 4'`))
	})
}

func TestPublish(t *testing.T) {
	each(t, func(w *world) {
		w.guard(w.petra)
		w.Want("nothing", w.publish(), ErrNothing)
		w.add(deny(denyProcess))
		for comment, want := range map[string]string{
			" ": "comment required", strings.Repeat("ü", 501): "comment too_long", "\u3164\u00ad\u0301": "comment required", "a\x1bb": "comment control_characters", "\xff": "comment control_characters",
		} {
			_, err := w.Publish(w.Ctx, w.petra, 1, comment)
			w.WantComplaints(comment, err, want)
			_, err = w.Restore(w.Ctx, w.petra, 1, comment)
			w.WantComplaints(comment, err, want)
			w.WantComplaints(comment, w.Propose(w.Ctx, w.petra, 1, comment), want)
		}
		v, err := w.Publish(w.Ctx, w.petra, 1, "  Processors only look ")
		w.Must(err)
		assert.Equal(w, 2, v.Number)
		assert.Equal(w, "Processors only look", v.Comment)
		assert.Equal(w, "Petra Richter", v.Author)
		assert.Equal(w, w.petra.ID, v.AuthorID.UUID)
		assert.Empty(w, v.Proposer)
		w.Want("once more", func() error { _, err := w.Publish(w.Ctx, w.petra, 1, "x"); return err }(), ErrBehind)
		w.Want("with its edit", w.publish(), ErrNothing)
		n := w.count(`audit WHERE action = 'policy.published' AND detail LIKE '%process, deny%' AND subject = 'Version 2: Processors only look'`)
		assert.Equal(w, 1, n, "entries")
		_, err = w.Restore(w.Ctx, w.petra, 9, "x")
		w.Want("restore none", err, ErrVersion)
		_, err = w.Restore(w.Ctx, w.petra, 2, "x")
		w.Want("restore what is in force", err, ErrNothing)
		v, err = w.Restore(w.Ctx, w.petra, 1, "Back")
		w.Must(err)
		assert.Equal(w, 3, v.Number)
		require.NotNil(w, v.Restored)
		assert.Equal(w, 1, *v.Restored)
		assert.Equal(w, policies.Default, v.Text)
		assert.True(w, mayProcess(t, w.o.Decider))
		all, err := w.Versions(w.Ctx, w.petra)
		w.Must(err)
		require.Len(w, all, 3)
		assert.Equal(w, 3, all[0].Number)
		assert.Equal(w, "Kontor", all[2].Author)
		assert.Empty(w, all[0].Text)
		v, before, err := w.Version(w.Ctx, w.petra, 2)
		w.Must(err)
		added, _ := policies.Diff(before.Document(), v.Document())
		assert.Equal(w, 1, before.Number)
		assert.Len(w, added, 1)
		_, before, err = w.Version(w.Ctx, w.petra, 1)
		require.NoError(w, err)
		assert.Equal(w, 0, before.Number)
	})
}

// TestLockout: nobody can publish a policy under which nobody could change it again (S30).
func TestLockout(t *testing.T) {
	each(t, func(w *world) {
		for name, change := range map[string]func(edit int) error{
			"take manage away": func(edit int) error {
				return w.RemoveRule(w.Ctx, w.petra, edit, allow("policy_administrator, *, policy, *, manage"))
			},
			"take read away": func(edit int) error {
				return w.RemoveRule(w.Ctx, w.petra, edit, allow("policy_administrator, *, policy, *, read"))
			},
			"deny all": func(edit int) error { return w.AddRule(w.Ctx, w.petra, edit, deny("specialist, *, policy, *, manage")) },
			"give it to a role that nobody has": func(edit int) error {
				return w.SetText(w.Ctx, w.petra, edit, strings.ReplaceAll(policies.Default, "p, policy_administrator, *, policy", "p, data_administrator, *, policy"))
			},
			"empty": func(edit int) error { return w.SetText(w.Ctx, w.petra, edit, "") },
		} {
			w.Must(change(w.draftNow().Edit))
			w.Want(name, w.publish(), ErrLockout)
			r, err := w.Review(w.Ctx, w.petra, w.draftNow())
			require.NoError(w, err, name)
			assert.True(w, r.Lockout, "%s", name)
			w.Must(w.Discard(w.Ctx, w.petra, w.draftNow().Edit))
		}
		// Another holder of the role counts only if they can sign in.
		dora := w.Specialist("Dora Daten", policies.DataAdministrator)
		w.Must(w.SetText(w.Ctx, w.petra, w.draftNow().Edit, strings.ReplaceAll(policies.Default, "p, policy_administrator, *, policy", "p, data_administrator, *, policy")))
		w.Exec(`UPDATE account SET password_hash = '' WHERE id = ?`, dora.ID)
		w.Want("without a password", w.publish(), ErrLockout)
		w.Exec(`UPDATE account SET password_hash = 'x', active = FALSE WHERE id = ?`, dora.ID)
		w.Want("deactivated", w.publish(), ErrLockout)
		w.Exec(`UPDATE account SET active = TRUE WHERE id = ?`, dora.ID)
		w.Must(w.publish())
		_, err := w.Draft(w.Ctx, w.petra)
		w.Want("the role means nothing now", err, policies.ErrForbidden)
	})
}

// TestRaising: raising one's own rights needs a second person, by every method that publishes (S31).
func TestRaising(t *testing.T) {
	each(t, func(w *world) {
		paul := w.Specialist("Paul Adam", policies.PolicyAdministrator)
		for name, c := range map[string]struct {
			add  string
			want error
		}{
			"a right over all":           {"policy_administrator, *, transaction, *, read", ErrSecond},
			"of a role that is included": {"specialist, *, queue, *, read", ErrSecond},
			"of another role":            {"auditor, *, queue, *, read", nil},
			"over what I could get":      {"specialist, processor, customer, *, delete", ErrSecond},
			"of any end user":            {"end_user, *, audit, *, read", ErrSecond},
		} {
			r := allow(c.add)
			w.add(r)
			review, err := w.Review(w.Ctx, w.petra, w.draftNow())
			require.NoError(w, err, name)
			assert.Equal(w, c.want != nil, review.Raises, name)
			w.Want(name, w.publish(), c.want)
			w.Must(w.Discard(w.Ctx, w.petra, w.draftNow().Edit))
		}
		cu := w.customer("company", "Weg GmbH", w.petra)
		w.transaction(cu, "Tax return", "tax_return")
		w.Must(w.RemoveRule(w.Ctx, w.petra, w.draftNow().Edit, allow("specialist, administrator, transaction, *, process")))
		w.Must(w.publish())
		_, err := w.Restore(w.Ctx, w.petra, 1, "Give it back to me")
		w.Want("restore", err, ErrSecond)
		w.Must(w.AddInclusion(w.Ctx, w.petra, w.draftNow().Edit, policies.Inclusion{Role: policies.PolicyAdministrator, Includes: policies.Auditor}))
		w.Want("by inclusion", w.publish(), ErrSecond)
		w.guard(paul)
		r, err := w.Review(w.Ctx, paul, w.draftNow())
		require.NoError(w, err, "who holds every guarding role has nothing to gain")
		assert.False(w, r.Raises, "who holds every guarding role has nothing to gain")
		w.unguard(paul)

		w.Must(w.Propose(w.Ctx, w.petra, w.draftNow().Edit, "Policy administrators audit"))
		d := w.draftNow()
		assert.True(w, d.Proposed, "%+v", d)
		assert.Equal(w, "Petra Richter", d.Proposer)
		assert.Equal(w, "Policy administrators audit", d.Comment)
		assert.Equal(w, 1, w.count(`audit WHERE action = 'policy.proposed'`))
		w.Want("one's own proposal", w.publish(), ErrSecond)
		_, err = w.Publish(w.Ctx, paul, d.Edit, "Agreed")
		w.Must(err)
		v, err := w.Current(w.Ctx, w.petra)
		w.Must(err)
		assert.Equal(w, "Paul Adam", v.Author)
		assert.Equal(w, "Petra Richter", v.Proposer)
		// A proposal holds the draft of its time.
		w.add(allow("specialist, *, queue, *, manage"))
		w.Must(w.Propose(w.Ctx, w.petra, w.draftNow().Edit, "x"))
		w.Must(w.RemoveRule(w.Ctx, paul, w.draftNow().Edit, allow("auditor, *, policy, *, read")))
		assert.False(w, w.draftNow().Proposed, "a changed draft is still proposed")
		_, err = w.Publish(w.Ctx, paul, w.draftNow().Edit, "x")
		w.Want("changed after it was proposed", err, ErrSecond)
		// The relations of the represented person count as the deputy's own.
		c := w.petra
		deputy := account.Caller{ID: w.account("Dirk Vertreter", true), Roles: c.Roles, For: c.Persons()}
		held, err := heldBy(w.Ctx, w.DB, deputy)
		require.NoError(w, err)
		assert.Equal(w, "map[customer:[1] transaction:[1]]", fmt.Sprint(held))
	})
}

// TestDecidePublishAssign is for -race (S26): while versions are published and people assigned, every decision is right
// under one of the two versions, and a decision on which both agree never changes.
func TestDecidePublishAssign(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	w.guard(w.petra)
	anna := w.Specialist("Anna Berg")
	cu := w.customer("person", "Kühn", anna)
	tr := w.transaction(cu, "Contract", "contract")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for kind, want := range map[policies.Action]bool{policies.Read: true, policies.Create: false} {
					got, err := w.o.Decider.Allows(policies.Request{
						Roles: []policies.Role{policies.Specialist}, Relation: policies.Processor, Object: policies.ObjectTransaction, Kind: "contract", Action: kind,
					})
					if !assert.NoError(t, err, kind) {
						return
					}
					if !assert.Equal(t, want, got, kind) {
						return
					}
				}
				mayProcess(t, w.o.Decider)
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			for _, assign := range []bool{true, false} {
				assert.NoError(t, w.DB.InTx(w.Ctx, func(ctx context.Context, tx bun.Tx) (err error) {
					if assign {
						_, err = assignment.AddProcessor(ctx, tx, assignment.Processor{TransactionID: tr, SpecialistID: anna.ID, CustomerID: cu, CreatedAt: w.Now(), CreatedBy: anna.ID})
					} else {
						_, _, err = assignment.RemoveProcessor(ctx, tx, cu, anna.ID, tr)
					}
					return err
				}))
			}
		}
	})
	for i := range 10 {
		d := w.draftNow()
		change := w.AddRule
		if i%2 == 1 {
			change = w.RemoveRule
		}
		w.Must(change(w.Ctx, w.petra, d.Edit, deny(denyProcess)))
		w.Must(w.publish())
		assert.Equal(t, i%2 == 1, mayProcess(t, w.o.Decider), "publication %d is not in force at once", i)
	}
	close(stop)
	wg.Wait()
	problems, err := assignment.Check(w.Ctx, w.DB, 10)
	require.NoError(t, err)
	assert.Empty(t, problems)
}

// TestPublishAtOnce: when two people publish the same draft at once, exactly one succeeds and the other gets ErrBehind.
func TestPublishAtOnce(t *testing.T) {
	each(t, func(w *world) {
		paul := w.Specialist("Paul Adam", policies.PolicyAdministrator)
		w.add(deny(denyProcess))
		edit := w.draftNow().Edit
		errs := make(chan error, 2)
		for _, c := range []account.Caller{w.petra, paul} {
			go func() { _, err := w.Publish(w.Ctx, c, edit, "x"); errs <- err }()
		}
		a, b := <-errs, <-errs
		assert.NotEqual(w, b == nil, a == nil)
		assert.ErrorIs(w, errors.Join(a, b), ErrBehind)
		assert.Equal(w, 2, w.count("policy_version"), "versions")
	})
}
