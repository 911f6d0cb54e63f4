// Package erasure remembers, outside the database, who was deleted for good. A backup is older than some deletions; when it
// is restored, the log says whom to delete again. The log holds keyed hashes of ids and times, under a key of its own that
// stands in it, and nothing else: it says nothing about anybody to who has no backup.
//
// A deletion is recorded once it is decided for good, so that nothing can bring back whom it is about, and before the last
// of it is taken from the database. So a crash in between loses no erasure, and no entry stands for a deletion that did not
// happen: it would only be finished later.
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

// The kinds. A customer takes its accesses along, an access the account that nothing else keeps.
const (
	Customer Kind = "customer"
	Access   Kind = "access"
	Account  Kind = "account"
)

// Subject is one that is erased.
type Subject struct {
	Kind Kind
	ID   uuid.UUID
}

// Entry is what the log says of one erasure.
type Entry struct {
	At   time.Time
	Kind Kind
	Hash string
}

// Key is what the hashes of a log are made with. It stands in the log itself, so that the log outlives SECRET_KEY.
type Key [32]byte

func newKey() (k Key) {
	_, _ = rand.Read(k[:])
	return k
}

// Hash is what stands in the log for a subject.
func (k Key) Hash(s Subject) string {
	mac := hmac.New(sha256.New, k[:])
	mac.Write([]byte(s.Kind))
	mac.Write(s.ID[:])
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// name tells one log from another, and nothing about its key.
func (k Key) name() string {
	sum := sha256.Sum256(k[:])
	return hex.EncodeToString(sum[:8])
}

var (
	// ErrNone says that there is no log where it should be.
	ErrNone = errors.New("there is no erasure log")
	// ErrNoLog says that what is there is no erasure log.
	ErrNoLog = errors.New("this is not an erasure log, or its first line is damaged")
	// ErrReplaced says that the log was taken away, or another one put in its place, since this process began with it.
	ErrReplaced = errors.New("the erasure log is not the one that this process began with: bring that one back, or start the process again")
)

// journal is where a log is kept.
type journal interface {
	// head reads the log's key, and how far the log goes: a number that grows with every entry. ErrNone, ErrNoLog.
	head(ctx context.Context) (Key, int64, error)
	// begin is head, and makes the log where there is none.
	begin(ctx context.Context) (Key, int64, error)
	// write adds entries to the log that has this key, for good when it returns, and says how far the log goes then.
	// ErrReplaced.
	write(ctx context.Context, key Key, entries []Entry) (int64, error)
	// read reads all of it. unreadable is how many lines are damaged.
	read(ctx context.Context) (key Key, entries []Entry, unreadable int, err error)
	close() error
}

// Log is an erasure log. It may be used by several processes at once. The nil Log is none: it records nothing.
type Log struct {
	where string
	db    *store.DB
	now   store.Clock

	mu      sync.Mutex
	journal journal
	key     *Key // of the log that this process began with
}

// IsDatabase says whether a value of ERASURE_LOG is the address of a database, and not the name of a file.
func IsDatabase(where string) bool {
	for _, scheme := range []string{"sqlite://", "postgres://", "postgresql://"} {
		if strings.HasPrefix(where, scheme) {
			return true
		}
	}
	return false
}

// New is the log at where, the name of a file or the address of a database, for the erasures of db. Nothing is opened
// before it is needed. Where "" there is none, and New returns nil.
func New(where string, db *store.DB, now store.Clock) *Log {
	if where == "" {
		return nil
	}
	return &Log{where: where, db: db, now: now}
}

// Close lets go of the log.
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

// open returns the journal, opened. l.mu is held.
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

// begin opens the log, making it where there is none, and says how far it goes.
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

// Name tells this log from others, wherever it is: "none" where there is none, "" while it has not been opened.
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

// Find returns nil when there is a log, and ErrNone, ErrNoLog or why it can't be read otherwise. It makes none.
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

// Record notes who is about to be erased. It returns when that is written for good. Until then, and so whenever it returns
// an error, the caller must not erase what it takes to know whom to erase.
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
	entries := make([]Entry, len(subjects))
	for i, s := range subjects {
		entries[i] = Entry{At: l.now(), Kind: s.Kind, Hash: l.key.Hash(s)}
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
