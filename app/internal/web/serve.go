package web

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// serving is the state of the server between start and end. Shutdown works at any time: before Serve is called, while
// Serve starts, and while connections are open.
type serving struct {
	mu       sync.Mutex
	stopped  bool
	listener *freshListener
	ended    chan struct{} // closed when Serve has returned; nil before it was called
	draining atomic.Bool
}

// Serve answers requests on ln until Shutdown is called. If Shutdown was called before, Serve closes ln and returns.
func (s *Server) Serve(ln net.Listener) error {
	v := &s.serving
	v.mu.Lock()
	if v.stopped {
		v.mu.Unlock()
		return ln.Close()
	}
	v.listener, v.ended = &freshListener{Listener: ln, fresh: map[*freshConn]struct{}{}}, make(chan struct{})
	v.mu.Unlock()
	defer close(v.ended)
	return s.app.Listener(v.listener)
}

// Drain makes the readiness check say that this process is about to stop. Requests are still answered, but each answer
// closes its connection.
func (s *Server) Drain() { s.serving.draining.Store(true) }

// Shutdown stops accepting requests and waits for the requests in progress until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	v := &s.serving
	v.mu.Lock()
	v.stopped = true
	ln, ended := v.listener, v.ended
	v.mu.Unlock()
	if ln == nil {
		return nil
	}
	// fasthttp stops only listeners that it is serving already. So close the listener first: then Serve ends soon, no
	// matter when it started. Only after that are all connections known.
	err := ln.stop()
	select {
	case <-ended:
	case <-ctx.Done():
		return errors.Join(err, ctx.Err())
	}
	if serr := s.app.ShutdownWithContext(ctx); !errors.Is(serr, net.ErrClosed) {
		err = errors.Join(err, serr)
	}
	return err
}

// freshListener tracks connections on which no data have arrived yet. Browsers open such connections in advance and keep
// them. fasthttp would treat them as requests in progress and wait for them when it stops.
type freshListener struct {
	net.Listener
	mu      sync.Mutex
	fresh   map[*freshConn]struct{}
	stopped bool
}

// Accept waits for the next connection.
func (l *freshListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &freshConn{Conn: conn, of: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	l.fresh[c] = struct{}{}
	return c, nil
}

// stop closes the listener and all fresh connections.
func (l *freshListener) stop() error {
	err := l.Close()
	l.mu.Lock()
	l.stopped = true
	for c := range l.fresh {
		_ = c.Conn.Close()
	}
	clear(l.fresh)
	l.mu.Unlock()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// freshConn is a connection that is fresh until its first byte arrives.
type freshConn struct {
	net.Conn
	of   *freshListener
	used bool // used by the reader only
}

// Read reads. After the first byte the connection is not fresh any more.
func (c *freshConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if !c.used && n > 0 {
		c.used = true
		c.of.forget(c)
	}
	return n, err
}

// Close closes the connection.
func (c *freshConn) Close() error {
	c.of.forget(c)
	return c.Conn.Close()
}

func (l *freshListener) forget(c *freshConn) {
	l.mu.Lock()
	delete(l.fresh, c)
	l.mu.Unlock()
}
