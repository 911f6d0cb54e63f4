package access

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/effort"
	"kontor/app/fault"
	"kontor/app/secret"
	"kontor/policies"
)

const mobile = "+491712345678"

func TestRegister(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		token, code := w.deliver(a.ID)
		inv, err := w.Invitation(w.Ctx, token)
		w.Must(err)
		assert.True(w, inv.NeedsCode, "invitation %+v", inv)
		assert.Equal(w, "678", inv.MobileEnd)
		assert.False(w, inv.HasAccount)
		assert.Equal(w, "berta@example.org", inv.Username)
		assert.Equal(w, "Berta Kühn", inv.Customer)
		assert.Equal(w, "K-10001", inv.CustomerNumber)
		assert.WithinDuration(w, at(9, 0, 0).Add(LinkLife), inv.Expires, 0)
		w.Tick(time.Hour)
		done, err := w.register(token, code)
		w.Must(err)
		r := w.row(a.ID)
		assert.Equal(w, "berta@example.org", done.Username)
		assert.True(w, r.AccountID.Valid)
		require.NotNil(w, r.RegisteredAt)
		assert.WithinDuration(w, at(10, 0, 0), *r.RegisteredAt, 0)
		assert.NotNil(w, r.OpenedAt)
		assert.NotNil(w, r.CodeEnteredAt)
		assert.Equal(w, 0, r.CodeTries)
		assert.Equal(w, 0, r.CodeTriesDay)
		n := w.count("audit", "action = ? AND subject_id = ? AND address = ?", audit.AccessRegistered, a.ID, here.Address)
		assert.EqualValues(w, 1, n, "log entries")
		assert.EqualValues(w, 0, w.count("access_code", "access_id = ?", a.ID), "codes left")
		end := account.Caller{ID: r.AccountID.UUID, Roles: []policies.Role{policies.EndUser}}
		mine, err := w.Mine(w.Ctx, end)
		require.NoError(w, err)
		require.Len(w, mine, 1)
		assert.Equal(w, (MyCustomer{w.customer, 10001, "Berta Kühn"}), mine[0])
	})
}

func TestRegisterComplains(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		token, code := w.deliver(a.ID)
		for name, c := range map[string]struct {
			form RegisterForm
			want string
		}{
			"no code":              {RegisterForm{"", strong, strong}, "code: required"},
			"half a code":          {RegisterForm{code[:4], strong, strong}, "code: code.malformed"},
			"weak password":        {RegisterForm{code, "short", "short"}, "password: password.short"},
			"weak, and code":       {RegisterForm{"2222-2222", "short", "short"}, "password: password.short"},
			"passwords differ":     {RegisterForm{code, strong, strong + "!"}, "password_repeat: password.repeat"},
			"another's characters": {RegisterForm{"OOOO-IIII", strong, strong}, "code: code.malformed"},
		} {
			_, err := w.Register(w.Ctx, token, c.form, account.Caller{}, here)
			assert.Equal(w, c.want, complaint(err), name)
		}
		r := w.row(a.ID)
		assert.Equal(w, 0, r.CodeTries, "tries were counted")
		assert.Equal(w, 0, r.CodeTriesDay, "tries were counted")
		assert.NotNil(w, r.OpenedAt, "tries were counted")
	})
}

// TestS1ScannersChangeNothing: opening the page any number of times writes nothing.
func TestS1ScannersChangeNothing(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		token, code := w.deliver(a.ID)
		before := w.row(a.ID)
		rows := func() string {
			return fmt.Sprint(w.count("audit", "1=1"), w.count("link", "used_at IS NULL"), w.count("message", "1=1"), w.count("access_code", "1=1"))
		}
		counts := rows()
		for range 100 {
			w.Tick(time.Second)
			_, err := w.Invitation(w.Ctx, token)
			w.Must(err)
		}
		after := w.row(a.ID)
		assert.Equal(w, fmt.Sprintf("%+v", before), fmt.Sprintf("%+v", after), "changed from")
		assert.Equal(w, counts, rows(), "changed from")
		_, err := w.register(token, code)
		w.Must(err)
	})
}

// TestS2RegistersOnce: of 100 concurrent valid POST requests one registers.
func TestS2RegistersOnce(t *testing.T) {
	each(t, func(w *world) {
		for _, number := range []string{"", mobile} {
			a := w.invited("berta"+number+"@example.org", number)
			token, code := w.deliver(a.ID)
			errs := make([]error, effort.Of(100, 20))
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() { _, errs[i] = w.register(token, code) })
			}
			wg.Wait()
			won := 0
			for _, err := range errs {
				switch {
				case err == nil:
					won++
				case fault.CodeOf(err) == fault.Internal:
					w.Error(err)
				}
			}
			assert.Equal(w, 1, won, "of %d registered", len(errs))
			assert.EqualValues(w, 1, w.count("account", "email_folded = ?", a.Email))
			assert.EqualValues(w, 1, w.count("audit", "action = ? AND subject_id = ?", audit.AccessRegistered, a.ID))
		}
	})
}

// TestS8RecipientFromTheDatabase: the mail is sent to the address in the access's row, whatever a message or a form
// contains.
func TestS8RecipientFromTheDatabase(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		for _, m := range w.messages(a.ID) {
			m.Recipient = "mallory@example.net"
			c := w.compose(m)
			assert.True(w, c.Void)
			assert.Empty(w, c.To, "%s goes", m.Kind)
		}
		n := w.count("link", "1=1") + w.count("access_code", "1=1")
		assert.EqualValues(w, 0, n, "secrets minted for a foreign address")
	})
}

// TestS11NothingSecretIsStored searches every text column of every table for the token and the code.
func TestS11NothingSecretIsStored(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		token, code := w.deliver(a.ID)
		_, err := w.register(token, "2222-2222")
		wantFault(w.TB, err, "code: code.wrong")
		_, err = w.register(token, code)
		w.Must(err)
		bare := strings.ReplaceAll(code, "-", "")
		for _, table := range []string{"access", "access_code", "link", "message", "message_attempt", "audit", "account", "customer"} {
			var rows []map[string]any
			w.Must(w.db.NewSelect().TableExpr(table).Scan(w.Ctx, &rows))
			text := fmt.Sprint(rows)
			assert.NotContains(w, text, token, "token or code in %s", table)
			assert.NotContains(w, text, code, "token or code in %s", table)
			assert.NotContains(w, text, bare, "token or code in %s", table)
		}
	})
}

func TestComposersVoid(t *testing.T) {
	each(t, func(w *world) {
		for name, do := range map[string]func(a Access) error{
			"removed":     func(a Access) error { return w.Remove(w.Ctx, w.anna, w.customer, a.ID, true) },
			"deactivated": func(a Access) error { return w.Deactivate(w.Ctx, w.anna, w.customer, a.ID) },
			"sent again": func(a Access) error {
				w.Tick(time.Minute)
				return w.Resend(w.Ctx, w.anna, w.customer, a.ID)
			},
			"registered": func(a Access) error {
				token, code := w.deliver(a.ID)
				_, err := w.register(token, code)
				return err
			},
			"expired": func(Access) error { w.Tick(LinkLife); return nil },
			"customer gone": func(Access) error {
				_, err := w.db.NewUpdate().Table("customer").Set("deleting = ?", true).Where("id = ?", w.customer).Exec(w.Ctx)
				return err
			},
		} {
			_, err := w.db.NewUpdate().Table("customer").Set("deleting = ?", false).Where("id = ?", w.customer).Exec(w.Ctx)
			w.Must(err)
			a := w.invited(strings.ReplaceAll(name, " ", "")+"@example.org", mobile)
			messages := w.messages(a.ID)
			w.Must(do(a))
			assert.True(w, w.compose(messages[0]).Void, "%s: the mail goes out", name)
			if name == "customer gone" {
				continue // its messages are cancelled, and the code alone identifies nobody
			}
			assert.True(w, w.compose(messages[1]).Void, "%s: the SMS goes out", name)
		}
	})
}

// TestComposedTogether: messages that are composed together get their own contents, also between those that are void.
func TestComposedTogether(t *testing.T) {
	each(t, func(w *world) {
		var mails, codes []courier.Message
		want := map[string]bool{} // whether the message to an address is sent
		for i, do := range []func(a Access){
			nil, func(a Access) { w.Must(w.Remove(w.Ctx, w.anna, w.customer, a.ID, true)) },
			nil, nil, func(a Access) { w.Must(w.Deactivate(w.Ctx, w.anna, w.customer, a.ID)) }, nil,
		} {
			a := w.invited(fmt.Sprintf("person%d@example.org", i), fmt.Sprintf("+49151123456%02d", i))
			messages := w.messages(a.ID)
			mails, codes = append(mails, messages[0]), append(codes, messages[1])
			if do != nil {
				do(a)
			}
			want[a.Email] = do == nil
		}
		seen := map[string]bool{}
		invitations, texts := w.composeAll(mails), w.composeAll(codes)
		for i, c := range invitations {
			require.Equal(w, !want[mails[i].Recipient], c.Void, "mail to %s", mails[i].Recipient)
			require.Equal(w, c.Void, texts[i].Void, "SMS to %s", codes[i].Recipient)
			if c.Void {
				continue
			}
			assert.Equal(w, mails[i].Recipient, c.To)
			assert.Equal(w, codes[i].Recipient, texts[i].To)
			token := strings.TrimPrefix(c.Data.(courier.RegistrationData).Link, "https://kontor.example/register/")
			code := texts[i].Data.(courier.CodeData).Code
			assert.False(w, seen[token] || seen[code], "a link or code twice")
			seen[token], seen[code] = true, true
			link, err := secret.Find(w.Ctx, w.db, secret.Register, token, w.Now())
			w.Must(err)
			assert.Equal(w, mails[i].AccessID.UUID, link.SubjectID)
			_, err = w.register(token, code)
			w.Must(err)
		}
		assert.Len(w, seen, 8)
	})
}

// TestN10SecondCustomer: a person who has an account proves that it is theirs, and then has one account with two
// customers.
func TestN10SecondCustomer(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", "")
		token, _ := w.deliver(a.ID)
		_, err := w.register(token, "")
		w.Must(err)
		owner := w.row(a.ID).AccountID.UUID

		second := w.newCustomer("Zoe", "Adam")
		b, err := w.Create(w.Ctx, w.anna, second, form("Berta@Example.org", ""), "")
		w.Must(err)
		m := w.messages(b.ID)
		require.Len(w, m, 1)
		require.Equal(w, courier.JoinCustomer, m[0].Kind)
		token, _ = w.deliver(b.ID)
		inv, err := w.Invitation(w.Ctx, token)
		require.NoError(w, err)
		assert.True(w, inv.HasAccount, "%+v", inv)
		_, err = w.Register(w.Ctx, token, RegisterForm{}, account.Caller{}, here)
		wantFault(w.TB, err, "password: required")
		slowed := false
		for range 20 { // guessing is slowed down here as at the sign-in
			_, err = w.Register(w.Ctx, token, RegisterForm{Password: "another password"}, account.Caller{}, here)
			if slowed = fault.CodeOf(err) == fault.TooMany; slowed {
				break
			}
			wantFault(w.TB, err, "password: password.wrong")
		}
		assert.True(w, slowed, "20 guesses at once")
		w.Tick(time.Hour)
		_, err = w.Register(w.Ctx, token, RegisterForm{}, account.Caller{ID: w.anna.ID}, here)
		wantFault(w.TB, err, "password: required") // signed in, but as somebody else
		sessions := w.count("session", "account_id = ?", owner)
		joined, err := w.Register(w.Ctx, token, RegisterForm{Password: strong}, account.Caller{}, here)
		require.NoError(w, err)
		require.Equal(w, "berta@example.org", joined.Username)
		require.Equal(w, owner, w.row(b.ID).AccountID.UUID)
		in, err := w.Accounts.Authenticate(w.Ctx, joined.Session)
		require.NoError(w, err, "not signed in")
		require.NotNil(w, in, "not signed in")
		assert.Equal(w, owner, in.Account.ID, "not signed in")

		third := w.newCustomer("Carl", "Mohn")
		c, err := w.Create(w.Ctx, w.anna, third, form("berta@example.org", ""), "")
		w.Must(err)
		token, _ = w.deliver(c.ID)
		end := account.Caller{ID: owner, Roles: []policies.Role{policies.EndUser}}
		joined, err = w.Register(w.Ctx, token, RegisterForm{}, end, here) // signed in already
		w.Must(err)
		n := w.count("session", "account_id = ?", owner) - sessions
		assert.EqualValues(w, 1, n, "sessions opened")
		assert.Empty(w, joined.Session)
		mine, err := w.Mine(w.Ctx, end)
		w.Must(err)
		var names []string
		for _, m := range mine {
			names = append(names, m.Name)
		}
		assert.Equal(w, []string{"Berta Kühn", "Carl Mohn", "Zoe Adam"}, names)
		assert.EqualValues(w, 1, w.count("account", "NOT specialist"))
		w.Must(w.Deactivate(w.Ctx, w.anna, third, c.ID))
		mine, err = w.Mine(w.Ctx, end)
		require.NoError(w, err)
		assert.Len(w, mine, 2)
		_, err = w.Mine(w.Ctx, w.anna)
		assert.ErrorIs(w, err, policies.ErrForbidden, "a specialist user without access")
	})
}

// TestTwoCustomersAtOnce: the same new person registers at two customers at the same time. There is one account, and
// the second request is told to load the page again.
func TestTwoCustomersAtOnce(t *testing.T) {
	each(t, func(w *world) {
		second := w.newCustomer("Zoe", "Adam")
		a := w.invited("berta@example.org", "")
		b, err := w.Create(w.Ctx, w.anna, second, form("berta@example.org", ""), "")
		w.Must(err)
		tokens := []string{"", ""}
		for i, id := range []uuid.UUID{a.ID, b.ID} {
			tokens[i], _ = w.deliver(id)
		}
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i := range tokens {
			wg.Go(func() { _, errs[i] = w.register(tokens[i], "") })
		}
		wg.Wait()
		for i, err := range errs {
			if err != nil && complaint(err) != "conflict: register.again" {
				w.Error(err)
			}
			if err != nil {
				_, err = w.register(tokens[i], "")
				w.Must(err)
			}
		}
		assert.EqualValues(w, 1, w.count("account", "NOT specialist"), "accounts")
	})
}
