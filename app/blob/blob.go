// Package blob stores the bytes of documents. Bytes are cut into parts of at most 1 MiB, each encrypted and stored as an object
// of its own, in a folder or in a store that speaks S3's protocol. The package knows nothing of what the bytes are for.
//
// Every owner of bytes has a key: an age identity. Permanent deletion destroys it, and with it everything that it opens. Beside
// the database the key exists only in the store, encrypted to ESCROW_RECIPIENT, if that is set.
package blob

import (
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/fault"
)

// Firm is the owner of bytes that belong to no customer.
var Firm = uuid.Nil

// PartSize is the maximum size of a part in bytes. Parts of an upload have this size, except the last one, unless the sender
// prefers smaller ones.
const PartSize = 1 << 20

const (
	// UploadLife is how long an upload can be continued after its last part.
	UploadLife = 24 * time.Hour
	// Grace is how long somebody may still write into a folder of the store that is being deleted. It is longer than any
	// request may take.
	Grace = time.Hour
)

// Blob is a sequence of bytes that is complete.
type Blob struct {
	ID        uuid.UUID
	OwnerID   uuid.UUID
	Size      int64  // bytes
	Type      string // media type, by content
	Scan      Scan
	Signature string // of the malware that was found in it; "" if none was, or if it has no name
	CreatedAt time.Time
	parts     []part
}

// Upload is a sequence of bytes that is on its way.
type Upload struct {
	ID        uuid.UUID
	OwnerID   uuid.UUID
	SenderID  uuid.UUID // the account that sends it
	Name      string    // of the file
	Target    string    // what the bytes are for, in the words of the package that takes them
	Size      int64     // bytes, as announced
	Received  int64     // bytes
	Done      uuid.UUID // the blob that became of it; Nil: not complete
	ExpiresAt time.Time
	hash      []byte
	parts     []part
}

// Announced is what a sender says before the first byte.
type Announced struct {
	OwnerID, SenderID uuid.UUID
	Name, Target      string
	Size              int64 // bytes
}

var (
	// ErrNotFound says that there is no such upload, or that it has expired.
	ErrNotFound = fault.New(fault.NotFound, "upload.not_found")
	// ErrOffset says that the bytes do not begin where the upload stands.
	ErrOffset = fault.New(fault.Conflict, "upload.offset")
	// ErrEmpty says that a file has no bytes.
	ErrEmpty = fault.At("file", "upload.empty")
	// ErrTooLarge says that a file is larger than FILE_MAX. It carries max (bytes).
	ErrTooLarge = fault.At("file", "upload.too_large")
	// ErrQuota says that all files of the owner together would be larger than CUSTOMER_QUOTA. It carries max and left (bytes).
	ErrQuota = fault.At("file", "upload.quota")
	// ErrTooMuch says that more bytes came than were announced, or too many small parts.
	ErrTooMuch = fault.At("file", "upload.too_much")
	// ErrGone says that the bytes of a blob can't be read any more: its key was destroyed, or an object is missing or changed.
	ErrGone = fault.New(fault.Gone, "upload.gone")
	// ErrWaiting says that bytes are not given out yet, because they are being scanned for malware.
	ErrWaiting = fault.New(fault.Conflict, "document.waiting")
	// ErrInfected says that malware was found in the bytes, so nobody gets them.
	ErrInfected = fault.New(fault.Gone, "document.infected")
)
