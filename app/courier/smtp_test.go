package courier_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"log/slog"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/courier"
	"kontor/app/courier/couriertest"
	"kontor/app/store/storetest"
)

// onSQLite is for tests to which the kind of database makes no difference.
func onSQLite(t *testing.T) *world {
	t.Helper()
	return newWorld(t, storetest.SQLite(t), nil)
}

// mailBy sends a mail with a service of its own and returns the ticket.
func (w *world) mailBy(change func(*courier.Options)) courier.Ticket {
	w.tb.Helper()
	w.svc = w.service(change)
	ticket := w.enqueue(w.mailPost())
	w.deliver(ticket)
	return ticket
}

func TestHello(t *testing.T) {
	w := onSQLite(t)
	for domain, want := range map[string]string{
		"kontor.example": "kontor.example",
		"Bücher.Example": "xn--bcher-kva.example",
		"kontor.local.":  "kontor.local",
		"localhost":      "[127.0.0.1]", // a name that no other machine knows
		"127.0.0.1":      "[127.0.0.1]",
		"192.0.2.7":      "[127.0.0.1]", // the address it connects from, not one that somebody wrote into a setting
		"::1":            "[127.0.0.1]",
		"a_b.example":    "[127.0.0.1]",
		"a b":            "[127.0.0.1]",
		"":               "[127.0.0.1]",
	} {
		for name, options := range map[string][]couriertest.SMTPOption{"plain": nil, "STARTTLS": {couriertest.WithSTARTTLS()}} {
			peer := couriertest.NewSMTPPeer(t, options...)
			ticket := w.mailBy(func(o *courier.Options) { o.SMTPURL, o.MailDomain, o.SMTPCA = peer.URL(), domain, peer.PEM() })
			w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted)
			for _, got := range peer.Hellos() {
				assert.Equal(t, want, got, "%q, %s: EHLO", domain, name)
			}
			right := "@kontor.test>"
			if !strings.HasPrefix(want, "[") {
				right = "@" + want + ">"
			}
			id := peer.Mails()[0].Message(t).Header.Get("Message-Id")
			assert.True(t, strings.HasSuffix(id, right), "%q: Message-ID %s, want %s at its end", domain, id, right)
		}
	}
}

func TestSignInTheOldWay(t *testing.T) {
	w := onSQLite(t)
	for _, line := range []string{"AUTH=LOGIN", "AUTH=PLAIN LOGIN", "AUTH LOGIN", "AUTH PLAIN", "AUTH=NTLM LOGIN", "AUTH GSSAPI NTLM LOGIN"} {
		for name, more := range map[string][]couriertest.SMTPOption{
			"": nil, "STARTTLS": {couriertest.WithSTARTTLS()}, "small": {couriertest.WithSTARTTLS(), couriertest.WithSmallLetters()},
			"implicit": {couriertest.WithImplicitTLS()},
		} {
			peer := couriertest.NewSMTPPeer(t, append(more, couriertest.WithAuth(line))...)
			if name == "small" {
				peer = couriertest.NewSMTPPeer(t, append(more, couriertest.WithAuth(line+" PLAIN LOGIN"))...)
			}
			ticket := w.mailBy(func(o *courier.Options) { o.SMTPURL, o.SMTPCA = peer.URLWith("user:pass"), peer.PEM() })
			w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted)
			got := peer.SignIns()
			require.Len(t, got, 1, "%s %s", line, name)
			assert.Equal(t, "user:pass", got[0], "%s %s", line, name)
		}
	}
	peer := couriertest.NewSMTPPeer(t, couriertest.WithAuth(""))
	ticket := w.mailBy(func(o *courier.Options) { o.SMTPURL = peer.URLWith("user:pass") })
	w.expect(ticket.MessageID, courier.Queued, "auth", courier.Temporary)
}

func TestSignInWithAnyCharacters(t *testing.T) {
	w := onSQLite(t)
	for _, c := range []struct{ user, password string }{
		{"jürgen", "paßwort€"}, {"a@b.example", "p@ss:w/o?r#d&=+ %"}, {"user", `"\'<>[]{}|^` + "`"}, {"user", ""},
	} {
		for _, way := range []string{"AUTH PLAIN", "AUTH LOGIN", "AUTH=LOGIN"} {
			peer := couriertest.NewSMTPPeer(t, couriertest.WithAuth(way))
			escaped := strings.Replace(peer.URL(), "smtp://", "smtp://"+url.UserPassword(c.user, c.password).String()+"@", 1)
			raw := peer.URLWith(c.user + ":" + strings.ReplaceAll(c.password, "%", "%25"))
			for _, address := range []string{escaped, raw} {
				require.NoError(t, courier.CheckSMTPURL(address), address)
				ticket := w.mailBy(func(o *courier.Options) { o.SMTPURL = address })
				w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted)
				got := peer.SignIns()
				assert.Equal(t, c.user+":"+c.password, got[len(got)-1], address)
			}
		}
	}
}

func TestPrivateAuthority(t *testing.T) {
	w := onSQLite(t)
	peer, other := couriertest.NewSMTPPeer(t, couriertest.WithSTARTTLS()), couriertest.NewSMTPPeer(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, []byte("# the firm's own\n"+other.PEM()+peer.PEM()), 0o600))
	for ca, trusted := range map[string]bool{file: true, peer.PEM(): true, other.PEM(): false, "": false} {
		ticket := w.mailBy(func(o *courier.Options) { o.SMTPURL, o.SMTPCA = peer.URL(), ca })
		if trusted {
			w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted)
		} else {
			w.expect(ticket.MessageID, courier.Queued, "certificate", courier.Temporary)
		}
	}
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("key")}))
	for _, bad := range []string{file + "x", t.TempDir(), "text", key, strings.Replace(peer.PEM(), "MII", "AAA", 1)} {
		err := courier.CheckCA(bad)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "\n")
		assert.NotContains(t, err.Error(), bad)
	}
}

// TestReturnPath: replies go to REPLY_TO, and bounces to BOUNCE_ADDRESS with the mail's token.
func TestReturnPath(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		peer := couriertest.NewSMTPPeer(t)
		w.svc = w.service(func(o *courier.Options) {
			o.SMTPURL, o.ReplyTo, o.BounceAddress = peer.URL(), "Büro <office@bücher.example>", "bounce@bücher.example"
		})
		ticket := w.enqueue(w.mailPost())
		w.deliver(ticket)
		got := peer.Mails()[0]
		head := got.Message(t).Header
		token := head.Get("X-Kontor-Message")
		want := "bounce+" + token + "@xn--bcher-kva.example"
		assert.Equal(t, want, got.From, "MAIL FROM")
		assert.Len(t, token, 39)
		reply, err := mail.ParseAddress(head.Get("Reply-To"))
		require.NoError(t, err, "Reply-To %q", head.Get("Reply-To"))
		assert.Equal(t, "office@xn--bcher-kva.example", reply.Address, "Reply-To %q", head.Get("Reply-To"))
		assert.Equal(t, "Büro", reply.Name, "Reply-To %q", head.Get("Reply-To"))
		assert.NotContains(t, token, strings.ReplaceAll(ticket.MessageID.String(), "-", ""), "shows the id")
	})
	peer := couriertest.NewSMTPPeer(t)
	onSQLite(t).mailBy(func(o *courier.Options) { o.SMTPURL = peer.URL() })
	got := peer.Mails()[0]
	assert.Equal(t, "no-reply@kontor.test", got.From, "without settings: from")
	assert.Empty(t, got.Message(t).Header.Get("Reply-To"), "without settings")
	for address, ok := range map[string]bool{
		"": true, "bounce@firm.example": true, "b.o-u_n@bücher.example": true, "bounce+kontor@firm.example": true,
		strings.Repeat("a", 24) + "@firm.example": true, strings.Repeat("a", 25) + "@firm.example": false,
		"bounce": false, "Bounces <bounce@firm.example>": false, "bounce@": false, "a b@firm.example": false,
		`"a b"@firm.example`: false, "ü@firm.example": false, "a@firm.example, b@firm.example": false, "a@firm.example\r\nX: y": false,
	} {
		assert.Equal(t, ok, courier.CheckBounceAddress(address) == nil, "BOUNCE_ADDRESS %q", address)
	}
	for address, ok := range map[string]bool{
		"": true, "office@firm.example": true, "Büro <office@bücher.example>": true, "office": false, "a@b, c@d": false,
		"Office <office@firm.example>\r\nBcc: x@y.example": false,
	} {
		assert.Equal(t, ok, courier.CheckReplyTo(address) == nil, "REPLY_TO %q", address)
	}
}

// TestDKIM verifies the signatures of mails as they were received.
func TestDKIM(t *testing.T) {
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	_, short, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	pkcs8, one := pkcs8DER(t, long), x509.MarshalPKCS1PrivateKey(long)
	for name, c := range map[string]struct {
		key    string
		signer crypto.Signer
		kind   string
	}{
		"RSA":           {pemOf("PRIVATE KEY", pkcs8), long, "rsa"},
		"PKCS #1":       {pemOf("RSA PRIVATE KEY", one), long, "rsa"},
		"one line":      {base64.StdEncoding.EncodeToString(pkcs8), long, "rsa"},
		"escaped lines": {strings.ReplaceAll(pemOf("PRIVATE KEY", pkcs8), "\n", `\n`), long, "rsa"},
		"Ed25519":       {pemOf("PRIVATE KEY", pkcs8DER(t, short)), short, "ed25519"},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, courier.CheckDKIMKey(c.key))
			peer := couriertest.NewSMTPPeer(t)
			w := onSQLite(t)
			w.mailBy(func(o *courier.Options) {
				o.SMTPURL, o.ReplyTo = peer.URL(), "office@firm.example"
				o.DKIM = courier.DKIM{Domain: "Bücher.example", Selector: "kontor2026", Key: c.key}
			})
			got := peer.Mails()[0].Data
			public := c.signer.Public()
			var record []byte
			if ed, ok := public.(ed25519.PublicKey); ok {
				record = ed
			} else if record, err = x509.MarshalPKIXPublicKey(public); err != nil {
				t.Fatal(err)
			}
			dns := &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
				assert.Equal(t, "kontor2026._domainkey.xn--bcher-kva.example", name, "asks")
				return []string{"v=DKIM1; k=" + c.kind + "; p=" + base64.StdEncoding.EncodeToString(record)}, nil
			}}
			verdict := func(data string) error {
				all, err := dkim.VerifyWithOptions(strings.NewReader(data), dns)
				require.NoError(t, err)
				require.Len(t, all, 1, "signatures")
				for _, field := range []string{"from", "to", "subject", "date", "message-id", "reply-to", "mime-version", "content-type"} {
					assert.Contains(t, strings.ToLower(strings.Join(all[0].HeaderKeys, " ")+" "), field+" ", "is not signed")
				}
				return all[0].Err
			}
			assert.NoError(t, verdict(got), "not verified: \n%s", got)
			for what, changed := range map[string]string{
				"body":         strings.Replace(got, "register", "registar", 1),
				"subject":      strings.Replace(got, "Subject: ", "Subject: x", 1),
				"second from":  "From: somebody@else.example\r\n" + got,
				"message":      strings.Replace(got, "X-Kontor-Message: ", "X-Kontor-Message: a", 1),
				"new reply-to": "Reply-To: somebody@else.example\r\n" + got,
			} {
				assert.NotEqual(t, got, changed, "%s: changed, and still verified", what)
				assert.Error(t, verdict(changed), "%s: changed, and still verified", what)
			}
			assert.NotContains(t, w.log.String()+w.dump(), c.key[40:80], "the key is in the log or the database")
		})
	}
}

func TestDKIMSettings(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	good := pemOf("PRIVATE KEY", pkcs8DER(t, private))
	db := storetest.SQLite(t)
	for _, d := range []courier.DKIM{
		{Domain: "firm.example"}, {Selector: "a"}, {Key: good}, {Domain: "firm.example", Key: good}, {Selector: "a", Key: good},
		{Domain: "firm.example", Selector: "a"}, {Domain: "a b", Selector: "a", Key: good}, {Domain: "firm.example", Selector: "a b", Key: good},
		{Domain: "firm.example", Selector: "a..b", Key: good}, {Domain: "firm.example", Selector: "a", Key: "hunter22"},
		{Domain: "firm.example", Selector: "a", Key: good[:200]},
		{Domain: "firm.example", Selector: "a", Key: pemOf("PUBLIC KEY", []byte("hunter22"))},
	} {
		_, err := courier.New(courier.Options{
			DB: db, Now: time.Now, Key: key(t), Log: slog.New(slog.DiscardHandler), Templates: os.DirFS("../../views/mail"),
			From: "a@firm.example", SMTPURL: "smtp://mail.firm.example", DKIM: d,
		})
		require.Error(t, err)
		assert.False(t, strings.ContainsAny(err.Error(), "\n"), "%s, %s", d.Domain, d.Selector)
		assert.Contains(t, err.Error(), "DKIM_")
		assert.NotContains(t, err.Error(), "hunter22")
		assert.False(t, len(d.Key) > 60 && strings.Contains(err.Error(), d.Key[30:60]), "%s, %s", d.Domain, d.Selector)
	}
}

func pkcs8DER(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return der
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
