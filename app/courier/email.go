package courier

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/emersion/go-msgauth/dkim"
	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
	"golang.org/x/net/idna"
)

const (
	// smtpIdle is how long a connection waits for the next mail before it is closed.
	smtpIdle = 20 * time.Second
	// smtpPerConn is how many mails are sent over one connection. Servers close a connection after a number of their
	// own.
	smtpPerConn = 100
	// smtpSpare is how many idle connections are kept at most.
	smtpSpare = 16
)

// errSMTPURL is the error for a bad SMTP_URL. It does not repeat the URL, which contains a password.
var errSMTPURL = errors.New("SMTP_URL: want smtp://user:password@host:port?tls=starttls|implicit|none")

// smtpAddress is the parsed SMTP_URL.
type smtpAddress struct {
	host, port     string
	user, password string
	tls            string // starttls, implicit, none
}

// CheckSMTPURL says whether s can be SMTP_URL; "" means the built-in mailbox. The error never repeats s.
func CheckSMTPURL(s string) error {
	if s == "" {
		return nil
	}
	_, err := parseSMTPURL(s)
	return err
}

// parseSMTPURL reads smtp://user:pass@host:port?tls=…. Without tls it is starttls, and then STARTTLS must succeed. The
// default port is 587, with implicit TLS 465, and without any TLS 25.
func parseSMTPURL(s string) (smtpAddress, error) {
	user, rest, err := cutUser(s)
	if err != nil {
		return smtpAddress{}, errSMTPURL
	}
	u, err := url.Parse(rest)
	if err != nil || u.Scheme != "smtp" || u.User != nil || u.Opaque != "" || u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return smtpAddress{}, errSMTPURL
	}
	a := smtpAddress{host: u.Hostname(), port: u.Port(), tls: "starttls"}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil || !validHost(a.host) {
		return smtpAddress{}, errSMTPURL
	}
	for name, values := range q {
		if name != "tls" || len(values) != 1 {
			return smtpAddress{}, errSMTPURL
		}
		a.tls = values[0]
	}
	ports := map[string]string{"starttls": "587", "implicit": "465", "none": "25"}
	if ports[a.tls] == "" {
		return smtpAddress{}, errSMTPURL
	}
	if a.port == "" {
		a.port = ports[a.tls]
	}
	a.user, a.password = user[0], user[1]
	if !validPort(a.port) || a.user == "" && a.password != "" {
		return smtpAddress{}, errSMTPURL
	}
	return a, nil
}

// cutUser splits user name and password from an address. They end at the last @ of the address, so a password may
// contain / ? # or @. Escapes such as %40 are decoded; a % that begins no escape must be written %25.
func cutUser(address string) (user [2]string, rest string, err error) {
	scheme, rest, _ := strings.Cut(address, "://")
	at := strings.LastIndexByte(rest, '@')
	if at < 0 {
		return user, address, nil
	}
	name, password, _ := strings.Cut(rest[:at], ":")
	for i, part := range []string{name, password} {
		if user[i], err = url.PathUnescape(part); err != nil {
			return user, "", errSMTPURL
		}
		if !utf8.ValidString(user[i]) || strings.ContainsFunc(user[i], unicode.IsControl) {
			return user, "", errSMTPURL
		}
	}
	return user, scheme + "://" + rest[at+1:], nil
}

// WithoutUser returns an address without user name and password.
func WithoutUser(address string) string {
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		return address
	}
	return scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:]
}

func validHost(host string) bool {
	return host != "" && !strings.ContainsFunc(host, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) })
}

func validPort(port string) bool {
	n, err := net.DefaultResolver.LookupPort(context.Background(), "tcp", port)
	return err == nil && n > 0
}

// smtpTransport sends mails to one server, and keeps connections for the next mails.
type smtpTransport struct {
	address smtpAddress
	replyTo *mail.Address // nil: none
	bounces *returnPath   // nil: bounces go to the sender
	name    string        // of this host; "" if it has none
	tls     *tls.Config
	sign    *dkim.SignOptions // nil: unsigned
	dial    net.Dialer

	mu     sync.Mutex
	spare  []*smtpConn // last in, first out
	closed bool
}

type smtpConn struct {
	client *smtp.Client
	conn   net.Conn
	sent   int
	timer  *time.Timer // closes the connection if it stays idle
}

func newSMTPTransport(o Options, dial time.Duration) (*smtpTransport, error) {
	a, err := parseSMTPURL(o.SMTPURL)
	if err != nil {
		return nil, err
	}
	conf := o.TLS
	if conf == nil {
		conf = &tls.Config{}
	}
	conf = conf.Clone()
	conf.ServerName, conf.MinVersion = a.host, tls.VersionTLS12
	roots, err := readCA(o.SMTPCA)
	if err != nil {
		return nil, err
	}
	if roots != nil {
		conf.RootCAs = roots
	}
	c := &smtpTransport{address: a, name: asciiHost(o.MailDomain), tls: conf, dial: net.Dialer{Timeout: dial}}
	if c.replyTo, err = parseReplyTo(o.ReplyTo); err != nil {
		return nil, err
	}
	if c.bounces, err = parseBounceAddress(o.BounceAddress); err != nil {
		return nil, err
	}
	c.sign, err = o.DKIM.options()
	return c, err
}

func (c *smtpTransport) send(ctx context.Context, l rendered) (string, error) {
	m, err := c.write(l)
	if err != nil {
		return "", err
	}
	conn, err := c.connect(ctx)
	if err != nil {
		return "", err
	}
	err = c.transmit(ctx, conn, m)
	var f *failure
	if errors.As(err, &f) && conn.sent > 0 && f.stale() {
		// The server had closed the idle connection before anything of this mail was sent.
		if conn, err = c.open(ctx); err != nil {
			return "", err
		}
		err = c.transmit(ctx, conn, m)
	}
	return "", err
}

// mailing is a mail that is ready to be sent, with the addresses of its envelope in angle brackets.
type mailing struct {
	from, to string
	data     []byte
}

// probe opens a new connection and signs in. The connection is kept for the next mail.
func (c *smtpTransport) probe(ctx context.Context) error {
	conn, err := c.open(ctx)
	if err == nil {
		c.keep(conn)
	}
	return err
}

// write makes the mail. If the recipient's address is not valid, the failure is permanent.
func (c *smtpTransport) write(l rendered) (m mailing, err error) {
	address, err := asciiAddress(l.To)
	if err != nil {
		return m, permanent(reasonRecipientUnknown, "")
	}
	to := &mail.Address{Name: l.ToName, Address: address}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(l.From)
	msg.ToMailAddress(to)
	msg.Subject(oneLine(l.Subject))
	msg.SetMessageIDWithValue(l.MessageID)
	msg.SetDateWithValue(l.At)
	if c.replyTo != nil {
		msg.ReplyToMailAddress(c.replyTo)
	}
	msg.SetGenHeader(messageHeader, l.Token)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetBodyString(gomail.TypeTextPlain, l.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, l.HTML)
	if l.Logo != nil {
		_, host, _ := cutAddress(l.From.Address)
		msg.EmbedReadSeeker(l.Logo.Name, bytes.NewReader(l.Logo.Data), gomail.WithFileContentType(gomail.ContentType(l.Logo.Type)),
			gomail.WithFileContentID("<"+contentID(l.Logo, host)+">"))
	}
	m.to, m.from = (&mail.Address{Address: address}).String(), (&mail.Address{Address: l.From.Address}).String()
	if c.bounces != nil {
		m.from = "<" + c.bounces.of(l.Token) + ">"
	}
	m.data, err = c.bytesOf(msg)
	return m, err
}

// transmit sends one mail over a connection. It then keeps the connection for the next mail, or closes it.
func (c *smtpTransport) transmit(ctx context.Context, conn *smtpConn, m mailing) error {
	done := bound(ctx, conn.conn)
	err, usable := c.dialogue(conn, m)
	if done() && usable && ctx.Err() == nil {
		c.keep(conn)
	} else {
		conn.drop()
	}
	return err
}

// dialogue sends a mail as RFC 5321 §3.3 says. usable says whether another mail can be sent over the connection.
func (c *smtpTransport) dialogue(conn *smtpConn, m mailing) (err error, usable bool) {
	client := conn.client
	if takes, _ := client.Extension("SMTPUTF8"); !takes && !isASCII(m.to) {
		return permanent(reasonASCIIOnly, ""), true
	}
	client.SkipSMTPUTF8(isASCII(m.to)) // a mail with SMTPUTF8 could not pass servers without it
	if err := client.Mail(m.from); err != nil {
		return smtpFailure(stageMail, err), false
	}
	if err := client.Rcpt(m.to); err != nil {
		return smtpFailure(stageRcpt, err), isReply(err) && client.Reset() == nil
	}
	w, err := client.Data()
	if err != nil {
		return smtpFailure(stageData, err), false
	}
	if _, err := w.Write(m.data); err != nil {
		return smtpFailure(stageData, err), false
	}
	if err := w.Close(); err != nil {
		return smtpFailure(stageData, err), isReply(err)
	}
	conn.sent++
	return nil, conn.sent < smtpPerConn
}

// connect returns an idle connection, or opens a new one.
func (c *smtpTransport) connect(ctx context.Context) (*smtpConn, error) {
	c.mu.Lock()
	for len(c.spare) > 0 {
		last := len(c.spare) - 1
		conn := c.spare[last]
		c.spare = c.spare[:last]
		if conn.timer.Stop() {
			c.mu.Unlock()
			return conn, nil
		}
	}
	c.mu.Unlock()
	return c.open(ctx)
}

func (c *smtpTransport) keep(conn *smtpConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.spare) >= smtpSpare {
		go conn.drop()
		return
	}
	conn.timer = time.AfterFunc(smtpIdle, func() {
		c.mu.Lock()
		for i, other := range c.spare {
			if other == conn {
				c.spare = append(c.spare[:i], c.spare[i+1:]...)
				break
			}
		}
		c.mu.Unlock()
		conn.drop()
	})
	c.spare = append(c.spare, conn)
}

func (c *smtpTransport) close() error {
	c.mu.Lock()
	spare := c.spare
	c.spare, c.closed = nil, true
	c.mu.Unlock()
	for _, conn := range spare {
		conn.timer.Stop()
		conn.drop()
	}
	return nil
}

// drop sends QUIT and closes the connection. It waits at most a second for the answer.
func (conn *smtpConn) drop() {
	_ = conn.conn.SetDeadline(time.Now().Add(time.Second))
	_ = conn.client.Quit()
	_ = conn.conn.Close()
}

// open dials, greets, encrypts and signs in.
func (c *smtpTransport) open(ctx context.Context) (*smtpConn, error) {
	conn, err := c.dial.DialContext(ctx, "tcp", net.JoinHostPort(c.address.host, c.address.port))
	if err != nil {
		return nil, netFailure(err, reasonUnreachable)
	}
	done := bound(ctx, conn)
	client, err := c.greet(ctx, conn)
	if !done() && err == nil {
		err = refusal(reasonTimeout, "")
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &smtpConn{client: client, conn: conn}, nil
}

func (c *smtpTransport) greet(ctx context.Context, conn net.Conn) (*smtp.Client, error) {
	if c.address.tls == "implicit" {
		secured := tls.Client(conn, c.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, tlsFailure(err)
		}
		conn = secured
	}
	client, err := smtp.NewClient(conn, c.address.host)
	if err != nil {
		return nil, smtpFailure(stageGreeting, err)
	}
	hello := helloName(c.name, conn)
	if err := client.Hello(hello); err != nil {
		return nil, smtpFailure(stageGreeting, err)
	}
	if c.address.tls == "starttls" {
		if ok, _ := client.Extension("STARTTLS"); !ok {
			can, err := extensions(client, hello)
			if err != nil {
				return nil, smtpFailure(stageGreeting, err)
			}
			if _, ok := can["STARTTLS"]; !ok {
				return nil, refusal(reasonTLS, "the server offers no STARTTLS")
			}
		}
		if err := client.StartTLS(c.tls); err != nil {
			return nil, tlsFailure(err)
		}
	}
	if c.address.user != "" {
		if err := c.signIn(client, hello); err != nil {
			return nil, err
		}
	}
	return client, nil
}

// signIn uses the best mechanism that the server offers and go-mail supports. The password is sent unencrypted only if
// the operator has set tls=none.
func (c *smtpTransport) signIn(client *smtp.Client, hello string) error {
	_, offered := client.Extension("AUTH")
	auth := c.wayIn(strings.ToUpper(offered))
	if auth == nil {
		can, err := extensions(client, hello)
		if err != nil {
			return smtpFailure(stageGreeting, err)
		}
		auth = c.wayIn(can["AUTH"])
	}
	if auth == nil {
		return refusal(reasonAuth, "the server offers no way to sign in")
	}
	if err := client.Auth(auth); err != nil {
		if f := smtpFailure(stageGreeting, err); f.reason == reasonTimeout || f.reason == reasonConnectionLost {
			return f
		}
		return refusal(reasonAuth, replyText(err))
	}
	return nil
}

// wayIn returns the best of the mechanisms that a server offers, in capitals and separated by blanks; nil if Kontor
// supports none of them.
func (c *smtpTransport) wayIn(offered string) smtp.Auth {
	user, password, open := c.address.user, c.address.password, c.address.tls == "none"
	ways := []struct {
		name string
		auth smtp.Auth
	}{
		{"SCRAM-SHA-256", smtp.ScramSHA256Auth(user, password)},
		{"PLAIN", smtp.PlainAuth("", user, password, c.address.host, open)},
		{"LOGIN", smtp.LoginAuth(user, password, c.address.host, open)},
		{"CRAM-MD5", smtp.CRAMMD5Auth(user, password)},
	}
	if !isASCII(user + password) { // servers differ in how they prepare non-ASCII characters for SCRAM
		ways = append(ways[1:], ways[0])
	}
	names := strings.Fields(offered)
	for _, way := range ways {
		if slices.Contains(names, way.name) {
			return way.auth
		}
	}
	return nil
}

// bound gives a connection the deadline of ctx, and interrupts its reads and writes when ctx is cancelled. The function
// that it returns undoes both. It returns false if ctx has ended; then the connection can't be used any more.
func bound(ctx context.Context, conn net.Conn) (done func() bool) {
	if until, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(until)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return func() bool {
		if !stop() {
			return false
		}
		return conn.SetDeadline(time.Time{}) == nil
	}
}

// stage is how far the dialogue with the server had come.
type stage int

const (
	stageGreeting stage = iota
	stageMail
	stageRcpt
	stageData
	stageBounce // a report after the mail was accepted
)

// stale says whether an idle connection was closed before anything of this mail was sent. A server that is about to
// close a connection says 421.
func (f *failure) stale() bool {
	return f.early && (f.reason == reasonConnectionLost || f.reason == reasonServerBusy)
}

// smtpFailure says what an error of the dialogue means. Replies 4xx are temporary (RFC 5321 §4.2.1); mailVerdict judges
// replies 5xx. At greeting and sign-in every reply is about the firm, because no mail has been named yet.
func smtpFailure(at stage, err error) *failure {
	var reply *textproto.Error
	if !errors.As(err, &reply) {
		f := netFailure(err, reasonConnectionLost)
		f.early = at == stageMail
		return f
	}
	text := fmt.Sprintf("%d %s", reply.Code, reply.Msg)
	switch {
	case reply.Code == 530, reply.Code == 534, reply.Code == 535, reply.Code == 538:
		return refusal(reasonAuth, text)
	case at == stageGreeting && reply.Code >= 500:
		return refusal(reasonBlocked, text)
	case at == stageGreeting:
		return refusal(reasonServerBusy, text)
	case reply.Code >= 500 && reply.Code < 600:
		b, reason := mailVerdict(at, reply.Code, enhanced(reply.Msg), reply.Msg)
		return &failure{blame: b, reason: reason, detail: text}
	}
	f := laterFailure(reply.Code, reply.Msg)
	if f.reason == reasonServerBusy && (at == stageMail || reply.Code == 421 || strings.HasPrefix(enhanced(reply.Msg), "4.3.")) {
		f.blame = ofFirm // the server itself is overloaded or full, whoever the recipient is (RFC 3463 §3.4)
	}
	f.detail, f.early = text, at == stageMail && reply.Code == 421
	return f
}

// laterFailure says what a reply 4xx means.
func laterFailure(code int, text string) *failure {
	status := enhanced(text)
	switch {
	case says(text, "greylist", "graylist", "grey-list"):
		return temporary(reasonGreylisted)
	case strings.HasPrefix(status, "4.2.2"), code == 452 && status == "":
		return temporary(reasonMailboxFull)
	case strings.HasPrefix(status, "4.7.") && isSpamTalk(text):
		return refusal(reasonSpam, "")
	case strings.HasPrefix(status, "4.7.") && isPolicyTalk(text):
		return refusal(reasonBlocked, "")
	case code == 450 && strings.HasPrefix(status, "4.7."), code == 451 && strings.HasPrefix(status, "4.7.1"):
		return temporary(reasonGreylisted)
	case code == 454:
		return refusal(reasonServerBusy, "") // TLS or sign-in is not available at present
	}
	return temporary(reasonServerBusy)
}

func tlsFailure(err error) *failure {
	f := netFailure(err, reasonTLS)
	if f.reason == reasonTLS {
		f.detail = err.Error()
	}
	if f.reason == reasonConnectionLost { // many servers refuse a handshake by closing the connection
		f.reason = reasonTLS
	}
	return f
}

// isReply says whether err is an answer of the server after which the connection remains open, so not 421.
func isReply(err error) bool {
	var reply *textproto.Error
	return errors.As(err, &reply) && reply.Code != 421
}

func replyText(err error) string {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return fmt.Sprintf("%d %s", reply.Code, reply.Msg)
	}
	return ""
}

// asciiAddress checks an address and writes its domain in ASCII as servers do (RFC 5891): bücher.de is
// xn--bcher-kva.de.
func asciiAddress(address string) (string, error) {
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Name != "" || strings.ContainsFunc(parsed.Address, unicode.IsControl) {
		return "", errors.New("not an e-mail address")
	}
	local, domain, ok := cutAddress(parsed.Address)
	if !ok {
		return "", errors.New("not an e-mail address")
	}
	if domain, err = idna.Lookup.ToASCII(domain); err != nil {
		return "", errors.New("not a domain")
	}
	return local + "@" + domain, nil
}

func cutAddress(address string) (local, domain string, ok bool) {
	at := strings.LastIndexByte(address, '@')
	if at < 1 || at == len(address)-1 {
		return "", "", false
	}
	return address[:at], address[at+1:], true
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}
