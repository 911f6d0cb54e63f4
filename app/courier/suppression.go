package courier

import (
	"context"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/secret"
	"kontor/app/store"
)

// An address that a mail server refused for good gets no further mail, whatever that mail is about: a sender who keeps
// writing to addresses that do not exist is soon treated as a spammer. The address is checked when a mail is about to
// be sent, so a request for a mail looks the same whether the mail is sent or not. Telephone numbers are not
// suppressed. A number that does not exist waives its code, so every SMS must ask the gateway anew; otherwise a gateway
// that refuses every number would never be detected.

// Refusal says since when and why no mail is sent to an address.
type Refusal struct {
	At     time.Time
	Reason string // key, like Message.Reason
}

// refusedAddress is a row of an address that was refused.
type refusedAddress struct {
	bun.BaseModel `bun:"table:refused_address"`

	Hash      string    `bun:"hash,pk"`
	Reason    string    `bun:"reason"`
	MessageID uuid.UUID `bun:"message_id"`
	RefusedAt time.Time `bun:"refused_at"`
}

// isForGood says whether a failure's reason means that no other mail would arrive at the address either. A full mailbox
// may be emptied. A report with a temporary status (4.x.x) is about one mail, not about the address.
func isForGood(c Channel, reason, status string) bool {
	return c == Email && reason == reasonRecipientUnknown && !strings.HasPrefix(status, "4.")
}

// addressPurpose is the purpose for which the secret key hashes addresses.
const addressPurpose = "refused address"

// noteRefusal records that the address of m was refused for good. It must come last in its tx, because other tx lock
// the row while they delete messages.
func (s *Service) noteRefusal(ctx context.Context, tx bun.IDB, m Message, now time.Time) error {
	row := refusedAddress{
		Hash: s.key.MAC(addressPurpose, store.FoldEmail(m.Recipient)), Reason: m.Reason, MessageID: m.ID, RefusedAt: now,
	}
	_, err := tx.NewInsert().Model(&row).On("CONFLICT (hash) DO UPDATE").Set("reason = EXCLUDED.reason").
		Set("message_id = EXCLUDED.message_id").Set("refused_at = EXCLUDED.refused_at").Exec(ctx)
	return err
}

// hashesOf returns the hashes under which an address may be stored, with the current key or an earlier one.
func (s *Service) hashesOf(address string) []string {
	return s.key.MACs(addressPurpose, store.FoldEmail(address))
}

// refusalsOf returns the newest refusals of those addresses that were refused for good, by the address as the caller wrote
// it.
func (s *Service) refusalsOf(ctx context.Context, db bun.IDB, addresses []string) (map[string]refusedAddress, error) {
	of := map[string][]string{}
	var hashes []string
	for _, a := range addresses {
		for _, h := range s.hashesOf(a) {
			of[h] = append(of[h], a)
			hashes = append(hashes, h)
		}
	}
	if len(hashes) == 0 {
		return nil, nil
	}
	var rows []refusedAddress
	err := db.NewSelect().Model(&rows).Where("hash IN (?)", bun.List(hashes)).Order("refused_at").Scan(ctx)
	found := make(map[string]refusedAddress, len(rows))
	for _, r := range rows {
		for _, a := range of[r.Hash] {
			found[a] = r
		}
	}
	return found, err
}

// Refusals returns the refusals of those e-mail addresses to which no mail is sent, by the address as the caller wrote
// it.
func (s *Service) Refusals(ctx context.Context, addresses []string) (map[string]Refusal, error) {
	refused, err := s.refusalsOf(ctx, s.db, addresses)
	if len(refused) == 0 {
		return nil, err
	}
	found := make(map[string]Refusal, len(refused))
	for a, r := range refused {
		found[a] = Refusal{At: r.RefusedAt, Reason: r.Reason}
	}
	return found, err
}

// Refused says whether mail to an address was refused for good, so that none is sent to it.
func (s *Service) Refused(ctx context.Context, tx bun.IDB, address string) (bool, error) {
	refused, err := s.refusalsOf(ctx, tx, []string{address})
	return len(refused) > 0, err
}

// Free deletes the refusal of an e-mail address, so that mail to it is tried again. Like noteRefusal it must come last
// in its tx.
func (s *Service) Free(ctx context.Context, tx bun.IDB, address string) error {
	_, err := tx.NewDelete().Model((*refusedAddress)(nil)).Where("hash IN (?)", bun.List(s.hashesOf(address))).Exec(ctx)
	return err
}

// suppress settles a leased message whose address was refused for good. Nothing is composed or sent, and the attempt says
// why.
func (s *Service) suppress(ctx context.Context, tx bun.IDB, m Message, r refusedAddress, now time.Time) error {
	a, err := newAttempt(ctx, tx, m, now)
	if err != nil {
		return err
	}
	a.EndedAt, a.Outcome, a.Reason, a.Detail = &now, Suppressed, r.Reason, r.RefusedAt.UTC().Format(time.RFC3339)
	if err := insertAttempts(ctx, tx, a); err != nil {
		return err
	}
	if _, err := fail(ctx, tx, m, outcome{state: Failed, reason: r.Reason}, now); err != nil {
		return err
	}
	if err := forgetStall(ctx, tx, m.ID); err != nil {
		return err
	}
	m.State, m.Reason, m.Detail, m.SettledAt = Failed, r.Reason, "", &now
	if err := s.tell(ctx, tx, m); err != nil {
		return err
	}
	return s.rehash(ctx, tx, r, m.Recipient)
}

// rehash replaces a hash that was made with an earlier key by one with the current key, so that it remains valid
// without the earlier key.
func (s *Service) rehash(ctx context.Context, tx bun.IDB, r refusedAddress, address string) error {
	hash := s.key.MAC(addressPurpose, store.FoldEmail(address))
	if secret.Equal(hash, r.Hash) {
		return nil
	}
	_, err := tx.NewUpdate().Model((*refusedAddress)(nil)).Set("hash = ?", hash).Where("hash = ?", r.Hash).
		Where("NOT EXISTS (SELECT 1 FROM refused_address AS r WHERE r.hash = ?)", hash).Exec(ctx)
	return err
}

// RefusedAt returns, for a Suppressed attempt, when the address was refused.
func (a Attempt) RefusedAt() (at time.Time, ok bool) {
	if a.Outcome != Suppressed {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339, a.Detail)
	return at, err == nil
}
