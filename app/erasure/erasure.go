// Package erasure records, outside the database, which subjects were permanently deleted. A backup may be older than
// some deletions. When it is restored, the log says which subjects to delete again. The log contains only times, kinds
// and keyed hashes of ids, and the key of these hashes. Without a backup it reveals nothing about anybody.
//
// A deletion is recorded when it can no longer be undone, and before the last of its data is deleted from the database.
// So a crash in between loses no erasure. An entry never stands for a deletion that does not happen: the deletion is
// only completed later.
package erasure

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/store"
)

// Kind says what was erased.
type Kind string

// The kinds. Erasing a customer includes its accesses. Erasing an access includes the account if nothing else keeps it.
const (
	Customer Kind = "customer"
	Access   Kind = "access"
	Account  Kind = "account"
)

// Subject is a thing that is erased.
type Subject struct {
	Kind Kind
	ID   uuid.UUID
}

// entry is the log's entry about one erasure.
type entry struct {
	At   time.Time
	Kind Kind
	Hash string
}

// logKey is the key of the hashes in a log. It is stored in the log itself, so that the log stays valid when SECRET_KEY
// changes.
type logKey [32]byte

func newKey() (k logKey) {
	_, _ = rand.Read(k[:])
	return k
}

// hash returns the hash that the log contains for a subject.
func (k logKey) hash(s Subject) string {
	mac := hmac.New(sha256.New, k[:])
	mac.Write([]byte(s.Kind))
	mac.Write(s.ID[:])
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// name returns an identifier of the log. It does not reveal the key.
func (k logKey) name() string {
	sum := sha256.Sum256(k[:])
	return hex.EncodeToString(sum[:8])
}

var (
	// ErrNone says that there is no log at the given place.
	ErrNone = errors.New("there is no erasure log")
	// ErrNoLog says that the file or database at the given place is not an erasure log.
	ErrNoLog = errors.New("this is not an erasure log, or its first line is damaged")
	// ErrReplaced says that the log was removed or replaced since this process opened it.
	ErrReplaced = errors.New("the erasure log is not the one that this process began with: bring that one back, or start the process again")
)

// journal stores a log, in a file or a database.
type journal interface {
	// head returns the log's key and its length, a number that grows with every entry. Errors: ErrNone, ErrNoLog.
	head(ctx context.Context) (logKey, int64, error)
	// begin is head, but creates the log if there is none.
	begin(ctx context.Context) (logKey, int64, error)
	// write adds entries to the log that has this key and returns the new length. The entries are durable when it
	// returns. Error: ErrReplaced.
	write(ctx context.Context, key logKey, entries []entry) (int64, error)
	// read reads the whole log. unreadable is the number of damaged lines.
	read(ctx context.Context) (key logKey, entries []entry, unreadable int, err error)
	close() error
}

// Log is an erasure log. Several processes may use it at once. The nil Log records nothing.
type Log struct {
	where string
	db    *store.DB
	now   store.Clock

	mu      sync.Mutex
	journal journal
	key     *logKey // the key of the log that this process opened
}

// IsDatabase says whether a value of ERASURE_LOG is the address of a database and not a file name.
func IsDatabase(where string) bool {
	for _, scheme := range []string{"sqlite://", "postgres://", "postgresql://"} {
		if strings.HasPrefix(where, scheme) {
			return true
		}
	}
	return false
}

// New returns the log at where, a file name or the address of a database, for the erasures of db. It is opened when it
// is first needed. If where is "", New returns nil: there is no log.
func New(where string, db *store.DB, now store.Clock) *Log {
	if where == "" {
		return nil
	}
	return &Log{where: where, db: db, now: now}
}

// Close closes the log.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.journal == nil {
		return nil
	}
	return l.journal.close()
}

// open opens the journal if necessary and returns it. The caller holds l.mu.
func (l *Log) open(ctx context.Context) (_ journal, err error) {
	if l.journal == nil {
		if IsDatabase(l.where) {
			l.journal, err = openDatabase(ctx, l.where, l.db)
		} else {
			l.journal = file{l.where}
		}
	}
	return l.journal, err
}

// begin opens the log, creates it if necessary, and returns its length.
func (l *Log) begin(ctx context.Context) (int64, error) {
	j, err := l.open(ctx)
	if err != nil {
		return 0, err
	}
	key, at, err := j.begin(ctx)
	if err == nil {
		l.key = &key
	}
	return at, err
}

// Name returns an identifier of this log that does not depend on its place: "none" for the nil Log, "" until it is
// opened.
func (l *Log) Name() string {
	if l == nil {
		return "none"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.key == nil {
		return ""
	}
	return l.key.name()
}

// Find returns nil when there is a log, otherwise ErrNone, ErrNoLog or the reason why it cannot be read. It does not
// create one.
func (l *Log) Find(ctx context.Context) error {
	if l == nil {
		return ErrNone
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	j, err := l.open(ctx)
	if err == nil {
		_, _, err = j.head(ctx)
	}
	return err
}

// Record records subjects that are about to be erased. The record is durable when it returns. Until then, and if it
// returns an error, the caller must not delete the data from which the subjects are known.
func (l *Log) Record(ctx context.Context, subjects ...Subject) error {
	if l == nil || len(subjects) == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.record(ctx, subjects); err != nil {
		return fmt.Errorf("ERASURE_LOG can't be written, so nothing is deleted until it can: %w", err)
	}
	return nil
}

func (l *Log) record(ctx context.Context, subjects []Subject) error {
	if l.key == nil {
		if _, err := l.begin(ctx); err != nil {
			return err
		}
	}
	entries := make([]entry, len(subjects))
	for i, s := range subjects {
		entries[i] = entry{At: l.now(), Kind: s.Kind, Hash: l.key.hash(s)}
	}
	j, err := l.open(ctx)
	if err != nil {
		return err
	}
	at, err := j.write(ctx, *l.key, entries)
	if err != nil {
		return err
	}
	return l.remember(ctx, at)
}
