package document

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/blob"
	"kontor/app/fault"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

// guard is a scanner that finds what has "evil" in it.
type guard struct {
	away bool
	busy bool // it has no time for new documents
}

func (g *guard) Scan(ctx context.Context, all io.Reader) (blob.Verdict, error) {
	data, err := io.ReadAll(all)
	switch {
	case g.busy:
		<-ctx.Done()
		return blob.Verdict{}, ctx.Err()
	case g.away || err != nil:
		return blob.Verdict{}, errors.Join(errors.New("away"), err)
	case strings.Contains(string(data), "evil"):
		return blob.Verdict{Scan: blob.ScanInfected, Signature: "Kontor.Test"}, nil
	}
	return blob.Verdict{Scan: blob.ScanClean}, nil
}

func guarded(t *testing.T, test func(t *testing.T, w *world, g *guard)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		g := &guard{}
		test(t, guardedWorld(t, db, g), g)
	})
}

// TestInfected: an infected answer is rejected by Kontor, so that the end user is asked again. Nobody gets it, accepts it, makes it
// count again or sends it once more.
func TestInfected(t *testing.T) {
	guarded(t, func(t *testing.T, w *world, _ *guard) {
		w.build(taxes())
		id := w.named("Payslip").ID
		a := w.uploaded(w.eva, id, "slip.txt", "this is evil")
		assert.True(t, a.Infected)
		e := w.named("Payslip")
		assert.Equal(t, Rejected, e.State)
		assert.True(t, e.Infected())
		assert.Equal(t, Progress{Asked: 3}, w.progress())
		assert.Equal(t, Progress{Asked: 3}, w.tree(w.eva).Progress)
		for _, c := range []account.Caller{w.anna, w.ben, w.eva} {
			_, err := w.content(c, id, 0)
			w.Want(c.Name, err, blob.ErrInfected)
			_, err = w.content(c, id, 1)
			w.Want(c.Name, err, blob.ErrInfected)
			assert.False(t, w.tree(c).MayReview(e))
		}
		_, err := w.Accept(w.Ctx, w.anna, id, 1)
		w.Want("accepted", err, blob.ErrInfected)
		_, err = w.upload(w.emil, id, "again.txt", "this is evil")
		requireSame(t, err, fault.At("file", "upload.infected"), "the same again")

		clean := w.uploaded(w.eva, id, "slip.txt", "this is good")
		assert.False(t, clean.Infected)
		assert.Equal(t, Progress{Asked: 3, Answered: 1, ToReview: 1}, w.progress())
		_, err = w.RestoreVersion(w.Ctx, w.anna, id, 1)
		w.Want("restored", err, blob.ErrInfected)
		text, err := w.content(w.ben, id, 0)
		w.Must(err)
		assert.Equal(t, "this is good", text)
		assert.Equal(t, []string{
			"Eva Ende document.uploaded Payslip", "Kontor document.infected Payslip", "Eva Ende document.replaced Payslip",
		}, w.logged())
		page, err := w.Audit.Page(w.Ctx, audit.Filter{Transaction: w.of.ID})
		w.Must(err)
		assert.Equal(t, audit.Changes{"file": {"", "slip.txt"}, "signature": {"", "Kontor.Test"}}, page.Entries[1].Changes())
	})
}

// TestInfectedLater: what was given out unscanned while the scanner was away, and accepted, is asked for again once it is found
// infected, wherever it was given: in the trash, in another transaction, as an earlier version.
func TestInfectedLater(t *testing.T) {
	guarded(t, func(t *testing.T, w *world, g *guard) {
		g.away = true
		w.build(taxes())
		slip, rent := w.named("Payslip").ID, w.named("Rent").ID
		w.uploaded(w.eva, slip, "slip.txt", "evil")
		w.uploaded(w.eva, rent, "rent.txt", "evil")
		w.uploaded(w.eva, rent, "rent.txt", "good")
		file := w.uploaded(w.anna, w.named("Income").ID, "letter.txt", "evil").Element.ID
		text, err := w.content(w.ben, slip, 0)
		w.Must(err)
		assert.Equal(t, "evil", text)
		assert.Equal(t, blob.ScanAway, w.named("Payslip").Latest.Scan, "and says that it was not scanned")
		_, err = w.Accept(w.Ctx, w.ben, slip, 1)
		w.Must(err)
		first := w.of
		another := w.transaction("Another")
		w.of = another
		w.build(taxes())
		other := w.named("Payslip").ID
		w.uploaded(w.anna, other, "slip.txt", "evil")
		w.of = first
		assert.Equal(t, Progress{Asked: 3, Answered: 1, ToReview: 1}, w.progress())

		g.away = false
		w.Tick(time.Hour)
		w.Must(w.blobs.Scan(w.Ctx))
		assert.Equal(t, Rejected, w.named("Payslip").State)
		assert.Equal(t, Answered, w.named("Rent").State, "an earlier version is no answer")
		assert.Equal(t, Progress{Asked: 3, ToReview: 1}, w.progress())
		_, err = w.content(w.ben, rent, 1)
		w.Want("earlier version", err, blob.ErrInfected)
		_, err = w.content(w.ben, rent, 2)
		w.Must(err)
		_, err = w.content(w.ben, file, 0)
		w.Want("document", err, blob.ErrInfected)
		found := 0
		for _, line := range w.logged() {
			if strings.HasPrefix(line, "Kontor document.infected") {
				found++
			}
		}
		assert.Equal(t, 3, found)
		w.of, err = w.Transactions.Get(w.Ctx, w.anna, another.ID)
		w.Must(err)
		assert.Equal(t, Progress{Asked: 3}, w.progress())
	})
}

// TestWaiting: what is not scanned yet is not given out, and it is when that is done.
func TestWaiting(t *testing.T) {
	w := guardedWorld(t, storetest.SQLite(t), &guard{busy: true})
	w.build(taxes())
	id := w.named("Payslip").ID
	w.uploaded(w.eva, id, "slip.txt", "good")
	e := w.named("Payslip")
	assert.Equal(t, blob.ScanWaiting, e.Latest.Scan)
	assert.False(t, e.Latest.Given())
	assert.Equal(t, Answered, e.State)
	_, err := w.content(w.anna, id, 0)
	require.ErrorIs(t, err, blob.ErrWaiting)
}
