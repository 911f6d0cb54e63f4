package account

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestRefold: rows of an earlier version get the present folded form. If two accounts would get the same form, both
// stay.
func TestRefold(t *testing.T) {
	each(t, func(w *world) {
		insert := func(name, folded string) {
			_, err := w.db.ExecContext(w.ctx, `INSERT INTO account (id, specialist, name, name_sort, search, username, username_folded, email, email_folded,
				password_hash, locale, shortcuts, active, version, created_at, pending_email)
				VALUES (?, TRUE, ?, ?, '', ?, ?, ?, ?, '', 'de', TRUE, TRUE, 1, ?, '')`,
				name, name, name, folded, folded, folded, folded, w.now())
			w.must(err)
		}
		const one, two, twin = "01900000-0000-7000-8000-000000000001", "01900000-0000-7000-8000-000000000002", "01900000-0000-7000-8000-000000000003"
		insert(one, "a@bücher.example")
		insert(two, "m@xn--bcher-kva.example")
		insert(twin, "m@bücher.example")
		var out bytes.Buffer
		for range 2 {
			w.must(w.Refold(w.ctx, slog.New(slog.NewTextHandler(&out, nil))))
		}
		for id, want := range map[string]string{one: "a@xn--bcher-kva.example", two: "m@xn--bcher-kva.example", twin: "m@bücher.example"} {
			var email, username string
			w.must(w.db.NewRaw("SELECT email_folded, username_folded FROM account WHERE id = ?", id).Scan(w.ctx, &email, &username))
			assert.Equal(w, want, email, id)
			assert.Equal(w, want, username, id)
		}
		assert.Contains(w, out.String(), twin, "log")
		assert.NotContains(w, out.String(), "m@", "log")
	})
}
