package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
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
	sms.NotBefore = time.Time{} // the person waits for it
	sms.Dedupe = fmt.Sprintf("registration_code:%s:%d:%s:%d", r.ID, r.Generation, r.SendsOn, r.SendsDay)
	if until := now.Add(codeLife); until.Before(sms.ExpiresAt) {
		sms.ExpiresAt = until // the person waits at the page, so the SMS is useless later
	}
	return s.courier.Enqueue(ctx, tx, sms)
}

func post(r row, kind courier.Kind, channel courier.Channel, to string) courier.Post {
	return courier.Post{
		Kind: kind, Channel: channel, CustomerID: r.CustomerID, AccessID: r.ID, Recipient: to, Locale: r.Locale,
		Generation: r.Generation, ExpiresAt: r.LinkExpiresAt, NotBefore: r.InvitedAt,
	}
}

// composers returns the composers of this feature's messages. Each mints its link or code inside the courier's tx and
// stores the hash. A message is void if its access is deleted, deactivated, registered, of another generation, or has
// another address by now.
func (s *Service) composers() map[courier.Kind]courier.Composer {
	return map[courier.Kind]courier.Composer{
		courier.Registration:     s.composeInvitations,
		courier.JoinCustomer:     s.composeInvitations,
		courier.RegistrationCode: s.composeCodes,
	}
}

// addressed is an access with the message that is for it.
type addressed struct {
	row
	at       int // place of the message
	message  courier.Message
	customer customer.Customer
}

// lockForMessages loads and locks the accesses that messages are for, and loads their customers. The lock serialises minting
// links and codes with voiding them. Messages that are no longer needed are left out.
func (s *Service) lockForMessages(ctx context.Context, tx bun.IDB, messages []courier.Message) (list []addressed, err error) {
	var ids, owners []uuid.UUID
	for _, m := range messages {
		if m.AccessID.Valid {
			ids = append(ids, m.AccessID.UUID)
		}
	}
	rows, err := lockAccesses(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	now := s.now()
	for i, m := range messages {
		r, ok := rows[m.AccessID.UUID]
		if !ok || !r.access().pending() || r.Generation != m.Generation || !now.Before(r.LinkExpiresAt) {
			continue
		}
		list, owners = append(list, addressed{row: r, at: i, message: m}), append(owners, r.CustomerID)
	}
	customers, err := customersByID(ctx, tx, owners)
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i].customer = customers[list[i].CustomerID]
	}
	return slices.DeleteFunc(list, func(a addressed) bool { return a.customer.ID.IsNil() }), nil
}

// void returns so many contents that are void.
func void(n int) []courier.Content { return slices.Repeat([]courier.Content{{Void: true}}, n) }

func (s *Service) composeInvitations(ctx context.Context, tx bun.IDB, messages []courier.Message) ([]courier.Content, error) {
	contents := void(len(messages))
	list, err := s.lockForMessages(ctx, tx, messages)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(a addressed) bool { return a.message.Recipient != a.Email })
	links := make([]secret.Link, len(list))
	for i, a := range list {
		links[i] = secret.Link{
			Purpose: secret.Register, SubjectID: a.ID, CustomerID: a.message.CustomerID, Generation: a.Generation,
			Address: s.key.Bind(a.Email), CreatedAt: s.now(), ExpiresAt: a.LinkExpiresAt,
		}
	}
	tokens, err := secret.MintAll(ctx, tx, links)
	if err != nil {
		return nil, err
	}
	for i, a := range list {
		name := a.access().Name()
		contents[a.at] = courier.Content{
			To: a.Email, ToName: name, Locale: a.Locale, Template: a.message.Kind,
			Data: courier.RegistrationData{
				Customer: a.customer.Name(), Number: a.customer.Label(), Name: name,
				Link: s.baseURL + "/register/" + tokens[i], Expires: a.LinkExpiresAt, HasCode: a.Mobile != "",
			},
		}
	}
	return contents, nil
}

func (s *Service) composeCodes(ctx context.Context, tx bun.IDB, messages []courier.Message) ([]courier.Content, error) {
	contents := void(len(messages))
	list, err := s.lockForMessages(ctx, tx, messages)
	if err != nil {
		return nil, err
	}
	now := s.now()
	var rows []codeRow
	for _, a := range list {
		m := a.message
		if m.Recipient == "" || m.Recipient != a.Mobile {
			continue
		}
		c := codeRow{AccessID: a.ID, Generation: a.Generation, CreatedAt: now, ExpiresAt: a.LinkExpiresAt}
		if asked := m.ExpiresAt.Before(a.LinkExpiresAt); asked && now.Add(codeLife).Before(c.ExpiresAt) {
			c.ExpiresAt = now.Add(codeLife)
		}
		code := secret.NewCode()
		c.Hash = s.codeHash(a.row, code)
		rows = append(rows, c)
		contents[a.at] = courier.Content{
			To: a.Mobile, ToName: a.access().Name(), Locale: a.Locale, Template: m.Kind,
			Data: courier.CodeData{Code: secret.ShowCode(code), Number: a.customer.Label(), Expires: c.ExpiresAt},
		}
	}
	// The same code twice for one access happens once in 10^10; the retry makes another code.
	return contents, insertCodes(ctx, tx, rows)
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
