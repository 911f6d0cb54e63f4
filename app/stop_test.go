package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/config"
	"kontor/app/effort"
	"kontor/app/store/storetest"
	"kontor/app/wire"
)

// soon is how long a stop may take on a machine that is busy with other tests. Nothing that runs is waited for in them;
// what a stop would wait for by mistake takes ten seconds or more.
const soon = 20 * time.Second

// ends waits for what was told to stop.
func ends[T any](t *testing.T, what string, done <-chan T) (v T) {
	t.Helper()
	begin := time.Now()
	select {
	case v = <-done:
	case <-time.After(soon):
		t.Fatalf("%s: still there after %s", what, soon)
	}
	if took := time.Since(begin); took > time.Second {
		t.Logf("%s: %s", what, took.Round(time.Millisecond))
	}
	return v
}

// TestStopAtAnyMoment stops the whole program during its start, when it begins to serve, and with connections on which no
// data have arrived.
func TestStopAtAnyMoment(t *testing.T) {
	t.Parallel()
	load := func(t *testing.T, dir string) config.Config {
		t.Helper()
		env := map[string]string{"LISTEN": "127.0.0.1:0", "DATA_DIR": dir, "LOG": "error"}
		c, _, err := config.Load(nil, func(k string) string { return env[k] }, wire.Checks())
		require.NoError(t, err)
		return c
	}
	run := func(t *testing.T, app *App, ctx context.Context) <-chan error {
		t.Helper()
		done := make(chan error, 1)
		go func() { done <- app.Run(ctx) }()
		return done
	}
	start := func(t *testing.T) *App {
		t.Helper()
		app, err := Start(context.Background(), load(t, t.TempDir()), &bytes.Buffer{}, logWriter{t})
		require.NoError(t, err)
		return app
	}
	t.Run("before it serves", func(t *testing.T) {
		for range effort.Of(5, 2) {
			ctx, stop := context.WithCancel(context.Background())
			stop()
			assert.NoError(t, ends(t, "a program stopped before it ran", run(t, start(t), ctx)))
		}
	})
	t.Run("as it begins to serve", func(t *testing.T) {
		for i := range effort.Of(10, 4) {
			ctx, stop := context.WithCancel(context.Background())
			done := run(t, start(t), ctx)
			time.AfterFunc(time.Duration(i)*200*time.Microsecond, stop)
			assert.NoError(t, ends(t, "a program stopped as it began", done))
		}
	})
	t.Run("with unused connections", func(t *testing.T) {
		ctx, stop := context.WithCancel(context.Background())
		app := start(t)
		done := run(t, app, ctx)
		for range 3 {
			conn, err := net.Dial("tcp", app.Address.String())
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
		}
		// The connections before it are accepted.
		res, err := http.Get(app.URL + "/healthz")
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		stop()
		assert.NoError(t, ends(t, "a program with unused connections", done))
	})
	t.Run("while it starts", func(t *testing.T) {
		for i := range effort.Of(10, 4) {
			ctx, stop := context.WithCancel(context.Background())
			time.AfterFunc(time.Duration(i)*15*time.Millisecond, stop)
			dir, err := os.MkdirTemp("", "kontor-stop") // a start that was abandoned may still write to it
			require.NoError(t, err)
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			c := load(t, dir)
			done := make(chan error, 1)
			go func() {
				app, started, err := wire.Begin(ctx, func(ctx context.Context) (*App, error) {
					return Start(ctx, c, io.Discard, io.Discard)
				})
				if started {
					err = app.Run(ctx)
				}
				done <- err
			}()
			assert.NoError(t, ends(t, "a program stopped while it started", done))
			stop()
		}
	})
	t.Run("a start that does not notice", func(t *testing.T) {
		ctx, stop := context.WithCancel(context.Background())
		never := make(chan struct{})
		defer close(never)
		done := make(chan error, 1)
		go func() {
			_, _, err := wire.Begin(ctx, func(context.Context) (*App, error) { <-never; return &App{}, nil })
			done <- err
		}()
		stop()
		assert.NoError(t, ends(t, "a start that hangs", done))
	})
}

// stops launches a program again and again and sends it a signal after another time each. It must end soon, and with
// code 0; before it listens to signals the signal itself ends it.
func stops(t *testing.T, times int, settings func() map[string]string, program string, args ...string) {
	t.Helper()
	signals := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	var longest time.Duration
	for i := range effort.Of(times, max(2, times/4)) {
		out := &output{}
		p := launch(t, out, settings(), program, args...)
		wait := time.Duration(random.Int64N(int64(700 * time.Millisecond)))
		time.Sleep(wait) // the test tries different moments
		signal := signals[i%2]
		begin := time.Now()
		require.NoError(t, p.cmd.Process.Signal(signal), "%s after %s (seed %d): \n%s", signal, wait, seed, out)
		what := fmt.Sprintf("%s, %s after %s (seed %d)", p.name, signal, wait, seed)
		ends(t, what, p.done)
		longest = max(longest, time.Since(begin))
		status, _ := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
		assert.False(t, !status.Signaled() && status.ExitStatus() != 0, "%s ended with %s", what, p.cmd.ProcessState)
		assert.False(t, status.Signaled() && (status.Signal() != signal || out.String() != ""), "%s ended with %s:\n%s", what, p.cmd.ProcessState, out)
		assert.NotContains(t, out.String(), "level=ERROR", "%s complains", what)
	}
	t.Logf("%s: the longest of %d stops took %s", program, times, longest.Round(time.Millisecond))
}

// TestProcessStops stops the programs as they are shipped at random moments, embedded and with PostgreSQL and Redis.
func TestProcessStops(t *testing.T) {
	t.Parallel()
	built := build(t)
	t.Run("embedded", func(t *testing.T) {
		fresh := func() map[string]string { return map[string]string{"LISTEN": "127.0.0.1:0", "DATA_DIR": t.TempDir()} }
		stops(t, 20, fresh, built.app, "--demo")
		kept := fresh()
		stops(t, 10, func() map[string]string { return kept }, built.app)
	})
	t.Run("production", func(t *testing.T) {
		settings := map[string]string{
			"LISTEN": "127.0.0.1:0", "BASE_URL": "http://kontor.example", "DATABASE_URL": storetest.PostgresURL(t), "REDIS_URL": redisURL(t),
			"SECRET_KEY": productionKey, "DRAIN": "0", "MAILBOX": "on", "ADMIN_EMAIL": "admin@kontor.local", "ADMIN_PASSWORD": goodPassword,
		}
		same := func() map[string]string { return settings }
		silent := maps.Clone(settings)
		silent["REDIS_URL"], silent["WORKER"] = "redis://"+silentAddress(t), "embedded"
		stops(t, 4, same, built.worker) // waits for the schema
		stops(t, 12, same, built.app)
		stops(t, 10, same, built.worker)
		stops(t, 4, func() map[string]string { return silent }, built.app)
		silent["WORKER"] = ""
		stops(t, 4, func() map[string]string { return silent }, built.worker)
	})
}

// silentAddress takes connections and says nothing, as a server does whose machine hangs.
func silentAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0") // the system accepts connections, and no program answers
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String()
}

// TestDrain: after SIGTERM a process in production reports for the time DRAIN that it is not ready. It still answers
// meanwhile, and each answer closes its connection. After SIGINT it does not wait, and a second signal ends the waiting.
// DRAIN is longer here than the test waits.
func TestDrain(t *testing.T) {
	built := build(t)
	for _, c := range []struct {
		drain  string
		signal syscall.Signal
		drains bool
	}{
		{"5m", syscall.SIGTERM, true}, {"5m", syscall.SIGINT, false}, {"", syscall.SIGTERM, false},
	} {
		at := freeAddress(t)
		base := "http://" + at
		out := &output{}
		p := launch(t, out, map[string]string{"LISTEN": at, "DATA_DIR": t.TempDir(), "DRAIN": c.drain}, built.app)
		p.answers(base)
		assert.False(t, answerOf(t, base+"/login").Close, "a process that does not drain closes connections")
		require.NoError(t, p.cmd.Process.Signal(c.signal))
		if !c.drains {
			ends(t, c.signal.String(), p.done)
			continue
		}
		await.True(t, "not to be ready", func() bool { return answerOf(t, base+"/readyz").StatusCode == http.StatusServiceUnavailable })
		for path, status := range map[string]int{"/readyz": http.StatusServiceUnavailable, "/healthz": http.StatusOK, "/login": http.StatusOK, "/nothing": http.StatusNotFound} {
			res := answerOf(t, base+path)
			assert.Equal(t, status, res.StatusCode, "%s while draining: the connection closed", path)
			assert.True(t, res.Close, "%s while draining: the connection closed: %v", path, res.Close)
		}
		// A second signal ends the process at once.
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGINT))
		ends(t, "a second signal", p.done)
	}
}

func answerOf(t *testing.T, address string) *http.Response {
	t.Helper()
	res, err := http.Get(address)
	require.NoError(t, err)
	_ = res.Body.Close()
	return res
}
