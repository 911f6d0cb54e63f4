package courier

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/secret"
	"kontor/app/store"
)

const (
	// mailboxKeep is how many messages the built-in mailbox keeps.
	mailboxKeep    = 500
	mailboxPurpose = "mailbox"
)

// Mail is a message in the built-in mailbox.
type Mail struct {
	ID      uuid.UUID `json:"id"`
	Channel Channel   `json:"channel"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	At      time.Time `json:"at"`
}

// mailbox is the transport if no mail server or gateway is configured. It stores the messages in the database,
// encrypted.
type mailbox struct {
	inserts *store.Batch[boxed]
	now     store.Clock
	key     secret.Key
}

func newMailbox(o Options) *mailbox {
	return &mailbox{now: o.Now, key: o.Key, inserts: store.NewBatch(o.DB, func(ctx context.Context, tx bun.Tx, list []boxed) error {
		return insertBoxed(ctx, tx, list, mailboxKeep)
	})}
}

func (b *mailbox) send(ctx context.Context, l rendered) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", err
	}
	now := b.now()
	plain, err := json.Marshal(Mail{
		ID: id, Channel: l.Channel, To: l.To, Subject: l.Subject, Text: l.Text, HTML: l.HTML, At: now,
	})
	if err != nil {
		return "", err
	}
	sealed, err := b.key.Seal(mailboxPurpose, plain)
	if err != nil {
		return "", err
	}
	return "", b.inserts.Do(ctx, boxed{ID: id, MessageID: store.NullID(l.ID), Sealed: sealed, CreatedAt: now})
}

func (b *mailbox) probe(context.Context) error { return nil }

func (b *mailbox) close() error { return nil }

// Mailbox returns the newest messages of the built-in mailbox, newest first; at most 500. It leaves out messages that
// were encrypted with another SECRET_KEY.
func (s *Service) Mailbox(ctx context.Context, limit int) ([]Mail, error) {
	rows, err := newestBoxed(ctx, s.db, max(0, min(limit, mailboxKeep)))
	if err != nil {
		return nil, fmt.Errorf("read the mailbox: %w", err)
	}
	mails := make([]Mail, 0, len(rows))
	for _, row := range rows {
		plain, err := s.key.Open(mailboxPurpose, row.Sealed)
		if err != nil {
			s.log.WarnContext(ctx, "letter of another key in the mailbox", "letter", row.ID)
			continue
		}
		var m Mail
		if err := json.Unmarshal(plain, &m); err != nil {
			return nil, fmt.Errorf("read the mailbox: %w", err)
		}
		mails = append(mails, m)
	}
	return mails, nil
}
