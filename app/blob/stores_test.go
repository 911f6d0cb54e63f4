package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stores are the stores on which the suite runs.
var stores = map[string]func(t *testing.T) Store{
	"folder": func(t *testing.T) Store { return newFolder(t) },
	"s3": func(t *testing.T) Store {
		s, _ := newS3(t, func(h http.Handler) http.Handler { return h })
		return s
	},
}

// TestS3WithoutRegion: the server is asked for its region.
func TestS3WithoutRegion(t *testing.T) {
	_, server := newS3(t, func(h http.Handler) http.Handler { return h })
	s, err := OpenS3("s3://key:secret@" + server.Listener.Addr().String() + "/documents?tls=off")
	require.NoError(t, err)
	require.NoError(t, s.Put(t.Context(), "a/b", []byte("x")))
	assert.NoError(t, s.Ready(t.Context()))
	assert.Equal(t, []string{"a/b"}, names(t, s, "a"))
}

func newFolder(t *testing.T) *Folder {
	f, err := OpenFolder(filepath.Join(t.TempDir(), "documents"))
	require.NoError(t, err)
	return f
}

const s3Secret = "ge/heim+42"

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

func onEach(t *testing.T, test func(t *testing.T, s Store)) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func names(t *testing.T, s Store, folder string) []string {
	list := []string{}
	require.NoError(t, s.List(t.Context(), folder, func(o Object) error {
		list = append(list, o.Name)
		return nil
	}))
	slices.Sort(list)
	return list
}

func TestStoreKeeps(t *testing.T) {
	onEach(t, func(t *testing.T, s Store) {
		for name, size := range map[string]int{"empty": 0, "a": 1, "c1/0a-b.9": 100, "c1/d/1": 1 << 20, "c1/d/2": 1<<20 + 4096} {
			data := bytes.Repeat([]byte(name), size)[:size]
			before := time.Now().Add(-2 * time.Second) // a store may say whole seconds
			for range 2 {                              // sending it twice is sending it once
				require.NoError(t, s.Put(t.Context(), name, data), name)
			}
			got, err := s.Get(t.Context(), name, []byte("before"))
			require.NoError(t, err, name)
			require.True(t, bytes.Equal(append([]byte("before"), data...), got), name)
			buffer := make([]byte, 0, 2<<20)
			got, err = s.Get(t.Context(), name, buffer)
			require.NoError(t, err, name)
			require.True(t, bytes.Equal(data, got), name)
			if size > 0 {
				require.Equal(t, &buffer[:1][0], &got[0], "the buffer is used again")
			}
			seen := 0
			require.NoError(t, s.List(t.Context(), "", func(o Object) error {
				if o.Name == name {
					seen++
					assert.Equal(t, int64(size), o.Size, name)
					assert.WithinRange(t, o.WrittenAt, before, time.Now().Add(time.Second), name)
				}
				return nil
			}))
			assert.Equal(t, 1, seen, name)
		}
		assert.NoError(t, s.Ready(t.Context()))
		assert.Equal(t, []string{"a", "c1/0a-b.9", "c1/d/1", "c1/d/2", "empty"}, names(t, s, ""), "what Ready wrote is no object")
	})
}

func TestStoreDeletes(t *testing.T) {
	onEach(t, func(t *testing.T, s Store) {
		for _, name := range []string{"c1/a", "c1/b/1", "c1/b/2", "c1/b2", "c10/a", "c2"} {
			require.NoError(t, s.Put(t.Context(), name, []byte(name)))
		}
		assert.Equal(t, []string{"c1/a", "c1/b/1", "c1/b/2", "c1/b2"}, names(t, s, "c1"))
		assert.Equal(t, []string{"c1/b/1", "c1/b/2"}, names(t, s, "c1/b"))
		assert.Empty(t, names(t, s, "c2"), "an object is no folder")
		assert.Empty(t, names(t, s, "c2/x"))
		assert.Empty(t, names(t, s, "none"))
		for range 2 {
			require.NoError(t, s.Delete(t.Context(), "c1/b"))
		}
		assert.Equal(t, []string{"c1/a", "c1/b2", "c10/a", "c2"}, names(t, s, ""))
		require.NoError(t, s.Delete(t.Context(), "c1/a"))
		assert.Equal(t, []string{"c1/b2", "c10/a", "c2"}, names(t, s, ""))
		require.NoError(t, s.Delete(t.Context(), "c1"))
		require.NoError(t, s.Delete(t.Context(), "none/of/these"))
		require.NoError(t, s.Delete(t.Context(), "c2/x"), "below an object")
		assert.Equal(t, []string{"c10/a", "c2"}, names(t, s, ""))
		for _, name := range []string{"c1/a", "c1", "none", "c2/x", "c10"} {
			got, err := s.Get(t.Context(), name, []byte("into"))
			assert.ErrorIs(t, err, ErrAbsent, name)
			assert.Equal(t, "into", string(got), name)
		}
		stop := errors.New("stop")
		assert.ErrorIs(t, s.List(t.Context(), "", func(Object) error { return stop }), stop)
	})
}

// TestStoreDeletesMany: more objects than a server names in one answer.
func TestStoreDeletesMany(t *testing.T) {
	onEach(t, func(t *testing.T, s Store) {
		const many = 1100
		for i := range many {
			require.NoError(t, s.Put(t.Context(), fmt.Sprintf("c1/%d", i), nil))
		}
		assert.Len(t, names(t, s, "c1"), many)
		require.NoError(t, s.Delete(t.Context(), "c1"))
		assert.Empty(t, names(t, s, ""))
	})
}

func TestStoreRefusesNames(t *testing.T) {
	onEach(t, func(t *testing.T, s Store) {
		for _, name := range []string{
			"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/..", "a/.", "...", "A", "a b", "a_b", tempFolder, tempFolder + "/a", s3Probe, `a\b`, "a\x00", "a\n", "ä", "a\xff", "a:b", "%2e%2e",
			strings.Repeat("a", maxSegment+1), strings.Repeat("a/", maxName/2) + "aa",
		} {
			assert.ErrorIs(t, s.Put(t.Context(), name, []byte("x")), errName, "%q", name)
			_, err := s.Get(t.Context(), name, nil)
			assert.ErrorIs(t, err, errName, "%q", name)
			assert.ErrorIs(t, s.Delete(t.Context(), name), errName, "%q", name)
			if name != "" {
				assert.ErrorIs(t, s.List(t.Context(), name, func(Object) error { return nil }), errName, "%q", name)
			}
		}
		assert.Empty(t, names(t, s, ""))
		for _, name := range []string{strings.Repeat("a", maxSegment), strings.Repeat("a/", maxName/2-1) + "a", "..a", "a..", "-", "0"} {
			assert.NoError(t, s.Put(t.Context(), name, []byte(name)), "%q", name)
		}
	})
}

// TestStoreTakesTurns: who writes, reads and deletes the same at once gets whole objects.
func TestStoreTakesTurns(t *testing.T) {
	onEach(t, func(t *testing.T, s Store) {
		data := bytes.Repeat([]byte("kontor"), 20_000)
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				for range 20 {
					switch i % 4 {
					case 0, 1:
						assert.NoError(t, s.Put(t.Context(), "kept/one", data))
					case 2:
						if err := s.Put(t.Context(), "gone/one", data); err != nil {
							assert.ErrorIs(t, err, fs.ErrNotExist, "the folder was deleted meanwhile")
						}
						assert.NoError(t, s.Delete(t.Context(), "gone"))
					case 3:
						for _, name := range []string{"kept/one", "gone/one"} {
							got, err := s.Get(t.Context(), name, nil)
							if err == nil {
								assert.True(t, bytes.Equal(data, got), name)
							} else {
								assert.ErrorIs(t, err, ErrAbsent, name)
							}
						}
						assert.NoError(t, s.List(t.Context(), "", func(o Object) error {
							assert.Equal(t, int64(len(data)), o.Size)
							return nil
						}))
					}
				}
			})
		}
		group.Wait()
		require.NoError(t, s.Delete(t.Context(), "gone"))
		assert.Equal(t, []string{"kept/one"}, names(t, s, ""))
	})
}

func TestStoreStopsWithContext(t *testing.T) {
	onEach(t, func(t *testing.T, s Store) {
		require.NoError(t, s.Put(t.Context(), "a", []byte("a")))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Get(ctx, "a", nil)
		assert.ErrorIs(t, err, context.Canceled)
		assert.ErrorIs(t, s.Put(ctx, "b", nil), context.Canceled)
		assert.ErrorIs(t, s.Delete(ctx, "a"), context.Canceled)
		assert.ErrorIs(t, s.List(ctx, "", func(Object) error { return nil }), context.Canceled)
		assert.ErrorIs(t, s.Ready(ctx), context.Canceled)
		assert.Equal(t, []string{"a"}, names(t, s, ""))
	})
}

func TestOpenStore(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenStore("file://" + dir + "/with a %20 blank")
	require.NoError(t, err)
	require.NoError(t, s.Put(t.Context(), "a/b", []byte("x")))
	assert.FileExists(t, dir+"/with a %20 blank/a/b")
	s, err = OpenStore("s3://key:secret@s3.example/documents")
	require.NoError(t, err)
	assert.IsType(t, &S3{}, s)
	for _, address := range []string{
		"", "file:", "file://", "file://relative", "file://a\x00", "/documents", "s3://", "s3://host/bucket", "s3://key@host/bucket", "s3://key:" + s3Secret + "@/bucket", "s3://key:" + s3Secret + "@host", "s3://key:" + s3Secret + "@host/",
		"s3://key:" + s3Secret + "@host/Bucket", "s3://key:" + s3Secret + "@host/bucket/folder", "s3://key:" + s3Secret + "@host/bucket?tls=yes", "s3://key:" + s3Secret + "@host/bucket?path=1", "s3://key:" + s3Secret + "@host/bucket?colour=red",
		"s3://key:" + s3Secret + "@host/bucket#x", "s3://key:" + s3Secret + "@ho st/bucket", "s3://key:" + s3Secret + "@host:port/bucket", "s3://:" + s3Secret + "@host/bucket", "S3://key:secret@host/bucket", "https://host/bucket",
	} {
		err := CheckURL(address)
		assert.Error(t, err, address)
		assert.NotContains(t, fmt.Sprint(err), s3Secret)
		_, err = OpenStore(address)
		assert.Error(t, err, address)
		assert.NotContains(t, fmt.Sprint(err), s3Secret)
	}
	assert.Equal(t, "s3://s3.example:9000/documents", Place("s3://key:"+s3Secret+"@s3.example:9000/documents?region=eu"))
	assert.Equal(t, "file:///srv/documents", Place("file:///srv/documents"))
	a, err := parseS3("s3://AKIA:a/b+c%3Ad@e%@s3.example:9000/documents/?region=eu&tls=off&path=off")
	require.NoError(t, err)
	assert.Equal(t, "AKIA a/b+c%3Ad@e% s3.example:9000 documents eu false", fmt.Sprint(a.key, " ", a.secret, " ", a.host, " ", a.bucket, " ", a.region, " ", a.tls), "what is no escape stands for itself")
	a, err = parseS3("s3://AKIA:a/b+c%3Ad@s3.example/documents")
	require.NoError(t, err)
	assert.Equal(t, "a/b+c:d true", fmt.Sprint(a.secret, " ", a.tls))
}

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

func TestCheckRecipient(t *testing.T) {
	own, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	hybrid, err := age.GenerateHybridIdentity()
	require.NoError(t, err)
	assert.NoError(t, CheckRecipient(own.Recipient().String()))
	for _, text := range []string{
		"", "age1", own.String(), own.Recipient().String() + "x", hybrid.Recipient().String(), "ssh-ed25519 AAAA", "age1yubikey1abc", own.Recipient().String() + "\n" + own.Recipient().String(),
	} {
		err := CheckRecipient(text)
		assert.Error(t, err, text)
		assert.NotContains(t, fmt.Sprint(err), own.String())
	}
}
