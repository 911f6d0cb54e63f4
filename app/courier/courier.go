// Package courier is the outbox. A service writes messages in its own tx. They are sent later by e-mail or SMS, at
// least once, and are tried again until they are handed over or expire.
//
// A message row holds no secret. The text is composed when the message is sent, by the Composer of its kind. The
// Composer creates the link or code at that moment and stores only its hash.
package courier

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
)

// Channel is the medium by which a message is sent.
type Channel string

// The channels.
const (
	Email Channel = "email"
	SMS   Channel = "sms"
)

// State is the progress of a message. HandedOver means that the mail server or gateway accepted it, Delivered that the
// provider reports its arrival. Delivered, Failed and Cancelled are final. HandedOver counts as settled, but may still
// become Delivered or (by a bounce) Failed.
type State string

// The states.
const (
	Queued     State = "queued"
	Sending    State = "sending"
	HandedOver State = "handed_over"
	Delivered  State = "delivered"
	Failed     State = "failed"
	Cancelled  State = "cancelled"
)

// Message is one message on one channel to one person.
type Message struct {
	bun.BaseModel `bun:"table:message"`

	ID           uuid.UUID     `bun:"id,pk"`
	Kind         Kind          `bun:"kind"`
	Channel      Channel       `bun:"channel"`
	CustomerID   uuid.NullUUID `bun:"customer_id"`
	AccessID     uuid.NullUUID `bun:"access_id"`
	AccountID    uuid.NullUUID `bun:"account_id"`
	ApprovalID   uuid.NullUUID `bun:"approval_id"`
	Recipient    string        `bun:"recipient"`
	About        string        `bun:"about"`
	Locale       string        `bun:"locale"`
	Generation   int           `bun:"generation"`
	Run          int           `bun:"run"`
	Dedupe       string        `bun:"dedupe"`
	State        State         `bun:"state"`
	Reason       string        `bun:"reason"`
	Detail       string        `bun:"detail"`
	Attempts     int           `bun:"attempts"`
	RelayAt      *time.Time    `bun:"relay_at"`
	LeaseUntil   *time.Time    `bun:"lease_until"`
	NextAt       *time.Time    `bun:"next_at"`
	ExpiresAt    time.Time     `bun:"expires_at"`
	ProviderID   string        `bun:"provider_id"`
	CreatedAt    time.Time     `bun:"created_at"`
	HandedOverAt *time.Time    `bun:"handed_over_at"`
	SettledAt    *time.Time    `bun:"settled_at"`

	AttemptRows []Attempt `bun:"rel:has-many,join:id=message_id"`
}

// Attempt is one attempt to send a message, or a later report of the provider (such as delivered or bounced).
type Attempt struct {
	bun.BaseModel `bun:"table:message_attempt"`

	ID        uuid.UUID  `bun:"id,pk"`
	MessageID uuid.UUID  `bun:"message_id"`
	Number    int        `bun:"number"`
	StartedAt time.Time  `bun:"started_at"`
	EndedAt   *time.Time `bun:"ended_at"`
	Outcome   Outcome    `bun:"outcome"`
	Reason    string     `bun:"reason"`
	Detail    string     `bun:"detail"`
	NextAt    *time.Time `bun:"next_at"`
}

// Delayed says that the attempt is a report of a delay: the other side keeps trying to deliver the mail.
func (a Attempt) Delayed() bool { return a.Outcome == Temporary && a.Reason == reasonDelayed }

// PassedOn says that the attempt is a report that the mail was forwarded to a server or list that sends no reports.
func (a Attempt) PassedOn() bool {
	return a.Outcome == Temporary && (a.Reason == reasonRelayed || a.Reason == reasonExpanded)
}

// Outcome is how an attempt ended; "" while it runs, or forever if its process was killed.
type Outcome string

// The outcomes.
const (
	Accepted  Outcome = "accepted"
	Temporary Outcome = "temporary"
	Permanent Outcome = "permanent"
	Arrived   Outcome = "delivered"
	Bounced   Outcome = "bounced"
	// Suppressed is an attempt that was not made because the address had been refused for good before
	// (Attempt.RefusedAt).
	Suppressed Outcome = "suppressed"
)

// Post is a message to be queued.
type Post struct {
	Kind       Kind
	Channel    Channel
	CustomerID uuid.UUID // Nil: no customer
	AccessID   uuid.UUID
	AccountID  uuid.UUID
	ApprovalID uuid.UUID
	Recipient  string
	About      string // what else the composer must know: ids and keys, nothing personal
	Locale     string
	Generation int
	Dedupe     string // unique forever, e.g. "registration:<access>:<generation>"; a second post with it is silently dropped
	ExpiresAt  time.Time
	NotBefore  time.Time // zero: at once
}

// Content is a composed message. Data goes to the templates of the kind.
type Content struct {
	To       string // must equal the message's Recipient; the composer reads it from its own rows
	ToName   string
	Locale   string
	Template Kind
	Data     Data
	// Void says that the message is no longer needed (access removed, already registered). It is then cancelled.
	Void bool
}

// secrets returns the values that must not be stored if the other side repeats them in an answer.
func (c Content) secrets() []string {
	if c.Data == nil {
		return nil
	}
	return c.Data.secrets()
}

// Composer makes the contents of messages of its kind, in their order. It creates their links and codes inside tx. An error
// is a temporary failure; if there are several messages, each is then composed alone.
type Composer func(ctx context.Context, tx bun.IDB, messages []Message) ([]Content, error)

// Each makes a Composer that composes one message after the other. It is for kinds of which few are sent at a time.
func Each(compose func(ctx context.Context, tx bun.IDB, m Message) (Content, error)) Composer {
	return func(ctx context.Context, tx bun.IDB, messages []Message) ([]Content, error) {
		contents := make([]Content, len(messages))
		for i, m := range messages {
			var err error
			if contents[i], err = compose(ctx, tx, m); err != nil {
				return nil, err
			}
		}
		return contents, nil
	}
}
