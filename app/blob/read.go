package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"

	"filippo.io/age"
	"github.com/gofrs/uuid/v5"
	"golang.org/x/crypto/blake2b"

	"kontor/app/fault"
)

// buffers hold encrypted parts.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, PartSize+PartSize/64); return &b }}

// Reader reads a blob at any place. It is not safe for concurrent use. Close it to give back its memory.
type Reader struct {
	Blob   Blob
	ctx    context.Context //nolint:containedctx // a reader lives as long as one answer
	store  Store
	owner  owner
	folder string
	parts  []part
	ends   []int64 // where each part ends

	buffer *[]byte // the sealed bytes of the part that is open
	open   int     // its index; -1: none
	plain  io.ReaderAt
}

// Open opens a blob. The context bounds all reading. Errors: those of Scan.Withheld, and ErrGone if its key was
// destroyed.
func (s *Service) Open(ctx context.Context, b Blob) (*Reader, error) {
	if err := b.Scan.Withheld(); err != nil {
		return nil, err
	}
	o, err := s.owner(ctx, s.db, b.OwnerID)
	if err != nil {
		return nil, err
	}
	r := s.reader(ctx, o, b.ID, b.parts)
	r.Blob = b
	return r, nil
}

func (s *Service) reader(ctx context.Context, o owner, id uuid.UUID, parts []part) *Reader {
	r := &Reader{ctx: ctx, store: s.objects, owner: o, folder: o.folderOf(id), parts: parts, open: -1}
	var end int64
	for _, p := range parts {
		end += int64(p.size)
		r.ends = append(r.ends, end)
	}
	return r
}

// Size is the number of bytes.
func (r *Reader) Size() int64 {
	if len(r.ends) == 0 {
		return 0
	}
	return r.ends[len(r.ends)-1]
}

// Close gives back the reader's memory. It may be called twice.
func (r *Reader) Close() error {
	if r.buffer != nil {
		buffers.Put(r.buffer)
		r.buffer, r.plain, r.open = nil, nil, -1
	}
	return nil
}

// at returns the part with the byte at an offset, and where the part begins.
func (r *Reader) at(offset int64) (i int, begin int64) {
	for i < len(r.ends) && r.ends[i] <= offset { // at most some thousand
		begin = r.ends[i]
		i++
	}
	return i, begin
}

// load gets a part from the store, unless it is open already.
func (r *Reader) load(i int) error {
	if r.open == i {
		return nil
	}
	if r.buffer == nil {
		r.buffer = buffers.Get().(*[]byte) //nolint:forcetypeassert // of this package
	}
	r.open, r.plain = -1, nil
	sealed, err := r.store.Get(r.ctx, r.parts[i].object(r.folder), (*r.buffer)[:0])
	if err != nil {
		return reading(err)
	}
	*r.buffer = sealed
	plain, size, err := age.DecryptReaderAt(bytes.NewReader(sealed), int64(len(sealed)), r.owner.identity)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	if size != int64(r.parts[i].size) {
		return fmt.Errorf("%w: a part has another size", ErrGone)
	}
	r.open, r.plain = i, plain
	return nil
}

// reading turns an error of the store into one that people can act on.
func reading(err error) error {
	if errors.Is(err, ErrAbsent) {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return fmt.Errorf("%w: %w", fault.New(fault.Unavailable, "upload.away").After(10*time.Second), err)
}

// ReadAt reads bytes at an offset (io.ReaderAt).
func (r *Reader) ReadAt(p []byte, offset int64) (n int, err error) {
	for n < len(p) {
		i, begin := r.at(offset + int64(n))
		if i == len(r.parts) {
			return n, io.EOF
		}
		if err := r.load(i); err != nil {
			return n, err
		}
		within := offset + int64(n) - begin
		want := min(int64(len(p)-n), int64(r.parts[i].size)-within)
		m, err := r.plain.ReadAt(p[n:n+int(want)], within)
		n += m
		if err != nil && !errors.Is(err, io.EOF) {
			return n, fmt.Errorf("%w: %w", ErrGone, err)
		}
		if m == 0 {
			return n, io.ErrUnexpectedEOF
		}
	}
	return n, nil
}

// Section reads n bytes from an offset on, one after the other. It checks every part that it reads as a whole, so that a part
// that was exchanged for another one ends the reading with an error.
func (r *Reader) Section(offset, n int64) io.ReadCloser {
	return &section{r: r, at: offset, end: min(offset+n, r.Size())}
}

type section struct {
	r       *Reader
	at, end int64
	whole   hash.Hash // over the part that is being read from its beginning; nil: not from its beginning
	part    int
}

// Read reads the next bytes.
func (s *section) Read(p []byte) (int, error) {
	if s.at >= s.end {
		return 0, io.EOF
	}
	i, begin := s.r.at(s.at)
	if s.at == begin {
		h, err := blake2b.New(partHash, s.r.owner.derived("part"))
		if err != nil {
			return 0, err
		}
		s.whole, s.part = h, i
	}
	p = p[:min(int64(len(p)), s.end-s.at, s.r.ends[i]-s.at)]
	n, err := s.r.ReadAt(p, s.at)
	s.at += int64(n)
	if err != nil {
		return n, err
	}
	if s.whole != nil && s.part == i {
		s.whole.Write(p[:n])
		if s.at == s.r.ends[i] && !bytes.Equal(s.whole.Sum(nil), s.r.parts[i].hash[:]) {
			return 0, fmt.Errorf("%w: a part was changed", ErrGone)
		}
	}
	return n, nil
}

// Close closes the reader of the section.
func (s *section) Close() error { return s.r.Close() }
