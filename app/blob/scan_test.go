package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/store/storetest"
)

// guard is a scanner that finds what begins with "evil" and looks at most at 3 MB.
type guard struct {
	mu     sync.Mutex
	away   bool
	asked  int      // how often it was asked
	inside func()   // what happens while it looks
	says   *Verdict // what it says of everything; nil: what it finds
	seen   []int    // sizes of what it has seen to its end
}

func (g *guard) Scan(ctx context.Context, all io.Reader) (Verdict, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked++
	if g.away {
		return Verdict{}, errors.New("nobody answers")
	}
	data, err := io.ReadAll(all)
	if err != nil {
		return Verdict{}, err
	}
	if g.inside != nil {
		g.inside()
	}
	if err := ctx.Err(); err != nil {
		return Verdict{}, err
	}
	g.seen = append(g.seen, len(data))
	switch {
	case g.says != nil:
		return *g.says, nil
	case bytes.HasPrefix(data, []byte("evil")):
		return Verdict{ScanInfected, "Kontor.Test"}, nil
	case len(data) > 3_000_000:
		return Verdict{Scan: ScanTooLarge}, nil
	}
	return Verdict{Scan: ScanClean}, nil
}

// guarded is a world with a scanner.
func guarded(t *testing.T, test func(t *testing.T, w *world, g *guard)) {
	t.Helper()
	each(t, func(t *testing.T, w *world) {
		g := &guard{}
		w.scanner = g
		test(t, w, g)
	})
}

func (w *world) sent(data []byte) Blob {
	w.Helper()
	b, err := w.send(id(), data, PartSize)
	require.NoError(w, err)
	return b
}

// stateOf is what is known of a blob.
func (w *world) stateOf(b Blob) Scan {
	w.Helper()
	now, err := w.Blob(w.Context(), w.db, b.ID)
	require.NoError(w, err)
	return now.Scan
}

// TestScan: what a scanner says of new bytes is known with the answer to their upload, and decides who gets them.
func TestScan(t *testing.T) {
	guarded(t, func(t *testing.T, w *world, g *guard) {
		var told []string
		w.OnInfected(func(_ context.Context, _ bun.Tx, b Blob) error {
			told = append(told, b.Signature)
			return nil
		})
		for _, c := range []struct {
			name  string
			data  []byte
			away  bool
			want  Scan
			given error
		}{
			{"clean", bytesOf(1, 2_000_000), false, ScanClean, nil},
			{"infected", []byte("evil"), false, ScanInfected, ErrInfected},
			{"too large for the scanner", bytesOf(2, 3_100_000), false, ScanTooLarge, nil},
			{"away", []byte("a"), true, ScanAway, nil},
			{"not scanned with its upload", bytesOf(3, soonSize+1), false, ScanWaiting, ErrWaiting},
		} {
			g.away = c.away
			b := w.sent(c.data)
			assert.Equal(t, c.want, b.Scan, c.name)
			_, err := w.Open(t.Context(), b)
			require.ErrorIs(t, err, c.given, c.name)
			if c.given == nil {
				assert.True(t, bytes.Equal(c.data, w.read(b)), c.name)
			}
		}
		assert.Equal(t, []string{"Kontor.Test"}, told)
		assert.Equal(t, []int{2_000_000, 4, 3_100_000}, g.seen)
	})
}

// TestScanNothingUnknownIsClean: what a scanner says in words of its own is not taken for a finding.
func TestScanNothingUnknownIsClean(t *testing.T) {
	guarded(t, func(t *testing.T, w *world, g *guard) {
		for _, says := range []Verdict{{}, {Scan: ScanOff}, {Scan: "fine"}, {Scan: ScanWaiting}} {
			g.says = &says
			assert.Equal(t, ScanAway, w.sent(bytesOf(uint64(g.asked), 10)).Scan)
		}
	})
}

// TestScanAway: while the scanner is away, for a day, nothing is lost and it is asked ever more seldom; when it is back all is
// scanned.
func TestScanAway(t *testing.T) {
	guarded(t, func(t *testing.T, w *world, g *guard) {
		g.away = true
		good, bad := w.sent([]byte("good")), w.sent([]byte("evil"))
		var many []Blob
		for i := range 5 {
			many = append(many, w.sent(bytesOf(uint64(i), 100)))
		}
		before := g.asked
		for range 24 * 60 {
			w.at = w.at.Add(time.Minute)
			require.NoError(t, w.Scan(t.Context()))
			require.Equal(t, ScanAway, w.stateOf(good))
		}
		tries := g.asked - before
		assert.Greater(t, tries, 24*4, "it is tried again for ever")
		assert.Less(t, tries, 24*4*patience+20, "and not much more often than every 15 minutes")
		assert.Equal(t, []byte("good"), w.read(good), "it is given out meanwhile")
		g.away = false
		w.at = w.at.Add(maxWait)
		require.NoError(t, w.Scan(t.Context()))
		assert.Equal(t, ScanClean, w.stateOf(good))
		assert.Equal(t, ScanInfected, w.stateOf(bad))
		for _, b := range many {
			assert.Equal(t, ScanClean, w.stateOf(b))
		}
		seen := g.asked
		w.at = w.at.Add(24 * time.Hour)
		require.NoError(t, w.Scan(t.Context()))
		assert.Equal(t, seen, g.asked, "what is known is not asked again")
	})
}

// TestScanOnce: several processes scan each blob once, and equal bytes keep what is known of them.
func TestScanOnce(t *testing.T) {
	guarded(t, func(t *testing.T, w *world, g *guard) {
		w.scanner = nil
		owner := id()
		for i := range 12 {
			_, err := w.send(owner, bytesOf(uint64(i), 1000+i), PartSize)
			require.NoError(t, err)
		}
		w.scanner = g
		var all sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			all.Go(func() { errs[i] = w.Scan(t.Context()) })
		}
		all.Wait()
		require.NoError(t, errors.Join(errs...))
		assert.Len(t, g.seen, 12)
		n, err := w.db.NewSelect().Table("blob").Where(`scan = ?`, ScanClean).Where(`scan_at IS NULL`).Count(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 12, n)
		again, err := w.send(owner, bytesOf(3, 1003), PartSize)
		require.NoError(t, err)
		assert.Equal(t, ScanClean, again.Scan)
		assert.Equal(t, 12, g.asked)
		w.says(g, owner)
	})
}

// says: infected bytes that come again are infected at once.
func (w *world) says(g *guard, owner uuid.UUID) {
	w.Helper()
	for range 2 {
		b, err := w.send(owner, []byte("evil again"), PartSize)
		require.NoError(w, err)
		assert.Equal(w, ScanInfected, b.Scan)
	}
	assert.Equal(w, 13, g.asked)
}

// TestScanKilled: a process that is killed between the scan and its record leaves the blob to another one, after the time that a
// scan may take; what the first one says then is not taken any more.
func TestScanKilled(t *testing.T) {
	guarded(t, func(t *testing.T, w *world, g *guard) {
		w.scanner = nil
		b := w.sent([]byte("good"))
		w.scanner = g
		claimed, err := w.nextScan(t.Context(), true)
		require.NoError(t, err)
		require.NotNil(t, claimed)
		require.NoError(t, w.Scan(t.Context()))
		assert.Equal(t, ScanWaiting, w.stateOf(b), "it is another one's")
		assert.Zero(t, g.asked)
		w.at = w.at.Add(scanTime(b.Size))
		require.NoError(t, w.Scan(t.Context()))
		assert.Equal(t, ScanClean, w.stateOf(b))
		g.says = &Verdict{Scan: ScanInfected}
		_, err = w.scan(t.Context(), *claimed)
		require.NoError(t, err)
		assert.Equal(t, ScanClean, w.stateOf(b), "too late")
	})
}

// TestScanStopped: a process that is asked to stop gives back what it scans; bytes whose store is away keep waiting.
func TestScanStopped(t *testing.T) {
	guarded(t, func(t *testing.T, w *world, g *guard) {
		w.scanner = nil
		b := w.sent([]byte("good"))
		w.scanner = g
		ctx, stop := context.WithCancel(t.Context())
		g.inside = stop
		require.Error(t, w.Scan(ctx))
		assert.Equal(t, ScanWaiting, w.stateOf(b))
		g.inside = nil
		w.store.left = 0
		require.NoError(t, w.Scan(t.Context()))
		assert.Equal(t, ScanWaiting, w.stateOf(b), "the store is away, not the scanner")
		w.store.left = -1
		w.at = w.at.Add(minWait)
		require.NoError(t, w.Scan(t.Context()))
		assert.Equal(t, ScanClean, w.stateOf(b), "at once")
	})
}

// TestScanTurnedOnAndOff: without a scanner nothing is said; with one, what is there is scanned bit by bit, and without it again
// nobody waits for ever.
func TestScanTurnedOnAndOff(t *testing.T) {
	guarded(t, func(t *testing.T, w *world, g *guard) {
		w.scanner = nil
		first, second := w.sent([]byte("first")), w.sent([]byte("second"))
		assert.Equal(t, ScanOff, first.Scan)
		assert.NoError(t, first.Scan.Withheld())
		require.NoError(t, w.Scan(t.Context()))
		assert.Equal(t, ScanOff, w.stateOf(first))
		w.scanner = g
		g.away = true
		require.NoError(t, w.Scan(t.Context()))
		assert.Equal(t, ScanAway, w.stateOf(second))
		w.scanner = nil
		require.NoError(t, w.Scan(t.Context()))
		assert.Equal(t, ScanAway, w.stateOf(second), "it may be another process that is set up")
		w.at = w.at.Add(2 * maxWait)
		require.NoError(t, w.Scan(t.Context()))
		assert.Equal(t, ScanOff, w.stateOf(second))
		w.scanner = g
		g.away = false
		require.NoError(t, w.Scan(t.Context()))
		assert.Equal(t, ScanClean, w.stateOf(first))
		w.scanner = nil
		w.at = w.at.Add(24 * time.Hour)
		require.NoError(t, w.Scan(t.Context()))
		assert.Equal(t, ScanClean, w.stateOf(first), "what is known stays")
	})
}

// TestScanDestroyed: what belongs to a customer whose key is destroyed is scanned no more, also when that happens meanwhile.
func TestScanDestroyed(t *testing.T) {
	guarded(t, func(t *testing.T, w *world, g *guard) {
		w.scanner = nil
		gone, kept := w.sent([]byte("evil")), w.sent([]byte("good"))
		w.scanner = g
		require.NoError(t, w.db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return w.Destroy(ctx, tx, gone.OwnerID) }))
		require.NoError(t, w.Scan(t.Context()))
		assert.Equal(t, []int{4}, g.seen)
		assert.Equal(t, ScanClean, w.stateOf(kept))
		assert.NotEqual(t, ScanClean, w.stateOf(gone))
		w.at = w.at.Add(24 * time.Hour)
		require.NoError(t, w.Scan(t.Context()))
		assert.Equal(t, 1, g.asked)
	})
}

// TestScanTellsOnce: what is done for an infected blob is done in the tx that records it: if it fails, the blob is scanned again.
func TestScanTellsOnce(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	b := w.sent([]byte("evil"))
	w.scanner = &guard{}
	broken := errors.New("broken")
	told := 0
	w.OnInfected(func(context.Context, bun.Tx, Blob) error {
		told++
		return map[bool]error{true: broken}[told == 1]
	})
	require.ErrorIs(t, w.Scan(t.Context()), broken)
	assert.Equal(t, ScanWaiting, w.stateOf(b))
	w.at = w.at.Add(scanTime(b.Size))
	require.NoError(t, w.Scan(t.Context()))
	assert.Equal(t, ScanInfected, w.stateOf(b))
	assert.Equal(t, 2, told)
}
