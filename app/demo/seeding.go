package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/gofrs/uuid/v5"

	"kontor/app/customer"
	"kontor/app/store"
	"kontor/app/transaction"
)

// ErrSeeded says that the database already has the rows of this seed.
var ErrSeeded = errors.New("the rows of this --seed are there already: another one makes others")

// ErrUnfinished says that not all of the rows of a seeding are there yet, or not all of their indexes.
var ErrUnfinished = errors.New("this database is still being filled with synthetic customers, or that was interrupted. What goes on with it")

// Seed fills a database with synthetic customers for load tests. The same options give the same rows. Each customer has
// one access; most are registered, some were invited long ago, are undeliverable or deactivated. All e-mail addresses are
// under example.*. Seed adds to the existing rows, a part in each transaction. It calls progress, if it is not nil, after
// each batch. Until all is there the database counts as unfinished. If Seed is interrupted, another call with the same
// options goes on, and the rows are the same in the end; other options return ErrUnfinished. Seeding twice with the same
// seed returns ErrSeeded.
func Seed(ctx context.Context, db *store.DB, o SeedOptions, progress func(done, total int)) error {
	s := seeding{sizes: usual, tell: progress}
	return s.run(ctx, db, o)
}

// SeedOnce calls Seed if the database has no customers, or if a seeding was interrupted.
func SeedOnce(ctx context.Context, db *store.DB, o SeedOptions) (seeded bool, err error) {
	_, unfinished, err := Unfinished(ctx, db)
	if err != nil {
		return false, err
	}
	if some, err := customer.Any(ctx, db); err != nil || some && !unfinished {
		return false, err
	}
	return true, Seed(ctx, db, o, nil)
}

// Unfinished returns the options of a seeding that has not come to its end.
func Unfinished(ctx context.Context, db *store.DB) (o SeedOptions, unfinished bool, err error) {
	p, unfinished, err := readProgress(ctx, db)
	return p.Origin.Options, unfinished, err
}

// progress is the content of the table seeding, which a database has only while it is unfinished.
type progress struct {
	Origin    origin
	Generator state
	Visible   bool          // whether transaction_visible is filled
	Indexes   []store.Index // that are still to be created
	Searches  []string      // SQLite's search indexes that are still to be brought to the state that the worker expects
}

// origin is what the rows depend on: the options, and what was there before.
type origin struct {
	Options        SeedOptions
	LastCustomer   int64 // the last customer's number
	LastSpecialist int   // the number of synthetic specialist users
}

// state is how far a generator has come.
type state struct {
	Random      []byte // the state of the source of random values
	Customers   int    // made so far
	IDs         int64  // made so far
	Number      int64  // the last transaction's
	Specialists []uuid.UUID
}

// mark is the table that holds the progress.
const mark = "seeding"

func readProgress(ctx context.Context, db *store.DB) (p progress, found bool, err error) {
	if found, err = db.HasTable(ctx, mark); err != nil || !found {
		return p, false, err
	}
	var text string
	if err := db.NewSelect().Table(mark).Column("progress").Scan(ctx, &text); err != nil {
		return p, false, err
	}
	return p, true, json.Unmarshal([]byte(text), &p)
}

func (p progress) write(ctx context.Context, l store.Load) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := l.Exec(ctx, `DELETE FROM `+mark); err != nil {
		return err
	}
	return l.Rows(ctx, mark, []string{"progress"}, [][]any{{string(text)}})
}

// newProgress is the progress before the first row.
func newProgress(ctx context.Context, db *store.DB, o SeedOptions) (p progress, err error) {
	p.Origin.Options = o
	if p.Origin.LastCustomer, err = customer.Counter.Last(ctx, db); err != nil {
		return p, err
	}
	if p.Generator.Number, err = transaction.Counter.Last(ctx, db); err != nil {
		return p, err
	}
	before, err := db.NewSelect().Table("account").Where("email_folded LIKE 'specialist%@example.net'").Count(ctx)
	if err != nil {
		return p, err
	}
	p.Origin.LastSpecialist = int(before)
	p.Generator.Random, err = rand.NewPCG(o.Seed, 0x6b6f6e746f72).MarshalBinary()
	return p, err
}

// sizes say how a seeding is divided.
type sizes struct {
	batch int // customers, with their rows in other tables, that are made and written at once
	tx    int // batches in a tx
	bulk  int // customers from which a seeding has the database for itself, and builds indexes after loading
}

var usual = sizes{batch: 1000, tx: 25, bulk: 10_000}

// seeding fills a database.
type seeding struct {
	progress
	sizes
	loader *store.Loader
	lite   bool                  // SQLite
	tell   func(done, total int) // may be nil
	step   func() error          // called after each tx; only tests set it
}

func (s *seeding) run(ctx context.Context, db *store.DB, o SeedOptions) error {
	if o.Assignments > 0 && o.Specialists == 0 {
		o.Specialists = 1
	}
	p, unfinished, err := readProgress(ctx, db)
	switch {
	case err != nil:
		return err
	case unfinished && p.Origin.Options != o:
		return fmt.Errorf("%w: app seed %s", ErrUnfinished, p.Origin.Options)
	case !unfinished:
		if p, err = newProgress(ctx, db, o); err != nil {
			return err
		}
	}
	s.progress, s.lite = p, !db.IsPostgres()
	err = db.Loading(ctx, func(l *store.Loader) error {
		s.loader = l
		return s.fill(ctx)
	})
	if store.IsUnique(err, "account.id") || store.IsUnique(err, "customer.id") {
		return ErrSeeded
	}
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	return settle(ctx, db)
}

// inTx runs fn in a tx, which also writes down how far the seeding has come.
func (s *seeding) inTx(ctx context.Context, fn func(store.Load) error) error {
	err := s.loader.InTx(ctx, func(l store.Load) error {
		if err := fn(l); err != nil {
			return err
		}
		return s.write(ctx, l)
	})
	if err == nil && s.step != nil {
		err = s.step()
	}
	return err
}

func (s *seeding) fill(ctx context.Context) error {
	if s.Origin.Options.Customers >= s.bulk {
		if err := s.loader.Alone(ctx); err != nil {
			return err
		}
	}
	if err := s.customers(ctx); err != nil {
		return err
	}
	if !s.Visible {
		err := s.inTx(ctx, func(l store.Load) error {
			o := s.Origin.Options
			s.Visible = true
			return writeVisible(ctx, l, s.Generator.Number-int64(o.Customers*o.TransactionsPerCustomer))
		})
		if err != nil {
			return err
		}
	}
	for len(s.Indexes) > 0 {
		err := s.inTx(ctx, func(l store.Load) error {
			next := s.Indexes[0]
			s.Indexes = s.Indexes[1:]
			return l.CreateIndex(ctx, next)
		})
		if err != nil {
			return err
		}
	}
	for len(s.Searches) > 0 {
		err := s.inTx(ctx, func(l store.Load) error {
			next := s.Searches[0]
			s.Searches = s.Searches[1:]
			if err := configure(ctx, l, next, `('hashsize', 1048576)`); err != nil {
				return err
			}
			return configure(ctx, l, next, `('optimize', NULL)`)
		})
		if err != nil {
			return err
		}
	}
	return s.loader.InTx(ctx, func(l store.Load) error { return l.Exec(ctx, `DROP TABLE `+mark) })
}

// customers writes the customers that are missing. The next batch is made while one is written.
func (s *seeding) customers(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	batches := make(chan *batch)
	g, err := newGenerator(s.Origin, s.Generator)
	if err != nil {
		return err
	}
	go g.run(ctx, s.batch, batches)
	for total := s.Origin.Options.Customers; s.Generator.Customers < total; {
		err := s.inTx(ctx, func(l store.Load) error {
			if s.Generator.Customers == 0 {
				if err := s.begin(ctx, l); err != nil {
					return err
				}
			}
			for n := 0; n < s.tx && s.Generator.Customers < total; n++ {
				b, ok := <-batches
				if !ok {
					return ctx.Err()
				}
				if err := b.write(ctx, l, s.lite); err != nil {
					return err
				}
				s.Generator = b.after
				if s.tell != nil {
					s.tell(s.Generator.Customers, total)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// begin marks the database as unfinished and prepares it.
func (s *seeding) begin(ctx context.Context, l store.Load) (err error) {
	if err := l.Exec(ctx, `CREATE TABLE `+mark+` (progress TEXT NOT NULL)`); err != nil {
		return err
	}
	o := s.Origin.Options
	// What is added meanwhile and afterwards gets numbers behind these.
	if err := l.Number(ctx, customer.Counter, s.Origin.LastCustomer+int64(o.Customers)); err != nil {
		return err
	}
	if err := l.Number(ctx, transaction.Counter, s.Generator.Number+int64(o.Customers*o.TransactionsPerCustomer)); err != nil {
		return err
	}
	if s.lite {
		s.Searches = []string{"customer_search", "transaction_search"}
	}
	for _, index := range s.Searches { // so that more is sorted at once
		if err := configure(ctx, l, index, `('hashsize', 8388608)`); err != nil {
			return err
		}
	}
	if o.Customers >= s.bulk {
		s.Indexes, err = l.DropIndexes(ctx, tableNames())
	}
	return err
}

// run makes batches until it has made all customers or ctx ends.
func (g *generator) run(ctx context.Context, size int, batches chan<- *batch) {
	defer close(batches)
	for g.Customers < g.Options.Customers {
		b := g.batch(size)
		select {
		case batches <- b:
		case <-ctx.Done():
			return
		}
	}
}

// settle brings the database to the state of a database that has grown slowly.
func settle(ctx context.Context, db *store.DB) error {
	after := `PRAGMA wal_checkpoint(TRUNCATE)`
	if db.IsPostgres() {
		after = `VACUUM ANALYZE`
	}
	// Raw SQL: maintenance of the database, no query.
	_, err := db.ExecContext(ctx, after)
	return err
}
