package account

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
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
	sessions := []Session{{ListedSession: account.ListedSession{Session: account.Session{CreatedAt: at, LastSeenAt: at, Agent: "Firefox"}, Handle: "0f"}, Current: true, End: "/x"}, {}}
	wrong := kittest.Wrong("login", "password", "password_repeat", "code", "name", "username", "email", "roles", "current_password", "email_password", "theme", "daily_summary")
	kittest.Render(t, "account", map[string][]any{
		"account/confirm_email": {emailLink{"t"}},
		"account/index": {
			ownAccount{Own: kittest.Fresh(), Password: kittest.Fresh(), Email: kittest.Fresh(), Look: choices{Form: kittest.Fresh()}},
			ownAccount{Account: person, Own: wrong, Password: wrong, Email: wrong, EndUser: true, Locales: locales,
				Sessions: sessions, Look: choices{wrong, []offered{{Name: "theme", Options: locales}}},
				Mails: choices{wrong, []offered{{Name: "daily_summary", Options: locales}}}},
		},
	})
}
