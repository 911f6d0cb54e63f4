package courier

import (
	"context"
	"time"
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

func (f FakeCarrier) send(_ context.Context, l rendered) (string, error) {
	reason, moment := f.Send(l.To, Message{ID: l.ID, Channel: l.Channel})
	switch {
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

// FirstDoubt is how long a message waits that was released and refused nevertheless.
const FirstDoubt time.Duration = firstDoubt
