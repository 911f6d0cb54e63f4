package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
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

func newFolder(t *testing.T) *Folder {
	f, err := OpenFolder(filepath.Join(t.TempDir(), "documents"))
	require.NoError(t, err)
	return f
}

const s3Secret = "ge/heim+42"

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
