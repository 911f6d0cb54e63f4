package account

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/courier"
	"kontor/app/secret"
	"kontor/app/store"
)

// How long links are valid, counted from the request for them.
const (
	setPasswordLife   = 48 * time.Hour
	resetPasswordLife = time.Hour
	confirmEmailLife  = 24 * time.Hour
	tellLife          = 48 * time.Hour // how long Kontor tries to deliver a mail without a link
)

// generation is the generation of all account links. A link is valid until one with the same purpose is used or a new
// one is requested, which deletes the old ones. So one generation is enough.
const generation = 1

// mail is a mail to an account.
type mail struct {
	kind  courier.Kind
	to    string
	about string        // for the composer
	life  time.Duration // how long its link is valid
}

// post queues a mail. If mails of its kind contain a link, it voids the account's earlier links and cancels the earlier
// mails.
func (s *Service) post(ctx context.Context, tx bun.IDB, a Account, m mail) error {
	if purpose, ok := purposes[m.kind]; ok {
		if err := secret.Void(ctx, tx, purpose, a.ID); err != nil {
			return err
		}
		if err := s.courier.CancelAccount(ctx, tx, a.ID, m.kind); err != nil {
			return err
		}
	}
	once, err := uuid.NewV7()
	if err != nil {
		return err
	}
	locale := a.Locale
	if locale == "" {
		locale = s.firm.OwnLocale()
	}
	return s.courier.Enqueue(ctx, tx, courier.Post{
		Kind: m.kind, Channel: courier.Email, AccountID: a.ID, Recipient: m.to, About: m.about, Locale: locale, Generation: generation,
		Dedupe: string(m.kind) + ":" + once.String(), ExpiresAt: s.now().Add(m.life),
	})
}

var purposes = map[courier.Kind]secret.Purpose{
	courier.SetPassword:   secret.SetPassword,
	courier.ResetPassword: secret.ResetPassword,
	courier.ConfirmEmail:  secret.ConfirmEmail,
}

// composers returns the composers of the mails to accounts. Each composer loads the account again: if the mail's reason
// or address no longer holds, the mail is void. The links are minted when the mail is sent.
func (s *Service) composers() map[courier.Kind]courier.Composer {
	return map[courier.Kind]courier.Composer{
		courier.SetPassword: courier.Each(func(ctx context.Context, tx bun.IDB, m courier.Message) (courier.Content, error) {
			return s.compose(ctx, tx, m, "/password/reset/", func(a Account) bool {
				return a.Active && a.PasswordHash == "" && a.Email == m.Recipient
			})
		}),
		courier.ResetPassword: courier.Each(func(ctx context.Context, tx bun.IDB, m courier.Message) (courier.Content, error) {
			return s.compose(ctx, tx, m, "/password/reset/", func(a Account) bool {
				return a.Active && a.Email == m.Recipient
			})
		}),
		courier.ConfirmEmail: courier.Each(func(ctx context.Context, tx bun.IDB, m courier.Message) (courier.Content, error) {
			return s.compose(ctx, tx, m, "/account/email/", func(a Account) bool {
				return a.Active && a.PendingEmail == m.Recipient
			})
		}),
		// The old address is stored only in the message. It gets the mail even if the account is inactive by now.
		courier.EmailChanged: courier.Each(func(ctx context.Context, tx bun.IDB, m courier.Message) (courier.Content, error) {
			return s.compose(ctx, tx, m, "", func(Account) bool { return true })
		}),
		courier.EmailConfirmed: courier.Each(func(ctx context.Context, tx bun.IDB, m courier.Message) (courier.Content, error) {
			return s.compose(ctx, tx, m, "", func(a Account) bool { return a.Active && a.Email == m.Recipient })
		}),
		// A person who changes the password may change the e-mail address next. The old address gets this mail
		// nevertheless.
		courier.PasswordChanged: courier.Each(func(ctx context.Context, tx bun.IDB, m courier.Message) (courier.Content, error) {
			return s.compose(ctx, tx, m, "", func(a Account) bool { return a.Active })
		}),
		courier.RolesChanged: courier.Each(s.composeRoles),
		courier.RoleGranted:  courier.Each(s.composeGranted),
	}
}

func (s *Service) compose(
	ctx context.Context, tx bun.IDB, m courier.Message, path string, wanted func(Account) bool,
) (courier.Content, error) {
	a, err := lockAccount(ctx, tx, m.AccountID.UUID)
	if store.IsNoRows(err) || err == nil && !wanted(a) {
		return courier.Content{Void: true}, nil
	}
	if err != nil {
		return courier.Content{}, err
	}
	data := courier.AccountData{Name: a.Name, Email: a.Email, Expires: m.ExpiresAt, At: m.CreatedAt}
	if m.Kind == courier.ConfirmEmail {
		data.Email = a.PendingEmail
	}
	if path != "" {
		token, err := s.mint(ctx, tx, secret.Link{Purpose: purposes[m.Kind], SubjectID: a.ID, ExpiresAt: m.ExpiresAt}, m.Recipient)
		if err != nil {
			return courier.Content{}, err
		}
		data.Link = s.baseURL + path + token
	}
	return courier.Content{To: m.Recipient, ToName: a.Name, Locale: m.Locale, Template: m.Kind, Data: data}, nil
}

// mint makes a link to an account. It is bound to the address that it is sent to.
func (s *Service) mint(ctx context.Context, tx bun.IDB, l secret.Link, to string) (token string, err error) {
	l.Generation, l.Address, l.CreatedAt = generation, s.key.Bind(to), s.now()
	return secret.Mint(ctx, tx, l)
}
