package handover

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/customer"
	"kontor/app/handover"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/kit/kittest"
)

// TestPagesRender: each page, filled and empty.
func TestPagesRender(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 12, 0, 0, time.UTC)
	id := uuid.Must(uuid.NewV7())
	somebody := handover.Person{ID: id, Name: "Änne Groß", Email: "a@b.example", Active: true}
	plan := handover.Plan{From: somebody, Targets: []handover.Target{{Person: somebody, Has: handover.Assignments{Administered: 2}}}, Move: true,
		Assignments: handover.Assignments{Administered: 3, Processed: 4000, Responsible: 1}, Customers: []customer.Row{{ID: id, Name: "Groß"}},
		Transactions: []handover.Example{{ID: id, Number: 7, Name: "Steuererklärung"}}}
	var deputies []handover.Deputyship
	for _, state := range handover.States {
		deputies = append(deputies, handover.Deputyship{ID: id, Specialist: "Anna", Deputy: "Ben", StartsAt: at, EndsAt: at.AddDate(0, 0, 3), By: "Eva", State: state})
	}
	wrong := kittest.Wrong("login", "password", "password_repeat", "code", "name", "username", "email", "roles", "current_password", "email_password")
	kittest.Render(t, "handover", map[string][]any{
		"handover/deactivate": {deactivation{Person: somebody}, deactivation{Person: somebody, Path: "/x", Assignments: handover.Assignments{Administered: 1200},
			Left: customer.Left{Count: 3, Examples: []customer.Row{{ID: id, Number: 7, Type: customer.Person, Name: "Groß, Änne"}}}}},
		"handover/plan": {handoverPage{Form: kittest.Fresh()}, handoverPage{Form: kittest.Fresh(), Plan: plan}, handoverPage{Form: wrong, Plan: plan, Running: "/x",
			People: kit.People{Many: true, Field: "to", More: true, Offered: offer([]handover.Choice{{Person: somebody, Chosen: true}, {Person: somebody}})}}},
		"handover/handover": {handoverState{Path: "/x", Handover: handover.Handover{Total: 3000, Done: 7}},
			handoverState{Handover: handover.Handover{Total: 3, Done: 1, Move: true, StoppedFor: &id, FinishedAt: &at, From: somebody, Targets: []handover.Person{somebody}}, Again: "/x"},
			handoverState{Handover: handover.Handover{Total: 3, StoppedFor: &uuid.Nil, FinishedAt: &at, From: somebody}},
			handoverState{Handover: handover.Handover{Total: 3, Done: 3, FinishedAt: &at, From: somebody, Targets: []handover.Person{somebody, somebody}}}},
		"handover/deputies": {deputiesPage{Form: kittest.Fresh(), Own: true}, deputiesPage{Form: wrong, Person: somebody, Manage: true, Deputies: deputies, StandsIn: deputies,
			People: kit.People{Field: "deputy", Offered: offer([]handover.Choice{{Person: somebody}})}}},
	})
}
