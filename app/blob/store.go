package blob

import (
	"context"
	"errors"
	"time"
)

// Store keeps objects: named sequences of bytes that are written once and never changed. A name is made of segments of
// lower-case letters, digits, dots and hyphens, separated by slashes. The store knows nothing of what is in an object, and what
// it is given is encrypted. A Store is safe for concurrent use.
type Store interface {
	// Put writes an object. When it returns nil, the whole object is there and outlives a power failure. After an
	// error, or when the process ends meanwhile, the object is there as a whole or not at all. Writing an object that
	// exists replaces it by the same bytes. The context bounds the call. Errors are ErrFull or the store's.
	Put(ctx context.Context, name string, data []byte) error
	// Get appends the bytes of an object to into and returns the result. Errors: ErrAbsent, or the store's.
	Get(ctx context.Context, name string, into []byte) ([]byte, error)
	// Delete removes the object with this name and, if the name is a folder, all objects in it. There may be none.
	Delete(ctx context.Context, name string) error
	// List calls each for every object in a folder ("" for all), in any order, until each returns an error.
	List(ctx context.Context, folder string, each func(Object) error) error
	// Ready says whether objects can be written and read at present; nil if so.
	Ready(ctx context.Context) error
}

// Object is an object of a store.
type Object struct {
	Name      string
	Size      int64 // bytes
	WrittenAt time.Time
}

var (
	// ErrAbsent says that there is no such object.
	ErrAbsent = errors.New("no such object")
	// ErrFull says that there is no space left for another object.
	ErrFull = errors.New("no space left for documents")
)
