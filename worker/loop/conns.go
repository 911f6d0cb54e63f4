package loop

import (
	"net"
	"sync"
)

// conns are the open connections to Redis. When the client library closes, it closes the connections of its pool only. It
// leaves connections that are being set up, or that listen for messages, to their time limits.
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
	if tcp, ok := conn.(*net.TCPConn); ok { // the library uses the file descriptor to see whether it is alive
		return &trackedTCP{tcp, c}, nil
	}
	return &tracked{conn, c}, nil
}

// ended says whether closeAll has been called.
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

// tracked is a connection that removes itself from conns when it is closed.
type tracked struct {
	net.Conn
	of *conns
}

// Close closes the connection.
func (t *tracked) Close() error {
	t.of.forget(t.Conn)
	return t.Conn.Close()
}

// trackedTCP is the same for a connection without TLS.
type trackedTCP struct {
	*net.TCPConn
	of *conns
}

// Close closes the connection.
func (t *trackedTCP) Close() error {
	t.of.forget(t.TCPConn)
	return t.TCPConn.Close()
}
