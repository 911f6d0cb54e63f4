package loop

import (
	"net"
	"sync"
)

// conns are the open connections to Redis. The client library closes those of its pool when it is closed, and no others:
// those that are just being set up, or that listen for messages, it leaves to their time limits.
type conns struct {
	mu     sync.Mutex
	open   map[net.Conn]struct{}
	closed bool
}

func (c *conns) add(conn net.Conn) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	if c.open == nil {
		c.open = map[net.Conn]struct{}{}
	}
	c.open[conn] = struct{}{}
	if tcp, ok := conn.(*net.TCPConn); ok { // the library looks at its file descriptor to find out whether it is alive
		return &knownTCP{tcp, c}, nil
	}
	return &known{conn, c}, nil
}

// ended says whether closeAll was called.
func (c *conns) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

func (c *conns) forget(conn net.Conn) {
	c.mu.Lock()
	delete(c.open, conn)
	c.mu.Unlock()
}

func (c *conns) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for conn := range c.open {
		_ = conn.Close()
	}
	clear(c.open)
}

// known is a connection that conns forgets when it is closed.
type known struct {
	net.Conn
	of *conns
}

// Close closes it.
func (k *known) Close() error {
	k.of.forget(k.Conn)
	return k.Conn.Close()
}

// knownTCP is a known one without TLS.
type knownTCP struct {
	*net.TCPConn
	of *conns
}

// Close closes it.
func (k *knownTCP) Close() error {
	k.of.forget(k.TCPConn)
	return k.TCPConn.Close()
}
