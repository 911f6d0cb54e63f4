package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/mail"
	"net/textproto"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"kontor/app/blob"
	"kontor/app/clamd"
	"kontor/app/config"
	"kontor/app/logo"
	"kontor/app/wire"
	"kontor/migrations"
	"kontor/worker/loop"
)

type configCommands struct {
	Check configCheckCommand `cmd:"" help:"Show what every setting is and does, and whether the servers can be reached. Changes nothing and shows no secrets."`
}

type configCheckCommand struct {
	Offline bool   `help:"Don't contact the database, Redis, the mail server or the gateway."`
	For     string `enum:"app,worker" default:"app" help:"The program the settings are for: app or worker."`
}

// reachTime is how long another server may take to answer.
const reachTime = 10 * time.Second

// Run reports everything that is wrong, not only the first problem.
func (k configCheckCommand) Run(p *invocation) error {
	c, rows, together := p.settings.Examine(p.getenv)
	wrong := 0
	complain := func(err error) {
		wrong++
		p.say("WRONG  %s", strings.ReplaceAll(err.Error(), "\n", " "))
	}
	for _, r := range rows {
		switch {
		case r.Err != nil:
			complain(r.Err)
		case r.Where == config.FromDefault && r.Shown == "":
			p.say("       %s is not set (%s)", r.Name, r.Takes)
		default:
			p.say("       %s=%s (%s)", r.Name, strings.ReplaceAll(r.Shown, "\n", " "), r.Where)
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d settings are wrong", wrong)
	}
	if together == nil {
		together = k.together(c)
	}
	if together != nil {
		complain(together)
		return errors.New("the settings do not go together")
	}
	p.say("")
	for _, e := range effects(c, k.For) {
		p.say("       %s", e)
	}
	if k.Offline {
		p.say("\nThe settings are good. Nobody was asked whether they can be reached.")
		return nil
	}
	p.say("")
	for _, r := range reaches(c, k.For) {
		ctx, cancel := context.WithTimeout(p.ctx, reachTime)
		said, err := r.try(ctx)
		cancel()
		if err != nil {
			complain(fmt.Errorf("%s: %w", r.name, err))
			continue
		}
		p.say("ok     %s: %s", r.name, said)
	}
	if wrong > 0 {
		return fmt.Errorf("%d of the other sides can't be used", wrong)
	}
	p.say("\nThe settings are good.")
	return nil
}

// together returns the error with which the program itself would refuse to start.
func (k configCheckCommand) together(c config.Config) error {
	if k.For == "worker" {
		if err := c.CheckWorker(); err != nil {
			return err
		}
	}
	return c.CheckChannels()
}

// effects describe what the settings mean.
func effects(c config.Config, program string) (lines []string) {
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	base := baseWords(c)
	if base == "" {
		base = "the address that LISTEN gives"
	}
	add("links begin with %s", base)
	if strings.HasPrefix(c.BaseURL, "https://") {
		add("cookies are sent over https only")
	} else {
		add("cookies are sent over http as well, since BASE_URL is not https")
	}
	add("the database is %s", databaseWords(c))
	add("the queue is %s", queueWords(c))
	if program == "app" {
		add("the worker is %s", map[string]string{"embedded": "in the web process", "separate": "a process of its own"}[c.Worker])
	}
	add("e-mail goes to %s", channelWords(c.SMTPURL))
	add("%s", senderWords(c))
	add("SMS go to %s", channelWords(c.SMSURL))
	add("%s", logoWords(c))
	lines = append(lines, fileWords(c)...)
	if c.Production() {
		add("this counts as production: the built-in mailbox is off unless MAILBOX=on")
	} else {
		add("this counts as a trial: https, PostgreSQL or Redis would make it production")
	}
	switch {
	case c.SecretKey == nil:
		add("the first start makes a SECRET_KEY in DATA_DIR")
	case c.Embedded():
		add("there is a SECRET_KEY")
	default:
		add("there is a SECRET_KEY; it must be the same in every process")
	}
	if len(c.Proxies) == 0 {
		add("no proxy is trusted: who asks is who connects")
	} else {
		header := "X-Forwarded-For"
		if c.Forwarded {
			header = "Forwarded"
		}
		add("%s of %d trusted networks says who asks", header, len(c.Proxies))
	}
	if c.Drain > 0 {
		add("after SIGTERM readiness says no for %s before requests are refused", c.Drain)
	}
	return lines
}

// senderWords describe the sender of mails, and where replies to them go.
func senderWords(c config.Config) string {
	from, reply := c.MailFrom, "mails do not say that they can be answered"
	if a, err := mail.ParseAddress(from); err == nil && a.Name == "" { // MailFrom was checked before
		from = c.FirmName + " <" + a.Address + ">"
	}
	if c.ReplyTo != "" {
		reply = "answers to them go to " + c.ReplyTo
	}
	return "mails come from " + from + "; " + reply
}

// logoWords describe the logo that is shown in place of Kontor's.
func logoWords(c config.Config) string {
	l, err := logo.Read(c.FirmLogo)
	if l == nil || err != nil { // FirmLogo was checked before
		return "mails have no mark, and screens show Kontor's"
	}
	beside := "with the firm's name beside it"
	if l.Wide() {
		beside = "without the firm's name beside it, since it is wide"
	}
	return fmt.Sprintf("mails and screens show the mark of %d × %d pixels, %d bytes; screens %s", l.Width, l.Height, len(l.Data), beside)
}

// fileWords describe where documents are kept, and which are taken.
func fileWords(c config.Config) []string {
	quota, scanned, opens := "as many as there is room for", "are not scanned", "with Kontor alone"
	if c.CustomerQuota > 0 {
		quota = fmt.Sprintf("%d MB of them", c.CustomerQuota>>20)
	}
	if c.ClamdURL != "" {
		scanned = "are scanned before anybody gets them"
	}
	if c.EscrowRecipient != "" {
		opens = "also without Kontor by who has the identity of ESCROW_RECIPIENT"
	}
	return []string{
		"documents are kept in " + blob.Place(c.FilesURL) + ", and can be opened " + opens,
		fmt.Sprintf("a document has %d MB at most, and a customer %s", c.FileMax>>20, quota),
		"documents of these types are taken: " + c.FileTypes.String() + "; they " + scanned,
	}
}

// reach is another server, and how to check that it can be reached.
type reach struct {
	name string
	try  func(ctx context.Context) (said string, err error)
}

func reaches(c config.Config, program string) []reach {
	list := []reach{{"database", func(ctx context.Context) (string, error) { return reachDatabase(ctx, c) }}}
	if !c.Embedded() {
		list = append(list, reach{"Redis", func(ctx context.Context) (string, error) { return reachRedis(ctx, c) }})
	}
	if c.SMTPURL != "" {
		list = append(list, reach{"mail server", func(ctx context.Context) (string, error) { return reachSMTP(ctx, c.SMTPURL) }})
	}
	if c.SMSURL != "" {
		list = append(list, reach{"SMS gateway", func(ctx context.Context) (string, error) { return reachHost(ctx, c.SMSURL) }})
	}
	list = append(list, reach{"documents", func(ctx context.Context) (string, error) { return reachFiles(ctx, c.FilesURL) }})
	if c.ClamdURL != "" {
		list = append(list, reach{"scanner", func(ctx context.Context) (string, error) { return reachScanner(ctx, c.ClamdURL) }})
	}
	if program == "app" {
		list = append(list, reach{"LISTEN", func(ctx context.Context) (string, error) { return reachListen(ctx, c.Listen) }})
	}
	return list
}

func reachDatabase(ctx context.Context, c config.Config) (string, error) {
	if file, ok := strings.CutPrefix(c.DatabaseURL, "sqlite://"); ok {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			return "there is none yet; the first start makes it", nil
		}
	}
	db, err := wire.Database(ctx, c)
	if err != nil {
		return "", err
	}
	defer func() { _ = db.Close() }()
	switch err := migrations.Pending(ctx, db.DB); {
	case errors.Is(err, migrations.ErrSchemaOld):
		if err := migrations.Hindrance(ctx, db.DB); err != nil {
			return "", err
		}
		return "reached; the next start of app brings its schema up to date", nil
	case err != nil:
		return "", err
	}
	return "reached, its schema is up to date", nil
}

func reachRedis(ctx context.Context, c config.Config) (string, error) {
	q, err := loop.Open(ctx, c.RedisURL, "check", wire.Logger(c, nowhere{}))
	if err != nil {
		return "", err
	}
	defer func() { _ = q.Close() }()
	said := "reached"
	for _, t := range q.Troubles(ctx) {
		if t.Reason.Stops() {
			return "", errors.New(t.Reason.Words())
		}
		said += "; " + t.Reason.Words()
	}
	return said, nil
}

type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

// dial connects to the host of an address. Its errors do not contain the address, which may hold a password.
func dial(ctx context.Context, address, port string) (net.Conn, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the address can't be read")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
}

// reachSMTP waits for the server's greeting. With implicit TLS it only connects.
func reachSMTP(ctx context.Context, address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("the address can't be read")
	}
	implicit := u.Query().Get("tls") == "implicit"
	port := "587"
	if implicit {
		port = "465"
	}
	conn, err := dial(ctx, address, port)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if implicit {
		return "reached; TLS and the password were not tried", nil
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if _, _, err := textproto.NewConn(conn).ReadResponse(220); err != nil {
		return "", fmt.Errorf("it is no mail server, or takes no mail now: %w", err)
	}
	return "it greets; TLS and the password were not tried", nil
}

func reachHost(ctx context.Context, address string) (string, error) {
	port := map[string]string{"https": "443", "http": "80", "smpp": "2775"}
	scheme, _, _ := strings.Cut(address, "://")
	conn, err := dial(ctx, address, port[scheme])
	if err != nil {
		return "", err
	}
	return "it can be connected to; nothing was sent", conn.Close()
}

// reachFiles writes a few bytes to the store of documents. It makes no folder.
func reachFiles(ctx context.Context, address string) (string, error) {
	if folder, ok := strings.CutPrefix(address, "file://"); ok {
		if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
			return "there is no folder yet; the first start makes it", nil
		}
	}
	s, err := blob.OpenStore(address)
	if err != nil {
		return "", err
	}
	if err := s.Ready(ctx); err != nil {
		return "", err
	}
	return "a few bytes could be written there", nil
}

func reachScanner(ctx context.Context, address string) (string, error) {
	s, err := clamd.New(address)
	if err != nil {
		return "", err
	}
	return "it answers", s.Ping(ctx)
}

func reachListen(ctx context.Context, listen string) (string, error) {
	var l net.ListenConfig
	listener, err := l.Listen(ctx, "tcp", listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE): // the port is taken, which is no mistake in the settings
		return "taken, as it is while app runs", nil
	case err != nil:
		return "", err
	}
	return "free", listener.Close()
}
