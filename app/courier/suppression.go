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

// An address that a mail server refused for good is not tried again, whoever the next mail is for: who keeps writing to
// addresses that do not exist is soon taken for a spammer. It is looked at when a mail is about to be sent, so that a
// request for one looks the same whether it goes out or not. Telephone numbers are left out: that a number is none waives
// its code, so each message must be a question of its own, or a gateway that refuses every number would never be found out.

// Refusal says since when and why nothing is sent to an address.
type Refusal struct {
	At     time.Time
	Reason string // key, as that of a message
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
// is emptied, and a report with a temporary status (4.x.x) gives up on one mail, not on the address.
func isForGood(c Channel, reason, status string) bool {
	return c == Email && reason == reasonRecipientUnknown && !strings.HasPrefix(status, "4.")
}

// addressPurpose is what the key hashes addresses for.
const addressPurpose = "refused address"

// noteRefusal remembers that the address of m was refused for good. It comes last in its tx: others lock the row while
// they delete messages.
func (s *Service) noteRefusal(ctx context.Context, tx bun.IDB, m Message, now time.Time) error {
	row := refusedAddress{
		Hash: s.key.MAC(addressPurpose, store.FoldEmail(m.Recipient)), Reason: m.Reason, MessageID: m.ID, RefusedAt: now,
	}
	_, err := tx.NewInsert().Model(&row).On("CONFLICT (hash) DO UPDATE").Set("reason = EXCLUDED.reason").
		Set("message_id = EXCLUDED.message_id").Set("refused_at = EXCLUDED.refused_at").Exec(ctx)
	return err
}

// hashesOf are what an address may be stored as, under this key or one before it.
func (s *Service) hashesOf(address string) []string {
	return s.key.MACs(addressPurpose, store.FoldEmail(address))
}

// refusalOf finds out whether an address was refused for good.
func (s *Service) refusalOf(ctx context.Context, db bun.IDB, address string) (r refusedAddress, refused bool, err error) {
	err = db.NewSelect().Model(&r).Where("hash IN (?)", bun.List(s.hashesOf(address))).Order("refused_at DESC").Limit(1).Scan(ctx)
	if store.IsNoRows(err) {
		return r, false, nil
	}
	return r, err == nil, err
}

// Refusals finds those of the e-mail addresses to which nothing is sent, by the address as it was asked for.
func (s *Service) Refusals(ctx context.Context, addresses []string) (map[string]Refusal, error) {
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
	err := s.db.NewSelect().Model(&rows).Where("hash IN (?)", bun.List(hashes)).Order("refused_at").Scan(ctx)
	found := make(map[string]Refusal, len(rows))
	for _, r := range rows {
		for _, a := range of[r.Hash] {
			found[a] = Refusal{At: r.RefusedAt, Reason: r.Reason}
		}
	}
	return found, err
}

// Free has an e-mail address tried again that may have been refused for good, since a person says so. Like noteRefusal it
// comes last in its tx.
func (s *Service) Free(ctx context.Context, tx bun.IDB, address string) error {
	_, err := tx.NewDelete().Model((*refusedAddress)(nil)).Where("hash IN (?)", bun.List(s.hashesOf(address))).Exec(ctx)
	return err
}

// suppress settles a message that was leased, if its address was refused for good: nothing is composed, nothing is sent,
// and the attempt says why.
func (s *Service) suppress(ctx context.Context, tx bun.IDB, m Message, now time.Time) (suppressed bool, err error) {
	if m.Channel != Email {
		return false, nil
	}
	r, refused, err := s.refusalOf(ctx, tx, m.Recipient)
	if err != nil || !refused {
		return false, err
	}
	at := &try{message: m}
	if err := noteStart(ctx, tx, at, now); err != nil {
		return false, err
	}
	at.attempt.EndedAt, at.attempt.Outcome, at.attempt.Reason = &now, Suppressed, r.Reason
	at.attempt.Detail = r.RefusedAt.UTC().Format(time.RFC3339)
	if err := closeAttempt(ctx, tx, at.attempt); err != nil {
		return false, err
	}
	if _, err := fail(ctx, tx, m, r.Reason, "", now); err != nil {
		return false, err
	}
	if err := forgetStall(ctx, tx, m.ID); err != nil {
		return false, err
	}
	m.State, m.Reason, m.Detail, m.SettledAt = Failed, r.Reason, "", &now
	if err := s.tell(ctx, tx, m); err != nil {
		return false, err
	}
	return true, s.rehash(ctx, tx, r, m.Recipient)
}

// rehash stores what was found under a key of before under the present one, with which it outlives that key.
func (s *Service) rehash(ctx context.Context, tx bun.IDB, r refusedAddress, address string) error {
	hash := s.key.MAC(addressPurpose, store.FoldEmail(address))
	if secret.Equal(hash, r.Hash) {
		return nil
	}
	_, err := tx.NewUpdate().Model((*refusedAddress)(nil)).Set("hash = ?", hash).Where("hash = ?", r.Hash).
		Where("NOT EXISTS (SELECT 1 FROM refused_address AS r WHERE r.hash = ?)", hash).Exec(ctx)
	return err
}

// RefusedAt is when the address was refused because of which nothing was sent, of a Suppressed attempt.
func (a Attempt) RefusedAt() (at time.Time, ok bool) {
	if a.Outcome != Suppressed {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339, a.Detail)
	return at, err == nil
}
