// Package flaky is, for tests, a bad line: a TCP proxy that is slow and that breaks. What it does follows from a seed.
package flaky

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Line is how bad the line is.
type Line struct {
	// Rate is how many bytes go through in a second, in each direction of each connection; 0 for no limit.
	Rate int
	// CutFrom and CutTo say after how many bytes from the client a connection breaks: a random number from CutFrom to CutTo.
	// CutTo is 0 for a line that holds.
	CutFrom, CutTo int64
	// Cuts is how many connections break, from the first on; 0 for all.
	Cuts int
	// Seed chooses the random numbers. The same seed chooses the same, one after another for each connection.
	Seed uint64
}

// Proxy is a line to one address.
type Proxy struct {
	target   string
	line     Line
	listener net.Listener
	random   *rand.Rand // used by the loop that accepts, alone
	broken   atomic.Int64
	running  sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil once it is closed
}

// Start starts a proxy on this machine to a target, host:port, until the end of the test.
func Start(tb testing.TB, target string, line Line) *Proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // for tests
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{
		target: target, line: line, listener: l, conns: map[net.Conn]struct{}{},
		random: rand.New(rand.NewPCG(line.Seed, 0)), //nolint:gosec // to be repeated
	}
	p.running.Go(p.accept)
	tb.Cleanup(p.close)
	return p
}

// Address is where the proxy listens, host:port.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Broken is how many connections have broken so far.
func (p *Proxy) Broken() int { return int(p.broken.Load()) }

func (p *Proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	for conn := range p.conns {
		_ = conn.Close()
	}
	p.conns = nil
	p.mu.Unlock()
	p.running.Wait()
}

func (p *Proxy) accept() {
	for n := 0; ; n++ {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		cut := int64(-1)
		if p.line.CutTo > 0 && (p.line.Cuts == 0 || n < p.line.Cuts) {
			cut = p.line.CutFrom + p.random.Int64N(p.line.CutTo-p.line.CutFrom+1)
		}
		p.running.Go(func() { p.serve(near, cut) })
	}
}

// serve joins two connections until one ends, or until cut bytes came from the client; never if cut is negative.
func (p *Proxy) serve(near net.Conn, cut int64) {
	far, err := net.Dial("tcp", p.target) //nolint:noctx // for tests
	if err != nil {
		_ = near.Close()
		return
	}
	if !p.keep(near, far) {
		return
	}
	defer p.forget(near, far)
	var both sync.WaitGroup
	both.Go(func() {
		p.copy(near, far, -1)
		halfClose(near)
	})
	if p.copy(far, near, cut) {
		p.broken.Add(1)
		if tcp, ok := near.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // the client hears of no orderly end; the server gets all that came before
		}
		_ = near.Close()
		_ = far.Close()
	} else {
		halfClose(far)
	}
	both.Wait()
}

// copy copies as fast as the line is, and says whether it has copied as many bytes as until the cut.
func (p *Proxy) copy(to io.Writer, from io.Reader, cut int64) (cutOff bool) {
	size := 16 << 10
	if p.line.Rate > 0 {
		size = min(size, max(p.line.Rate/50, 1)) // so that it flows
	}
	buffer := make([]byte, size)
	var free time.Time // when the line has carried what was sent
	copied := int64(0)
	for {
		part := buffer
		if cut >= 0 {
			if copied >= cut {
				return true
			}
			part = buffer[:min(int64(len(buffer)), cut-copied)]
		}
		n, err := from.Read(part)
		if n > 0 {
			copied += int64(n)
			if p.line.Rate > 0 {
				if now := time.Now(); free.Before(now) {
					free = now
				}
				free = free.Add(time.Duration(n) * time.Second / time.Duration(p.line.Rate))
				time.Sleep(time.Until(free))
			}
			if _, err := to.Write(part[:n]); err != nil {
				return false
			}
		}
		if err != nil {
			return false
		}
	}
}

// halfClose says that no more is coming.
func halfClose(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}

func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		if p.conns == nil {
			_ = conn.Close()
			continue
		}
		p.conns[conn] = struct{}{}
	}
	return p.conns != nil
}

func (p *Proxy) forget(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		_ = conn.Close()
		delete(p.conns, conn)
	}
}
