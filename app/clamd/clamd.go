// Package clamd asks ClamAV's daemon whether a file contains malware (clamd(8), "COMMANDS").
package clamd

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"path"
	"strings"
	"time"
)

// Client asks one daemon. It is safe for concurrent use; each question has a connection of its own.
type Client struct {
	network, address string
	dialTime         time.Duration // for connecting
	stallTime        time.Duration // in which the daemon must take a chunk
	answerTime       time.Duration // in which it must answer once it has everything
}

// Finding is what the daemon says about a file. There is none for a file of which it says nothing.
type Finding int

// The findings.
const (
	Clean    Finding = iota + 1
	Infected         // with the malware that Verdict names
	TooLarge         // larger than the daemon looks at, so nobody knows
)

// Verdict is an answer of the daemon.
type Verdict struct {
	Finding   Finding
	Signature string // of what was found, at most 100 printable characters; "" if nothing was, or if it has no such name
}

// ErrAway says that the daemon can't be asked at present, or that its answer can't be understood. It may be asked again later.
var ErrAway = errors.New("the scanner is away")

const (
	defaultPort  = "3310"
	chunkSize    = 64 << 10
	maxAnswer    = 1 << 10 // bytes of an answer
	maxSignature = 100
)

// New makes a client for an address: tcp://host:port or unix:///path. It is an error if the address is not such a one. Nothing is
// asked yet.
func New(address string) (*Client, error) {
	c := &Client{dialTime: 5 * time.Second, stallTime: 30 * time.Second, answerTime: 3 * time.Minute}
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errAddress
	}
	switch {
	case u.Scheme == "tcp" && u.Hostname() != "" && (u.Path == "" || u.Path == "/"):
		port := u.Port()
		if port == "" {
			port = defaultPort
		}
		c.network, c.address = "tcp", net.JoinHostPort(u.Hostname(), port)
	case u.Scheme == "unix" && u.Host == "" && path.IsAbs(u.Path) && u.Path != "/":
		c.network, c.address = "unix", u.Path
	default:
		return nil, errAddress
	}
	return c, nil
}

var errAddress = errors.New("not the address of a scanner")

// CheckURL says whether New takes an address.
func CheckURL(address string) error {
	_, err := New(address)
	return err
}

// Ping says whether the daemon answers. Errors: ErrAway.
func (c *Client) Ping(ctx context.Context) error {
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.close()
	if err := conn.SetDeadline(time.Now().Add(c.stallTime)); err != nil {
		return conn.away(err)
	}
	if _, err := conn.Write([]byte("zPING\x00")); err != nil {
		return conn.away(err)
	}
	answer, err := readAnswer(conn)
	if err == nil && answer != "PONG" {
		err = errAnswer
	}
	return conn.away(err)
}

// Scan sends the daemon what r has and returns what it says. Errors: ErrAway, with what ended ctx if that did; or r's, and then
// nothing was scanned.
func (c *Client) Scan(ctx context.Context, r io.Reader) (Verdict, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return Verdict{}, err
	}
	defer conn.close()
	answers := make(chan reply, 1)
	go func() { // while the file is sent: the daemon answers and hangs up when there is too much of it
		text, err := readAnswer(conn)
		answers <- reply{text, err}
	}()
	whole, err := c.send(conn, r, answers)
	if err != nil {
		return Verdict{}, err
	}
	wait := c.answerTime
	if !whole {
		wait = c.dialTime // it has answered already, or never will
	}
	if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return Verdict{}, conn.away(err)
	}
	got := <-answers
	if got.err != nil {
		return Verdict{}, conn.away(got.err)
	}
	v, err := read(got.text)
	if err == nil && v.Finding == Clean && !whole { // what it has not seen is not clean
		err = errAnswer
	}
	if err != nil {
		return Verdict{}, conn.away(err)
	}
	return v, nil
}

// reply is what was read from the daemon.
type reply struct {
	text string
	err  error
}

// send sends what r has, and says whether the daemon took all of it. If it did not, there may be an answer that says why. An
// error is r's.
func (c *Client) send(conn *connection, r io.Reader, answers chan reply) (whole bool, err error) {
	if !c.write(conn, []byte("zINSTREAM\x00")) {
		return false, nil
	}
	chunk := make([]byte, 4+chunkSize)
	for {
		n, err := r.Read(chunk[4:])
		if n > 0 {
			binary.BigEndian.PutUint32(chunk, uint32(n))
			if !c.write(conn, chunk[:4+n]) {
				return false, nil
			}
		}
		select {
		case early := <-answers:
			answers <- early
			return false, nil
		default:
		}
		if errors.Is(err, io.EOF) {
			return c.write(conn, []byte{0, 0, 0, 0}), nil
		} else if err != nil {
			return false, err
		}
	}
}

func (c *Client) write(conn *connection, b []byte) bool {
	if err := conn.SetWriteDeadline(time.Now().Add(c.stallTime)); err != nil {
		return false
	}
	_, err := conn.Write(b)
	return err == nil
}

// connection is a connection that ends with a context.
type connection struct {
	net.Conn
	ctx  context.Context
	stop func() bool
}

func (c *Client) dial(ctx context.Context) (*connection, error) {
	d := net.Dialer{Timeout: c.dialTime}
	conn, err := d.DialContext(ctx, c.network, c.address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAway, err)
	}
	return &connection{conn, ctx, context.AfterFunc(ctx, func() { _ = conn.Close() })}, nil
}

func (c *connection) close() {
	c.stop()
	_ = c.Close()
}

// away adds ErrAway to an error, and what ended the context.
func (c *connection) away(err error) error {
	if err == nil {
		return nil
	}
	if ended := c.ctx.Err(); ended != nil {
		err = ended
	}
	return fmt.Errorf("%w: %w", ErrAway, err)
}

var errAnswer = errors.New("its answer can't be understood")

// readAnswer reads one answer, which ends with a zero byte. It never reads much: whoever answers may not be the daemon.
func readAnswer(r io.Reader) (string, error) {
	all := make([]byte, 0, maxAnswer)
	for len(all) < maxAnswer {
		n, err := r.Read(all[len(all):maxAnswer])
		all = all[:len(all)+n]
		if end := bytes.IndexByte(all, 0); end >= 0 {
			return string(all[:end]), nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", errAnswer
}

// read reads the answer to INSTREAM.
func read(answer string) (Verdict, error) {
	if strings.HasPrefix(answer, "INSTREAM size limit exceeded") {
		return Verdict{Finding: TooLarge}, nil
	}
	said, ok := strings.CutPrefix(answer, "stream: ")
	if ok && said == "OK" {
		return Verdict{Finding: Clean}, nil
	}
	signature, found := strings.CutSuffix(said, " FOUND")
	switch {
	case !ok || !found:
		return Verdict{}, errAnswer
	case strings.HasPrefix(signature, "Heuristics.Limits.Exceeded"): // with AlertExceedsMax: not all of it was looked at
		return Verdict{Finding: TooLarge}, nil
	}
	if len(signature) > maxSignature || strings.ContainsFunc(signature, func(r rune) bool { return r <= ' ' || r > '~' }) {
		signature = ""
	}
	return Verdict{Finding: Infected, Signature: signature}, nil
}
