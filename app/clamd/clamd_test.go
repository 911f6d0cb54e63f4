package clamd

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
)

// serve answers each connection with what answer does, and returns a client for it whose times are short.
func serve(t *testing.T, answer func(conn net.Conn)) *Client {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				answer(conn)
			}()
		}
	}()
	c, err := New("tcp://" + l.Addr().String())
	require.NoError(t, err)
	c.stallTime, c.answerTime, c.dialTime = 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond
	return c
}

// receive reads a stream as the daemon does.
func receive(conn io.Reader) (data []byte, err error) {
	command := make([]byte, len("zINSTREAM\x00"))
	if _, err := io.ReadFull(conn, command); err != nil || string(command) != "zINSTREAM\x00" {
		return nil, fmt.Errorf("%q %w", command, err)
	}
	for {
		var length uint32
		if err := binary.Read(conn, binary.BigEndian, &length); err != nil || length == 0 {
			return data, err
		}
		part := make([]byte, length)
		if _, err := io.ReadFull(conn, part); err != nil {
			return data, err
		}
		data = append(data, part...)
	}
}

// says is a daemon that takes a stream and gives an answer.
func says(answer string) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := receive(conn); err == nil {
			_, _ = io.WriteString(conn, answer)
		}
	}
}

func TestScan(t *testing.T) {
	for answer, want := range map[string]Verdict{
		"stream: OK\x00": {Finding: Clean}, "stream: Win.Test.EICAR_HDB-1 FOUND\x00": {Infected, "Win.Test.EICAR_HDB-1"}, "INSTREAM size limit exceeded. ERROR\x00": {Finding: TooLarge},
		"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\x00": {Finding: TooLarge}, "stream: OK\x00and more": {Finding: Clean}, "stream: <b>\n FOUND\x00": {Finding: Infected}, "stream: Evil\u202e FOUND\x00": {Finding: Infected},
		"stream: " + strings.Repeat("x", 200) + " FOUND\x00": {Finding: Infected}, "stream:  FOUND\x00": {Finding: Infected},
	} {
		got, err := serve(t, says(answer)).Scan(t.Context(), strings.NewReader("a file"))
		require.NoError(t, err, "%q", answer)
		assert.Equal(t, want, got, "%q", answer)
	}
	for _, answer := range []string{
		"", "\x00", "OK\x00", "stream: ok\x00", "stream: OK", "stream: OK\n", "stream: \x00", "FOUND\x00", "UNKNOWN COMMAND\x00", "HTTP/1.1 400 Bad Request\r\n\r\n", "stream: Can't allocate memory ERROR\x00", strings.Repeat("x", 10_000) + "\x00", "stream: OK" + strings.Repeat(" ", 5000),
	} {
		got, err := serve(t, says(answer)).Scan(t.Context(), strings.NewReader("a file"))
		assert.ErrorIs(t, err, ErrAway, "%q", answer)
		assert.Zero(t, got, "%q", answer)
	}
}

// TestScanSendsEverything: whatever the size, the daemon gets the same bytes.
func TestScanSendsEverything(t *testing.T) {
	for _, size := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 1<<20 + 7} {
		data := bytes.Repeat([]byte("kontor"), size/6+1)[:size]
		got := make(chan []byte, 1)
		c := serve(t, func(conn net.Conn) {
			all, err := receive(conn)
			assert.NoError(t, err)
			got <- all
			_, _ = io.WriteString(conn, "stream: OK\x00")
		})
		v, err := c.Scan(t.Context(), iotest.HalfReader(bytes.NewReader(data)))
		require.NoError(t, err)
		assert.Equal(t, Clean, v.Finding)
		assert.True(t, bytes.Equal(data, <-got), "%d bytes", size)
	}
}

// TestScanBadDays: whatever the other side does, there is an end, and nothing is clean.
func TestScanBadDays(t *testing.T) {
	large := func() io.Reader { return io.LimitReader(zeroes{}, 64<<20) }
	reset := func(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0) }
	for name, c := range map[string]struct {
		answer func(conn net.Conn)
		want   Finding
	}{
		"hangs at once":                  {answer: func(conn net.Conn) { _, _ = io.Copy(io.Discard, io.LimitReader(conn, 1)); <-t.Context().Done() }},
		"takes everything, says nothing": {answer: func(conn net.Conn) { _, _ = receive(conn); _, _ = io.Copy(io.Discard, conn) }},
		"hangs up at once":               {answer: func(net.Conn) {}},
		"hangs up midway":                {answer: func(conn net.Conn) { _, _ = io.CopyN(io.Discard, conn, 1<<20) }},
		"resets midway":                  {answer: func(conn net.Conn) { _, _ = io.CopyN(io.Discard, conn, 1<<20); reset(conn) }},
		"resets after everything":        {answer: func(conn net.Conn) { _, _ = receive(conn); reset(conn) }},
		"half an answer":                 {answer: func(conn net.Conn) { _, _ = receive(conn); _, _ = io.WriteString(conn, "stream: O"); reset(conn) }},
		"says OK too early": {answer: func(conn net.Conn) {
			_, _ = io.CopyN(io.Discard, conn, 1<<20)
			_, _ = io.WriteString(conn, "stream: OK\x00")
			_, _ = io.Copy(io.Discard, conn)
		}},
		"says OK at once": {answer: func(conn net.Conn) {
			_, _ = io.WriteString(conn, "stream: OK\x00")
			_, _ = io.Copy(io.Discard, conn)
		}},
		"talks without end": {answer: func(conn net.Conn) {
			_, _ = receive(conn)
			_, _ = io.Copy(conn, zeroLess{})
		}},
		"too large, midway": {want: TooLarge, answer: func(conn net.Conn) {
			_, _ = io.CopyN(io.Discard, conn, 1<<20)
			_, _ = io.WriteString(conn, "INSTREAM size limit exceeded. ERROR\x00")
		}},
		"found, midway": {want: Infected, answer: func(conn net.Conn) {
			_, _ = io.CopyN(io.Discard, conn, 1<<20)
			_, _ = io.WriteString(conn, "stream: Evil FOUND\x00")
			_, _ = io.Copy(io.Discard, conn)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := serve(t, c.answer).Scan(t.Context(), large())
			if c.want == 0 {
				assert.ErrorIs(t, err, ErrAway)
				assert.Zero(t, v)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, v.Finding)
		})
	}
	slow := serve(t, func(conn net.Conn) {
		_, _ = receive(conn)
		for _, b := range []byte("stream: OK\x00") {
			if _, err := conn.Write([]byte{b}); err != nil {
				return
			}
		}
	})
	v, err := slow.Scan(t.Context(), strings.NewReader("a file"))
	require.NoError(t, err)
	assert.Equal(t, Clean, v.Finding, "byte by byte")
}

// zeroes reads zero bytes without end, zeroLess others.
type (
	zeroes   struct{}
	zeroLess struct{}
)

func (zeroes) Read(p []byte) (int, error)   { clear(p); return len(p), nil }
func (zeroLess) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte("x"), len(p))), nil }

// TestScanOfABrokenFile: a file that can't be read to its end has no verdict, and the daemon does not take its beginning for it.
func TestScanOfABrokenFile(t *testing.T) {
	broken := errors.New("broken")
	ended := make(chan error, 1)
	c := serve(t, func(conn net.Conn) {
		_, err := receive(conn)
		ended <- err
	})
	v, err := c.Scan(t.Context(), io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)))
	assert.ErrorIs(t, err, broken)
	assert.NotErrorIs(t, err, ErrAway)
	assert.Zero(t, v)
	assert.Error(t, <-ended, "the stream has no end")
}

func TestContextEndsScan(t *testing.T) {
	c := serve(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	c.answerTime, c.stallTime = time.Hour, time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Scan(ctx, strings.NewReader("a file"))
	assert.ErrorIs(t, err, ErrAway)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorIs(t, c.Ping(ctx), context.DeadlineExceeded)
}

func TestPing(t *testing.T) {
	for answer, good := range map[string]bool{"PONG\x00": true, "PONG": false, "": false, "NO\x00": false, strings.Repeat("x", 9000): false} {
		err := serve(t, func(conn net.Conn) {
			_, _ = io.CopyN(io.Discard, conn, int64(len("zPING\x00")))
			_, _ = io.WriteString(conn, answer)
		}).Ping(t.Context())
		if good {
			assert.NoError(t, err, "%q", answer)
		} else {
			assert.ErrorIs(t, err, ErrAway, "%q", answer)
		}
	}
	c, err := New("unix://" + filepath.Join(t.TempDir(), "none"))
	require.NoError(t, err)
	assert.ErrorIs(t, c.Ping(t.Context()), ErrAway)
	_, err = c.Scan(t.Context(), strings.NewReader(""))
	assert.ErrorIs(t, err, ErrAway)
}

func TestCheckURL(t *testing.T) {
	for address, want := range map[string]string{
		"tcp://127.0.0.1:3310": "tcp 127.0.0.1:3310", "tcp://clamd": "tcp clamd:3310", "tcp://[::1]:1": "tcp [::1]:1", "unix:///run/clamav/clamd.ctl": "unix /run/clamav/clamd.ctl",
	} {
		c, err := New(address)
		require.NoError(t, err, address)
		assert.Equal(t, want, c.network+" "+c.address)
		assert.NoError(t, CheckURL(address))
	}
	for _, address := range []string{
		"", "clamd:3310", "127.0.0.1:3310", "tcp://", "tcp://:3310", "tcp://clamd:port", "tcp://clamd/path", "tcp://a:b@clamd", "tcp://clamd?x", "unix://run/clamd", "unix://", "unix:///", "unix:relative", "http://clamd", "/run/clamav/clamd.ctl",
	} {
		assert.Error(t, CheckURL(address), address)
	}
}

// TestClamAV asks the real daemon, over TCP and through a socket of Unix.
func TestClamAV(t *testing.T) {
	program := os.Getenv("KONTOR_TEST_CLAMD")
	if program == "" {
		t.Skip("KONTOR_TEST_CLAMD names no clamd")
	}
	const evil = "kontor-test-evil-bytes"
	dir, err := os.MkdirTemp("", "clamd") // the path of a socket may have only about 100 characters
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	port := freePort(t)
	for name, content := range map[string]string{
		"test.ndb": "Kontor.Test.Evil:0:*:" + hex.EncodeToString([]byte(evil)) + "\n",
		"clamd.conf": strings.Join([]string{
			"Foreground yes", "DatabaseDirectory " + dir, "TemporaryDirectory " + dir, "LocalSocket " + dir + "/socket", "TCPAddr 127.0.0.1", "TCPSocket " + port, "StreamMaxLength 2M", "AlertExceedsMax yes", "MaxFileSize 1M", "MaxThreads 2", "",
		}, "\n"),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	var said bytes.Buffer
	daemon := exec.Command(program, "--config-file="+filepath.Join(dir, "clamd.conf"))
	daemon.Stdout, daemon.Stderr = &said, &said
	require.NoError(t, daemon.Start())
	t.Cleanup(func() {
		_ = daemon.Process.Kill()
		_ = daemon.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	for _, address := range []string{"tcp://127.0.0.1:" + port, "unix://" + dir + "/socket"} {
		c, err := New(address)
		require.NoError(t, err)
		await.True(t, "the scanner answers", func() bool { return c.Ping(t.Context()) == nil })
		half := bytes.Repeat([]byte("kontor"), 20_000)
		for name, s := range map[string]struct {
			file io.Reader
			want Verdict
		}{
			"empty":                              {strings.NewReader(""), Verdict{Finding: Clean}},
			"clean":                              {strings.NewReader("nothing to see"), Verdict{Finding: Clean}},
			"evil":                               {strings.NewReader("x" + evil), Verdict{Infected, "Kontor.Test.Evil.UNOFFICIAL"}},
			"evil in between":                    {io.MultiReader(bytes.NewReader(half), strings.NewReader(evil), bytes.NewReader(half)), Verdict{Infected, "Kontor.Test.Evil.UNOFFICIAL"}},
			"too large a file for the scanner":   {io.LimitReader(zeroes{}, 1<<20+1000), Verdict{Finding: TooLarge}},
			"too large a stream":                 {io.LimitReader(zeroes{}, 2<<20+1), Verdict{Finding: TooLarge}},
			"much too large a stream, many MiB":  {io.LimitReader(zeroes{}, 200<<20), Verdict{Finding: TooLarge}},
			"a stream of exactly the file limit": {io.LimitReader(zeroes{}, 1<<20), Verdict{Finding: Clean}},
		} {
			got, err := c.Scan(t.Context(), s.file)
			require.NoError(t, err, "%s %s", address, name)
			assert.Equal(t, s.want, got, "%s %s", address, name)
		}
	}
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}
