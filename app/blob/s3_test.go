package blob

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestS3WithoutRegion: the server is asked for its region.
func TestS3WithoutRegion(t *testing.T) {
	_, server := newS3(t, func(h http.Handler) http.Handler { return h })
	s, err := OpenS3("s3://key:secret@" + server.Listener.Addr().String() + "/documents?tls=off")
	require.NoError(t, err)
	require.NoError(t, s.Put(t.Context(), "a/b", []byte("x")))
	assert.NoError(t, s.Ready(t.Context()))
	assert.Equal(t, []string{"a/b"}, names(t, s, "a"))
}

// newS3 starts a server behind what between makes of it.
func newS3(t *testing.T, between func(http.Handler) http.Handler) (*S3, *httptest.Server) {
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket("documents"))
	server := httptest.NewServer(between(gofakes3.New(backend).Server()))
	t.Cleanup(server.Close)
	s, err := OpenS3("s3://key:" + s3Secret + "@" + server.Listener.Addr().String() + "/documents?region=eu-central-1&tls=off&path=on")
	require.NoError(t, err)
	return s, server
}

// TestS3BadDays: what a server says when it can't, and what is made of it.
func TestS3BadDays(t *testing.T) {
	var answer atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool] // says whether it has answered
	s, server := newS3(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if a := answer.Load(); a == nil || !(*a)(w, r) {
				h.ServeHTTP(w, r)
			}
		})
	})
	require.NoError(t, s.Put(t.Context(), "a", []byte("0123456789")))
	refuse := func(status int, code string) {
		f := func(w http.ResponseWriter, r *http.Request) bool {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
			return true
		}
		answer.Store(&f)
	}
	for code, want := range map[string]error{
		"QuotaExceeded": ErrFull, "XMinioAdminBucketQuotaExceeded": ErrFull, "XMinioStorageFull": ErrFull,
	} {
		refuse(http.StatusForbidden, code)
		assert.ErrorIs(t, s.Put(t.Context(), "b", []byte("b")), want, code)
		assert.ErrorIs(t, s.Ready(t.Context()), want, code)
	}
	refuse(http.StatusInsufficientStorage, "Whatever")
	assert.ErrorIs(t, s.Put(t.Context(), "b", []byte("b")), ErrFull)
	for _, code := range []string{"AccessDenied", "NoSuchBucket", "SignatureDoesNotMatch"} {
		refuse(http.StatusForbidden, code)
		_, err := s.Get(t.Context(), "a", nil)
		require.Error(t, err)
		for _, err := range []error{
			err, s.Put(t.Context(), "a", nil), s.Delete(t.Context(), "a"), s.List(t.Context(), "", func(Object) error { return nil }), s.Ready(t.Context()),
		} {
			assert.Error(t, err, code)
			assert.NotErrorIs(t, err, ErrAbsent, code)
			assert.NotErrorIs(t, err, ErrFull, code)
			assert.NotContains(t, fmt.Sprint(err), s3Secret)
		}
	}
	// An answer that ends midway is no object.
	cut := func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet {
			return false
		}
		w.Header().Set("Content-Length", "10")
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		_, _ = w.Write([]byte("01234"))
		return true
	}
	answer.Store(&cut)
	got, err := s.Get(t.Context(), "a", []byte("into"))
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Equal(t, "into", string(got))
	// A fault that passes is tried again.
	var times atomic.Int32
	busy := func(w http.ResponseWriter, r *http.Request) bool {
		if times.Add(1) > 1 {
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	answer.Store(&busy)
	assert.NoError(t, s.Put(t.Context(), "b", []byte("b")))
	assert.Equal(t, int32(2), times.Load())
	// Bytes that changed on their way are refused.
	changed := func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			body, _ := io.ReadAll(r.Body)
			body[0] ^= 1
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		return false
	}
	answer.Store(&changed)
	assert.Error(t, s.Put(t.Context(), "c", []byte("c")))
	assert.Equal(t, []string{"a", "b"}, names(t, s, ""))
	// A server that hangs holds nobody longer than the context.
	hang := func(_ http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		return true
	}
	answer.Store(&hang)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, s.Put(ctx, "d", []byte("d")), context.DeadlineExceeded)
	assert.ErrorIs(t, s.List(ctx, "", func(Object) error { return nil }), context.DeadlineExceeded)
	// A server that is away.
	answer.Store(nil)
	server.CloseClientConnections()
	server.Close()
	_, err = s.Get(t.Context(), "a", nil)
	require.Error(t, err)
	assert.NotErrorIs(t, err, ErrAbsent)
	assert.NotContains(t, err.Error(), s3Secret)
}

// TestS3Stalls: a connection that moves no byte ends by itself.
func TestS3Stalls(t *testing.T) {
	near, far := net.Pipe()
	t.Cleanup(func() { _ = far.Close() })
	c := stallingConn{Conn: near, time: time.Millisecond}
	_, err := c.Read(make([]byte, 1))
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	_, err = c.Write([]byte("x"))
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
}
