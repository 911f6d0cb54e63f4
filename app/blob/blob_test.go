package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/secret"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

// world is a service with a store in memory and a taker that remembers what it took.
type world struct {
	*testing.T
	*Service
	store  *memory
	at     time.Time
	escrow *age.X25519Identity

	took    []string
	refuses error // what Take answers
	bad     error // what Inspect answers
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, newWorld(t, db)) })
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	key, err := secret.NewKey([]byte(strings.Repeat("k", 32)))
	require.NoError(t, err)
	escrow, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	w := &world{T: t, store: newMemory(), at: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC), escrow: escrow}
	w.Service = New(Options{
		DB: db, Now: func() time.Time { return w.at }, Key: key, Store: w.store, Log: slog.New(slog.DiscardHandler), Escrow: escrow.Recipient(),
	})
	return w
}

func (w *world) Inspect(_ context.Context, u Upload, all io.ReaderAt) (string, error) {
	first := make([]byte, 1)
	_, err := all.ReadAt(first, u.Size-1)
	if err == nil {
		err = w.bad
	}
	return "text/plain", err
}

func (w *world) Take(_ context.Context, _ bun.Tx, u Upload, b Blob, known bool) error {
	if w.refuses == nil {
		w.took = append(w.took, fmt.Sprint(u.Name, " ", b.Size, " ", known))
	}
	return w.refuses
}

func (w *world) begin(ownerID uuid.UUID, size int) (u Upload, err error) {
	w.Helper()
	err = w.db.InTx(w.Context(), func(ctx context.Context, tx bun.Tx) (err error) {
		u, err = w.Begin(ctx, tx, Announced{OwnerID: ownerID, SenderID: uuid.Must(uuid.NewV7()), Name: "a.txt", Target: "x", Size: int64(size)})
		return err
	})
	return u, err
}

// send stores bytes as one upload in parts of a size.
func (w *world) send(ownerID uuid.UUID, data []byte, partSize int) (Blob, error) {
	w.Helper()
	u, err := w.begin(ownerID, len(data))
	for chunk := range slices.Chunk(data, partSize) {
		if err == nil {
			u, err = w.Append(w.Context(), u, u.Received, chunk, w)
		}
	}
	if err != nil {
		return Blob{}, err
	}
	return w.Blob(w.Context(), w.db, u.Done)
}

func (w *world) read(b Blob) []byte {
	w.Helper()
	r, err := w.Open(w.Context(), b)
	require.NoError(w, err)
	section := r.Section(0, r.Size())
	all, err := io.ReadAll(section)
	require.NoError(w, err)
	require.NoError(w, section.Close())
	return all
}

func bytesOf(seed uint64, n int) []byte {
	data := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = r.Read(data)
	return data
}

func id() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// TestRoundTrip: what was sent is read, whatever the size, and the store has nothing of it in clear.
func TestRoundTrip(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		owner := id()
		for i, c := range []struct{ size, part int }{
			{1, PartSize}, {PartSize, PartSize}, {PartSize + 1, PartSize}, {3*PartSize + 17, PartSize}, {200_000, 70_001},
		} {
			data := bytesOf(uint64(i), c.size)
			copy(data, "Steuererklärung")
			b, err := w.send(owner, data, c.part)
			require.NoError(t, err)
			assert.EqualValues(t, c.size, b.Size)
			assert.Equal(t, "text/plain", b.Type)
			assert.True(t, bytes.Equal(data, w.read(b)), "%+v", c)
		}
		for name, object := range w.store.objects {
			assert.NotContains(t, string(object), "Steuererkl", name)
			assert.NotContains(t, name, owner.String())
		}
	})
}

// TestRanges: any section, and any place, are those of the bytes.
func TestRanges(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		random := rand.New(rand.NewPCG(1, 2))
		data := bytesOf(9, 2*PartSize+4321)
		b, err := w.send(id(), data, 300_007)
		require.NoError(t, err)
		r, err := w.Open(t.Context(), b)
		require.NoError(t, err)
		defer func() { _ = r.Close() }()
		for range 60 {
			from := random.IntN(len(data))
			n := random.IntN(len(data)-from) + 1
			got, err := io.ReadAll(r.Section(int64(from), int64(n)))
			require.NoError(t, err)
			require.True(t, bytes.Equal(data[from:from+n], got), "%d from %d", n, from)
			some := make([]byte, min(n, 1000))
			m, err := r.ReadAt(some, int64(from))
			require.NoError(t, err)
			require.Equal(t, data[from:from+m], some)
		}
		end := make([]byte, 10)
		n, err := r.ReadAt(end, int64(len(data)-3))
		assert.Equal(t, 3, n)
		assert.ErrorIs(t, err, io.EOF)
		got, err := io.ReadAll(r.Section(int64(len(data)-3), 100))
		require.NoError(t, err)
		assert.Equal(t, data[len(data)-3:], got, "a section beyond the end")
	})
}

// TestResume: an upload goes on where it stands; what comes twice, too early or too much is refused and changes nothing.
func TestResume(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		data := bytesOf(1, 1000)
		u, err := w.begin(id(), len(data))
		require.NoError(t, err)
		stale := u
		u, err = w.Append(t.Context(), u, 0, data[:400], w)
		require.NoError(t, err)
		for name, c := range map[string]struct {
			from Upload
			at   int64
			data []byte
			want error
		}{
			"the same part again":         {u, 0, data[:400], ErrOffset},
			"a part too early":            {u, 700, data[700:], ErrOffset},
			"by who has not heard of it":  {stale, 0, data[:400], ErrOffset},
			"other bytes, not up to date": {stale, 0, []byte("xyz"), ErrOffset},
			"more than announced":         {u, 400, make([]byte, 601), ErrTooMuch},
		} {
			_, err := w.Append(t.Context(), c.from, c.at, c.data, w)
			assert.ErrorIs(t, err, c.want, name)
		}
		again, err := w.Upload(t.Context(), u.ID)
		require.NoError(t, err)
		assert.EqualValues(t, 400, again.Received)
		done, err := w.Append(t.Context(), again, 400, data[400:], w)
		require.NoError(t, err)
		b, err := w.Blob(t.Context(), w.db, done.Done)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(data, w.read(b)))
		assert.Equal(t, []string{"a.txt 1000 false"}, w.took)
		done, err = w.Upload(t.Context(), u.ID)
		require.NoError(t, err)
		assert.EqualValues(t, 1000, done.Received, "who did not hear the answer learns that all is there")
		_, err = w.Append(t.Context(), done, 1000, []byte("x"), w)
		assert.ErrorIs(t, err, ErrOffset)
		w.at = w.at.Add(UploadLife)
		require.NoError(t, w.Sweep(t.Context()))
		_, err = w.Upload(t.Context(), u.ID)
		require.ErrorIs(t, err, ErrNotFound)
		assert.True(t, bytes.Equal(data, w.read(b)))
		assert.Len(t, w.store.objects, 3, "two parts and the key: what came with other bytes is gone")
	})
}

// TestRefused: what can't be stored is refused before its first byte, or leaves the upload as it was before the last part.
func TestRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.fileMax, w.quota = 1000, 1500
		owner := id()
		_, err := w.begin(owner, 0)
		require.ErrorIs(t, err, ErrEmpty)
		_, err = w.begin(owner, 1001)
		assert.Contains(t, fmt.Sprint(err), ErrTooLarge.Message)
		_, err = w.begin(owner, 1000)
		require.NoError(t, err)
		_, err = w.begin(owner, 501)
		assert.Contains(t, fmt.Sprint(err), ErrQuota.Message)
		_, err = w.begin(Firm, 900)
		require.NoError(t, err)
		_, err = w.begin(Firm, 900)
		require.NoError(t, err, "the firm has no quota")
		u, err := w.begin(id(), 10)
		require.NoError(t, err)
		no := errors.New("no")
		for _, refuse := range []*error{&w.bad, &w.refuses} {
			*refuse = no
			_, err = w.Append(t.Context(), u, 0, bytesOf(1, 10), w)
			require.ErrorIs(t, err, no)
			*refuse = nil
			now, err := w.Upload(t.Context(), u.ID)
			require.NoError(t, err)
			assert.Zero(t, now.Received)
			assert.Zero(t, now.Done)
		}
		u, err = w.Append(t.Context(), u, 0, bytesOf(1, 10), w)
		require.NoError(t, err)
		assert.NotZero(t, u.Done)
	})
}

// TestSmallParts: a sender can't make a list of parts of any length.
func TestSmallParts(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	u, err := w.begin(id(), 1000)
	require.NoError(t, err)
	for i := 0; err == nil && i < 1000; i++ {
		u, err = w.Append(t.Context(), u, u.Received, []byte{byte(i)}, w)
	}
	require.ErrorIs(t, err, ErrTooMuch)
	assert.LessOrEqual(t, u.Received, int64(spareParts+1))
}

// TestStoredOnce: equal bytes of one owner are stored once, those of two owners twice. They go with the last one that drops them.
func TestStoredOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		one, two := id(), id()
		data := bytesOf(1, 2000)
		first, err := w.send(one, data, 700)
		require.NoError(t, err)
		second, err := w.send(one, data, 2000)
		require.NoError(t, err)
		other, err := w.send(two, data, 2000)
		require.NoError(t, err)
		assert.Equal(t, first.ID, second.ID)
		assert.NotEqual(t, first.ID, other.ID)
		assert.Equal(t, []string{"a.txt 2000 false", "a.txt 2000 true", "a.txt 2000 false"}, w.took)
		assert.Len(t, w.store.objects, 3+1+2, "three parts, one, and two keys")
		require.NoError(t, w.db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return w.Drop(ctx, tx, first.ID) }))
		assert.Len(t, w.store.objects, 1+2)
		_, err = w.Blob(t.Context(), w.db, first.ID)
		require.ErrorIs(t, err, ErrGone)
		again, err := w.send(one, data, 2000)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(data, w.read(again)), "sent again")
		w.at = w.at.Add(UploadLife + Grace)
		require.NoError(t, w.Sweep(t.Context()))
		assert.True(t, bytes.Equal(data, w.read(again)), "after the sweep")
		assert.True(t, bytes.Equal(data, w.read(other)))
	})
}

// TestTampered: a part that is missing, changed, or exchanged for another one of the same owner is never given out.
func TestTampered(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		owner := id()
		data := bytesOf(1, 3*1000)
		b, err := w.send(owner, data, 1000)
		require.NoError(t, err)
		var parts []string
		for _, n := range w.store.names() {
			if !strings.HasSuffix(n, "key.age") {
				parts = append(parts, n)
			}
		}
		require.Len(t, parts, 3)
		reading := func() error {
			r, err := w.Open(t.Context(), b)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, r.Section(0, r.Size()))
			return err
		}
		require.NoError(t, reading())
		whole := w.store.objects[parts[0]]
		w.store.objects[parts[0]] = w.store.objects[parts[1]]
		require.ErrorIs(t, reading(), ErrGone, "exchanged")
		w.store.objects[parts[0]] = append(bytes.Clone(whole[:len(whole)-1]), whole[len(whole)-1]^1)
		require.ErrorIs(t, reading(), ErrGone, "changed")
		delete(w.store.objects, parts[0])
		require.ErrorIs(t, reading(), ErrGone, "missing")
	})
}

// TestDestroyed: when its key is destroyed nothing of an owner can be read, and all rows and objects go, whatever was under way.
func TestDestroyed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		owner, other := id(), id()
		b, err := w.send(owner, bytesOf(1, 3000), 1000)
		require.NoError(t, err)
		kept, err := w.send(other, bytesOf(1, 3000), 1000)
		require.NoError(t, err)
		u, err := w.begin(owner, 2000)
		require.NoError(t, err)
		u, err = w.Append(t.Context(), u, 0, bytesOf(2, 1000), w)
		require.NoError(t, err)
		sealed, err := w.Seal(t.Context(), w.db, owner, "element 1", "DE02120300000000202051")
		require.NoError(t, err)
		texts, err := w.Texts(t.Context(), w.db, owner)
		require.NoError(t, err)
		said, err := texts.Open("element 1", sealed)
		require.NoError(t, err)
		assert.Equal(t, "DE02120300000000202051", said)
		_, err = texts.Open("element 2", sealed)
		require.ErrorIs(t, err, ErrGone, "another place")
		late, err := w.owner(t.Context(), w.db, owner) // a request that began before
		require.NoError(t, err)

		require.NoError(t, w.db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return w.Destroy(ctx, tx, owner) }))
		_, err = w.Open(t.Context(), b)
		require.ErrorIs(t, err, ErrGone)
		_, err = w.Append(t.Context(), u, 1000, bytesOf(3, 1000), w)
		require.ErrorIs(t, err, ErrGone)
		_, err = w.Texts(t.Context(), w.db, owner)
		require.ErrorIs(t, err, ErrGone)
		_, err = w.put(t.Context(), late, u, bytesOf(3, 1000))
		require.NoError(t, err)
		for gone := int64(1); gone > 0; {
			require.NoError(t, w.db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) (err error) {
				gone, err = w.Erase(ctx, tx, owner, 1)
				return err
			}))
		}
		w.at = w.at.Add(Grace)
		require.NoError(t, w.Sweep(t.Context()))
		for _, table := range []string{"blob_key", "blob", "upload"} {
			n, err := w.db.NewSelect().Table(table).Where(`owner_id = ?`, owner).Count(t.Context())
			require.NoError(t, err)
			assert.Zero(t, n, table)
		}
		n, err := w.db.NewSelect().Table("blob_garbage").Count(t.Context())
		require.NoError(t, err)
		assert.Zero(t, n)
		assert.Len(t, w.store.objects, 3+1, "what the other owner has")
		assert.Len(t, w.read(kept), 3000)
	})
}

// TestDestroyedMeanwhile: uploads of an owner whose key was destroyed don't keep a sweep from the others, however many there are.
func TestDestroyedMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		gone, other := id(), id()
		for range sweptAtOnce {
			_, err := w.begin(gone, 10)
			require.NoError(t, err)
		}
		w.at = w.at.Add(time.Second)
		left, err := w.begin(other, 10)
		require.NoError(t, err)
		require.NoError(t, w.db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return w.Destroy(ctx, tx, gone) }))
		w.at = w.at.Add(UploadLife)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.NoError(t, w.Sweep(ctx))
		n, err := w.db.NewSelect().Table("upload").Where(`id = ?`, left.ID).Count(t.Context())
		require.NoError(t, err)
		assert.Zero(t, n)
	})
}

// TestPower: whichever operation of the store fails, before or after its effect, the upload can be finished, its bytes are whole,
// and nothing else is left in the store after the sweep.
func TestPower(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		data := bytesOf(1, 3500)
		for n := range 8 {
			for _, torn := range []bool{false, true} {
				owner := id()
				w.store.left, w.store.torn = n, torn
				u, err := w.begin(owner, len(data))
				require.NoError(t, err)
				for tries := 0; u.Done == uuid.Nil; tries++ {
					require.Less(t, tries, 20)
					u, err = w.Upload(t.Context(), u.ID)
					require.NoError(t, err)
					u, err = w.Append(t.Context(), u, u.Received, data[u.Received:min(u.Received+1000, u.Size)], w)
					if err != nil {
						require.ErrorIs(t, err, errPower)
						w.store.left = -1 // it comes back
					}
				}
				w.store.left = -1
				b, err := w.Blob(t.Context(), w.db, u.Done)
				require.NoError(t, err)
				assert.True(t, bytes.Equal(data, w.read(b)))
				aborted, err := w.begin(owner, 10)
				require.NoError(t, err)
				w.store.left, w.store.torn = n%3, torn
				_, _ = w.Append(t.Context(), aborted, 0, bytesOf(2, 5), w)
				_ = w.Abort(t.Context(), aborted)
				w.store.left = -1
				w.at = w.at.Add(UploadLife + Grace)
				require.NoError(t, w.Sweep(t.Context()))
				assert.Len(t, w.store.objects, 4+1, "%d, torn: %v", n, torn)
				w.store.objects = map[string][]byte{}
				w.took = nil
			}
		}
	})
}

// TestEscrow: who has the escrow key opens names and bytes with age alone. Another recipient, or none, is followed by the sweep.
func TestEscrow(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		data := bytesOf(1, 2500)
		b, err := w.send(id(), data, 1000)
		require.NoError(t, err)
		require.NoError(t, w.WriteManifest(t.Context(), b, id(), "2026/Beleg ä.pdf"))
		require.NoError(t, w.WriteManifest(t.Context(), b, id(), "2026/Beleg ä.pdf"))
		opened := func(object []byte, identity age.Identity) string {
			r, err := age.Decrypt(bytes.NewReader(object), identity)
			require.NoError(t, err)
			plain, err := io.ReadAll(r)
			require.NoError(t, err)
			return string(plain)
		}
		var key string
		var manifests []string
		for _, n := range w.store.names() {
			switch {
			case strings.HasSuffix(n, "/key.age"):
				key = n
			case isManifest(n):
				manifests = append(manifests, n)
			}
		}
		require.Len(t, manifests, 2)
		identity, err := age.ParseX25519Identity(strings.TrimSpace(opened(w.store.objects[key], w.escrow)))
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSpace(opened(w.store.objects[manifests[0]], identity)), "\n")
		assert.Equal(t, "2026/Beleg ä.pdf", lines[0])
		var all strings.Builder
		for _, part := range lines[1:] {
			all.WriteString(opened(w.store.objects[manifests[0][:strings.LastIndex(manifests[0], "/")+1]+part], identity))
		}
		assert.Equal(t, string(data), all.String())

		second, err := age.GenerateX25519Identity()
		require.NoError(t, err)
		w.recipient = second.Recipient()
		require.NoError(t, w.Sweep(t.Context()))
		assert.Equal(t, identity.String()+"\n", opened(w.store.objects[key], second))
		w.recipient = nil
		require.NoError(t, w.Sweep(t.Context()))
		assert.NotContains(t, w.store.names(), key)
		w.at = w.at.Add(UploadLife)
		require.NoError(t, w.Sweep(t.Context()))
		assert.True(t, bytes.Equal(data, w.read(b)))
		assert.Len(t, w.store.objects, 3+2, "manifests stay with their bytes")
	})
}
