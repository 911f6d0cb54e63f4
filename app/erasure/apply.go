package erasure

import (
	"context"
	"errors"
	"fmt"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// Keeper finds and erases subjects of one kind in the database. The feature that owns them provides it.
type Keeper struct {
	Kind Kind
	// IDs returns the ids of the subjects in the database, except those whose erasure has already begun.
	IDs func(ctx context.Context) ([]uuid.UUID, error)
	// Erase erases the subjects or starts to do so.
	Erase func(ctx context.Context, ids []uuid.UUID) error
}

// Found is the number of subjects of each kind that the log contains and the database still has.
type Found map[Kind]int

// Total returns the number of subjects of all kinds.
func (f Found) Total() (n int) {
	for _, count := range f {
		n += count
	}
	return n
}

// Apply erases the subjects that the log contains and the database still has. After a restore these are the ones that
// were erased since the backup; at any other time there are none. unreadable is the number of damaged lines in the log.
// Errors: ErrNone, ErrNoLog.
func (l *Log) Apply(ctx context.Context, keepers ...Keeper) (found Found, unreadable int, err error) {
	c, err := l.contents(ctx)
	if err != nil {
		return nil, 0, err
	}
	found, err = c.match(ctx, keepers, func(k Keeper, ids []uuid.UUID) error { return k.Erase(ctx, ids) })
	if err != nil {
		return found, c.unreadable, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return found, c.unreadable, l.remember(ctx, c.position)
}

// ErrBehind says that the database still has subjects that the log contains, because it was restored from a backup. The
// erasures after the backup must be applied before the program serves anybody.
var ErrBehind = errors.New("this database was restored from a backup: ERASURE_LOG names some that were deleted since and are in it again. " +
	"Stop every process, run `app erasures apply`, and start again")

// Begin is called when a process starts. It opens the log, creates it if necessary, and returns ErrBehind when the
// database is behind it. That check reads every id, so Begin only does it when the log is longer than the database
// knows, or is a different log. told is a warning about a different or shorter log, or "".
func (l *Log) Begin(ctx context.Context, keepers ...Keeper) (told string, err error) {
	if l == nil {
		return "", nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	at, err := l.begin(ctx)
	if err != nil {
		return "", err
	}
	was, err := remembered(ctx, l.db)
	if err != nil || was.Name == l.key.name() && was.Position == at {
		return "", err
	}
	switch {
	case was.Name != "" && was.Name != l.key.name():
		told = "ERASURE_LOG is not the log that erasures were written to before: after a restore only those in this one are applied"
	case was.Name != "" && was.Position > at:
		told = "ERASURE_LOG is shorter than it was: after a restore only what is left in it is applied"
	}
	j, err := l.open(ctx)
	if err != nil {
		return told, err
	}
	c := contents{position: at}
	if c.key, c.entries, c.unreadable, err = j.read(ctx); err != nil {
		return told, err
	}
	found, err := c.match(ctx, keepers, func(Keeper, []uuid.UUID) error { return nil })
	if err != nil {
		return told, err
	}
	if n := found.Total(); n > 0 {
		return told, fmt.Errorf("%w (%d customers, %d accesses)", ErrBehind, found[Customer], found[Access])
	}
	return told, l.put(ctx, row{Name: l.key.name(), Position: at})
}

// contents is the content of a log.
type contents struct {
	key        logKey
	entries    []entry
	unreadable int
	position   int64
}

// contents reads a log that must exist.
func (l *Log) contents(ctx context.Context) (c contents, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	j, err := l.open(ctx)
	if err != nil {
		return c, err
	}
	if c.key, c.position, err = j.head(ctx); err != nil {
		return c, err
	}
	l.key = &c.key
	c.key, c.entries, c.unreadable, err = j.read(ctx)
	return c, err
}

// match calls what with the subjects of each keeper that the log contains.
func (c contents) match(ctx context.Context, keepers []Keeper, what func(Keeper, []uuid.UUID) error) (found Found, err error) {
	named := map[Kind]map[string]bool{}
	for _, e := range c.entries {
		if named[e.Kind] == nil {
			named[e.Kind] = map[string]bool{}
		}
		named[e.Kind][e.Hash] = true
	}
	found = Found{}
	for _, k := range keepers {
		if len(named[k.Kind]) == 0 {
			continue
		}
		all, err := k.IDs(ctx)
		if err != nil {
			return found, err
		}
		var ids []uuid.UUID
		for _, id := range all {
			if named[k.Kind][c.key.hash(Subject{k.Kind, id})] {
				ids = append(ids, id)
			}
		}
		if len(ids) == 0 {
			continue
		}
		if err := what(k, ids); err != nil {
			return found, err
		}
		found[k.Kind] = len(ids)
	}
	return found, nil
}

// row is what the database knows about its log. A restored database knows an earlier position than the log has.
type row struct {
	bun.BaseModel `bun:"table:erasure_log"`

	ID       int    `bun:"id,pk"`
	Name     string `bun:"name"`
	Position int64  `bun:"position"`
}

func remembered(ctx context.Context, db *store.DB) (r row, err error) {
	err = db.NewSelect().Model(&r).Where("id = 1").Scan(ctx)
	if store.IsNoRows(err) {
		err = nil
	}
	return r, err
}

// remember stores how long the log is, unless another process has already stored a greater length.
func (l *Log) remember(ctx context.Context, at int64) error {
	was, err := remembered(ctx, l.db)
	if err != nil || was.Name == l.key.name() && was.Position >= at {
		return err
	}
	return l.put(ctx, row{Name: l.key.name(), Position: at})
}

func (l *Log) put(ctx context.Context, r row) error {
	r.ID = 1
	return l.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(&r).On("CONFLICT (id) DO UPDATE").Set("name = EXCLUDED.name").Set("position = EXCLUDED.position").Exec(ctx)
		return err
	})
}
