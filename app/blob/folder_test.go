package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFolderIsPrivate: nobody else may read a file or folder, whatever the folder above it allows.
func TestFolderIsPrivate(t *testing.T) {
	f := newFolder(t)
	require.NoError(t, f.Put(t.Context(), "a/b/c", []byte("x")))
	seen := 0
	require.NoError(t, filepath.WalkDir(f.path, func(_ string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		assert.Equal(t, want, info.Mode().Perm(), d.Name())
		seen++
		return nil
	}))
	assert.Equal(t, 5, seen)
	require.NoError(t, os.Symlink("/etc", filepath.Join(f.path, "etc")))
	_, err := f.Get(t.Context(), "etc/hostname", nil)
	assert.Error(t, err, "a link leads out of the folder")
	assert.Error(t, f.Put(t.Context(), "etc/kontor", nil))
	assert.Equal(t, []string{"a/b/c"}, names(t, f, ""), "a link is no object")
}

// broken is a temporary file that fails after some bytes.
type broken struct {
	tempFile
	bytes int
	err   error
	sync  error
}

func (b broken) Write(data []byte) (int, error) {
	if b.err == nil {
		return b.tempFile.Write(data)
	}
	n, _ := b.tempFile.Write(data[:b.bytes])
	return n, b.err
}

func (b broken) Sync() error { return errors.Join(b.sync, b.tempFile.Sync()) }

// TestFolderHalfWritten: what can't be written whole is not there, and leaves nothing.
func TestFolderHalfWritten(t *testing.T) {
	f := newFolder(t)
	require.NoError(t, f.Put(t.Context(), "a", []byte("the old bytes")))
	create := f.create
	for _, c := range []struct {
		broken broken
		full   bool
	}{
		{broken{bytes: 3, err: syscall.ENOSPC}, true}, {broken{bytes: 0, err: syscall.EDQUOT}, true}, {broken{bytes: 5, err: syscall.EIO}, false}, {broken{sync: syscall.EIO}, false}, {broken{sync: syscall.ENOSPC}, true},
	} {
		f.create = func(root *os.Root, name string) (tempFile, error) {
			file, err := create(root, name)
			b := c.broken
			b.tempFile = file
			return b, err
		}
		for _, name := range []string{"a", "b"} {
			err := f.Put(t.Context(), name, []byte("the new bytes"))
			require.Error(t, err)
			assert.Equal(t, c.full, errors.Is(err, ErrFull), "%v", err)
		}
		assert.Equal(t, c.full, errors.Is(f.Ready(t.Context()), ErrFull))
		assert.Error(t, f.Ready(t.Context()))
		assert.Equal(t, []string{"a"}, names(t, f, ""))
		assert.Empty(t, leftovers(t, f))
	}
	f.create = create
	got, err := f.Get(t.Context(), "a", nil)
	require.NoError(t, err)
	assert.Equal(t, "the old bytes", string(got))
}

func leftovers(t *testing.T, f *Folder) []os.DirEntry {
	entries, err := os.ReadDir(filepath.Join(f.path, tempFolder))
	require.NoError(t, err)
	return entries
}

// TestFolderFull: on a disk that is really full, nothing half is left, and there is space again after a deletion.
func TestFolderFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Logf("no small disk could be made (%v), so a limit of the test's own says that it is full: TestFolderHalfWritten", err)
		return
	}
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(dir, 0)) })
	f, err := OpenFolder(filepath.Join(dir, "documents"))
	require.NoError(t, err)
	data := make([]byte, 300<<10)
	stored := 0
	for ; err == nil; stored++ {
		require.Less(t, stored, 10)
		err = f.Put(t.Context(), fmt.Sprintf("c/%d", stored), data)
	}
	assert.ErrorIs(t, err, ErrFull)
	assert.Len(t, names(t, f, ""), stored-1)
	assert.Empty(t, leftovers(t, f))
	require.NoError(t, f.Delete(t.Context(), "c"))
	assert.NoError(t, f.Put(t.Context(), "c/again", data))
}

// TestFolderAway: a folder that is not there at present has no answers, and is not made anew.
func TestFolderAway(t *testing.T) {
	f := newFolder(t)
	require.NoError(t, f.Put(t.Context(), "a", []byte("a")))
	away := f.path + ".away"
	require.NoError(t, os.Rename(f.path, away))
	for _, mounted := range []string{"no folder", "an empty folder, as below a mount"} {
		_, err := f.Get(t.Context(), "a", nil)
		require.Error(t, err, mounted)
		assert.NotErrorIs(t, err, ErrAbsent, mounted)
		assert.Error(t, f.Put(t.Context(), "b", nil), mounted)
		assert.Error(t, f.Delete(t.Context(), "a"), mounted)
		assert.Error(t, f.List(t.Context(), "", func(Object) error { return nil }), mounted)
		assert.Error(t, f.Ready(t.Context()), mounted)
		_, err = f.Sweep(t.Context(), time.Now())
		assert.Error(t, err, mounted)
		require.NoError(t, os.MkdirAll(f.path, 0o700))
	}
	require.NoError(t, os.Remove(f.path))
	require.NoError(t, os.Rename(away, f.path))
	assert.NoError(t, f.Ready(t.Context()))
	assert.Equal(t, []string{"a"}, names(t, f, ""))
	require.NoError(t, os.WriteFile(away, nil, 0o600))
	_, err := OpenFolder(away)
	assert.Error(t, err, "a file is no folder")
}

// childFolder is the variable that makes the test of kills write into a folder until it is killed.
const childFolder = "KONTOR_BLOB_CHILD"

// TestFolderKilled: a process that is killed while it writes leaves whole objects, and files that a sweep removes.
func TestFolderKilled(t *testing.T) {
	const size = 1 << 20
	content := func(i int) []byte {
		sum := sha256.Sum256(fmt.Append(nil, i))
		return bytes.Repeat(sum[:], size/len(sum))
	}
	if dir := os.Getenv(childFolder); dir != "" {
		f, err := OpenFolder(dir)
		require.NoError(t, err)
		for i := 0; ; i++ {
			require.NoError(t, f.Put(context.Background(), fmt.Sprintf("c%d/%d", i%3, i), content(i)))
			fmt.Println("put", i)
		}
	}
	f := newFolder(t)
	for round := range 4 {
		child := exec.Command(os.Args[0], "-test.run=^TestFolderKilled$", "-test.v")
		child.Env = append(os.Environ(), childFolder+"="+f.path)
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		var said bytes.Buffer
		for chunk := make([]byte, 4096); bytes.Count(said.Bytes(), []byte("put ")) < 5+round; {
			n, err := out.Read(chunk)
			require.NoError(t, err)
			said.Write(chunk[:n])
		}
		require.NoError(t, child.Process.Kill())
		rest, _ := io.ReadAll(out)
		said.Write(rest)
		_ = child.Wait()
		acknowledged := bytes.Count(said.Bytes(), []byte("put "))
		there := names(t, f, "")
		assert.GreaterOrEqual(t, len(there), acknowledged)
		for _, name := range there {
			var folder, i int
			_, err := fmt.Sscanf(name, "c%d/%d", &folder, &i)
			require.NoError(t, err)
			got, err := f.Get(t.Context(), name, nil)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(content(i), got), name)
		}
		require.NoError(t, f.Delete(t.Context(), "c0"))
		require.NoError(t, f.Delete(t.Context(), "c1"))
		require.NoError(t, f.Delete(t.Context(), "c2"))
	}
	left := filepath.Join(f.path, tempFolder, "LEFT")
	require.NoError(t, os.WriteFile(left, []byte("half"), 0o600))
	before := time.Now().Add(-time.Hour)
	removed, err := f.Sweep(t.Context(), before)
	require.NoError(t, err)
	assert.Zero(t, removed, "somebody may be writing it")
	require.NoError(t, os.Chtimes(left, before, before.Add(-time.Second)))
	removed, err = f.Sweep(t.Context(), before)
	require.NoError(t, err)
	assert.Equal(t, 1, removed)
	_, err = f.Sweep(t.Context(), time.Now().Add(time.Hour))
	require.NoError(t, err)
	assert.Empty(t, leftovers(t, f))
}

// BenchmarkFolderPut writes objects of the size of a part.
func BenchmarkFolderPut(b *testing.B) {
	f, err := OpenFolder(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 1<<20)
	b.SetBytes(1 << 20)
	for i := 0; b.Loop(); i++ {
		if err := f.Put(b.Context(), fmt.Sprintf("c/%02x/%d", i%256, i), data); err != nil {
			b.Fatal(err)
		}
	}
}
