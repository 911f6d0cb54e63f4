package authorisation

import (
	"errors"
	"testing"
	"time"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/policies"
)

// made notes that somebody made an account lately.
func (w *world) made(by, whom account.Caller) {
	w.Exec(`INSERT INTO guard_event (id, account_id, what, role, by_id, at) VALUES (?, ?, 'made', '', ?, ?)`, newID(), whom.ID, by.ID, w.Now())
}

// second is a policy administrator who can sign in.
func (w *world) second() account.Caller {
	c := w.Specialist("Petra Plan", policies.PolicyAdministrator)
	w.Exec(`UPDATE account SET password_hash = 'x' WHERE id IN (?, ?)`, c.ID, w.uwe.ID)
	return c
}

// TestAssigningOneMade: an account that the caller created counts as the caller's own. Assigning it where the caller is
// no administrator needs a second person.
func TestAssigningOneMade(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		petra := w.second()
		w.made(w.uwe, w.clara)
		_, err := w.AppointAdministrators(w.Ctx, w.uwe, w.customer, ids(w.ben.ID))
		w.Must(err) // made by somebody else
		before := w.facts()
		if _, err := w.AppointAdministrators(w.Ctx, w.uwe, w.customer, ids(w.clara.ID, w.ben.ID)); !errors.Is(err, approval.ErrAsked) {
			t.Fatal(err)
		}
		if got := w.facts(); got != before {
			t.Errorf("%s, was %s", got, before)
		}
		waits, err := w.Approvals.About(w.Ctx, approval.Assignment, w.clara.ID)
		w.Must(err)
		if len(waits) != 1 || waits[0].CustomerID.UUID != w.customer || waits[0].ConcernedID.UUID != w.clara.ID || waits[0].Subject != "Clara Cron" {
			t.Fatalf("%+v", waits)
		}
		_, err = w.Approvals.Approve(w.Ctx, petra.Actor(), waits[0].ID)
		w.Must(err)
		if n := w.Number(`SELECT count(*) FROM customer_administrator WHERE customer_id = ? AND specialist_id = ? AND created_by = ?`,
			w.customer, w.clara.ID, w.uwe.ID); n != 1 {
			t.Errorf("%d assignments after the yes", n)
		}
		w.sound()
		// an administrator of the customer passes on what is theirs
		w.made(w.anna, w.rita)
		_, err = w.EntrustProcessors(w.Ctx, w.anna, w.customer, ids(w.rita.ID), ids(w.contract.ID))
		w.Must(err)
	})
}

// TestAssigningEnds: after 30 days the account no longer counts as its creator's own. A proposer who has lost the
// permission assigns nothing.
func TestAssigningEnds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		petra := w.second()
		w.made(w.uwe, w.clara)
		_, err := w.AppointAdministrators(w.Ctx, w.uwe, w.customer, ids(w.clara.ID))
		if !errors.Is(err, approval.ErrAsked) {
			t.Fatal(err)
		}
		waits, err := w.Approvals.About(w.Ctx, approval.Assignment, w.clara.ID)
		w.Must(err)
		w.Exec(`DELETE FROM account_role WHERE account_id = ? AND role = 'user_administrator'`, w.uwe.ID)
		if _, err = w.Approvals.Approve(w.Ctx, petra.Actor(), waits[0].ID); !errors.Is(err, policies.ErrForbidden) {
			t.Errorf("the proposer keeps authorisations no more: %v", err)
		}
		w.Exec(`INSERT INTO account_role (account_id, role) VALUES (?, 'user_administrator')`, w.uwe.ID)
		w.Tick(30 * 24 * time.Hour)
		_, err = w.AppointAdministrators(w.Ctx, w.uwe, w.customer, ids(w.clara.ID))
		w.Must(err)
		if waits, err := w.Approvals.About(w.Ctx, approval.Assignment, w.clara.ID); err != nil || len(waits) != 0 {
			t.Errorf("%+v, %v", waits, err)
		}
	})
}
