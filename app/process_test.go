package main

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/courier/couriertest"
)

// programs are the two commands, built as they are shipped.
type programs struct{ app, worker string }

// build builds them, once for all tests.
func build(tb testing.TB) programs {
	tb.Helper()
	p, err := buildOnce()
	require.NoError(tb, err)
	return p
}

var buildOnce = sync.OnceValues(func() (programs, error) {
	dir, err := os.MkdirTemp("", "kontor-built")
	if err != nil {
		return programs{}, err
	}
	atExit = append(atExit, func() { _ = os.RemoveAll(dir) })
	out, err := exec.Command("go", "build", "-o", dir+string(filepath.Separator), ".", "../worker").CombinedOutput()
	if err != nil {
		return programs{}, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return programs{app: filepath.Join(dir, "app"), worker: filepath.Join(dir, "worker")}, nil
})

// process is a program that runs on its own and can be killed.
type process struct {
	tb   testing.TB
	cmd  *exec.Cmd
	name string
	out  *output
	done chan struct{} // closed when it has ended
}

// launch starts a program with these settings and nothing else in its environment. It ends with the test.
func launch(tb testing.TB, out *output, settings map[string]string, name string, args ...string) *process {
	tb.Helper()
	return start(tb, exec.Command(name, args...), out, settings)
}

// start is launch for a command that needs more than arguments.
func start(tb testing.TB, cmd *exec.Cmd, out *output, settings map[string]string) *process {
	tb.Helper()
	p := &process{tb: tb, cmd: cmd, name: filepath.Base(cmd.Path), out: out, done: make(chan struct{})}
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	for k, v := range settings {
		p.cmd.Env = append(p.cmd.Env, k+"="+v)
	}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	require.NoError(tb, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // ProcessState has the exit code
		close(p.done)
	}()
	tb.Cleanup(p.kill)
	return p
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// terminate asks the process to end, and fails the test unless it does so with exit code 0.
func (p *process) terminate() {
	p.tb.Helper()
	if !assert.NoError(p.tb, p.cmd.Process.Signal(syscall.SIGTERM), p.name) {
		return
	}
	select {
	case <-p.done:
	case <-time.After(40 * time.Second):
		p.tb.Fatalf("%s did not end on SIGTERM:\n%s", p.name, p.out)
	}
	assert.Equal(p.tb, 0, p.cmd.ProcessState.ExitCode(), "%s ended with %s on SIGTERM:\n%s", p.name, p.cmd.ProcessState, p.out)
}

// answers waits until the process at base is ready for people.
func (p *process) answers(base string) {
	p.tb.Helper()
	await.True(p.tb, base+" to be ready", func() bool {
		select {
		case <-p.done:
			p.tb.Fatalf("%s ended with %s:\n%s", p.name, p.cmd.ProcessState, p.out)
		default:
		}
		res, err := http.Get(base + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// output is what processes print.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// freeAddress is an address on loopback that nobody listens on.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// plainPart is the text of a mail as it came over the wire.
func plainPart(tb testing.TB, mail couriertest.Received) string {
	tb.Helper()
	m := mail.Message(tb)
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	require.NoError(tb, err)
	part, err := multipart.NewReader(m.Body, params["boundary"]).NextRawPart()
	require.NoError(tb, err)
	text, err := io.ReadAll(quotedprintable.NewReader(part))
	require.NoError(tb, err)
	return string(text)
}

// cookie is the value of a cookie that this browser has.
func (s *someone) cookie(name string) string {
	s.t.Helper()
	at, err := url.Parse(s.base)
	require.NoError(s.t, err)
	for _, c := range s.client.Jar.Cookies(at) {
		if c.Name == name {
			return c.Value
		}
	}
	s.t.Fatalf("no cookie %s", name)
	return ""
}
