package registration

import (
	"testing"
	"time"

	"kontor/app/access"
	"kontor/app/internal/web/kit/kittest"
)

// TestPagesRender: each page, filled and empty.
func TestPagesRender(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 12, 0, 0, time.UTC)
	inv := access.Invitation{Customer: "Hafen AG", CustomerNumber: "K-00001", FirstName: "Änne", Name: "Änne Groß", Username: "a@b.example", Expires: at}
	coded := inv
	coded.NeedsCode, coded.MobileEnd, coded.CodeLocked = true, "789", true
	joins := inv
	joins.HasAccount = true
	wrong := kittest.Wrong("login", "password", "password_repeat", "code", "name", "username", "email", "roles", "current_password", "email_password")
	kittest.Render(t, "registration", map[string][]any{
		"registration/done": {registeredBeside{Name: "Änne Groß", Username: "a@b.example"}},
		"registration/register": {registration{Form: kittest.Fresh(), Invitation: inv, Other: "Ben"}, registration{Form: wrong, Token: "t", CodeIn: "1 minute", Invitation: coded},
			registration{Form: kittest.Fresh(), Invitation: coded}, registration{Form: kittest.Fresh(), Invitation: joins}, registration{Form: kittest.Fresh(), SignedAs: true, Invitation: joins}},
		"registration/expired": {expiredLink{Form: kittest.Fresh()}, expiredLink{Form: wrong, Wait: "1 minute"}, expiredLink{Form: kittest.Fresh(), Sent: true}},
	})
}
