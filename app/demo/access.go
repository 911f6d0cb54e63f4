package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/store"
)

// delivery is the delivery result of a message.
type delivery string

const (
	none      delivery = ""
	waiting   delivery = "waiting"   // queued, no attempt yet
	sending   delivery = "sending"   // an attempt is running
	retrying  delivery = "retrying"  // refused for now, to be tried again later
	handed    delivery = "handed"    // handed over to the mail server
	struggled delivery = "struggled" // handed over at the third attempt
	arrived   delivery = "arrived"   // delivered, with a delivery report
	refused   delivery = "refused"   // refused permanently
	bounced   delivery = "bounced"   // accepted first, then returned
	gaveUp    delivery = "gave up"   // tried until the link expired
	cancelled delivery = "cancelled" // cancelled because the access was corrected
)

// invitation is an access and its progress.
type invitation struct {
	first, last string // "": the names of the customer
	email       string // "": made from the name
	hours       int    // since the invitation
	mail, sms   delivery
	opened      bool
	registered  bool
	deactivated bool
	corrected   bool // the first invitation went to a wrong address
}

const linkLife = 48 * time.Hour

func (f *firm) access(ctx context.Context, cu customer.Customer, by account.Account, in invitation) error {
	if in.first == "" {
		in.first, in.last = cu.FirstName, cu.LastName
	}
	if in.email == "" {
		in.email = strings.ReplaceAll(store.SortKey(in.first)+"."+store.SortKey(in.last), " ", "-") + "@example.org"
	}
	invited := f.now.Add(-time.Duration(in.hours)*time.Hour - 7*time.Minute)
	id, err := uuid.NewV7AtTime(invited)
	if err != nil {
		return err
	}
	values := map[string]any{
		"id": id, "customer_id": cu.ID, "first_name": in.first, "last_name": in.last, "email": in.email, "email_folded": store.FoldEmail(in.email),
		"mobile": "", "locale": "de", "generation": 1, "invited_at": invited, "link_expires_at": invited.Add(linkLife), "undeliverable": "",
		"created_at": invited, "created_by": by.ID,
	}
	if in.corrected {
		values["generation"] = 2
	}
	if in.sms != none {
		f.phones++
		values["mobile"] = fmt.Sprintf("+4917139200%02d", f.phones)
	}
	switch in.mail {
	case refused:
		values["undeliverable"] = "recipient_unknown"
	case bounced:
		values["undeliverable"] = "bounced"
	}
	if in.opened || in.registered {
		values["opened_at"] = invited.Add(50 * time.Minute)
	}
	if in.registered {
		registered := invited.Add(55 * time.Minute)
		values["registered_at"] = registered
		if in.sms != none {
			values["code_entered_at"] = registered
		}
		if values["account_id"], err = f.endUser(ctx, in, registered); err != nil {
			return err
		}
	}
	if in.deactivated {
		values["deactivated_at"] = f.now.Add(-3 * 24 * time.Hour)
	}
	if _, err := f.tx.NewInsert().Model(&values).TableExpr("access").Exec(ctx); err != nil {
		return err
	}
	entry := func(at time.Time, action audit.Action) audit.Entry {
		return audit.Entry{
			At: at, Action: action, CustomerID: store.NullID(cu.ID), SubjectID: store.NullID(id), Subject: in.first + " " + in.last,
		}
	}
	if err := f.log(by, entry(invited, audit.AccessCreated)); err != nil {
		return err
	}
	if in.deactivated {
		if err := f.log(by, entry(f.now.Add(-3*24*time.Hour), audit.AccessDeactivated)); err != nil {
			return err
		}
	}
	m := message{customer: cu.ID, access: id, at: invited, generation: values["generation"].(int)}
	if in.corrected {
		wrong := m
		wrong.channel, wrong.to, wrong.generation, wrong.at = courier.Email, "x."+in.email, 1, invited.Add(-20*time.Minute)
		if err := f.message(ctx, wrong, cancelled); err != nil {
			return err
		}
		if err := f.log(by, entry(invited, audit.AccessUpdated)); err != nil {
			return err
		}
	}
	m.channel, m.to = courier.Email, in.email
	if err := f.message(ctx, m, in.mail); err != nil || in.sms == none {
		return err
	}
	m.channel, m.to = courier.SMS, values["mobile"].(string)
	return f.message(ctx, m, in.sms)
}

// endUser returns the account of a registered access. One person may have accesses to several customers.
func (f *firm) endUser(ctx context.Context, in invitation, at time.Time) (uuid.UUID, error) {
	if id, ok := f.endUsers[in.email]; ok {
		return id, nil
	}
	a, err := f.account(ctx, account.Account{Name: in.first + " " + in.last, Email: in.email, Active: true, CreatedAt: at})
	f.endUsers[in.email] = a.ID
	return a.ID, err
}

// message is a message to be written, together with its attempts.
type message struct {
	customer, access uuid.UUID
	channel          courier.Channel
	to               string
	at               time.Time
	generation       int
}

func (f *firm) message(ctx context.Context, in message, end delivery) error {
	id, err := uuid.NewV7AtTime(in.at)
	if err != nil {
		return err
	}
	known := func(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: true} }
	m := courier.Message{
		ID: id, Kind: courier.Registration, Channel: in.channel, CustomerID: known(in.customer), AccessID: known(in.access), Recipient: in.to,
		Locale: "de", Generation: in.generation, Run: 1, State: courier.Queued, ExpiresAt: in.at.Add(linkLife), CreatedAt: in.at,
	}
	busy, gone, busyText, goneText := "server_busy", "recipient_unknown", "451 4.3.2 please try again later", "550 5.1.1 no such user here"
	if in.channel == courier.SMS {
		m.Kind, busy, gone, busyText, goneText = courier.RegistrationCode, "gateway_busy", "number_invalid", "429 Too Many Requests", "400 not a mobile number"
	}
	m.Dedupe = fmt.Sprintf("%s:%s:%d", m.Kind, in.access, in.generation)
	var tries []courier.Attempt
	try := func(after time.Duration, outcome courier.Outcome, reason, detail string) *time.Time {
		at := in.at.Add(after)
		end := at.Add(800 * time.Millisecond)
		a := courier.Attempt{MessageID: m.ID, Number: len(tries) + 1, StartedAt: at, EndedAt: &end, Outcome: outcome, Reason: reason, Detail: detail}
		tries = append(tries, a)
		return &end
	}
	switch end {
	case waiting:
		m.RelayAt = &f.now
	case sending:
		until := f.now.Add(2 * time.Minute)
		try(f.now.Sub(in.at), "", "", "")
		tries[0].EndedAt = nil
		m.State, m.RelayAt, m.LeaseUntil = courier.Sending, &until, &until
	case retrying:
		try(2*time.Second, courier.Temporary, busy, busyText)
		try(32*time.Second, courier.Temporary, "timeout", "")
		next := f.now.Add(9 * time.Minute)
		m.NextAt, m.RelayAt, m.Reason = &next, &next, "timeout"
	case struggled:
		try(2*time.Second, courier.Temporary, "greylisted", "450 4.7.1 greylisted")
		try(32*time.Second, courier.Temporary, busy, busyText)
		m.State, m.HandedOverAt = courier.HandedOver, try(152*time.Second, courier.Accepted, "", "250 2.0.0 queued")
		m.SettledAt = m.HandedOverAt
	case refused:
		m.State, m.Reason, m.Detail = courier.Failed, gone, goneText
		m.SettledAt = try(2*time.Second, courier.Permanent, gone, goneText)
	case gaveUp:
		for _, after := range []time.Duration{2 * time.Second, time.Minute, 10 * time.Minute, time.Hour, 12 * time.Hour, 40 * time.Hour} {
			try(after, courier.Temporary, "unreachable", "")
		}
		m.State, m.Reason, m.SettledAt = courier.Failed, "gave_up", &m.ExpiresAt
	case cancelled:
		m.State, m.SettledAt = courier.Cancelled, try(2*time.Second, courier.Temporary, busy, busyText)
	default: // handed over; reports may have followed
		m.State, m.HandedOverAt = courier.HandedOver, try(2*time.Second, courier.Accepted, "", "250 2.0.0 queued")
		m.SettledAt = m.HandedOverAt
		switch end {
		case arrived:
			m.State, m.SettledAt = courier.Delivered, try(20*time.Second, courier.Arrived, "", "")
		case bounced:
			m.State, m.Reason, m.Detail = courier.Failed, "bounced", "5.2.1 mailbox disabled"
			m.SettledAt = try(4*time.Minute, courier.Bounced, "bounced", m.Detail)
		}
	}
	m.Attempts = len(tries)
	for i := range tries {
		if tries[i].ID, err = uuid.NewV7AtTime(tries[i].StartedAt); err != nil {
			return err
		}
		if i+1 < len(tries) && tries[i].Outcome == courier.Temporary {
			tries[i].NextAt = &tries[i+1].StartedAt
		} else if tries[i].Outcome == courier.Temporary {
			tries[i].NextAt = m.NextAt
		}
	}
	if _, err := f.tx.NewInsert().Model(&m).Exec(ctx); err != nil || len(tries) == 0 {
		return err
	}
	_, err = f.tx.NewInsert().Model(&tries).Exec(ctx)
	return err
}
