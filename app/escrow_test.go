package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/blob"
	"kontor/app/secret"
	"kontor/app/store/storetest"
)

// anything takes the bytes of any upload.
type anything struct{}

func (anything) Inspect(context.Context, blob.Upload, io.ReaderAt) (string, error) {
	return "text/plain", nil
}

func (anything) Take(context.Context, bun.Tx, blob.Upload, blob.Blob, bool) error { return nil }

// TestEscrowScript: the script of the operator's manual restores names and bytes with Debian's age alone.
func TestEscrowScript(t *testing.T) {
	program := os.Getenv("KONTOR_TEST_AGE")
	if program == "" {
		t.Skip("KONTOR_TEST_AGE is not set: the script for who has the firm's own key is not tried")
	}
	manual, err := os.ReadFile("docs/operations.md")
	require.NoError(t, err)
	script := regexp.MustCompile("(?s)```sh\n(#!/bin/sh\n.*?)```").FindSubmatch(manual)
	require.NotNil(t, script, "the manual has no script")
	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	folder, work := t.TempDir(), t.TempDir()
	objects, err := blob.OpenFolder(folder)
	require.NoError(t, err)
	key, err := secret.NewKey([]byte(strings.Repeat("k", 32)))
	require.NoError(t, err)
	db := storetest.SQLite(t)
	blobs := blob.New(blob.Options{
		DB: db, Now: time.Now, Key: key, Store: objects, Log: slog.New(slog.DiscardHandler), Escrow: identity.Recipient(),
	})
	files := map[string]string{
		"V-10001 Steuer/Belege/Lohn & Gehalt ä.pdf": strings.Repeat("Lohn ", 500_000), "V-10001 Steuer/Brief.txt": "Guten Tag", "V-10002 Miete/Brief.txt": "Guten Tag, Frau Kühn",
	}
	ctx := t.Context()
	for name, text := range files {
		var u blob.Upload
		require.NoError(t, db.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
			u, err = blobs.Begin(ctx, tx, blob.Announced{OwnerID: uuid.Must(uuid.NewV7()), SenderID: uuid.Must(uuid.NewV7()), Name: "x", Size: int64(len(text))})
			return err
		}))
		u, err = blobs.All(ctx, u, strings.NewReader(text), anything{})
		require.NoError(t, err)
		b, err := blobs.Blob(ctx, db, u.Done)
		require.NoError(t, err)
		require.NoError(t, blobs.WriteManifest(ctx, b, uuid.Must(uuid.NewV7()), name))
	}
	require.NoError(t, os.WriteFile(filepath.Join(work, "restore"), script[1], 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(work, "identity"), []byte(identity.String()+"\n"), 0o600))
	run := exec.Command("/bin/sh", filepath.Join(work, "restore"), folder, filepath.Join(work, "identity"), filepath.Join(work, "out"))
	run.Env = append(os.Environ(), "PATH="+filepath.Dir(program)+":/usr/bin:/bin", "TMPDIR="+t.TempDir())
	said, err := run.CombinedOutput()
	require.NoError(t, err, string(said))
	for name, text := range files {
		got, err := os.ReadFile(filepath.Join(work, "out", name))
		require.NoError(t, err, name)
		assert.True(t, bytes.Equal([]byte(text), got), name)
	}
}
