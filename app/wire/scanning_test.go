package wire

import (
	"context"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/await"
	"kontor/app/blob"
	"kontor/app/clamd"
	"kontor/app/store/storetest"
)

// anything takes every upload.
type anything struct{}

func (anything) Inspect(context.Context, blob.Upload, io.ReaderAt) (string, error) {
	return "text/plain", nil
}

func (anything) Take(context.Context, bun.Tx, blob.Upload, blob.Blob, bool) error { return nil }

// TestDocumentsAreScanned: what the real daemon finds in an upload is kept from everybody, and what it finds nothing in is given out as clean.
// While it is away nothing is called clean.
func TestDocumentsAreScanned(t *testing.T) {
	program := os.Getenv("KONTOR_TEST_CLAMD")
	if program == "" {
		t.Skip("KONTOR_TEST_CLAMD names no clamd")
	}
	dir, err := os.MkdirTemp("", "clamd") // the path of a socket may have only about 100 characters
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	const evil = "kontor-test-evil-bytes"
	for name, content := range map[string]string{
		"test.ndb":   "Kontor.Test.Evil:0:*:" + hex.EncodeToString([]byte(evil)) + "\n",
		"clamd.conf": "Foreground yes\nDatabaseDirectory " + dir + "\nTemporaryDirectory " + dir + "\nLocalSocket " + dir + "/socket\nStreamMaxLength 1M\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	address := "unix://" + dir + "/socket"
	s, _ := started(t, storetest.SQLiteURL(t), "CLAMD_URL", address)
	owner := uuid.Must(uuid.NewV7())
	send := func(text string) (b blob.Blob) {
		t.Helper()
		var u blob.Upload
		require.NoError(t, s.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) (err error) {
			u, err = s.Blobs.Begin(ctx, tx, blob.Announced{OwnerID: owner, SenderID: owner, Name: "a.txt", Size: int64(len(text))})
			return err
		}))
		u, err := s.Blobs.All(t.Context(), u, strings.NewReader(text), anything{})
		require.NoError(t, err)
		b, err = s.Blobs.Blob(t.Context(), s.DB, u.Done)
		require.NoError(t, err)
		return b
	}
	assert.Equal(t, blob.ScanAway, send("too early").Scan)

	daemon := exec.Command(program, "--config-file="+filepath.Join(dir, "clamd.conf"))
	require.NoError(t, daemon.Start())
	t.Cleanup(func() {
		_ = daemon.Process.Kill()
		_ = daemon.Wait()
	})
	c, err := clamd.New(address)
	require.NoError(t, err)
	await.True(t, "the scanner answers", func() bool { return c.Ping(t.Context()) == nil })
	infected := send("x" + evil)
	assert.Equal(t, "infected Kontor.Test.Evil.UNOFFICIAL", string(infected.Scan)+" "+infected.Signature)
	_, err = s.Blobs.Open(t.Context(), infected)
	require.ErrorIs(t, err, blob.ErrInfected)
	clean := send("nothing to see")
	assert.Equal(t, blob.ScanClean, clean.Scan)
	r, err := s.Blobs.Open(t.Context(), clean)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	assert.Equal(t, blob.ScanTooLarge, send(strings.Repeat("x", 1<<20+10)).Scan)
}
