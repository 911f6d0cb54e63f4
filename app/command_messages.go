package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gofrs/uuid/v5"

	"kontor/app/access"
	"kontor/app/config"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/wire"
)

type messagesCommands struct {
	Resend messagesResendCommand `cmd:"" help:"Send again what failed, or what was cancelled because a backup was restored."`
}

type messagesResendCommand struct {
	Customer string `placeholder:"K-10001" help:"Only this customer: number or ID."`
	Access   string `placeholder:"ID" help:"Only this access."`
	Channel  string `enum:",email,sms" default:"" help:"Only email or only sms."`
	Yes      bool   `help:"Really do it. Without it, the command only shows what it would do."`
}

// resend is what happens to one failed message.
type resend string

const (
	resendAgain  resend = "sent again as it was"
	resendInvite resend = "sent as a new invitation, since the link or code is past its time"
	resendNot    resend = "not sent: the link is past its time, and the person asks for a new one"
)

// Run sends failed messages again.
func (k messagesResendCommand) Run(p *invocation) error {
	return p.services(func(s *wire.Services, _ config.Config) error {
		f, err := k.filter(p, s)
		if err != nil {
			return err
		}
		list, err := s.Courier.Failing(p.ctx, f)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			p.say("No such message has failed.")
			return nil
		}
		return k.each(p, s, list)
	})
}

func (k messagesResendCommand) filter(p *invocation, s *wire.Services) (f courier.FailingFilter, err error) {
	f.Channel = courier.Channel(k.Channel)
	if k.Access != "" {
		if f.AccessID, err = uuid.FromString(k.Access); err != nil {
			return f, errors.New("--access takes the id of an access, as it stands in the address of its page")
		}
	}
	if k.Customer == "" {
		return f, nil
	}
	if f.CustomerID, err = uuid.FromString(k.Customer); err == nil {
		return f, nil
	}
	n, ok := customer.ParseNumber(k.Customer)
	if !ok {
		return f, errors.New("--customer takes a number such as K-10001, or an id")
	}
	if f.CustomerID, err = customer.IDOf(p.ctx, s.DB, n); err != nil {
		return f, fmt.Errorf("there is no customer %s", customer.Label(n))
	}
	return f, nil
}

// each handles every message and prints the numbers of messages by channel and result. The messages of one access get one
// new invitation, because it sends mail and SMS together.
func (k messagesResendCommand) each(p *invocation, s *wire.Services, list []courier.Message) error {
	type line struct {
		channel courier.Channel
		what    resend
	}
	counts := map[line]int{}
	invited := map[uuid.UUID]bool{}
	failed := 0
	for _, m := range list {
		what := resendNot
		switch {
		case m.ExpiresAt.After(s.Now()):
			what = resendAgain
		case m.AccessID.Valid:
			what = resendInvite
		}
		if k.Yes {
			err := resendOne(p, s, m, what, invited)
			if errors.Is(err, access.ErrRegistered) || errors.Is(err, access.ErrDeactivated) || errors.Is(err, access.ErrWaiting) {
				what, err = "not sent: the person is registered, deactivated or waits for approval", nil
			}
			if err != nil {
				failed++
				p.say("message %s: %s", m.ID, err)
				continue
			}
		}
		counts[line{m.Channel, what}]++
	}
	lines := make([]string, 0, len(counts))
	for l, n := range counts {
		lines = append(lines, fmt.Sprintf("%s: %d %s", l.channel, n, l.what))
	}
	slices.Sort(lines)
	for _, l := range lines {
		p.say("%s", l)
	}
	switch {
	case failed > 0:
		return fmt.Errorf("%d messages could not be sent again", failed)
	case !k.Yes:
		p.say("Nothing was done: --yes does it.")
	}
	return nil
}

func resendOne(p *invocation, s *wire.Services, m courier.Message, what resend, invited map[uuid.UUID]bool) error {
	switch what {
	case resendAgain:
		return s.Courier.RunAgain(p.ctx, m.ID)
	case resendInvite:
		if invited[m.AccessID.UUID] {
			return nil
		}
		invited[m.AccessID.UUID] = true
		return s.Accesses.ResendByCommand(p.ctx, m.CustomerID.UUID, m.AccessID.UUID)
	}
	return nil
}
