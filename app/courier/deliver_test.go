package courier_test

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"kontor/app/courier"
	"kontor/app/courier/couriertest"
)

// withSMTP adds a mail server to a world.
func withSMTP(t *testing.T, test func(t *testing.T, w *world, peer *couriertest.SMTPPeer)) {
	t.Helper()
	var peer *couriertest.SMTPPeer
	each(t, func(o *courier.Options) {
		peer = couriertest.NewSMTPPeer(t)
		o.SMTPURL = peer.URL()
	}, func(t *testing.T, w *world) { test(t, w, peer) })
}

func TestMailArrives(t *testing.T) {
	withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
		ticket := w.enqueue(w.mailPost())
		if v := w.deliver(ticket); v.Retry {
			t.Fatalf("%+v", v)
		}
		m := w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted)
		if m.HandedOverAt == nil || m.Attempts != 1 || m.AttemptRows[0].Number != 1 || m.AttemptRows[0].EndedAt == nil {
			t.Errorf("%+v", m)
		}
		got := peer.Mails()[0]
		if got.From != "no-reply@kontor.test" || got.To != address {
			t.Errorf("envelope %s -> %s", got.From, got.To)
		}
		msg := got.Message(t)
		for name, want := range map[string]string{
			"Message-Id":     "<" + ticket.MessageID.String() + ".1@kontor.test>",
			"Auto-Submitted": "auto-generated",
			"From":           `"Kontor" <no-reply@kontor.test>`,
			"To":             `"Anna Berg" <anna@example.org>`,
			"Subject":        "Kanzlei Muster: Registrieren Sie sich zum Austausch von Dokumenten",
		} {
			if msg.Header.Get(name) != want {
				t.Errorf("%s is %q, want %q", name, msg.Header.Get(name), want)
			}
		}
		text, html := parts(t, msg)
		if !strings.Contains(text, "\r\nhttps://kontor.test/register/"+w.secrets[0]+"\r\n") {
			t.Errorf("no line with the link alone:\n%s", text)
		}
		if !strings.Contains(html, w.secrets[0]) || !strings.Contains(text, "26.11.2026, 09:00 Uhr (MEZ)") {
			t.Errorf("text %s\nhtml %s", text, html)
		}
		if again := w.deliver(ticket); again.Retry || len(peer.Mails()) != 1 {
			t.Errorf("%+v, %d mails", again, len(peer.Mails()))
		}
		w.noSecrets()
	})
}

// parts splits a multipart/alternative.
func parts(t *testing.T, m *mail.Message) (text, html string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s, %v", kind, err)
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return text, html
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			html = string(body)
		} else {
			text = string(body)
		}
	}
}

func TestMailServerHasBadDays(t *testing.T) {
	for _, c := range []struct {
		name    string
		step    couriertest.SMTPStep
		again   bool
		reason  string
		detail  string
		outcome courier.Outcome
		copies  int // that the server got to the end of, before the next try
	}{
		{"greylisting", couriertest.Greylist, true, "greylisted", "451 4.7.1 Greylisted, come back later", courier.Temporary, 0},
		{"busy", couriertest.Busy, true, "server_busy", "421 4.3.2 too busy", courier.Temporary, 0},
		{"later", couriertest.TryLater, true, "server_busy", "451 4.3.0 try later", courier.Temporary, 1},
		{"hang after DATA", couriertest.HangAfterData, true, "timeout", "", courier.Temporary, 1},
		{"hang at greeting", couriertest.HangAtGreeting, true, "timeout", "", courier.Temporary, 0},
		{"drip", couriertest.Drip, true, "timeout", "", courier.Temporary, 0},
		{"reset in DATA", couriertest.ResetInData, true, "connection_lost", "", courier.Temporary, 0},
		{"reset instead of 250", couriertest.AcceptThenReset, true, "connection_lost", "", courier.Temporary, 1},
		{"no such user", couriertest.NoSuchUser, false, "recipient_unknown", "550 5.1.1 No such user in this house [31m", courier.Permanent, 0},
		{"mailbox full", couriertest.MailboxFull, false, "mailbox_full", "552 5.2.2 Mailbox full", courier.Permanent, 0},
		{"spam", couriertest.Spam, true, "spam", "554 5.7.1 This looks like spam: ***", courier.Temporary, 1},
		{"sender refused", couriertest.SenderRefused, true, "sender_refused", "550 5.1.8 Who are you?", courier.Temporary, 0},
		{"sender blocked", couriertest.SenderBlocked, true, "blocked", "550 5.7.1 Your network is blocked", courier.Temporary, 0},
		{"no relaying", couriertest.NoRelaying, true, "blocked", "554 5.7.1 Relay access denied", courier.Temporary, 0},
		{"sign in first", couriertest.SignInFirst, true, "auth", "530 5.7.0 Authentication required", courier.Temporary, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var peer *couriertest.SMTPPeer
			each(t, func(o *courier.Options) {
				peer = couriertest.NewSMTPPeer(t)
				o.SMTPURL, o.AttemptTimeout = peer.URL(), 700*time.Millisecond
			}, func(t *testing.T, w *world) {
				peer.Script(c.step)
				ticket := w.enqueue(w.mailPost())
				began := time.Now()
				v := w.deliver(ticket)
				if took := time.Since(began); took > 20*time.Second {
					t.Errorf("took %s", took)
				}
				w.noSecrets()
				if !c.again {
					m := w.expect(ticket.MessageID, courier.Failed, c.reason, c.outcome)
					if v.Retry || m.Detail != c.detail || len(w.told()) != 1 || w.told()[0].Reason != c.reason {
						t.Errorf("%+v, %q, told %v", v, m.Detail, w.told())
					}
					return
				}
				m := w.expect(ticket.MessageID, courier.Queued, c.reason, c.outcome)
				if !v.Retry || v.After != 30*time.Second || m.Detail != c.detail || !m.NextAt.Equal(start.Add(v.After)) ||
					!m.RelayAt.Equal(start.Add(time.Minute)) || len(peer.Mails()) != c.copies {
					t.Errorf("%+v, %+v, %d copies", v, m, len(peer.Mails()))
				}
				switch c.reason {
				case "greylisted":
					w.expectTrouble("", "", "", 0)
				default:
					w.expectTrouble(courier.Email, c.reason, strings.TrimSuffix(c.detail[:min(len(c.detail), 9)], " "), 1)
				}
				if early := w.deliver(ticket); !early.Retry || early.After != v.After {
					t.Errorf("too early: %+v", early)
				}
				w.pass(v.After)
				w.deliver(ticket)
				w.expect(ticket.MessageID, courier.HandedOver, "", c.outcome, courier.Accepted)
				w.expectTrouble("", "", "", 0)
				ids := map[string]bool{}
				for _, got := range peer.Mails() {
					ids[got.Message(t).Header.Get("Message-Id")] = true
				}
				if len(ids) != 1 {
					t.Errorf("Message-IDs %v", ids)
				}
				w.noSecrets()
			})
		})
	}
}

func TestMailServerIsAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	each(t, func(o *courier.Options) { o.SMTPURL = "smtp://user:hunter22@" + l.Addr().String() },
		func(t *testing.T, w *world) {
			ticket := w.enqueue(w.mailPost())
			w.deliver(ticket)
			m := w.expect(ticket.MessageID, courier.Queued, "unreachable", courier.Temporary)
			if strings.Contains(w.dump()+w.log.String(), "hunter22") || m.Detail == "" {
				t.Errorf("%+v", m)
			}
		})
}

func TestMailRetriesEndWithTheLink(t *testing.T) {
	withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
		for range 80 {
			peer.Script(couriertest.Greylist)
		}
		ticket := w.enqueue(w.mailPost())
		var pauses []time.Duration
		for {
			v := w.deliver(ticket)
			if !v.Retry {
				break
			}
			pauses = append(pauses, v.After)
			w.pass(v.After)
		}
		m := w.message(ticket.MessageID)
		if m.State != courier.Failed || m.Reason != "expired" || w.clock().After(m.ExpiresAt) {
			t.Errorf("%s (%s) at %s", m.State, m.Reason, w.clock())
		}
		// 30 s, 2 m, 10 m, 30 m, 1 h; then every hour, 47 times in all; then half of what is left, until it is a minute
		if len(pauses) != 56 || pauses[3] != 30*time.Minute || pauses[4] != time.Hour || pauses[50] != time.Hour || pauses[51] >= 30*time.Minute {
			t.Errorf("pauses %v", pauses)
		}
		if told := w.told(); len(told) != 1 || told[0].Reason != "expired" {
			t.Errorf("told %v", told)
		}
	})
}

func TestExpiredBeforeTheFirstTry(t *testing.T) {
	withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
		ticket := w.enqueue(w.mailPost())
		w.pass(linkTTL)
		if v := w.deliver(ticket); v.Retry {
			t.Errorf("%+v", v)
		}
		w.expect(ticket.MessageID, courier.Failed, "expired")
		if len(peer.Mails()) != 0 || len(w.told()) != 1 || len(w.secrets) != 0 {
			t.Errorf("%d mails, told %v, minted %d", len(peer.Mails()), w.told(), len(w.secrets))
		}
		if err := w.svc.RunAgain(context.Background(), ticket.MessageID); !errors.Is(err, courier.ErrExpired) {
			t.Errorf("run again: %v", err)
		}
	})
}

func TestRunAgain(t *testing.T) {
	withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
		ctx := context.Background()
		peer.Script(couriertest.MailboxFull)
		ticket := w.enqueue(w.mailPost())
		if err := w.svc.RunAgain(ctx, ticket.MessageID); !errors.Is(err, courier.ErrNotFailed) {
			t.Errorf("of a queued one: %v", err)
		}
		w.deliver(ticket)
		if err := w.svc.RunAgain(ctx, ticket.MessageID); err != nil {
			t.Fatal(err)
		}
		w.expect(ticket.MessageID, courier.Queued, "", courier.Permanent)
		if v := w.deliver(ticket); v.Retry || len(peer.Mails()) != 0 {
			t.Errorf("the task of the first run still works: %+v", v)
		}
		tickets, err := w.svc.Claim(ctx, 10, time.Minute)
		if err != nil || len(tickets) != 1 || tickets[0].Run != 2 {
			t.Fatalf("%v, %v", tickets, err)
		}
		w.deliver(tickets[0])
		m := w.expect(ticket.MessageID, courier.HandedOver, "", courier.Permanent, courier.Accepted)
		if m.AttemptRows[1].Number != 2 {
			t.Errorf("number %d", m.AttemptRows[1].Number)
		}
		if told := w.told(); len(told) != 2 || told[1].State != courier.HandedOver || told[1].Reason != "" {
			t.Errorf("told %v", told)
		}
		if err := w.svc.RunAgain(ctx, newID(t)); !errors.Is(err, courier.ErrUnknownMessage) {
			t.Errorf("of an unknown one: %v", err)
		}
	})
}

// While an attempt runs the clock jumps by an hour: this process does not take over its own message.
func TestClockJumps(t *testing.T) {
	for name, jump := range map[string]time.Duration{"forward": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
				ticket := w.enqueue(w.mailPost())
				finish := w.holdInDelivery(peer, ticket)
				w.pass(jump)
				if v := w.deliver(ticket); !v.Retry {
					t.Errorf("%+v", v)
				}
				finish()
				for range 3 {
					w.deliver(ticket)
					w.pass(-jump)
				}
				if got, err := w.svc.Claim(context.Background(), 10, time.Minute); err != nil || len(got) != 0 {
					t.Errorf("%v, %v", got, err)
				}
				w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted)
				if len(peer.Mails()) != 1 {
					t.Errorf("%d mails", len(peer.Mails()))
				}
			})
		})
	}
}

func TestComposer(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m courier.Message, c *courier.Content) error
		state  courier.State
		reason string
		rows   []courier.Outcome
	}{
		"void": {func(_ courier.Message, c *courier.Content) error { c.Void = true; return nil },
			courier.Cancelled, "", nil},
		"for somebody else": {func(_ courier.Message, c *courier.Content) error { c.To = "eva@example.org"; return nil },
			courier.Cancelled, "", nil},
		"broken": {func(courier.Message, *courier.Content) error { return errBroken },
			courier.Queued, "internal", []courier.Outcome{courier.Temporary}},
		"data of another kind": {func(_ courier.Message, c *courier.Content) error { c.Data = courier.CodeData{}; return nil },
			courier.Queued, "internal", []courier.Outcome{courier.Temporary}},
		"no data": {func(_ courier.Message, c *courier.Content) error { c.Data = nil; return nil },
			courier.Queued, "internal", []courier.Outcome{courier.Temporary}},
		"line break in a name": {func(m courier.Message, c *courier.Content) error { c.ToName = "A\r\nBcc: x@y.z"; return nil },
			courier.HandedOver, "", []courier.Outcome{courier.Accepted}},
	} {
		t.Run(name, func(t *testing.T) {
			withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
				w.compose = c.change
				ticket := w.enqueue(w.mailPost())
				v := w.deliver(ticket)
				m := w.expect(ticket.MessageID, c.state, c.reason, c.rows...)
				if v.Retry != (c.state == courier.Queued) || m.Attempts != len(c.rows) {
					t.Errorf("%+v, %d attempts", v, m.Attempts)
				}
				links, err := w.db.NewSelect().Table("link").Count(context.Background())
				if err != nil || name == "broken" && links != 0 {
					t.Errorf("%d links of a composer that failed, %v", links, err)
				}
				for _, got := range peer.Mails() {
					if got.To != address || len(got.Message(t).Header["Bcc"]) != 0 {
						t.Errorf("%+v", got)
					}
				}
				w.noSecrets()
			})
		})
	}
}

func TestForeignAddresses(t *testing.T) {
	withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
		for _, c := range []struct {
			to, envelope string
			state        courier.State
		}{
			{"anna@bücher.example", "anna@xn--bcher-kva.example", courier.HandedOver},
			{"müller@bücher.example", "müller@xn--bcher-kva.example", courier.HandedOver},
			{"\"anna berg\"@example.org", "\"anna berg\"@example.org", courier.HandedOver},
			{"Eva <eva@example.org>", "", courier.Failed},
			{"eva@example.org, anna@example.org", "", courier.Failed},
			{"nobody", "", courier.Failed},
		} {
			p := w.mailPost()
			p.Recipient = c.to
			ticket := w.enqueue(p)
			before := len(peer.Mails())
			w.deliver(ticket)
			m := w.message(ticket.MessageID)
			if m.State != c.state {
				t.Errorf("%s: %s (%s)", c.to, m.State, m.Reason)
			}
			if mails := peer.Mails()[before:]; len(mails) == 1 && mails[0].To != c.envelope || (len(mails) == 1) != (c.envelope != "") {
				t.Errorf("%s: %v", c.to, mails)
			}
		}
	})
}

// TestASCIIOnly: a server that accepts only ASCII addresses gets no other address. The message gives this as its reason
// and is settled, so that a person can ask for another address. Sent again it fails in the same way, and another server
// accepts it.
func TestASCIIOnly(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		peer := couriertest.NewSMTPPeer(t, couriertest.WithoutUTF8())
		w.svc = w.service(func(o *courier.Options) { o.SMTPURL = peer.URL() })
		const foreign = "müller@bücher.example"
		ticket := w.to(foreign)
		w.expect(ticket.MessageID, courier.Failed, "ascii_only", courier.Permanent)
		w.to("anna@bücher.example")
		if got := peer.Mails(); len(got) != 1 || got[0].To != "anna@xn--bcher-kva.example" || peer.Opened() != 1 {
			t.Errorf("%d connections, %+v", peer.Opened(), got)
		}
		other := couriertest.NewSMTPPeer(t)
		w.svc = w.service(func(o *courier.Options) { o.SMTPURL = other.URL() })
		w.inTx(func(ctx context.Context, tx bun.Tx) error {
			return w.svc.Free(ctx, tx, "müller@xn--bcher-kva.example")
		})
		ticket = w.to(foreign)
		w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted)
	})
}

func TestConnectionIsKept(t *testing.T) {
	withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
		for range 5 {
			w.deliver(w.enqueue(w.mailPost()))
		}
		if peer.Opened() != 1 || len(peer.Mails()) != 5 {
			t.Errorf("%d connections for %d mails", peer.Opened(), len(peer.Mails()))
		}
		peer.Script(couriertest.NoSuchUser) // a refusal spoils nothing
		nobody := w.mailPost()
		nobody.Recipient = "nobody@example.org"
		w.deliver(w.enqueue(nobody))
		w.deliver(w.enqueue(w.mailPost()))
		if peer.Opened() != 1 {
			t.Errorf("%d connections", peer.Opened())
		}
		peer.HangUp() // the server has had enough: no attempt is lost by that
		ticket := w.enqueue(w.mailPost())
		w.deliver(ticket)
		w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted)
		if peer.Opened() != 2 {
			t.Errorf("%d connections", peer.Opened())
		}
	})
}

func TestSecuredAndSignedIn(t *testing.T) {
	for name, option := range map[string]couriertest.SMTPOption{
		"starttls": couriertest.WithSTARTTLS(), "implicit": couriertest.WithImplicitTLS(), "none": nil,
	} {
		t.Run(name, func(t *testing.T) {
			var peer *couriertest.SMTPPeer
			each(t, func(o *courier.Options) {
				if peer = couriertest.NewSMTPPeer(t); option != nil {
					peer = couriertest.NewSMTPPeer(t, option)
				}
				o.SMTPURL, o.TLS = peer.URLWith("kontor:hunter22"), peer.TLS()
			}, func(t *testing.T, w *world) {
				peer.Script(couriertest.RefuseSignIn)
				ticket := w.enqueue(w.mailPost())
				w.deliver(ticket)
				m := w.expect(ticket.MessageID, courier.Queued, "auth", courier.Temporary)
				if m.Detail != "535 5.7.8 no" {
					t.Errorf("%q", m.Detail)
				}
				w.pass(time.Minute)
				w.deliver(ticket)
				w.expect(ticket.MessageID, courier.HandedOver, "", courier.Temporary, courier.Accepted)
				if got := peer.Mails()[0]; got.Secured != (option != nil) || peer.SignIns()[1] != "kontor:hunter22" {
					t.Errorf("secured %v, %v", got.Secured, peer.SignIns())
				}
				if strings.Contains(w.dump()+w.log.String(), "hunter22") {
					t.Error("the password is in the database or the log")
				}
			})
		})
	}
}

func TestCertificateOfAStranger(t *testing.T) {
	for name, option := range map[string]couriertest.SMTPOption{
		"starttls": couriertest.WithSTARTTLS(), "implicit": couriertest.WithImplicitTLS(),
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(o *courier.Options) { o.SMTPURL = couriertest.NewSMTPPeer(t, option).URL() },
				func(t *testing.T, w *world) {
					ticket := w.enqueue(w.mailPost())
					w.deliver(ticket)
					w.expect(ticket.MessageID, courier.Queued, "certificate", courier.Temporary)
				})
		})
	}
	t.Run("no STARTTLS", func(t *testing.T) {
		each(t, func(o *courier.Options) {
			o.SMTPURL = strings.Replace(couriertest.NewSMTPPeer(t).URL(), "tls=none", "tls=starttls", 1)
		}, func(t *testing.T, w *world) {
			ticket := w.enqueue(w.mailPost())
			w.deliver(ticket)
			w.expect(ticket.MessageID, courier.Queued, "tls", courier.Temporary)
		})
	})
}
