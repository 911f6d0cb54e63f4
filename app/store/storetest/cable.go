package storetest

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// Cable is a proxy between a program and a PostgreSQL server. Its connections can be cut.
type Cable struct {
	URL string // the address of the database through it

	server   string
	listener net.Listener

	mu      sync.Mutex
	conns   map[net.Conn]bool
	out     bool // closes new connections
	full    bool // answers that the server accepts no more connections
	at      []byte
	deliver bool
	came    int           // how often at was sent
	ended   chan struct{} // closed when the server has ended the connection that was cut there
}

// Through starts a Cable to a PostgreSQL database. It is closed at the end of the test.
func Through(tb testing.TB, database string) *Cable {
	tb.Helper()
	u, err := url.Parse(database)
	if err != nil {
		tb.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	through := *u
	through.Host = l.Addr().String()
	c := &Cable{URL: through.String(), server: u.Host, listener: l, conns: map[net.Conn]bool{}}
	go c.serve()
	tb.Cleanup(func() { _ = l.Close(); c.Cut() })
	return c
}

// Cut closes all connections.
func (c *Cable) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		_ = conn.Close()
	}
}

// Pull closes all connections, and each new one as soon as it is made, until Plug is called.
func (c *Cable) Pull() { c.set(true, false); c.Cut() }

// Refuse closes all connections, and answers new ones like a server that has reached its limit of connections.
func (c *Cable) Refuse() { c.set(false, true); c.Cut() }

// Plug ends the effect of Pull or Refuse.
func (c *Cable) Plug() { c.set(false, false) }

func (c *Cable) set(out, full bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out, c.full = out, full
}

// CutAt closes a connection, once, when a statement that contains text is sent: before the server receives it, or, if
// deliver is true, after the server has received it but before its answer comes back.
func (c *Cable) CutAt(text string, deliver bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.deliver, c.came = []byte(text), deliver, 0
	c.ended = make(chan struct{})
}

// Ended waits until the server has processed what it received over the connection that CutAt closed.
func (c *Cable) Ended() {
	c.mu.Lock()
	ended := c.ended
	c.mu.Unlock()
	<-ended
}

// Came returns how often the text of the last CutAt has been sent since.
func (c *Cable) Came() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.came
}

func (c *Cable) serve() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.mu.Lock()
		out, full := c.out, c.full
		c.conns[near] = true
		c.mu.Unlock()
		if out {
			_ = near.Close()
			continue
		}
		if full {
			go refuse(near)
			continue
		}
		far, err := net.Dial("tcp", c.server)
		if err != nil {
			_ = near.Close()
			continue
		}
		go c.carry(near, far)
	}
}

func (c *Cable) carry(near, far net.Conn) {
	var silent sync.Mutex // held while nothing may come back
	go func() {
		b := make([]byte, 32<<10)
		for {
			n, err := far.Read(b)
			silent.Lock()
			if n > 0 && err == nil {
				_, err = near.Write(b[:n])
			}
			silent.Unlock()
			if err != nil {
				_ = near.Close()
				return
			}
		}
	}()
	defer func() { _, _ = near.Close(), far.Close() }()
	b := make([]byte, 64<<10)
	for {
		n, err := near.Read(b)
		if err != nil {
			return
		}
		cut, deliver, ended := c.cutsAt(b[:n])
		if cut {
			defer close(ended)
			silent.Lock()
			if deliver {
				_, _ = far.Write(b[:n])
				_ = far.(*net.TCPConn).CloseWrite()
			}
			_ = near.Close()
			silent.Unlock()
			if deliver { // the server ends the connection when it is through with what it got
				_, _ = io.Copy(io.Discard, far)
			}
			return
		}
		if _, err := far.Write(b[:n]); err != nil {
			return
		}
	}
}

func (c *Cable) cutsAt(sent []byte) (cut, deliver bool, ended chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.at) == 0 || !bytes.Contains(sent, c.at) {
		return false, false, nil
	}
	c.came++
	return c.came == 1, c.deliver, c.ended
}

// refuse answers as a server with too many connections does.
func refuse(near net.Conn) {
	defer func() { _ = near.Close() }()
	_, _ = near.Read(make([]byte, 4<<10))
	fields := "SFATAL\x00VFATAL\x00C53300\x00Msorry, too many clients already\x00\x00"
	_, _ = near.Write(append([]byte{'E', 0, 0, 0, byte(4 + len(fields))}, fields...))
}
