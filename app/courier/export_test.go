package courier

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// The reasons that tests of outages need.
const (
	Unreachable = reasonUnreachable
	Timeout     = reasonTimeout
	NoCredit    = reasonCredit
	ServerError = reasonGatewayError
)

// FakeCarrier replaces a mail server or gateway; the test decides when it is out of order. A reason is "" if everything
// works.
type FakeCarrier struct {
	// Send returns the reason why a message is not taken. With moment, only this message is not taken.
	Send func(to string, message Message) (reason string, moment bool)
	// Probe returns the reason why the other side can't be reached.
	Probe func() (reason string)
}

// ProviderID is the id that a FakeCarrier gives an SMS that it takes. Mails get none.
func ProviderID(message uuid.UUID) string { return "provider-" + message.String() }

func (f FakeCarrier) send(_ context.Context, l rendered) (string, error) {
	reason, moment := f.Send(l.To, Message{ID: l.ID, Channel: l.Channel})
	switch {
	case reason == "" && l.Channel == SMS:
		return ProviderID(l.ID), nil
	case reason == "":
		return "", nil
	case moment:
		return "", temporary(reason)
	}
	return "", refusal(reason, "")
}

func (f FakeCarrier) probe(context.Context) error {
	if reason := f.Probe(); reason != "" {
		return refusal(reason, "")
	}
	return nil
}

func (f FakeCarrier) close() error { return nil }

// Through makes f the transport of a channel.
func (s *Service) Through(c Channel, f FakeCarrier) { s.transports[c] = f }

// Due is the query of the messages of a channel that are due.
func Due(db *store.DB, c Channel, now time.Time) *bun.SelectQuery { return due(db, []Channel{c}, now) }

// FirstDoubt is how long a message waits that was released and refused nevertheless.
const FirstDoubt time.Duration = firstDoubt
