package couriertest

import (
	"bufio"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

// BrokenPDU is a query_sm with an optional parameter, which this type of PDU can't have. A library panicked on it.
const BrokenPDU = "\x00\x00\x000\x00\x00\x00\x03000000000000000000000\x000000\x0000\x00\x00000000000000"

// SMPPStep is what the message centre does with one submit_sm.
type SMPPStep struct {
	Status data.CommandStatusType // of the answer; 0 accepts
	Hang   bool                   // never answers
	HangUp bool                   // closes the connection instead of answering
	Raw    []byte                 // is sent instead of an answer
}

// Submitted is a submit_sm that the message centre received.
type Submitted struct {
	To, Text string
	Coding   byte // data_coding: 0 is GSM 7-bit, 8 is UCS-2
	ID       string
}

// SMPPPeer is a message centre. Each message uses up one step; without steps the centre accepts.
type SMPPPeer struct {
	listener net.Listener

	mu      sync.Mutex
	refuse  data.CommandStatusType
	raw     []byte // sent instead of an answer to a bind
	script  []SMPPStep
	got     []Submitted
	binds   []string // "system:password"
	conns   map[net.Conn]*sync.Mutex
	answers chan data.CommandStatusType // to receipts
	wait    sync.WaitGroup
}

// NewSMPPPeer starts a message centre that ends with the test.
func NewSMPPPeer(tb testing.TB) *SMPPPeer {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &SMPPPeer{listener: l, conns: map[net.Conn]*sync.Mutex{}, answers: make(chan data.CommandStatusType, 100)}
	p.wait.Add(1)
	go p.serve()
	tb.Cleanup(func() {
		_ = l.Close()
		p.HangUp()
		p.wait.Wait()
	})
	return p
}

// URL is an SMS_URL with "system:password".
func (p *SMPPPeer) URL(user string) string {
	return "smpp://" + user + "@" + p.listener.Addr().String()
}

// Script adds steps.
func (p *SMPPPeer) Script(steps ...SMPPStep) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script = append(p.script, steps...)
}

// RefuseBind answers every bind with the status; 0 accepts.
func (p *SMPPPeer) RefuseBind(status data.CommandStatusType) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = status
}

// AnswerBind answers every bind with these bytes; nil answers as usual.
func (p *SMPPPeer) AnswerBind(raw []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.raw = raw
}

// Messages are all submit_sm so far.
func (p *SMPPPeer) Messages() []Submitted {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Submitted(nil), p.got...)
}

// Binds are the "system:password" of each bind so far.
func (p *SMPPPeer) Binds() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.binds...)
}

// HangUp closes all connections.
func (p *SMPPPeer) HangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// Receipt sends a delivery receipt over every connection and returns the client's answer.
func (p *SMPPPeer) Receipt(tb testing.TB, text string) data.CommandStatusType {
	tb.Helper()
	deliver := pdu.NewDeliverSM().(*pdu.DeliverSM)
	deliver.EsmClass = 0x04
	if err := deliver.Message.SetMessageWithEncoding(text, data.GSM7BIT); err != nil {
		tb.Fatal(err)
	}
	p.mu.Lock()
	for c, writing := range p.conns {
		write(c, writing, deliver)
	}
	p.mu.Unlock()
	select {
	case status := <-p.answers:
		return status
	case <-time.After(20 * time.Second):
		tb.Fatal("no answer to a receipt")
		return 0
	}
}

func (p *SMPPPeer) serve() {
	defer p.wait.Done()
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		writing := &sync.Mutex{}
		p.mu.Lock()
		p.conns[c] = writing
		p.mu.Unlock()
		p.wait.Add(1)
		go func() {
			defer p.wait.Done()
			p.talk(c, writing)
			_ = c.Close()
			p.mu.Lock()
			delete(p.conns, c)
			p.mu.Unlock()
		}()
	}
}

func (p *SMPPPeer) talk(c net.Conn, writing *sync.Mutex) {
	in := bufio.NewReader(c)
	for {
		request, err := pdu.Parse(in)
		if err != nil {
			return
		}
		switch r := request.(type) {
		case *pdu.BindRequest:
			p.mu.Lock()
			p.binds = append(p.binds, r.SystemID+":"+r.Password)
			status, raw := p.refuse, p.raw
			p.mu.Unlock()
			if raw != nil {
				writeRaw(c, writing, raw)
				continue
			}
			answer := r.GetResponse().(*pdu.BindResp)
			answer.CommandStatus = status
			write(c, writing, answer)
		case *pdu.SubmitSM:
			if !p.submit(c, writing, r) {
				return
			}
		case *pdu.DeliverSMResp:
			p.answers <- r.CommandStatus
		case *pdu.Unbind:
			write(c, writing, r.GetResponse())
			return
		case *pdu.EnquireLink:
			write(c, writing, r.GetResponse())
		}
	}
}

func (p *SMPPPeer) submit(c net.Conn, writing *sync.Mutex, r *pdu.SubmitSM) bool {
	text, _ := r.Message.GetMessage()
	p.mu.Lock()
	var step SMPPStep
	if len(p.script) > 0 {
		step, p.script = p.script[0], p.script[1:]
	}
	id := "smsc-" + strconv.Itoa(len(p.got)+1)
	p.got = append(p.got, Submitted{
		To: r.DestAddr.Address(), Text: text, Coding: r.Message.Encoding().DataCoding(), ID: id,
	})
	p.mu.Unlock()
	switch {
	case step.HangUp:
		return false
	case step.Hang:
		return true
	case step.Raw != nil:
		writeRaw(c, writing, step.Raw)
		return true
	}
	answer := r.GetResponse().(*pdu.SubmitSMResp)
	answer.CommandStatus = step.Status
	if step.Status == data.ESME_ROK {
		answer.MessageID = id
	}
	write(c, writing, answer)
	return true
}

func write(c net.Conn, writing *sync.Mutex, p pdu.PDU) {
	b := pdu.NewBuffer(nil)
	p.Marshal(b)
	writeRaw(c, writing, b.Bytes())
}

func writeRaw(c net.Conn, writing *sync.Mutex, b []byte) {
	writing.Lock()
	defer writing.Unlock()
	_, _ = c.Write(b)
}
