package store_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
)

// logged holds what was logged.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// await waits until a text was logged.
func (l *logged) await(t *testing.T, text string) {
	t.Helper()
	require.True(t, await.Within(time.Minute, func() bool { return strings.Contains(l.String(), text) }), "%q was not logged:\n%s", text, l)
}

// lines fails the test unless the given number of lines was logged.
func (l *logged) lines(t *testing.T, want int) {
	t.Helper()
	assert.Equal(t, want, strings.Count(l.String(), "\n"), "lines were logged, want :\n%s", l)
}
