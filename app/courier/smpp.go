package courier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/linxGnu/gosmpp"
	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

const (
	// smppEnquire is how often an idle connection is checked. A connection on which nothing arrives for two such
	// intervals is closed.
	smppEnquire = 30 * time.Second
	// smppReceipts is how many delivery receipts are recorded at the same time.
	smppReceipts = 8
)

// smppAddress is the parsed SMS_URL: smpp://system:password@host:port?from=Kontor&type=…
type smppAddress struct {
	host           string // with port
	system         string
	password       string
	kind           string // system_type, for message centres that require one
	from           string // sender: a number or up to 11 characters; empty is the centre's own
	ton, numbering byte   // of from
}

func parseSMPP(u *url.URL) (smppAddress, error) {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil || u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return smppAddress{}, errSMSURL
	}
	a := smppAddress{system: u.User.Username()}
	a.password, _ = u.User.Password()
	port := u.Port()
	if port == "" {
		port = "2775"
	}
	a.host = net.JoinHostPort(u.Hostname(), port)
	for name, values := range q {
		switch {
		case name == "from" && len(values) == 1:
			a.from = values[0]
		case name == "type" && len(values) == 1:
			a.kind = values[0]
		default:
			return smppAddress{}, errSMSURL
		}
	}
	// lengths of SMPP 3.4 §5.2.1–5.2.3, without the final zero
	if a.system == "" || len(a.system) > 15 || len(a.password) > 8 || len(a.kind) > 12 || len(a.from) > 20 ||
		strings.ContainsRune(a.system+a.password+a.kind+a.from, 0) {
		return smppAddress{}, errSMSURL
	}
	switch {
	case a.from == "":
	case strings.Trim(a.from, "+0123456789") == "":
		a.from, a.ton, a.numbering = strings.TrimPrefix(a.from, "+"), 1, 1 // international, E.164
	default:
		a.ton, a.numbering = 5, 0 // alphanumeric
	}
	return a, nil
}

// smppTransport sends SMS to a message centre over one connection. It is bound as a transceiver, so receipts arrive on
// it.
type smppTransport struct {
	address smppAddress
	dial    time.Duration
	report  func(context.Context, ProviderReport) error
	log     *slog.Logger

	mu     sync.Mutex
	bound  *smppConn
	closed bool
}

func (c *smppTransport) send(ctx context.Context, l rendered) (string, error) {
	submit, err := c.write(l)
	if err != nil {
		return "", err
	}
	conn, err := c.connect(ctx)
	if err != nil {
		return "", err
	}
	answer, err := conn.ask(ctx, submit)
	if err != nil {
		return "", err
	}
	if answer.GetHeader().CommandStatus != data.ESME_ROK {
		return "", smppFailure(answer.GetHeader().CommandStatus)
	}
	if r, ok := answer.(*pdu.SubmitSMResp); ok {
		return providerID(r.MessageID), nil
	}
	return "", refusal(reasonGatewayError, "")
}

// probe binds to the message centre unless it is bound already. The connection is kept for the next message.
func (c *smppTransport) probe(ctx context.Context) error {
	_, err := c.connect(ctx)
	return err
}

// write makes the submit_sm. It sets the encoding, because the library by itself uses UCS-2, with only 70 characters,
// as soon as there is an umlaut.
func (c *smppTransport) write(l rendered) (*pdu.SubmitSM, error) {
	submit := pdu.NewSubmitSM().(*pdu.SubmitSM)
	from, err := pdu.NewAddressWithTonNpiAddr(c.address.ton, c.address.numbering, c.address.from)
	if err != nil {
		return nil, refusal(reasonNotConfigured, "")
	}
	to, err := pdu.NewAddressWithTonNpiAddr(1, 1, strings.TrimPrefix(l.To, "+"))
	if err != nil {
		return nil, permanent(reasonNumberInvalid, "")
	}
	enc := data.GSM7BIT
	if n, ok := septets(l.Text); !ok {
		enc = data.UCS2
	} else if n > onePart {
		return nil, refusal(reasonRefused, "too long") // the firm's name is too long; the number is not the cause
	}
	if err := submit.Message.SetMessageWithEncoding(l.Text, enc); err != nil {
		return nil, refusal(reasonRefused, "too long")
	}
	submit.SourceAddr, submit.DestAddr = from, to
	submit.RegisteredDelivery = 1 // a receipt, delivered or not
	return submit, nil
}

func (c *smppTransport) connect(ctx context.Context) (*smppConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, temporary(reasonConnectionLost)
	}
	if c.bound != nil && c.bound.alive() {
		return c.bound, nil
	}
	conn, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	c.bound = conn
	go conn.listen()
	go conn.watch()
	return conn, nil
}

func (c *smppTransport) open(ctx context.Context) (*smppConn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.dial)
	defer cancel()
	var raw net.Conn
	done := func() bool { return true }
	dialer := func(addr string) (net.Conn, error) {
		var d net.Dialer
		var err error
		if raw, err = d.DialContext(ctx, "tcp", addr); err == nil {
			done = bound(ctx, raw)
		}
		return raw, err
	}
	auth := gosmpp.Auth{
		SMSC: c.address.host, SystemID: c.address.system, Password: c.address.password, SystemType: c.address.kind,
	}
	conn, err := unbroken(gosmpp.TRXConnector(dialer, auth).Connect)
	ok := done()
	if err != nil && raw != nil {
		_ = raw.Close()
	}
	var refused gosmpp.BindError
	switch {
	case errors.As(err, &refused):
		f := smppFailure(refused.CommandStatus)
		f.blame = ofFirm // whatever the status is: no number was sent yet
		if f.reason != reasonGatewayBusy {
			f.reason = reasonAuth
		}
		return nil, f
	case err != nil:
		return nil, netFailure(err, reasonGatewayError)
	case !ok:
		_ = raw.Close()
		return nil, refusal(reasonTimeout, "")
	}
	return &smppConn{
		conn: conn, transport: c, waiting: map[int32]chan pdu.PDU{}, gone: make(chan struct{}),
		receipts: make(chan struct{}, smppReceipts),
	}, nil
}

func (c *smppTransport) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.bound != nil && c.bound.alive() {
		_ = c.bound.write(pdu.NewUnbind())
		c.bound.drop()
	}
	return nil
}

// smppConn is a bound connection. Answers are matched to their requests by sequence number.
type smppConn struct {
	conn      *gosmpp.Connection
	transport *smppTransport

	writing sync.Mutex

	mu      sync.Mutex
	waiting map[int32]chan pdu.PDU
	last    time.Time // when a PDU arrived last
	dropped bool

	gone     chan struct{} // closed with the connection
	receipts chan struct{}
}

func (c *smppConn) alive() bool {
	select {
	case <-c.gone:
		return false
	default:
		return true
	}
}

func (c *smppConn) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.dropped {
		c.dropped = true
		close(c.gone)
		_ = c.conn.Close()
	}
}

func (c *smppConn) write(p pdu.PDU) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	_ = c.conn.SetWriteTimeout(c.transport.dial)
	_, err := c.conn.WritePDU(p)
	return err
}

// ask sends a request and waits for its answer. If the centre does not answer in time, the connection is closed: other
// requests on it are most likely lost, too.
func (c *smppConn) ask(ctx context.Context, p pdu.PDU) (pdu.PDU, error) {
	answer := make(chan pdu.PDU, 1)
	n := p.GetSequenceNumber()
	c.mu.Lock()
	c.waiting[n] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, n)
		c.mu.Unlock()
	}()
	if err := c.write(p); err != nil {
		c.drop()
		return nil, netFailure(err, reasonConnectionLost)
	}
	select {
	case a := <-answer:
		return a, nil
	case <-c.gone:
		return nil, refusal(reasonConnectionLost, "")
	case <-ctx.Done():
		c.drop()
		return nil, refusal(reasonTimeout, "")
	}
}

// unbroken turns a panic of the library into an error. The library panics on some broken PDUs, such as one with an
// optional parameter that its type does not have.
func unbroken[T any](read func() (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("broken PDU: %v", p)
		}
	}()
	return read()
}

func readPDU(from io.Reader) (pdu.PDU, error) {
	return unbroken(func() (pdu.PDU, error) { return pdu.Parse(from) })
}

// answer passes an answer on to the request that waits for it. Further answers to the same request are ignored.
func (c *smppConn) answer(p pdu.PDU) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := p.GetSequenceNumber()
	if waiting, ok := c.waiting[n]; ok {
		delete(c.waiting, n)
		waiting <- p // does not block: there is room for one answer, and this is the only one
	}
}

// listen reads PDUs until the connection ends or a PDU can't be parsed.
func (c *smppConn) listen() {
	defer c.drop()
	for {
		p, err := readPDU(c.conn)
		if err != nil {
			return
		}
		c.mu.Lock()
		c.last = time.Now()
		c.mu.Unlock()
		switch p := p.(type) {
		case *pdu.SubmitSMResp, *pdu.GenericNack:
			c.answer(p)
		case *pdu.EnquireLink:
			err = c.write(p.GetResponse())
		case *pdu.DeliverSM:
			c.receipts <- struct{}{}
			go func() {
				defer func() { <-c.receipts }()
				c.receipt(p)
			}()
		case *pdu.Unbind:
			_ = c.write(p.GetResponse())
			return
		}
		if err != nil {
			return
		}
	}
}

// watch checks whether an idle connection is still alive.
func (c *smppConn) watch() {
	tick := time.NewTicker(smppEnquire)
	defer tick.Stop()
	heard := time.Now()
	for {
		select {
		case <-c.gone:
			return
		case <-tick.C:
		}
		c.mu.Lock()
		if c.last.After(heard) {
			heard = c.last
		}
		c.mu.Unlock()
		if time.Since(heard) > 2*smppEnquire || c.write(pdu.NewEnquireLink()) != nil {
			c.drop()
			return
		}
	}
}

// receipt records a delivery receipt. A receipt that can't be recorded now (it may arrive before the answer to its
// submit_sm) is refused, so that the centre sends it again.
func (c *smppConn) receipt(p *pdu.DeliverSM) {
	answer := p.GetResponse().(*pdu.DeliverSMResp)
	if p.EsmClass&0x3c == 0x04 { // SMPP 3.4 §5.2.12
		text, err := unbroken(p.Message.GetMessage)
		if r, ok := parseReceipt(text); err == nil && ok {
			ctx, cancel := context.WithTimeout(context.Background(), finishTimeout)
			defer cancel()
			if err := c.transport.report(ctx, r); err != nil {
				c.transport.log.WarnContext(ctx, "delivery receipt not noted", "error", err)
				answer.CommandStatus = data.ESME_RX_T_APPN
			}
		}
	}
	if c.write(answer) != nil {
		c.drop()
	}
}

var receiptFields = regexp.MustCompile(`(?i)\b(id|stat|err):([^ ]{1,64})`)

// parseReceipt reads the text of a delivery receipt (SMPP 3.4 appendix B): "id:… sub:001 … stat:DELIVRD err:000
// text:…". The part after text: quotes the message and is ignored.
func parseReceipt(text string) (r ProviderReport, ok bool) {
	if i := strings.Index(strings.ToLower(text), "text:"); i >= 0 {
		text = text[:i]
	}
	var stat, code string
	for _, m := range receiptFields.FindAllStringSubmatch(text, -1) {
		switch strings.ToLower(m[1]) {
		case "id":
			r.ProviderID = providerID(m[2])
		case "stat":
			stat = strings.ToUpper(m[2])
		case "err":
			code = m[2]
		}
	}
	r.Detail = strings.TrimSpace(stat + " " + code)
	switch stat {
	case "DELIVRD":
		r.Delivered, r.Detail = true, ""
	case "EXPIRED", "DELETED", "UNDELIV":
	case "REJECTD": // rejected by the message centre, not by a telephone
		r.Refused = true
	case "ACCEPTD", "ENROUTE", "UNKNOWN":
		r.Delayed = true
	default:
		return ProviderReport{}, false
	}
	return r, r.ProviderID != ""
}

// smppFailure says what a command_status means (SMPP 3.4 §5.1.3). Only an invalid destination address is about the
// number. Every other status (credit, throttling, rights, sender, numbering, the text) would be the same for any
// number.
func smppFailure(status data.CommandStatusType) *failure {
	detail := status.Desc()
	switch status {
	case data.ESME_RTHROTTLED, data.ESME_RMSGQFUL:
		return refusal(reasonGatewayBusy, detail)
	case data.ESME_RINVDSTADR:
		return permanent(reasonNumberInvalid, detail)
	case data.ESME_RBINDFAIL, data.ESME_RINVPASWD, data.ESME_RINVSYSID, data.ESME_RINVBNDSTS:
		return refusal(reasonAuth, detail)
	case data.ESME_RSYSERR, data.ESME_RX_T_APPN, data.ESME_RSUBMITFAIL:
		return refusal(reasonGatewayError, detail)
	}
	return refusal(reasonGatewayRefused, detail)
}
