package signin

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/internal/web/kit/kittest"
	"kontor/policies"
)

// TestPagesRender: each page, filled and empty.
func TestPagesRender(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 12, 0, 0, time.UTC)
	id := uuid.Must(uuid.NewV7())
	person := account.Account{ID: id, Specialist: true, Active: true, Name: "Änne Groß-Öhlmann", Email: "a@b.example", Username: "a",
		PasswordHash: "x", LastSignInAt: &at, Roles: policies.FirmRoles, Version: 3}
	wrong := kittest.Wrong("login", "password", "password_repeat", "code", "name", "username", "email", "roles", "current_password", "email_password")
	kittest.Render(t, "signin", map[string][]any{
		"signin/login":        {kittest.Fresh(), wrong},
		"signin/forgotten":    {forgotten{Form: kittest.Fresh()}, forgotten{Form: wrong}, forgotten{Form: kittest.Fresh(), Sent: true}},
		"signin/password":     {choosePassword{Form: kittest.Fresh()}, choosePassword{wrong, person, "t"}},
		"signin/other_person": {otherPerson{Name: "Änne Groß"}, otherPerson{Name: "Änne Groß", Typed: "x"}},
		"signin/dead_link":    {dead{Message: "fault.link.unknown"}, dead{Message: "fault.link.used", Used: true}, dead{Message: "fault.link.expired", Next: "/x"}},
	})
}
