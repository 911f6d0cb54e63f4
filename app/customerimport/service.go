package customerimport

import (
	"context"
	"errors"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/job"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/policies"
)

// Customers is what this package needs of customer.Service.
type Customers interface {
	Known(ctx context.Context, db bun.IDB, list []customer.Candidate) ([]customer.Found, error)
	Rows(ctx context.Context, c account.Caller, ids []uuid.UUID) (map[uuid.UUID]customer.Row, error)
}

// Accesses is what this package needs of access.Service.
type Accesses interface {
	Waiting(ctx context.Context, db bun.IDB, c account.Caller, emails []string) (map[string]bool, error)
	AddCustomers(ctx context.Context, tx bun.Tx, c account.Caller, list []access.Newcomer) ([]customer.Customer, map[uuid.UUID]bool, error)
}

// Accounts is what this package needs of account.Service.
type Accounts interface {
	CallerOf(ctx context.Context, db bun.IDB, id uuid.UUID) (account.Caller, error)
}

// Options are the parameters of New; all of them are required.
type Options struct {
	DB        *store.DB
	Now       store.Clock
	Key       secret.Key
	Decider   *policies.Decider
	Customers Customers
	Accesses  Accesses
	Accounts  Accounts
	Audit     *audit.Log
	Jobs      *job.Service
}

// Service manages imports. A person sees their own imports only.
type Service struct {
	o    Options
	seen seen
	// chunk is the number of rows of a chunk, which are added in one tx.
	chunk int
	// step is called after each chunk that was added. An error stops the job there, like a kill of the process. Tests
	// set it.
	step func() error
}

// chunkRows is so few that adding a chunk holds SQLite's write lock no longer than a person notices.
const chunkRows = 500

// New makes the service. It registers its jobs.
func New(o Options) *Service {
	s := &Service{o: o, chunk: chunkRows, step: func() error { return nil }}
	cancel := func(ctx context.Context, tx bun.Tx, j job.Job) error { return s.cancelled(ctx, tx, j.SubjectID) }
	o.Jobs.Handle(job.ImportCheck, job.Handler{Step: s.checkStep, Cancel: cancel})
	o.Jobs.Handle(job.ImportRun, job.Handler{Step: s.importStep, Cancel: cancel})
	return s
}

// May says whether the caller may import customers of any type. It takes the right to import and the right to add.
func (s *Service) May(c account.Caller) (bool, error) {
	for _, t := range customer.Types {
		if may, err := s.mayAdd(c, t); err != nil || may {
			return may, err
		}
	}
	return false, nil
}

func (s *Service) mayAdd(c account.Caller, t customer.Type) (bool, error) {
	for _, a := range []policies.Action{policies.Import, policies.Create} {
		ok, err := s.o.Decider.Allows(policies.Request{Roles: c.Roles, Object: policies.ObjectCustomer, Kind: string(t), Action: a})
		if err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func (s *Service) require(c account.Caller) error {
	may, err := s.May(c)
	if err == nil && !may {
		err = policies.ErrForbidden
	}
	return err
}

// recordKey names an import for store.Once.
type recordKey uuid.UUID

// load loads an import of the caller.
func (s *Service) load(ctx context.Context, db bun.IDB, c account.Caller, id uuid.UUID) (record, error) {
	if err := s.require(c); err != nil {
		return record{}, err
	}
	r, err := store.Once(ctx, db, recordKey(id), func() (record, error) { return load(ctx, db, id) })
	if err == nil && r.RequestedBy != c.ID {
		err = ErrNotFound
	}
	return r, err
}

// Check maps the columns and begins to check the rows. Errors: Forbidden, ErrNotFound; ErrState; Invalid as from mapped.
func (s *Service) Check(ctx context.Context, c account.Caller, id uuid.UUID, chosen []string) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		r, err := s.load(ctx, tx, c, id)
		if err != nil {
			return err
		}
		if r.State != Mapping && r.State != Checked {
			return ErrState
		}
		columns, err := s.columns(r)
		if err != nil {
			return err
		}
		if columns, err = mapped(columns, chosen); err != nil {
			return err
		}
		sealed, err := s.seal(sealedColumns, columns)
		if err != nil {
			return err
		}
		err = advance(ctx, tx, r, func(q *bun.UpdateQuery) {
			q.Set("state = ?", Checking).Set("next_chunk = 0").Set("counts = ''").Set("columns = ?", sealed)
		})
		if err != nil {
			return err
		}
		_, err = s.o.Jobs.Add(ctx, tx, job.Order{Kind: job.ImportCheck, SubjectID: id, By: c.ID, Total: r.TotalRows})
		return err
	})
}

// Again lets a person map the columns of a checked file anew. Errors: Forbidden, ErrNotFound, ErrState.
func (s *Service) Again(ctx context.Context, c account.Caller, id uuid.UUID) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		r, err := s.load(ctx, tx, c, id)
		if err != nil {
			return err
		}
		if r.State != Checked {
			return ErrState
		}
		return advance(ctx, tx, r, func(q *bun.UpdateQuery) { q.Set("state = ?", Mapping).Set("next_chunk = 0").Set("counts = ''") })
	})
}

// Decision says how the rows are added.
type Decision struct {
	Invite     bool // otherwise nobody is sent anything
	Duplicates bool // add those rows as well that may be duplicates
}

// Start begins to add the rows. Errors: Forbidden, ErrNotFound, ErrState, ErrNothing.
func (s *Service) Start(ctx context.Context, c account.Caller, id uuid.UUID, d Decision) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		r, err := s.load(ctx, tx, c, id)
		if err != nil {
			return err
		}
		if r.State != Checked {
			return ErrState
		}
		n := parseCounts(r.Counts)
		if n[Good]+n[Waits] == 0 && (!d.Duplicates || n[Duplicate] == 0) {
			return ErrNothing
		}
		now := s.o.Now()
		err = advance(ctx, tx, r, func(q *bun.UpdateQuery) {
			q.Set("state = ?", Importing).Set("next_chunk = 0").Set("counts = ''").Set("invite = ?", d.Invite).Set("duplicates = ?", d.Duplicates).
				Set("invite_at = ?", now).Set("erase_at = ?", now.Add(Life))
		})
		if err != nil {
			return err
		}
		_, err = s.o.Jobs.Add(ctx, tx, job.Order{Kind: job.ImportRun, SubjectID: id, By: c.ID, Total: r.TotalRows})
		return err
	})
}

// Cancel gives an import up and erases its rows. What was added before stays. Errors: Forbidden, ErrNotFound, ErrState.
func (s *Service) Cancel(ctx context.Context, c account.Caller, id uuid.UUID) error {
	r, err := s.load(ctx, s.o.DB, c, id)
	if err != nil {
		return err
	}
	kind := map[State]job.Kind{Checking: job.ImportCheck, Importing: job.ImportRun}[r.State]
	if kind != "" {
		j, err := s.o.Jobs.Of(ctx, kind, id)
		if err != nil {
			return err
		}
		if err := s.o.Jobs.Cancel(ctx, c.Actor(), j.ID); !errors.Is(err, job.ErrOver) {
			return err
		}
		return ErrState
	}
	if r.State == Done || r.State == Cancelled {
		return ErrState
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.cancelled(ctx, tx, id) })
}

// cancelled ends an import inside a tx. An import that has ended stays as it is.
func (s *Service) cancelled(ctx context.Context, tx bun.IDB, id uuid.UUID) error {
	q := tx.NewUpdate().Model((*record)(nil)).Set("state = ?", Cancelled).Set("finished_at = ?", s.o.Now()).Where("id = ?", id).
		Where("state NOT IN (?)", bun.List([]State{Done, Cancelled}))
	if n, err := store.Affected(q.Exec(ctx)); err != nil || n == 0 {
		return err
	}
	return erase(ctx, tx, id)
}

// drop removes an import that never came to be.
func (s *Service) drop(ctx context.Context, tx bun.IDB, id uuid.UUID) error {
	if err := erase(ctx, tx, id); err != nil {
		return err
	}
	_, err := tx.NewDelete().Model((*record)(nil)).Where("id = ?", id).Where("state = ?", uploading).Exec(ctx)
	return err
}

// Erase erases the rows that were kept as long as they may be. Several processes may call it at once.
func (s *Service) Erase(ctx context.Context) error {
	list, err := due(ctx, s.o.DB, s.o.Now())
	if err != nil {
		return err
	}
	for _, r := range list {
		err := s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			if r.State == uploading {
				return s.drop(ctx, tx, r.ID)
			}
			if err := s.cancelled(ctx, tx, r.ID); err != nil {
				return err
			}
			return erase(ctx, tx, r.ID)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Get returns an import of the caller. Errors: Forbidden, ErrNotFound.
func (s *Service) Get(ctx context.Context, c account.Caller, id uuid.UUID) (Import, error) {
	r, err := s.load(ctx, s.o.DB, c, id)
	if err == nil && r.State == uploading {
		err = ErrNotFound
	}
	if err != nil {
		return Import{}, err
	}
	imp := s.shown(r)
	imp.Columns, err = s.columns(r)
	return imp, err
}

// recent is how many imports List returns.
const recent = 10

// List returns the caller's last imports, the newest first. Error: Forbidden.
func (s *Service) List(ctx context.Context, c account.Caller) (list []Import, err error) {
	if err := s.require(c); err != nil {
		return nil, err
	}
	rows, err := ofPerson(ctx, s.o.DB, c.ID, recent)
	for _, r := range rows {
		if r.State != uploading {
			list = append(list, s.shown(r))
		}
	}
	return list, err
}

func (s *Service) shown(r record) Import {
	return Import{
		ID: r.ID, State: r.State, RequestedBy: r.RequestedBy, RequestedAt: r.RequestedAt, FinishedAt: r.FinishedAt, Rows: r.TotalRows,
		Done: min(int64(r.NextChunk)*int64(s.chunk), r.TotalRows), Invite: r.Invite, Duplicates: r.Duplicates, Counts: parseCounts(r.Counts),
		Erased: r.EraseAt == nil,
	}
}

func (s *Service) columns(r record) (columns []Column, err error) {
	return columns, s.open(sealedColumns, r.Columns, &columns)
}
