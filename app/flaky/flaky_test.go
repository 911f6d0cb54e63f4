package flaky

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// server counts the bytes of each body that it gets, whole or not, and answers with as many.
func server(t *testing.T) (address string, sizes chan int64) {
	sizes = make(chan int64, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		sizes <- n
		_, _ = w.Write(make([]byte, n))
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), sizes
}

func send(address string, size int) (int64, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Post("http://"+address, "text/plain", bytes.NewReader(make([]byte, size)))
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	return io.Copy(io.Discard, answer.Body)
}

func TestGoodLine(t *testing.T) {
	target, sizes := server(t)
	p := Start(t, target, Line{})
	for _, size := range []int{0, 1, 1 << 20} {
		n, err := send(p.Address(), size)
		require.NoError(t, err)
		assert.Equal(t, int64(size), n)
		assert.Equal(t, int64(size), <-sizes)
	}
	assert.Zero(t, p.Broken())
}

func TestSlowLine(t *testing.T) {
	target, _ := server(t)
	p := Start(t, target, Line{Rate: 400_000})
	began := time.Now()
	n, err := send(p.Address(), 100_000)
	require.NoError(t, err)
	assert.Equal(t, int64(100_000), n)
	assert.Greater(t, time.Since(began), 400*time.Millisecond, "there and back")
}

// TestBreakingLine: the same seed breaks at the same bytes, and after so many breaks the line holds.
func TestBreakingLine(t *testing.T) {
	breaks := func(seed uint64) (after []int64) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { _ = l.Close() }()
		p := Start(t, l.Addr().String(), Line{CutFrom: 1000, CutTo: 100_000, Cuts: 3, Seed: seed})
		for range 4 {
			near, err := net.Dial("tcp", p.Address())
			require.NoError(t, err)
			go func() {
				_, _ = near.Write(make([]byte, 200_000))
				_ = near.(*net.TCPConn).CloseWrite()
			}()
			far, err := l.Accept()
			require.NoError(t, err)
			n, _ := io.Copy(io.Discard, far)
			after = append(after, n)
			_ = far.Close()
			_, _ = io.Copy(io.Discard, near)
			_ = near.Close()
		}
		assert.Equal(t, 3, p.Broken())
		return after
	}
	first := breaks(7)
	assert.Equal(t, first, breaks(7))
	assert.NotEqual(t, first, breaks(8))
	assert.Equal(t, int64(200_000), first[3])
}

// TestBreakingUploads: a client notices that the line broke, and gets through once it holds.
func TestBreakingUploads(t *testing.T) {
	target, sizes := server(t)
	p := Start(t, target, Line{CutFrom: 10_000, CutTo: 200_000, Cuts: 3, Seed: 7})
	for i := range 4 {
		n, err := send(p.Address(), 1<<20)
		if i < 3 {
			assert.Error(t, err)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, int64(1<<20), n)
	}
	assert.Equal(t, 3, p.Broken())
	for range 3 {
		n := <-sizes
		assert.Less(t, n, int64(200_000))
	}
}

func TestNobodyBehindTheLine(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = send(Start(t, l.Addr().String(), Line{}).Address(), 1)
	assert.Error(t, err)
}
