// Package couriertest is the other side of the outbox for tests: a mail server, an SMS gateway and a message centre on
// loopback that do what a script tells them and remember what they got.
package couriertest

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"
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

// Received is a mail that the server took (or got to the end, whatever it answered).
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

// SMTPPeer is a mail server. Steps are used up one by one, by mail; without any left it accepts.
type SMTPPeer struct {
	listener net.Listener
	conf     *tls.Config
	roots    *x509.CertPool
	pem      string
	implicit bool
	starttls bool
	small    bool   // keywords in small letters
	ascii    bool   // no SMTPUTF8
	ways     string // the line that offers ways to sign in

	mu       sync.Mutex
	script   []SMTPStep
	mails    []Received
	signIns  []string // "user:password"
	hellos   []string // names in EHLO
	held     *hold
	conns    map[net.Conn]struct{}
	opened   int
	changed  chan struct{} // closed and replaced whenever something is remembered
	stopping chan struct{}
	wait     sync.WaitGroup
}

// SMTPOption changes a peer before it starts.
type SMTPOption func(*SMTPPeer)

// WithSTARTTLS makes the server offer STARTTLS.
func WithSTARTTLS() SMTPOption { return func(p *SMTPPeer) { p.starttls = true } }

// WithImplicitTLS makes the server speak TLS from the first byte.
func WithImplicitTLS() SMTPOption { return func(p *SMTPPeer) { p.implicit = true } }

// WithAuth replaces the line "AUTH PLAIN" in the answer to EHLO, such as by the old "AUTH=LOGIN"; "" is none.
func WithAuth(line string) SMTPOption { return func(p *SMTPPeer) { p.ways = line } }

// WithSmallLetters makes the server write the keywords of its extensions in small letters.
func WithSmallLetters() SMTPOption { return func(p *SMTPPeer) { p.small = true } }

// WithoutUTF8 makes the server one that knows addresses in ASCII alone.
func WithoutUTF8() SMTPOption { return func(p *SMTPPeer) { p.ascii = true } }

// NewSMTPPeer starts a mail server that ends with the test.
func NewSMTPPeer(tb testing.TB, options ...SMTPOption) *SMTPPeer {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &SMTPPeer{
		listener: l, conns: map[net.Conn]struct{}{}, changed: make(chan struct{}), stopping: make(chan struct{}),
		ways: "AUTH PLAIN",
	}
	for _, o := range options {
		o(p)
	}
	p.conf, p.roots, p.pem = certificate(tb)
	p.wait.Add(1)
	go p.serve()
	tb.Cleanup(p.Close)
	return p
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

// Hold stops the server at the next mail, before it says anything to it: reached is closed when the mail has come so
// far, and release lets it go on.
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

// Mails are all mails so far, accepted ones and others that came to their end.
func (p *SMTPPeer) Mails() []Received {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Received(nil), p.mails...)
}

// Opened is how many connections there have been.
func (p *SMTPPeer) Opened() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opened
}

// Hellos are the names that clients gave, one for each EHLO.
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

// HangUp closes all connections, as a server does with those that wait.
func (p *SMTPPeer) HangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
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
	p.wait.Wait()
}

func (p *SMTPPeer) serve() {
	defer p.wait.Done()
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.conns[c] = struct{}{}
		p.opened++
		p.mu.Unlock()
		p.wait.Add(1)
		go func() {
			defer p.wait.Done()
			s := &smtpSession{peer: p, raw: c, conn: c}
			s.run()
			_ = c.Close()
			p.mu.Lock()
			delete(p.conns, c)
			p.mu.Unlock()
		}()
	}
}

// peek is the next step if it is one of those; then it is used up.
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

type smtpSession struct {
	peer    *SMTPPeer
	raw     net.Conn
	conn    net.Conn
	in      *bufio.Reader
	step    SMTPStep
	mail    Received
	secured bool
}

func (s *smtpSession) run() {
	if _, ok := s.peer.peek(HangAtGreeting); ok {
		_, _ = s.raw.Read(make([]byte, 1)) // until the client goes
		return
	}
	if s.peer.implicit {
		s.secure()
	}
	s.in = bufio.NewReader(s.conn)
	s.say("220 peer.test ESMTP")
	for {
		line, err := s.in.ReadString('\n')
		if err != nil || !s.command(strings.TrimRight(line, "\r\n")) {
			return
		}
	}
}

func (s *smtpSession) secure() {
	s.conn, s.secured = tls.Server(s.raw, s.peer.conf), true
	s.in = bufio.NewReader(s.conn)
}

func (s *smtpSession) say(line string) { _, _ = io.WriteString(s.conn, line+"\r\n") }

// command answers one line; false ends the connection.
func (s *smtpSession) command(line string) bool {
	verb, rest, _ := strings.Cut(line, " ")
	switch strings.ToUpper(verb) {
	case "EHLO":
		s.hello(rest)
	case "HELO", "RSET", "NOOP":
		s.say("250 fine")
	case "STARTTLS":
		s.say("220 go ahead")
		s.secure()
	case "AUTH":
		return s.signIn(rest)
	case "MAIL":
		return s.from(rest)
	case "RCPT":
		s.rcpt(rest)
	case "DATA":
		return s.data()
	case "QUIT":
		s.say("221 bye")
		return false
	default:
		s.say("502 what?")
	}
	return true
}

func (s *smtpSession) hello(name string) {
	s.peer.mu.Lock()
	s.peer.hellos = append(s.peer.hellos, name)
	s.peer.mu.Unlock()
	can := []string{"8BITMIME", "ENHANCEDSTATUSCODES"}
	if !s.peer.ascii {
		can = append(can, "SMTPUTF8")
	}
	if s.peer.starttls && !s.secured {
		can = append(can, "STARTTLS")
	}
	if s.peer.ways != "" {
		can = append(can, s.peer.ways)
	}
	s.say("250-peer.test")
	for i, extension := range can {
		if s.peer.small {
			extension = strings.ToLower(extension)
		}
		between := "-"
		if i == len(can)-1 {
			between = " "
		}
		s.say("250" + between + extension)
	}
}

func (s *smtpSession) signIn(rest string) bool {
	way, encoded, _ := strings.Cut(rest, " ")
	if !strings.Contains(s.peer.ways, way) {
		s.say("504 5.5.4 not here")
		return true
	}
	var who string
	if way == "LOGIN" {
		user, okUser := s.ask("Username:")
		password, okPassword := s.ask("Password:")
		if !okUser || !okPassword {
			return false
		}
		who = user + ":" + password
	} else {
		plain, _ := base64.StdEncoding.DecodeString(encoded)
		who = strings.Join(strings.Split(string(plain), "\x00")[1:], ":")
	}
	s.peer.mu.Lock()
	s.peer.signIns = append(s.peer.signIns, who)
	s.peer.mu.Unlock()
	if _, ok := s.peer.peek(RefuseSignIn); ok {
		s.say("535 5.7.8 no")
		return true
	}
	s.say("235 2.7.0 welcome")
	return true
}

// ask is one step of AUTH LOGIN.
func (s *smtpSession) ask(what string) (answer string, ok bool) {
	s.say("334 " + base64.StdEncoding.EncodeToString([]byte(what)))
	line, err := s.in.ReadString('\n')
	if err != nil {
		return "", false
	}
	plain, err := base64.StdEncoding.DecodeString(strings.TrimRight(line, "\r\n"))
	return string(plain), err == nil
}

func (s *smtpSession) from(rest string) bool {
	s.peer.stop()
	s.step = s.peer.next()
	s.mail = Received{From: envelope(rest), Secured: s.secured}
	switch s.step {
	case Busy:
		s.say("421 4.3.2 too busy")
		return false
	case SenderRefused:
		s.say("550 5.1.8 Who are you?")
		return true
	case SenderBlocked:
		s.say("550 5.7.1 Your network is blocked")
		return true
	case SignInFirst:
		s.say("530 5.7.0 Authentication required")
		return true
	case Drip:
		for _, b := range []byte("250-" + strings.Repeat("drip", 1<<16)) {
			if _, err := s.conn.Write([]byte{b}); err != nil {
				return false
			}
			select {
			case <-time.After(5 * time.Millisecond):
			case <-s.peer.stopping:
				return false
			}
		}
	}
	s.say("250 2.1.0 fine")
	return true
}

func (s *smtpSession) rcpt(rest string) {
	s.mail.To = envelope(rest)
	switch s.step {
	case Greylist:
		s.say("451 4.7.1 Greylisted, come back later")
	case NoSuchUser:
		s.say("550 5.1.1 No such user\tin this house \x1b[31m")
	case NoRelaying:
		s.say("554 5.7.1 Relay access denied")
	case MailboxFull:
		s.say("552 5.2.2 Mailbox full")
	default:
		s.say("250 2.1.5 fine")
	}
}

func (s *smtpSession) data() bool {
	s.say("354 go on")
	var b strings.Builder
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		if s.step == ResetInData {
			s.reset()
			return false
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
	s.mail.Data = b.String()
	return s.answer()
}

func (s *smtpSession) answer() bool {
	s.mail.Accepted = s.step == Accept || s.step == AcceptThenReset
	s.peer.remember(s.mail) // before the answer: who has it must find the mail here
	switch s.step {
	case Spam:
		s.say("554 5.7.1 This looks like spam: " + quote(s.mail.Data))
	case TryLater:
		s.say("451 4.3.0 try later")
	case HangAfterData:
		_, _ = s.in.ReadByte() // until the client goes
		return false
	case AcceptThenReset:
		s.reset()
		return false
	default:
		s.say("250 2.0.0 queued as 4711")
	}
	return true
}

func (s *smtpSession) reset() {
	if tcp, ok := s.raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = s.raw.Close()
}

// quote is what a careless server repeats of a mail: the line with the link.
func quote(data string) string {
	for _, line := range strings.Split(strings.ReplaceAll(data, "=\r\n", ""), "\r\n") {
		if strings.HasPrefix(line, "http") {
			return line
		}
	}
	return ""
}

func envelope(rest string) string {
	_, address, _ := strings.Cut(rest, "<")
	address, _, _ = strings.Cut(address, ">")
	return address
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
