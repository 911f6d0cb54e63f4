package web

import (
	"net/http"
	"testing"

	"github.com/gofrs/uuid/v5"

	"kontor/policies"
)

// TestProposedInstead: somebody who gives assignments to an account that they created is sent to the approvals, and
// reads there that a second person is needed.
func TestProposedInstead(t *testing.T) {
	w := newWorld(t)
	w.specialist("petra@kanzlei.example", policies.PolicyAdministrator)
	ulla := w.specialist("ulla@kanzlei.example", policies.UserAdministrator)
	from, to := w.colleague("paul@kanzlei.example", 1), w.colleague("ben@kanzlei.example", 0)
	w.exec(`INSERT INTO guard_event (id, account_id, what, role, by_id, at) VALUES (?, ?, 'made', '', ?, ?)`,
		uuid.Must(uuid.NewV7()), to.ID, ulla.ID, w.Clock.Now())
	b, path := w.browser().signIn("ulla@kanzlei.example", strong), "/specialists/"+from.ID.String()
	today := w.Clock.Now().Format("2006-01-02")
	for name, a := range map[string]answer{
		"handover":      b.send(path+"/handover", "to", to.ID.String(), "mode", "move"),
		"deputy":        b.send(path+"/deputies", "deputy", to.ID.String(), "from", today, "until", today),
		"administrator": b.send(w.path()+"/administrators", "specialist", to.ID.String()),
	} {
		t.Run(name, func(t *testing.T) {
			a.goesTo(t, "/approvals")
		})
	}
	b.get("/approvals").want(t, http.StatusOK, "This needs a second person")
}
