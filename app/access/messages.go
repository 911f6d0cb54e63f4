package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/secret"
)

// codeLife is how long a code is valid that the end user requested. The first code is an activation code and is valid
// as long as the link.
const codeLife = 10 * time.Minute

// invite queues the messages of an access's present generation: the mail with the link and, if there is a mobile
// number, the SMS with the code. A person who has an account already is asked to add this customer to it.
func (s *Service) invite(ctx context.Context, tx bun.IDB, r row) error {
	kind := courier.Registration
	_, has, err := s.accounts.ByEmail(ctx, tx, r.Email)
	if err != nil {
		return err
	}
	if has {
		kind = courier.JoinCustomer
	}
	mail := post(r, kind, courier.Email, r.Email)
	mail.Dedupe = fmt.Sprintf("registration:%s:%d", r.ID, r.Generation)
	if err := s.courier.Enqueue(ctx, tx, mail); err != nil || r.Mobile == "" {
		return err
	}
	sms := post(r, courier.RegistrationCode, courier.SMS, r.Mobile)
	sms.Dedupe = fmt.Sprintf("registration_code:%s:%d", r.ID, r.Generation)
	return s.courier.Enqueue(ctx, tx, sms)
}

// sendCode queues a further SMS of the present generation. Its dedupe key contains the count from takeSend.
func (s *Service) sendCode(ctx context.Context, tx bun.IDB, r row, now time.Time) error {
	sms := post(r, courier.RegistrationCode, courier.SMS, r.Mobile)
	sms.Dedupe = fmt.Sprintf("registration_code:%s:%d:%s:%d", r.ID, r.Generation, r.SendsOn, r.SendsDay)
	if until := now.Add(codeLife); until.Before(sms.ExpiresAt) {
		sms.ExpiresAt = until // the person waits at the page, so the SMS is useless later
	}
	return s.courier.Enqueue(ctx, tx, sms)
}

func post(r row, kind courier.Kind, channel courier.Channel, to string) courier.Post {
	return courier.Post{
		Kind: kind, Channel: channel, CustomerID: r.CustomerID, AccessID: r.ID, Recipient: to, Locale: r.Locale,
		Generation: r.Generation, ExpiresAt: r.LinkExpiresAt,
	}
}

// composers returns the composers of this feature's messages. Each mints its link or code inside the courier's tx and
// stores the hash. A message is void if its access is deleted, deactivated, registered, of another generation, or has
// another address by now.
func (s *Service) composers() map[courier.Kind]courier.Composer {
	return map[courier.Kind]courier.Composer{
		courier.Registration:     s.composeInvitation,
		courier.JoinCustomer:     s.composeInvitation,
		courier.RegistrationCode: s.composeCode,
	}
}

// lockForMessage loads and locks the access that a message is for. The lock serialises minting a link or code with
// voiding it. ok is false when the message is no longer needed.
func (s *Service) lockForMessage(ctx context.Context, tx bun.IDB, m courier.Message) (r row, ok bool, err error) {
	if !m.AccessID.Valid {
		return row{}, false, nil
	}
	r, ok, err = lockAccess(ctx, tx, m.AccessID.UUID)
	if err != nil || !ok || !r.access().pending() || r.Generation != m.Generation || !s.now().Before(r.LinkExpiresAt) {
		return row{}, false, err
	}
	return r, true, nil
}

func (s *Service) composeInvitation(ctx context.Context, tx bun.IDB, m courier.Message) (courier.Content, error) {
	r, ok, err := s.lockForMessage(ctx, tx, m)
	if err != nil {
		return courier.Content{}, err
	}
	if !ok || m.Recipient != r.Email {
		return courier.Content{Void: true}, nil
	}
	cu, ok, err := customerByID(ctx, tx, r.CustomerID)
	if err != nil {
		return courier.Content{}, err
	}
	if !ok {
		return courier.Content{Void: true}, nil
	}
	token, err := secret.Mint(ctx, tx, secret.Link{
		Purpose: secret.Register, SubjectID: r.ID, CustomerID: m.CustomerID, Generation: r.Generation,
		Address: s.key.Bind(r.Email), CreatedAt: s.now(), ExpiresAt: r.LinkExpiresAt,
	})
	if err != nil {
		return courier.Content{}, err
	}
	name := r.access().Name()
	return courier.Content{
		To: r.Email, ToName: name, Locale: r.Locale, Template: m.Kind,
		Data: courier.RegistrationData{
			Firm: s.firm, Customer: cu.Name(), Number: cu.Label(), Name: name,
			Link: s.baseURL + "/register/" + token, Expires: r.LinkExpiresAt, HasCode: r.Mobile != "",
		},
	}, nil
}

func (s *Service) composeCode(ctx context.Context, tx bun.IDB, m courier.Message) (courier.Content, error) {
	r, ok, err := s.lockForMessage(ctx, tx, m)
	if err != nil {
		return courier.Content{}, err
	}
	if !ok || m.Recipient == "" || m.Recipient != r.Mobile {
		return courier.Content{Void: true}, nil
	}
	cu, ok, err := customerByID(ctx, tx, r.CustomerID)
	if err != nil {
		return courier.Content{}, err
	}
	if !ok {
		return courier.Content{Void: true}, nil
	}
	now := s.now()
	c := codeRow{AccessID: r.ID, Generation: r.Generation, CreatedAt: now, ExpiresAt: r.LinkExpiresAt}
	if asked := m.ExpiresAt.Before(r.LinkExpiresAt); asked && now.Add(codeLife).Before(c.ExpiresAt) {
		c.ExpiresAt = now.Add(codeLife)
	}
	code := secret.NewCode()
	c.Hash = s.codeHash(r, code)
	if err := insertCode(ctx, tx, c); err != nil {
		return courier.Content{}, err // the same code twice for one access, once in 10^10; the retry makes another code
	}
	return courier.Content{
		To: r.Mobile, ToName: r.access().Name(), Locale: r.Locale, Template: m.Kind,
		Data: courier.CodeData{Firm: s.firm, Code: secret.ShowCode(code), Number: cu.Label(), Expires: c.ExpiresAt},
	}, nil
}

func (s *Service) codeHash(r row, code string) string { return s.key.MAC("code", r.ID.String(), code) }

// settled is called by the courier inside the tx that settles a message. An invitation that has finally failed makes
// its access undeliverable. An invitation that was handed over or delivered, or is tried again, clears that. Messages
// of earlier generations change nothing. The result of a code's SMS is stored only in the message; for such a message
// settled only refreshes the customer, to show whether the customer needs attention.
func (s *Service) settled(ctx context.Context, tx bun.IDB, m courier.Message) error {
	if m.Kind == courier.RegistrationCode && m.CustomerID.Valid {
		err := s.customers.Refresh(ctx, tx, m.CustomerID.UUID)
		if errors.Is(err, customer.ErrNotFound) { // the customer was deleted in the meantime
			return nil
		}
		return err
	}
	if m.Kind != courier.Registration && m.Kind != courier.JoinCustomer || !m.AccessID.Valid {
		return nil
	}
	reason := ""
	switch m.State {
	case courier.Failed:
		if reason = m.Reason; reason == "" {
			reason = "internal"
		}
	case courier.HandedOver, courier.Delivered, courier.Queued:
	default:
		return nil
	}
	r, ok, err := setUndeliverable(ctx, tx, m.AccessID.UUID, m.Generation, reason)
	if err != nil || !ok {
		return err
	}
	return s.customers.Refresh(ctx, tx, r.CustomerID)
}
