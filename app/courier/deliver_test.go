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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
		v := w.deliver(ticket)
		require.False(t, v.Retry, "%+v", v)
		m := w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted)
		assert.NotNil(t, m.HandedOverAt)
		assert.Equal(t, 1, m.Attempts)
		assert.Equal(t, 1, m.AttemptRows[0].Number)
		assert.NotNil(t, m.AttemptRows[0].EndedAt)
		got := peer.Mails()[0]
		assert.Equal(t, "no-reply@kontor.test", got.From, "envelope")
		assert.Equal(t, address, got.To)
		msg := got.Message(t)
		for name, want := range map[string]string{
			"Message-Id":     "<" + ticket.MessageID.String() + ".1@kontor.test>",
			"Auto-Submitted": "auto-generated",
			"From":           `"Kontor" <no-reply@kontor.test>`,
			"To":             `"Anna Berg" <anna@example.org>`,
			"Subject":        "Kanzlei Muster: Registrieren Sie sich zum Austausch von Dokumenten",
		} {
			assert.Equal(t, want, msg.Header.Get(name))
		}
		text, html := parts(t, msg)
		assert.Contains(t, text, "\r\nhttps://kontor.test/register/"+w.secrets[0]+"\r\n", "no line with the link alone")
		assert.Contains(t, html, w.secrets[0], "html")
		assert.Contains(t, text, "26.11.2026, 09:00 Uhr (MEZ)", "text")
		again := w.deliver(ticket)
		assert.False(t, again.Retry, "%+v", again)
		assert.Len(t, peer.Mails(), 1, "mails")
		w.noSecrets()
	})
}

// parts splits a multipart/alternative.
func parts(t *testing.T, m *mail.Message) (text, html string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "multipart/alternative", kind)
	r := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return text, html
		}
		require.NoError(t, err)
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		require.NoError(t, err)
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
		copies  int // which the server received completely before the next try
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
				assert.LessOrEqual(t, time.Since(began), 20*time.Second, "took")
				w.noSecrets()
				if !c.again {
					m := w.expect(ticket.MessageID, courier.Failed, c.reason, c.outcome)
					assert.False(t, v.Retry, "%+v", v)
					assert.Equal(t, c.detail, m.Detail)
					require.Len(t, w.told(), 1, "told")
					assert.Equal(t, c.reason, w.told()[0].Reason)
					return
				}
				m := w.expect(ticket.MessageID, courier.Queued, c.reason, c.outcome)
				assert.True(t, v.Retry, "%+v", v)
				assert.Equal(t, 30*time.Second, v.After)
				assert.Equal(t, c.detail, m.Detail)
				assert.WithinDuration(t, start.Add(v.After), *m.NextAt, 0)
				assert.WithinDuration(t, start.Add(time.Minute), *m.RelayAt, 0)
				assert.Len(t, peer.Mails(), c.copies, "copies")
				switch c.reason {
				case "greylisted":
					w.expectTrouble("", "", "", 0)
				default:
					w.expectTrouble(courier.Email, c.reason, strings.TrimSuffix(c.detail[:min(len(c.detail), 9)], " "), 1)
				}
				early := w.deliver(ticket)
				assert.True(t, early.Retry, "too early: %+v", early)
				assert.Equal(t, v.After, early.After, "too early")
				w.pass(v.After)
				w.deliver(ticket)
				w.expect(ticket.MessageID, courier.HandedOver, "", c.outcome, courier.Accepted)
				w.expectTrouble("", "", "", 0)
				ids := map[string]bool{}
				for _, got := range peer.Mails() {
					ids[got.Message(t).Header.Get("Message-Id")] = true
				}
				assert.Len(t, ids, 1, "Message-IDs")
				w.noSecrets()
			})
		})
	}
}

func TestMailServerIsAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_ = l.Close()
	each(t, func(o *courier.Options) { o.SMTPURL = "smtp://user:hunter22@" + l.Addr().String() },
		func(t *testing.T, w *world) {
			ticket := w.enqueue(w.mailPost())
			w.deliver(ticket)
			m := w.expect(ticket.MessageID, courier.Queued, "unreachable", courier.Temporary)
			assert.NotContains(t, w.dump()+w.log.String(), "hunter22")
			assert.NotEmpty(t, m.Detail)
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
		assert.Equal(t, courier.Failed, m.State)
		assert.Equal(t, "expired", m.Reason)
		assert.LessOrEqual(t, w.clock(), m.ExpiresAt)
		// The pauses are 30 s, 2 m, 10 m, 30 m and 1 h, then an hour each, 47 in all, then half of the time left, down to a minute.
		require.Len(t, pauses, 56, "pauses")
		assert.Equal(t, 30*time.Minute, pauses[3])
		assert.Equal(t, time.Hour, pauses[4])
		assert.Equal(t, time.Hour, pauses[50])
		assert.Less(t, pauses[51], 30*time.Minute)
		told := w.told()
		require.Len(t, told, 1, "told")
		assert.Equal(t, "expired", told[0].Reason)
	})
}

func TestExpiredBeforeTheFirstTry(t *testing.T) {
	withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
		ticket := w.enqueue(w.mailPost())
		w.pass(linkTTL)
		v := w.deliver(ticket)
		assert.False(t, v.Retry, "%+v", v)
		w.expect(ticket.MessageID, courier.Failed, "expired")
		assert.Empty(t, peer.Mails(), "mails")
		assert.Len(t, w.told(), 1, "told")
		assert.Empty(t, w.secrets, "minted")
		assert.ErrorIs(t, w.svc.RunAgain(context.Background(), ticket.MessageID), courier.ErrExpired, "run again")
	})
}

func TestRunAgain(t *testing.T) {
	withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
		ctx := context.Background()
		peer.Script(couriertest.MailboxFull)
		ticket := w.enqueue(w.mailPost())
		assert.ErrorIs(t, w.svc.RunAgain(ctx, ticket.MessageID), courier.ErrNotFailed, "of a queued one")
		w.deliver(ticket)
		require.NoError(t, w.svc.RunAgain(ctx, ticket.MessageID))
		w.expect(ticket.MessageID, courier.Queued, "", courier.Permanent)
		v := w.deliver(ticket)
		assert.False(t, v.Retry, "the task of the first run still works: %+v", v)
		assert.Empty(t, peer.Mails(), "the task of the first run still works")
		tickets, err := w.svc.Claim(ctx, 10, time.Minute)
		require.NoError(t, err)
		require.Len(t, tickets, 1)
		require.Equal(t, 2, tickets[0].Run)
		w.deliver(tickets[0])
		m := w.expect(ticket.MessageID, courier.HandedOver, "", courier.Permanent, courier.Accepted)
		assert.Equal(t, 2, m.AttemptRows[1].Number, "number")
		told := w.told()
		require.Len(t, told, 2, "told")
		assert.Equal(t, courier.HandedOver, told[1].State)
		assert.Empty(t, told[1].Reason)
		assert.ErrorIs(t, w.svc.RunAgain(ctx, newID(t)), courier.ErrUnknownMessage, "of an unknown one")
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
				v := w.deliver(ticket)
				assert.True(t, v.Retry, "%+v", v)
				finish()
				for range 3 {
					w.deliver(ticket)
					w.pass(-jump)
				}
				got, err := w.svc.Claim(context.Background(), 10, time.Minute)
				require.NoError(t, err)
				assert.Empty(t, got)
				w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted)
				assert.Len(t, peer.Mails(), 1, "mails")
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
				assert.Equal(t, c.state == courier.Queued, v.Retry)
				assert.Equal(t, len(c.rows), m.Attempts, "attempts")
				links, err := w.db.NewSelect().Table("link").Count(context.Background())
				require.NoError(t, err)
				assert.False(t, name == "broken" && links != 0, "%d links of a composer that failed", links)
				for _, got := range peer.Mails() {
					assert.Equal(t, address, got.To)
					assert.Empty(t, got.Message(t).Header["Bcc"])
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
			assert.Equal(t, c.state, m.State, c.to)
			mails := peer.Mails()[before:]
			assert.False(t, len(mails) == 1 && mails[0].To != c.envelope, "%s: %v", c.to, mails)
			assert.Equal(t, c.envelope != "", len(mails) == 1, c.to)
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
		got := peer.Mails()
		require.Len(t, got, 1)
		assert.Equal(t, "anna@xn--bcher-kva.example", got[0].To)
		assert.Equal(t, 1, peer.Opened(), "connections")
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
		assert.Equal(t, 1, peer.Opened(), "%d connections for %d mails", peer.Opened(), len(peer.Mails()))
		assert.Len(t, peer.Mails(), 5)
		peer.Script(couriertest.NoSuchUser) // a refusal does not affect the others
		nobody := w.mailPost()
		nobody.Recipient = "nobody@example.org"
		w.deliver(w.enqueue(nobody))
		w.deliver(w.enqueue(w.mailPost()))
		assert.Equal(t, 1, peer.Opened(), "connections")
		peer.HangUp() // the server ends the connection, which costs no attempt
		ticket := w.enqueue(w.mailPost())
		w.deliver(ticket)
		w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted)
		assert.Equal(t, 2, peer.Opened(), "connections")
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
				assert.Equal(t, "535 5.7.8 no", m.Detail)
				w.pass(time.Minute)
				w.deliver(ticket)
				w.expect(ticket.MessageID, courier.HandedOver, "", courier.Temporary, courier.Accepted)
				got := peer.Mails()[0]
				assert.Equal(t, option != nil, got.Secured, "secured")
				assert.Equal(t, "kontor:hunter22", peer.SignIns()[1])
				assert.NotContains(t, w.dump()+w.log.String(), "hunter22", "the password is in the database or the log")
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
