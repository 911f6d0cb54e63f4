package erasure

import (
	"context"
	"errors"
	"fmt"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// Keeper is how one kind of subject is found in the database and erased again. The feature that erases them supplies it.
type Keeper struct {
	Kind Kind
	// IDs are those that the database has, but for those whose erasing is under way.
	IDs func(ctx context.Context) ([]uuid.UUID, error)
	// Erase begins to erase them, or does it.
	Erase func(ctx context.Context, ids []uuid.UUID) error
}

// Found is how many subjects of each kind the log names and the database still has.
type Found map[Kind]int

// Total is how many they are together.
func (f Found) Total() (n int) {
	for _, count := range f {
		n += count
	}
	return n
}

// Apply erases whom the log names and the database still has: after a restore those who were erased since the backup. At
// any other time it finds nobody. unreadable is how many lines of the log are damaged. ErrNone, ErrNoLog.
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

// ErrBehind says that the database still has whom the log names: it was restored from a backup, and the erasures that came
// after it have to be applied before anybody may be served.
var ErrBehind = errors.New("this database was restored from a backup: ERASURE_LOG names some that were deleted since and are in it again. " +
	"Stop every process, run `app erasures apply`, and start again")

// Begin is for a process that starts: it opens the log, making it where there is none, and returns ErrBehind when the
// database is behind it. That takes a look at every id, so it is only done when the log goes further than the database
// knows, or is another one than before; told says that.
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

// contents is what stands in a log.
type contents struct {
	key        Key
	entries    []Entry
	unreadable int
	position   int64
}

// contents reads a log that must be there.
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

// match calls what with those subjects of each keeper that the log names.
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
			if named[k.Kind][c.key.Hash(Subject{k.Kind, id})] {
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

// row is what the database knows of its log: a restored one knows less than the log has.
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

// remember notes how far the log goes, which another process may have noted to go further.
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
