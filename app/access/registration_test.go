package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/effort"
	"kontor/app/fault"
	"kontor/policies"
)

const mobile = "+491712345678"

func TestRegister(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		token, code := w.deliver(a.ID)
		inv, err := w.Invitation(w.Ctx, token)
		w.Must(err)
		if !inv.NeedsCode || inv.MobileEnd != "678" || inv.HasAccount || inv.Username != "berta@example.org" ||
			inv.Customer != "Berta Kühn" || inv.CustomerNumber != "K-10001" || !inv.Expires.Equal(at(9, 0, 0).Add(LinkLife)) {
			w.Errorf("invitation %+v", inv)
		}
		w.Tick(time.Hour)
		done, err := w.register(token, code)
		w.Must(err)
		r := w.row(a.ID)
		if done.Username != "berta@example.org" || !r.AccountID.Valid || r.RegisteredAt == nil || !r.RegisteredAt.Equal(at(10, 0, 0)) ||
			r.OpenedAt == nil || r.CodeEnteredAt == nil || r.CodeTries != 0 || r.CodeTriesDay != 0 {
			w.Errorf("%+v, %+v", done, r)
		}
		if n := w.count("audit", "action = ? AND subject_id = ? AND address = ?", audit.AccessRegistered, a.ID, here.Address); n != 1 {
			w.Errorf("%d log entries", n)
		}
		if n := w.count("access_code", "access_id = ?", a.ID); n != 0 {
			w.Errorf("%d codes left", n)
		}
		end := account.Caller{ID: r.AccountID.UUID, Roles: []policies.Role{policies.EndUser}}
		mine, err := w.Mine(w.Ctx, end)
		if err != nil || len(mine) != 1 || mine[0] != (MyCustomer{w.customer, 10001, "Berta Kühn"}) {
			w.Errorf("%+v, %v", mine, err)
		}
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
			if got := complaint(err); got != c.want {
				w.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
		if r := w.row(a.ID); r.CodeTries != 0 || r.CodeTriesDay != 0 || r.OpenedAt == nil {
			w.Errorf("tries were counted: %+v", r)
		}
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
		if after := w.row(a.ID); fmt.Sprintf("%+v", after) != fmt.Sprintf("%+v", before) || rows() != counts {
			w.Errorf("changed from\n%+v to\n%+v", before, after)
		}
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
			if won != 1 || w.count("account", "email_folded = ?", a.Email) != 1 ||
				w.count("audit", "action = ? AND subject_id = ?", audit.AccessRegistered, a.ID) != 1 {
				w.Errorf("%d of %d registered", won, len(errs))
			}
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
			if c := w.compose(m); !c.Void || c.To != "" {
				w.Errorf("%s goes to %q", m.Kind, c.To)
			}
		}
		if n := w.count("link", "1=1") + w.count("access_code", "1=1"); n != 0 {
			w.Errorf("%d secrets minted for a foreign address", n)
		}
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
			if text := fmt.Sprint(rows); strings.Contains(text, token) || strings.Contains(text, code) || strings.Contains(text, bare) {
				w.Errorf("token or code in %s", table)
			}
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
			if c := w.compose(messages[0]); !c.Void {
				w.Errorf("%s: the mail goes out", name)
			}
			if name == "customer gone" {
				continue // its messages are cancelled; the code alone names nobody
			}
			if c := w.compose(messages[1]); !c.Void {
				w.Errorf("%s: the SMS goes out", name)
			}
		}
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
		if m := w.messages(b.ID); len(m) != 1 || m[0].Kind != courier.JoinCustomer {
			w.Fatalf("%+v", m)
		}
		token, _ = w.deliver(b.ID)
		if inv, err := w.Invitation(w.Ctx, token); err != nil || !inv.HasAccount {
			w.Errorf("%+v, %v", inv, err)
		}
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
		if !slowed {
			w.Error("20 guesses at once")
		}
		w.Tick(time.Hour)
		_, err = w.Register(w.Ctx, token, RegisterForm{}, account.Caller{ID: w.anna.ID}, here)
		wantFault(w.TB, err, "password: required") // signed in, but as somebody else
		sessions := w.count("session", "account_id = ?", owner)
		joined, err := w.Register(w.Ctx, token, RegisterForm{Password: strong}, account.Caller{}, here)
		if err != nil || joined.Username != "berta@example.org" || w.row(b.ID).AccountID.UUID != owner {
			w.Fatalf("%+v, %v", joined, err)
		}
		if in, err := w.Accounts.Authenticate(w.Ctx, joined.Session); err != nil || in == nil || in.Account.ID != owner {
			w.Errorf("not signed in: %+v, %v", in, err)
		}

		third := w.newCustomer("Carl", "Mohn")
		c, err := w.Create(w.Ctx, w.anna, third, form("berta@example.org", ""), "")
		w.Must(err)
		token, _ = w.deliver(c.ID)
		end := account.Caller{ID: owner, Roles: []policies.Role{policies.EndUser}}
		joined, err = w.Register(w.Ctx, token, RegisterForm{}, end, here) // signed in already
		w.Must(err)
		if n := w.count("session", "account_id = ?", owner) - sessions; n != 1 || joined.Session != "" {
			w.Errorf("%d sessions opened, %+v", n, joined)
		}
		mine, err := w.Mine(w.Ctx, end)
		w.Must(err)
		var names []string
		for _, m := range mine {
			names = append(names, m.Name)
		}
		if !slices.Equal(names, []string{"Berta Kühn", "Carl Mohn", "Zoe Adam"}) || w.count("account", "NOT specialist") != 1 {
			w.Errorf("%v", names)
		}
		w.Must(w.Deactivate(w.Ctx, w.anna, third, c.ID))
		if mine, err := w.Mine(w.Ctx, end); err != nil || len(mine) != 2 {
			w.Errorf("%+v, %v", mine, err)
		}
		if _, err := w.Mine(w.Ctx, w.anna); !errors.Is(err, policies.ErrForbidden) {
			w.Errorf("a specialist user without access: %v", err)
		}
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
		if n := w.count("account", "NOT specialist"); n != 1 {
			w.Errorf("%d accounts", n)
		}
	})
}
