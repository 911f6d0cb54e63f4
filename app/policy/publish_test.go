package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

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
	if !await.Within(within, cond) {
		w.Fatalf("not within %s: %s", within, what)
	}
}

func mayProcess(t *testing.T, d *policies.Decider) bool {
	t.Helper()
	ok, err := d.Allows(policies.Request{
		Roles: []policies.Role{policies.Specialist}, Relation: policies.Processor, Object: policies.ObjectTransaction, Kind: "contract", Action: policies.Process,
	})
	if err != nil {
		t.Fatal(err)
	}
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
				if err := p.Load(w.Ctx); err != nil || p.o.Decider.Version() != 1 {
					w.Errorf("version %d, %v", p.o.Decider.Version(), err)
				}
			})
		}
		wg.Wait()
		v, err := w.Current(w.Ctx, w.petra)
		w.Must(err)
		if v.Text != policies.Default || v.Author != "Kontor" || v.AuthorID.Valid || w.count("policy_version") != 1 {
			w.Errorf("%+v", v)
		}
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
		if !mayProcess(t, w.o.Decider) {
			w.Fatal("a draft is in force")
		}
		w.Must(w.publish())
		if mayProcess(t, w.o.Decider) || w.o.Decider.Version() != 2 {
			w.Error("not in force where it was published")
		}
		w.eventually(time.Second, "in force in the other process", func() bool { return !mayProcess(t, other.o.Decider) })

		w.Exec(`ALTER TABLE policy_version RENAME TO policy_version_away`)
		w.eventually(5*time.Second, "readiness says that it can't be followed", func() bool { return other.Err() != nil })
		if other.o.Decider.Version() != 2 || mayProcess(t, other.o.Decider) {
			w.Error("the old version did not stay")
		}
		w.Exec(`ALTER TABLE policy_version_away RENAME TO policy_version`)
		w.eventually(5*time.Second, "followed again", func() bool { return other.Err() == nil })

		w.Exec(`INSERT INTO policy_version (version, text, comment, author, published_at) VALUES (3, 'p, specialist, *', '', '', ?)`, w.Now())
		w.eventually(5*time.Second, "a version that can't be read", func() bool { return other.Err() != nil })
		if other.o.Decider.Version() != 2 || mayProcess(t, other.o.Decider) {
			w.Error("a version that can't be read replaced the old one")
		}
		v, err := other.Reset(w.Ctx)
		w.Must(err)
		w.eventually(time.Second, "reset", func() bool {
			return other.Err() == nil && other.o.Decider.Version() == v.Number && mayProcess(t, other.o.Decider)
		})
		if v.Number != 4 || v.Author != "Kontor (command)" || v.Comment != CommentReset || !v.Own() ||
			w.count(`audit WHERE action = 'policy.reset' AND subject = 'Version 4'`) != 1 {
			w.Errorf("%+v", v)
		}
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
		if v.Number != 2 || v.Comment != "Processors only look" || v.Author != "Petra Richter" || v.AuthorID.UUID != w.petra.ID || v.Proposer != "" {
			w.Errorf("%+v", v)
		}
		w.Want("once more", func() error { _, err := w.Publish(w.Ctx, w.petra, 1, "x"); return err }(), ErrBehind)
		w.Want("with its edit", w.publish(), ErrNothing)
		if n := w.count(`audit WHERE action = 'policy.published' AND detail LIKE '%process, deny%' AND subject = 'Version 2: Processors only look'`); n != 1 {
			w.Errorf("%d entries", n)
		}
		_, err = w.Restore(w.Ctx, w.petra, 9, "x")
		w.Want("restore none", err, ErrVersion)
		_, err = w.Restore(w.Ctx, w.petra, 2, "x")
		w.Want("restore what is in force", err, ErrNothing)
		v, err = w.Restore(w.Ctx, w.petra, 1, "Back")
		w.Must(err)
		if v.Number != 3 || v.Restored == nil || *v.Restored != 1 || v.Text != policies.Default || !mayProcess(t, w.o.Decider) {
			w.Errorf("%+v", v)
		}
		all, err := w.Versions(w.Ctx, w.petra)
		w.Must(err)
		if len(all) != 3 || all[0].Number != 3 || all[2].Author != "Kontor" || all[0].Text != "" {
			w.Errorf("%+v", all)
		}
		v, before, err := w.Version(w.Ctx, w.petra, 2)
		w.Must(err)
		if added, _ := policies.Diff(before.Document(), v.Document()); before.Number != 1 || len(added) != 1 {
			w.Errorf("%v, %d", added, before.Number)
		}
		if _, before, err = w.Version(w.Ctx, w.petra, 1); err != nil || before.Number != 0 {
			w.Errorf("before the first: %+v, %v", before, err)
		}
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
			if r, err := w.Review(w.Ctx, w.petra, w.draftNow()); err != nil || !r.Lockout {
				w.Errorf("%s: %+v, %v", name, r, err)
			}
			w.Must(w.Discard(w.Ctx, w.petra, w.draftNow().Edit))
		}
		// Another who holds the role counts only if they can sign in.
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
			if review, err := w.Review(w.Ctx, w.petra, w.draftNow()); err != nil || review.Raises != (c.want != nil) {
				w.Errorf("%s: %+v, %v", name, review, err)
			}
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
		if r, err := w.Review(w.Ctx, paul, w.draftNow()); err != nil || r.Raises {
			w.Errorf("who holds every guarding role has nothing to gain: %+v, %v", r, err)
		}
		w.unguard(paul)

		w.Must(w.Propose(w.Ctx, w.petra, w.draftNow().Edit, "Policy administrators audit"))
		d := w.draftNow()
		if !d.Proposed || d.Proposer != "Petra Richter" || d.Comment != "Policy administrators audit" || w.count(`audit WHERE action = 'policy.proposed'`) != 1 {
			w.Errorf("%+v", d)
		}
		w.Want("one's own proposal", w.publish(), ErrSecond)
		_, err = w.Publish(w.Ctx, paul, d.Edit, "Agreed")
		w.Must(err)
		v, err := w.Current(w.Ctx, w.petra)
		w.Must(err)
		if v.Author != "Paul Adam" || v.Proposer != "Petra Richter" {
			w.Errorf("%+v", v)
		}
		// A proposal is of the draft as it was.
		w.add(allow("specialist, *, queue, *, manage"))
		w.Must(w.Propose(w.Ctx, w.petra, w.draftNow().Edit, "x"))
		w.Must(w.RemoveRule(w.Ctx, paul, w.draftNow().Edit, allow("auditor, *, policy, *, read")))
		if d := w.draftNow(); d.Proposed {
			w.Error("a changed draft is still proposed")
		}
		_, err = w.Publish(w.Ctx, paul, w.draftNow().Edit, "x")
		w.Want("changed after it was proposed", err, ErrSecond)
		// A deputy's relations count as the deputy's own.
		c := w.petra
		deputy := account.Caller{ID: w.account("Dirk Vertreter", true), Roles: c.Roles, For: c.Persons()}
		if held, err := heldBy(w.Ctx, w.DB, deputy); err != nil || fmt.Sprint(held) != "map[customer:[1] transaction:[1]]" {
			w.Errorf("%v, %v", held, err)
		}
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
					if err != nil || got != want {
						t.Errorf("%s: %v, %v", kind, got, err)
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
				if err := w.DB.InTx(w.Ctx, func(ctx context.Context, tx bun.Tx) (err error) {
					if assign {
						_, err = assignment.AddProcessor(ctx, tx, assignment.Processor{TransactionID: tr, SpecialistID: anna.ID, CustomerID: cu, CreatedAt: w.Now(), CreatedBy: anna.ID})
					} else {
						_, _, err = assignment.RemoveProcessor(ctx, tx, cu, anna.ID, tr)
					}
					return err
				}); err != nil {
					t.Error(err)
				}
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
		if mayProcess(t, w.o.Decider) != (i%2 == 1) {
			t.Errorf("publication %d is not in force at once", i)
		}
	}
	close(stop)
	wg.Wait()
	if problems, err := assignment.Check(w.Ctx, w.DB, 10); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
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
		if (a == nil) == (b == nil) || !errors.Is(errors.Join(a, b), ErrBehind) {
			w.Errorf("%v, %v", a, b)
		}
		if n := w.count("policy_version"); n != 2 {
			w.Errorf("%d versions", n)
		}
	})
}
