// Package couriertest is the other side of the outbox for tests: a mail server, an SMS gateway and a message centre on
// loopback. They do what a script tells them and remember what they received.
package couriertest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// SMTPStep is what the mail server does with one mail.
type SMTPStep int

// The steps.
const (
	Accept          SMTPStep = iota
	Greylist                 // 451 4.7.1 to RCPT
	Busy                     // 421 to MAIL, and hangs up
	NoSuchUser               // 550 5.1.1 to RCPT
	MailboxFull              // 552 5.2.2 to RCPT
	Spam                     // 554 5.7.1 after DATA, quoting what it got
	TryLater                 // 451 4.3.0 after DATA
	HangAfterData            // takes the mail and never answers
	HangAtGreeting           // takes the connection and says nothing
	Drip                     // answers one byte at a time, for ever
	ResetInData              // resets the connection in the middle of the mail
	AcceptThenReset          // takes the mail and resets the connection instead of saying so
	RefuseSignIn             // 535 to AUTH
	SenderRefused            // 550 5.1.8 to MAIL
	SenderBlocked            // 550 5.7.1 to MAIL
	NoRelaying               // 554 5.7.1 to RCPT
	SignInFirst              // 530 5.7.0 to MAIL
)

// Received is a mail that the server received to its end, whatever it answered.
type Received struct {
	From, To string // of the envelope
	Data     string // with header
	Accepted bool
	Secured  bool // came by TLS
}

// Message parses the mail.
func (r Received) Message(tb testing.TB) *mail.Message {
	tb.Helper()
	m, err := mail.ReadMessage(strings.NewReader(r.Data))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// SMTPPeer is a mail server. Each mail uses up one step; without steps the server accepts.
type SMTPPeer struct {
	listener net.Listener
	server   *smtp.Server
	conf     *tls.Config
	roots    *x509.CertPool
	pem      string
	implicit bool
	starttls bool
	small    bool   // keywords in lower case
	ascii    bool   // no SMTPUTF8
	ways     string // the line that offers ways to sign in

	mu       sync.Mutex
	script   []SMTPStep
	mails    []Received
	signIns  []string // "user:password"
	hellos   []string // names in EHLO
	held     *hold
	conns    []net.Conn    // all that there have been
	changed  chan struct{} // closed and replaced whenever something is remembered
	stopping chan struct{}
}

// SMTPOption changes a peer before it starts.
type SMTPOption func(*SMTPPeer)

// WithSTARTTLS makes the server offer STARTTLS.
func WithSTARTTLS() SMTPOption { return func(p *SMTPPeer) { p.starttls = true } }

// WithImplicitTLS makes the server speak TLS from the first byte.
func WithImplicitTLS() SMTPOption { return func(p *SMTPPeer) { p.implicit = true } }

// WithAuth replaces the line "AUTH PLAIN" in the answer to EHLO, such as by the old "AUTH=LOGIN"; "" means none.
func WithAuth(line string) SMTPOption { return func(p *SMTPPeer) { p.ways = line } }

// WithSmallLetters makes the server write the keywords of its extensions in lower case.
func WithSmallLetters() SMTPOption { return func(p *SMTPPeer) { p.small = true } }

// WithoutUTF8 makes the server accept only ASCII addresses.
func WithoutUTF8() SMTPOption { return func(p *SMTPPeer) { p.ascii = true } }

// NewSMTPPeer starts a mail server that ends with the test.
func NewSMTPPeer(tb testing.TB, options ...SMTPOption) *SMTPPeer {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &SMTPPeer{
		listener: l, changed: make(chan struct{}), stopping: make(chan struct{}), ways: "AUTH PLAIN",
	}
	for _, o := range options {
		o(p)
	}
	if p.small {
		p.ways = strings.ToLower(p.ways)
	}
	p.conf, p.roots, p.pem = certificate(tb)
	p.serve()
	tb.Cleanup(p.Close)
	return p
}

func (p *SMTPPeer) serve() {
	p.server = smtp.NewServer(smtp.BackendFunc(p.session))
	p.server.Domain, p.server.ErrorLog = "peer.test", log.New(io.Discard, "", 0)
	p.server.AllowInsecureAuth, p.server.EnableSMTPUTF8 = true, !p.ascii
	var l net.Listener = smtpListener{p.listener, p}
	if p.starttls {
		p.server.TLSConfig = p.conf
	}
	if p.implicit {
		l = tls.NewListener(l, p.conf)
	}
	go func() { _ = p.server.Serve(l) }()
}

// URL is an SMTP_URL without sign-in.
func (p *SMTPPeer) URL() string { return p.URLWith("") }

// URLWith is an SMTP_URL with "user:password".
func (p *SMTPPeer) URLWith(user string) string {
	if user != "" {
		user += "@"
	}
	way := "none"
	switch {
	case p.implicit:
		way = "implicit"
	case p.starttls:
		way = "starttls"
	}
	return "smtp://" + user + p.listener.Addr().String() + "?tls=" + way
}

// TLS is a client's configuration that trusts the server.
func (p *SMTPPeer) TLS() *tls.Config {
	return &tls.Config{RootCAs: p.roots, MinVersion: tls.VersionTLS12}
}

// PEM is the certificate of the server's authority.
func (p *SMTPPeer) PEM() string { return p.pem }

// Script adds steps.
func (p *SMTPPeer) Script(steps ...SMTPStep) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script = append(p.script, steps...)
}

// Hold stops the server at the next mail, before the server answers to it. reached is closed when the mail has come so
// far, and release lets the server continue.
func (p *SMTPPeer) Hold() (reached <-chan struct{}, release func()) {
	h := &hold{reached: make(chan struct{}), released: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = h
	return h.reached, func() { close(h.released) }
}

type hold struct{ reached, released chan struct{} }

func (p *SMTPPeer) stop() {
	p.mu.Lock()
	h := p.held
	p.held = nil
	p.mu.Unlock()
	if h == nil {
		return
	}
	close(h.reached)
	select {
	case <-h.released:
	case <-p.stopping:
	}
}

// Mails returns all mails so far that were received to their end, accepted or not.
func (p *SMTPPeer) Mails() []Received {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Received(nil), p.mails...)
}

// Opened returns how many connections there have been.
func (p *SMTPPeer) Opened() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// Hellos returns the names that clients gave in EHLO, without repeated EHLOs of a connection.
func (p *SMTPPeer) Hellos() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.hellos...)
}

// SignIns are the "user:password" of each AUTH PLAIN and AUTH LOGIN.
func (p *SMTPPeer) SignIns() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.signIns...)
}

// Wait waits until there are n mails and returns them all.
func (p *SMTPPeer) Wait(tb testing.TB, n int) []Received {
	tb.Helper()
	timeout := time.After(20 * time.Second)
	for {
		p.mu.Lock()
		mails, changed := append([]Received(nil), p.mails...), p.changed
		p.mu.Unlock()
		if len(mails) >= n {
			return mails
		}
		select {
		case <-changed:
		case <-timeout:
			tb.Fatalf("%d of %d mails came", len(mails), n)
		}
	}
}

// HangUp closes all connections, as a server does with idle ones.
func (p *SMTPPeer) HangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
}

// Close stops the server.
func (p *SMTPPeer) Close() {
	p.mu.Lock()
	select {
	case <-p.stopping:
		p.mu.Unlock()
		return
	default:
		close(p.stopping)
	}
	p.mu.Unlock()
	_ = p.listener.Close()
	p.HangUp()
	_ = p.server.Shutdown(context.Background())
}

// peek returns the next step, and removes it from the script, if it is one of the given steps.
func (p *SMTPPeer) peek(of ...SMTPStep) (SMTPStep, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range of {
		if len(p.script) > 0 && p.script[0] == s {
			p.script = p.script[1:]
			return s, true
		}
	}
	return Accept, false
}

func (p *SMTPPeer) next() SMTPStep {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.script) == 0 {
		return Accept
	}
	s := p.script[0]
	p.script = p.script[1:]
	return s
}

func (p *SMTPPeer) remember(r Received) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mails = append(p.mails, r)
	close(p.changed)
	p.changed = make(chan struct{})
}

// smtpListener counts connections, and keeps those that must get no greeting.
type smtpListener struct {
	net.Listener
	peer *SMTPPeer
}

func (l smtpListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.peer.mu.Lock()
		l.peer.conns = append(l.peer.conns, c)
		l.peer.mu.Unlock()
		if _, hang := l.peer.peek(HangAtGreeting); hang {
			continue
		}
		if l.peer.small {
			c = smallLetters{c}
		}
		return c, nil
	}
}

// smallLetters writes the answer to EHLO in lower case, before TLS.
type smallLetters struct{ net.Conn }

func (c smallLetters) Write(b []byte) (int, error) {
	if bytes.HasPrefix(b, []byte("250-")) {
		b = bytes.ToLower(b)
	}
	return c.Conn.Write(b)
}

// smtpSession is the server's side of a session, from the first EHLO or the one after STARTTLS to the end.
type smtpSession struct {
	peer *SMTPPeer
	conn *smtp.Conn
	step SMTPStep
	mail Received
}

func (p *SMTPPeer) session(c *smtp.Conn) (smtp.Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hellos = append(p.hellos, c.Hostname())
	return &smtpSession{peer: p, conn: c}, nil
}

func (s *smtpSession) Reset()        {}
func (s *smtpSession) Logout() error { return nil }

// AuthMechanisms returns the mechanisms for signing in. The server writes "AUTH " before them; another spelling gets a
// line of its own.
func (s *smtpSession) AuthMechanisms() []string {
	ways, usual := strings.CutPrefix(s.peer.ways, "AUTH ")
	switch {
	case ways == "":
		return nil
	case !usual:
		return []string{"\n" + ways}
	}
	return []string{ways}
}

func (s *smtpSession) Auth(way string) (sasl.Server, error) {
	switch {
	case !strings.Contains(strings.ToUpper(s.peer.ways), way):
		return nil, smtp.ErrAuthUnknownMechanism
	case way == sasl.Login:
		return &loginServer{check: s.signIn}, nil
	}
	return sasl.NewPlainServer(func(_, user, password string) error { return s.signIn(user, password) }), nil
}

func (s *smtpSession) signIn(user, password string) error {
	s.peer.mu.Lock()
	s.peer.signIns = append(s.peer.signIns, user+":"+password)
	s.peer.mu.Unlock()
	if _, ok := s.peer.peek(RefuseSignIn); ok {
		return refuse("535 5.7.8 no")
	}
	return nil
}

// loginServer is the server's side of AUTH LOGIN.
type loginServer struct {
	answers []string
	check   func(user, password string) error
}

func (l *loginServer) Next(answer []byte) (challenge []byte, done bool, err error) {
	if answer != nil {
		l.answers = append(l.answers, string(answer))
	}
	switch len(l.answers) {
	case 0:
		return []byte("Username:"), false, nil
	case 1:
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.answers[0], l.answers[1])
}

// The server's answers to MAIL and to RCPT, by step.
var (
	atMail = map[SMTPStep]string{
		SenderRefused: "550 5.1.8 Who are you?",
		SenderBlocked: "550 5.7.1 Your network is blocked",
		SignInFirst:   "530 5.7.0 Authentication required",
	}
	atRcpt = map[SMTPStep]string{
		Greylist:    "451 4.7.1 Greylisted, come back later",
		NoSuchUser:  "550 5.1.1 No such user\tin this house \x1b[31m",
		NoRelaying:  "554 5.7.1 Relay access denied",
		MailboxFull: "552 5.2.2 Mailbox full",
	}
)

// refuse returns the error for a reply such as "550 5.1.1 No such user"; nil for "".
func refuse(reply string) error {
	if reply == "" {
		return nil
	}
	var e smtp.SMTPError
	_, _ = fmt.Sscanf(reply, "%d %d.%d.%d", &e.Code, &e.EnhancedCode[0], &e.EnhancedCode[1], &e.EnhancedCode[2])
	e.Message = strings.SplitN(reply, " ", 3)[2]
	return &e
}

func (s *smtpSession) Mail(from string, _ *smtp.MailOptions) error {
	s.peer.stop()
	s.step = s.peer.next()
	_, secured := s.conn.TLSConnectionState()
	s.mail = Received{From: from, Secured: secured}
	switch s.step {
	case Busy:
		_, _ = io.WriteString(s.conn.Conn(), "421 4.3.2 too busy\r\n")
		return s.conn.Close()
	case Drip:
		return s.drip()
	}
	return refuse(atMail[s.step])
}

func (s *smtpSession) drip() error {
	for _, b := range []byte("250-" + strings.Repeat("drip", 1<<16)) {
		if _, err := s.conn.Conn().Write([]byte{b}); err != nil {
			return err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-s.peer.stopping:
			return s.conn.Close()
		}
	}
	return nil
}

func (s *smtpSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.To = strings.Trim((&mail.Address{Address: to}).String(), "<>") // with the quotes that go-smtp has taken off
	return refuse(atRcpt[s.step])
}

func (s *smtpSession) Data(r io.Reader) error {
	if s.step == ResetInData {
		_, _ = r.Read(make([]byte, 1))
		return s.reset()
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mail.Data, s.mail.Accepted = string(data), s.step == Accept || s.step == AcceptThenReset
	s.peer.remember(s.mail) // before the answer: a client that has the answer must find the mail here
	switch s.step {
	case Spam:
		return refuse("554 5.7.1 This looks like spam: " + quote(s.mail.Data))
	case TryLater:
		return refuse("451 4.3.0 try later")
	case HangAfterData:
		_, _ = s.conn.Conn().Read(make([]byte, 1)) // until the client closes the connection
		return s.conn.Close()
	case AcceptThenReset:
		return s.reset()
	}
	return nil
}

func (s *smtpSession) reset() error {
	c := s.conn.Conn()
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	return c.Close()
}

// quote returns the part of a mail that a careless server repeats: the line with the link.
func quote(data string) string {
	for _, line := range strings.Split(strings.ReplaceAll(data, "=\r\n", ""), "\r\n") {
		if strings.HasPrefix(line, "http") {
			return line
		}
	}
	return ""
}

func certificate(tb testing.TB) (*tls.Config, *x509.CertPool, string) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "peer.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(fmt.Errorf("own certificate: %w", err))
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12,
	}, pool, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
