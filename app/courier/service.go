package courier

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/fault"
	"kontor/app/lease"
	"kontor/app/secret"
	"kontor/app/store"
)

var (
	// ErrUnknownMessage is returned for an id that belongs to no message, neither as our id nor as a provider's.
	ErrUnknownMessage = fault.New(fault.NotFound, "message.unknown")
	// ErrNotFailed is returned if a message is to be run again that has not failed.
	ErrNotFailed = fault.New(fault.Conflict, "message.not_failed")
	// ErrExpired is returned if a message is to be run again whose link or code has expired.
	ErrExpired = fault.New(fault.Gone, "message.expired")
)

// The time limits of an attempt, if Options name no others.
const (
	defaultDial    = 10 * time.Second
	defaultAttempt = time.Minute
	// relayMargin is how much time the queue has for its own retry before the relay looks at the message again.
	relayMargin = 30 * time.Second
)

// Options configure New.
type Options struct {
	DB  *store.DB
	Now store.Clock
	Key secret.Key // seals the built-in mailbox
	Log *slog.Logger

	Templates fs.FS // views.Mail()
	Letterhead
	// Current is the letterhead that holds now. The same one has the same address. nil: always Letterhead.
	//exhaustruct:optional
	Current func() *Letterhead
	From    string // MAIL_FROM: "Kontor <no-reply@example.org>"; without a name the sender is called as the firm is

	SMTPURL    string          // "" means the built-in mailbox
	SMSURL     string          // "" means the built-in mailbox
	SMSHeaders string          // of the HTTP gateway: "Name: value", one per line, or on one line separated by semicolons
	Gateway    GatewaySettings // its URL and Headers are ignored; an empty Sender is derived from the firm's name

	ReplyTo       string // REPLY_TO; "" means none
	BounceAddress string // BOUNCE_ADDRESS; "" means From's address, without a token
	SMTPCA        string // SMTP_CA: trusted in addition to the system's authorities
	DKIM          DKIM   // nothing set: mails are not signed

	MailDomain string         // name in EHLO and Message-ID; if it is no full name: the IP address and From's domain
	Zone       *time.Location // of times in messages; nil means Europe/Berlin
	//exhaustruct:optional
	TLS *tls.Config // nil means the system's trust; for tests

	//exhaustruct:optional
	DialTimeout time.Duration // 0 means 10 s
	//exhaustruct:optional
	AttemptTimeout time.Duration // 0 means 60 s; everything from dialing to the last answer
	//exhaustruct:optional
	RenewLease time.Duration // 0 means 5 s; how often an attempt renews its lease of 20 s
	//exhaustruct:optional
	Schedule Schedule // the pauses between tries; a channel without pauses has defaultSchedule's
}

// Service is the outbox.
type Service struct {
	db         *store.DB
	now        store.Clock
	key        secret.Key
	log        *slog.Logger
	templates  fs.FS
	zone       *time.Location
	from       *mail.Address // without a name: the firm's
	reply      bool          // REPLY_TO is set
	current    func() *Letterhead
	writing    atomic.Pointer[writing]
	domain     string
	attempt    time.Duration
	renew      time.Duration
	schedule   Schedule
	transports map[Channel]transport

	composers map[Kind]Composer
	twice     []Kind // kinds with two composers
	settled   []func(ctx context.Context, tx bun.IDB, m Message) error
	nudges    chan struct{}

	attemptsMu sync.Mutex
	attempts   map[Attempted]uint64 // since the start

	// Attempts that begin or end at the same time share a tx.
	beginnings *store.Batch[*beginning]
	endings    *store.Batch[*ending]

	// underway holds the messages that this process is sending at present. A jump of the clock may end a lease early;
	// the process must not take over its own message then.
	underway sync.Map
}

// New makes the outbox. It fails if a template is missing or broken, or if an address in Options can't be parsed. Such
// an error names the setting and never repeats a password.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Now == nil || o.Log == nil || o.Templates == nil {
		return nil, errors.New("courier: DB, Now, Log and Templates are needed")
	}
	from, err := parseFrom(o.From)
	if err != nil {
		return nil, err
	}
	s := &Service{
		templates: o.Templates, zone: o.Zone, from: from, reply: o.ReplyTo != "", current: o.Current,
		db: o.DB, now: o.Now, key: o.Key, log: o.Log, domain: asciiHost(o.MailDomain), attempt: o.AttemptTimeout, renew: o.RenewLease,
		schedule: defaultSchedule(), composers: map[Kind]Composer{}, attempts: map[Attempted]uint64{}, nudges: make(chan struct{}, 1),
	}
	s.beginnings, s.endings = store.NewBatch(o.DB, s.begin), store.NewBatch(o.DB, s.end)
	if len(o.Schedule.Email) > 0 {
		s.schedule.Email = o.Schedule.Email
	}
	if len(o.Schedule.SMS) > 0 {
		s.schedule.SMS = o.Schedule.SMS
	}
	if s.domain == "" {
		_, s.domain, _ = cutAddress(from.Address)
	}
	if s.attempt <= 0 {
		s.attempt = defaultAttempt
	}
	if s.renew <= 0 {
		s.renew = lease.Every
	}
	dial := o.DialTimeout
	if dial <= 0 {
		dial = defaultDial
	}
	letterhead := &o.Letterhead
	if o.Current != nil {
		letterhead = o.Current()
	}
	first, err := s.write(letterhead)
	if err != nil {
		return nil, err
	}
	s.writing.Store(first)
	box := newMailbox(o)
	s.transports = map[Channel]transport{Email: box, SMS: box}
	if o.SMTPURL != "" {
		if s.transports[Email], err = newSMTPTransport(o, dial); err != nil {
			return nil, err
		}
	}
	if o.SMSURL != "" {
		if s.transports[SMS], err = s.smsTransport(o, dial); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Close closes the connections to mail server and gateway. Call it when no attempt is running any more. An attempt that
// is still running may succeed, or is repeated later.
func (s *Service) Close() error {
	var errs []error
	for _, c := range s.transports {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}

// HasMailbox says whether any channel uses the built-in mailbox.
func (s *Service) HasMailbox() bool {
	for _, c := range s.transports {
		if _, ok := c.(*mailbox); ok {
			return true
		}
	}
	return false
}

// Register sets the composers of kinds. Features call it when they are made. Check finds a kind that has two.
func (s *Service) Register(composers map[Kind]Composer) {
	for kind, composer := range composers {
		if s.composers[kind] != nil {
			s.twice = append(s.twice, kind)
		}
		s.composers[kind] = composer
	}
}

// Check returns an error if a kind has no Composer or was given two.
func (s *Service) Check() error {
	if len(s.twice) > 0 {
		return fmt.Errorf("two features compose messages of the kind %s", slices.Min(s.twice))
	}
	for _, k := range kinds {
		if s.composers[k.kind] == nil {
			return fmt.Errorf("nobody composes messages of the kind %s", k.kind)
		}
	}
	return nil
}

// OnSettled registers f. It is called inside the tx that settles a message as Failed (m.Reason says why: expired,
// refused or bounced), so that a feature can record this. It is also called with the state HandedOver and an empty
// m.Reason when a message is handed over that had failed and was run again, and with the state Queued when the failure
// of a message was taken back. The feature can then remove its record. Features call OnSettled when they are made.
func (s *Service) OnSettled(f func(ctx context.Context, tx bun.IDB, m Message) error) {
	s.settled = append(s.settled, f)
}

// Nudges returns the channel on which Enqueue announces new messages. Its capacity is 1: a nudge may be lost, but the
// periodic sweep of the relay finds every message.
func (s *Service) Nudges() <-chan struct{} { return s.nudges }

// Enqueue writes a message inside the service's tx, and nudges the relay after the commit. ctx must be that of the tx.
// A second message with the same Dedupe is silently dropped. An error says that the post is invalid (a bug of the
// caller) or that the database failed.
func (s *Service) Enqueue(ctx context.Context, tx bun.IDB, p Post) error {
	if err := p.check(); err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	now := s.now()
	m := Message{
		ID: id, Kind: p.Kind, Channel: p.Channel,
		CustomerID: store.NullID(p.CustomerID), AccessID: store.NullID(p.AccessID), AccountID: store.NullID(p.AccountID),
		ApprovalID: store.NullID(p.ApprovalID),
		Recipient:  p.Recipient, About: p.About, Locale: p.Locale, Generation: p.Generation, Run: 1, Dedupe: p.Dedupe,
		State: Queued, RelayAt: &now, ExpiresAt: p.ExpiresAt, CreatedAt: now,
	}
	if p.NotBefore.After(now) {
		m.RelayAt, m.NextAt = &p.NotBefore, &p.NotBefore
	}
	added, err := insertMessage(ctx, tx, &m)
	if err != nil {
		return fmt.Errorf("write a message: %w", err)
	}
	if added {
		store.AfterCommit(ctx, s.nudge)
	}
	return nil
}

func (p Post) check() error {
	switch {
	case p.Kind == "" || p.Dedupe == "" || p.ExpiresAt.IsZero():
		return errors.New("courier: a post needs Kind, Dedupe and ExpiresAt")
	case p.Channel != Email && p.Channel != SMS:
		return fmt.Errorf("courier: no channel %q", p.Channel)
	case p.Recipient == "" || strings.ContainsFunc(p.Recipient, unicode.IsControl):
		return errors.New("courier: a post needs one recipient")
	}
	return nil
}

func (s *Service) nudge() {
	select {
	case s.nudges <- struct{}{}:
	default: // a nudge is waiting already
	}
}

// CancelAccess cancels the unsettled messages of an access: on all channels, or on the ones named. A message that is
// being sent at this moment may still arrive, but stays cancelled.
func (s *Service) CancelAccess(ctx context.Context, tx bun.IDB, access uuid.UUID, channels ...Channel) error {
	return cancelAccess(ctx, tx, access, channels, s.now())
}

// CancelAccount cancels the unsettled messages of an account: of all kinds, or of the ones named.
func (s *Service) CancelAccount(ctx context.Context, tx bun.IDB, account uuid.UUID, kinds ...Kind) error {
	return cancelAccount(ctx, tx, account, kinds, s.now())
}

// OfAccesses returns all messages, with their attempts, of the accesses, oldest first.
func (s *Service) OfAccesses(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID][]Message, error) {
	of := make(map[uuid.UUID][]Message, len(ids))
	if len(ids) == 0 {
		return of, nil
	}
	messages, err := messagesOfAccesses(ctx, s.db, ids)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		of[m.AccessID.UUID] = append(of[m.AccessID.UUID], m)
	}
	return of, nil
}

// RunAgain queues a failed message again, with the same generation and a new retry schedule, and frees its address. It
// returns ErrUnknownMessage, ErrNotFailed, or ErrExpired if its link has expired.
func (s *Service) RunAgain(ctx context.Context, id uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		now := s.now()
		again, err := runAgain(ctx, tx, id, now)
		if err != nil {
			return err
		}
		m, err := loadMessage(ctx, tx, id)
		switch {
		case store.IsNoRows(err):
			return ErrUnknownMessage
		case err != nil:
			return err
		case again:
			store.AfterCommit(ctx, s.nudge)
			return s.Free(ctx, tx, m.Recipient)
		case m.State != Failed && m.Reason != ReasonRestored:
			return ErrNotFailed
		}
		return ErrExpired
	})
}

// tell calls the functions that features have registered with OnSettled.
func (s *Service) tell(ctx context.Context, tx bun.IDB, m Message) error {
	for _, f := range s.settled {
		if err := f(ctx, tx, m); err != nil {
			return err
		}
	}
	return nil
}

// messageID returns the Message-ID of a mail, without angle brackets. It is the same for every attempt.
func (s *Service) messageID(m Message) string {
	return fmt.Sprintf("%s.%d@%s", m.ID, m.Generation, s.domain)
}

func parseFrom(from string) (*mail.Address, error) {
	a, err := mail.ParseAddress(from)
	if err != nil {
		return nil, errors.New(`MAIL_FROM: want "Name <address@example.org>"`)
	}
	if a.Address, err = asciiAddress(a.Address); err != nil {
		return nil, errors.New("MAIL_FROM: the domain is not one")
	}
	return a, nil
}

// Hurry makes a message that waits for its next try due at once. *Run now* on the queue's page calls it for the outbox.
// A message that is settled, unknown or being sent stays as it is.
func (s *Service) Hurry(ctx context.Context, id uuid.UUID) error {
	return hurry(ctx, s.db, id, s.now())
}

// HurryAll does what Hurry does for all messages of a channel that wait for their next try, at most for the hurryMax oldest.
// Another call continues.
func (s *Service) HurryAll(ctx context.Context, channel Channel) error {
	return hurryAll(ctx, s.db, channel, s.now())
}

// Cancel cancels a message that is not settled. Deleting its task on the queue's page calls it for the outbox, which
// would otherwise queue the message again.
func (s *Service) Cancel(ctx context.Context, id uuid.UUID) error {
	return cancelMessage(ctx, s.db, id, s.now())
}
