package web

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// serving is how far the server is between its start and its end. Stopping works at any moment of it: before Serve was
// called, while it begins, and while connections are open.
type serving struct {
	mu       sync.Mutex
	stopped  bool
	listener *freshListener
	ended    chan struct{} // closed when Serve has returned; nil before it was called
	draining atomic.Bool
}

// Serve answers on ln until Shutdown. After Shutdown it closes ln and returns at once.
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

// Drain makes readiness say that this process is about to stop; requests are answered as before, each the last of its
// connection.
func (s *Server) Drain() { s.serving.draining.Store(true) }

// Shutdown stops taking requests and waits for those that run, as long as ctx allows.
func (s *Server) Shutdown(ctx context.Context) error {
	v := &s.serving
	v.mu.Lock()
	v.stopped = true
	ln, ended := v.listener, v.ended
	v.mu.Unlock()
	if ln == nil {
		return nil
	}
	// fasthttp notices a stop only of listeners that it serves already. One that is closed it serves no longer than it
	// takes to find that out, whenever it began; only then are all its connections known.
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

// freshListener knows the connections on which nothing has come yet. Browsers open them in advance and keep them; fasthttp
// takes them for requests on their way, and would wait for them when it stops.
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

// stop takes no more connections and closes the fresh ones.
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

// freshConn is fresh until the first byte comes.
type freshConn struct {
	net.Conn
	of   *freshListener
	used bool // by the one who reads
}

// Read reads; the connection is not fresh any more.
func (c *freshConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if !c.used && n > 0 {
		c.used = true
		c.of.forget(c)
	}
	return n, err
}

// Close closes it.
func (c *freshConn) Close() error {
	c.of.forget(c)
	return c.Conn.Close()
}

func (l *freshListener) forget(c *freshConn) {
	l.mu.Lock()
	delete(l.fresh, c)
	l.mu.Unlock()
}
