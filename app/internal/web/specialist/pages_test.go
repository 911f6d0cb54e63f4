package specialist

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/handover"
	accountpages "kontor/app/internal/web/account"
	"kontor/app/internal/web/kit/kittest"
	"kontor/app/internal/web/text"
	"kontor/policies"
)

// TestPagesRender: each page, filled and empty.
func TestPagesRender(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 12, 0, 0, time.UTC)
	id := uuid.Must(uuid.NewV7())
	person := account.Account{ID: id, Specialist: true, Active: true, Name: "Änne Groß-Öhlmann", Email: "a@b.example", Username: "a",
		PasswordHash: "x", LastSignInAt: &at, Roles: policies.FirmRoles, Version: 3}
	locales := []text.Option{{Value: "", Text: "-"}, {Value: "de", Text: "Deutsch"}}
	rules := roleRules{Rules: []policies.Rule{{Role: policies.Auditor, Relation: "*", Object: policies.ObjectTransaction, Kind: "contract", Action: policies.Read, Effect: policies.Allow}},
		Includes: []policies.Role{policies.Specialist}}
	var roles []roleChoice
	for _, r := range policies.FirmRoles {
		roles = append(roles, roleChoice{Role: r, On: true, roleRules: rules})
	}
	sessions := []accountpages.Session{{ListedSession: account.ListedSession{Session: account.Session{CreatedAt: at, LastSeenAt: at, Agent: "Firefox"}, Handle: "0f"}, Current: true, End: "/x"}, {}}
	var deputies []handover.Deputyship
	for _, state := range handover.States {
		deputies = append(deputies, handover.Deputyship{ID: id, Specialist: "Anna", Deputy: "Ben", StartsAt: at, EndsAt: at.AddDate(0, 0, 3), By: "Eva", State: state})
	}
	wrong := kittest.Wrong("login", "password", "password_repeat", "code", "name", "username", "email", "roles", "current_password", "email_password")
	kittest.Render(t, "specialist", map[string][]any{
		"specialist/index": {specialistList{}, specialistList{Manage: true, Filter: account.SpecialistFilter{Query: "x", Inactive: true},
			Page: account.SpecialistPage{Items: []account.Account{person, {}}, Next: "n"}, Cap: 1000,
			Totals: map[uuid.UUID]int64{id: 1001, uuid.Nil: 3}}},
		"specialist/form": {specialistForm{Form: kittest.Fresh(), New: true}, specialistForm{Form: wrong, Account: person, Manage: true, Roles: roles, Locales: locales, Deputies: deputies, StandsIn: deputies},
			specialistForm{Form: kittest.Fresh(), Account: account.Account{ID: id}, Manage: true, Sessions: sessions}, specialistForm{Form: kittest.Fresh(), Account: person, Self: true, Manage: true}},
	})
}
