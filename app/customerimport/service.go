package customerimport

import (
	"context"
	"errors"
	"io"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/job"
	"kontor/app/secret"
	"kontor/app/spreadsheet"
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
const chunkRows = 200

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

// --- uploading --------------------------------------------------------------------------------------------------

// uploadChunks is how many chunks are written in one tx.
const uploadChunks = 10

// Upload takes a file: a CSV file or an Excel workbook, with headers in its first row. Its columns are mapped by their
// headers. Files of the caller that wait for a decision are given up. Errors: Forbidden; those of package spreadsheet,
// ErrEmpty, ErrHeaders.
func (s *Service) Upload(ctx context.Context, c account.Caller, file []byte) (imp Import, err error) {
	if err := s.require(c); err != nil {
		return Import{}, err
	}
	table, closed, err := spreadsheet.Open(file)
	if err != nil {
		return Import{}, err
	}
	defer func() { err = errors.Join(err, closed()) }()
	columns, err := headersOf(table)
	if err != nil {
		return Import{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Import{}, err
	}
	now := s.o.Now()
	until := now.Add(Life)
	r := record{ID: id, State: uploading, RequestedBy: c.ID, RequestedAt: now, EraseAt: &until}
	if err := s.begin(ctx, r); err != nil {
		return Import{}, err
	}
	if err := s.stage(ctx, &r, table, columns); err != nil {
		ctx := context.WithoutCancel(ctx)
		return Import{}, errors.Join(err, s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.drop(ctx, tx, r.ID) }))
	}
	return s.Get(ctx, c, id)
}

// uploading is the state of an import whose rows are not all there. Nobody sees it: a process that dies meanwhile leaves
// it, and its rows are erased like those of others.
const uploading State = "uploading"

// headersOf reads the first row that is not empty.
func headersOf(table spreadsheet.Reader) ([]Column, error) {
	for {
		row, err := table.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, ErrEmpty
		case err != nil:
			return nil, err
		case row.Problem == spreadsheet.Columns:
			return nil, spreadsheet.ErrColumns
		case row.Problem != "":
			return nil, ErrHeaders
		case !row.Empty():
			return guess(row.Cells), nil
		}
	}
}

// begin writes an import and gives up those of the same person that wait.
func (s *Service) begin(ctx context.Context, r record) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var waiting []record
		err := tx.NewSelect().Model(&waiting).Column("id").Where("requested_by = ?", r.RequestedBy).
			Where("state IN (?)", bun.List([]State{Mapping, Checked})).Scan(ctx)
		if err != nil {
			return err
		}
		for _, w := range waiting {
			if err := s.cancelled(ctx, tx, w.ID); err != nil {
				return err
			}
		}
		_, err = tx.NewInsert().Model(&r).Exec(ctx)
		return err
	})
}

// stage writes the rows of a file. Empty ones are left out.
func (s *Service) stage(ctx context.Context, r *record, table spreadsheet.Reader, columns []Column) error {
	var chunks []chunk
	var rows []spreadsheet.Row
	full := func() error {
		sealed, err := s.seal(sealedRows, rows)
		chunks = append(chunks, chunk{ImportID: r.ID, Number: r.Chunks, Cells: sealed})
		r.Chunks, r.TotalRows, rows = r.Chunks+1, r.TotalRows+int64(len(rows)), rows[:0]
		return err
	}
	for {
		row, err := table.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if row.Empty() {
			continue
		}
		if r.TotalRows == 0 {
			exemplify(columns, row.Cells)
		}
		if rows = append(rows, row); len(rows) < s.chunk {
			continue
		}
		if err := full(); err != nil {
			return err
		}
		if len(chunks) == uploadChunks {
			if err := s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return store.InsertAll(ctx, tx, chunks) }); err != nil {
				return err
			}
			chunks = nil
		}
	}
	if len(rows) > 0 {
		if err := full(); err != nil {
			return err
		}
	}
	if r.TotalRows == 0 {
		return ErrEmpty
	}
	var err error
	if r.Columns, err = s.seal(sealedColumns, columns); err != nil {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := store.InsertAll(ctx, tx, chunks); err != nil {
			return err
		}
		return advance(ctx, tx, *r, func(q *bun.UpdateQuery) {
			q.Set("state = ?", Mapping).Set("columns = ?", r.Columns).Set("chunks = ?", r.Chunks).Set("total_rows = ?", r.TotalRows)
		})
	})
}

// exemplify notes the first value of each column.
func exemplify(columns []Column, cells []string) {
	for i, c := range cells {
		if i < len(columns) && columns[i].Example == "" {
			columns[i].Example = cut(c)
		}
	}
}

// cut shortens a value that is only to be recognised.
func cut(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// --- going on ---------------------------------------------------------------------------------------------------

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

// --- looking ----------------------------------------------------------------------------------------------------

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

// PageSize is how many rows a page of verdicts has.
const PageSize = 50

// Page is a page of rows with their verdicts.
type Page struct {
	Lines       []Line
	From, Total int64 // the number of the first one, from 1 on, and of all
	More        bool
}

// Verdicts returns a page of the rows of an import that was checked, beginning with the number from (0 is the first),
// restricted to a verdict ("": all). Errors: Forbidden, ErrNotFound.
func (s *Service) Verdicts(ctx context.Context, c account.Caller, id uuid.UUID, only Verdict, from int64) (p Page, err error) {
	r, err := s.load(ctx, s.o.DB, c, id)
	if err != nil {
		return p, err
	}
	chunks, err := outline(ctx, s.o.DB, id, "counts")
	if err != nil {
		return p, err
	}
	of := func(n counts) (sum int64) {
		for v, k := range n {
			if only == "" || v == only {
				sum += k
			}
		}
		return sum
	}
	var wanted []int // the chunks that the page shows some of
	skip := int64(-1)
	for _, ch := range chunks {
		n := of(parseCounts(ch.Counts))
		if n > 0 && p.Total+n > from && p.Total < from+PageSize {
			if skip < 0 {
				skip = from - p.Total
			}
			wanted = append(wanted, ch.Number)
		}
		p.Total += n
	}
	p.From, p.More = from+1, from+PageSize < p.Total
	for _, number := range wanted {
		lines, err := s.lines(ctx, r, number)
		if err != nil {
			return Page{}, err
		}
		for _, l := range lines {
			switch {
			case only != "" && l.Verdict != only:
			case skip > 0:
				skip--
			case len(p.Lines) < PageSize:
				p.Lines = append(p.Lines, l)
			}
		}
	}
	return p, s.identify(ctx, c, p.Lines)
}

// lines returns the rows of a chunk with their verdicts.
func (s *Service) lines(ctx context.Context, r record, number int) ([]Line, error) {
	chunks, err := chunksAt(ctx, s.o.DB, r.ID, number, 1)
	if err != nil || len(chunks) == 0 || chunks[0].Number != number {
		return nil, err
	}
	columns, err := s.columns(r)
	if err != nil {
		return nil, err
	}
	marks, rows, err := s.opened(chunks[0])
	if err != nil {
		return nil, err
	}
	lines := make([]Line, len(marks))
	for i, m := range marks {
		lines[i].Mark = m
		if i < len(rows) {
			lines[i].Cells = rows[i].Cells
			lines[i].Values = reader{columns}.values(rows[i].Cells)
			c := reader{columns}.read(rows[i].Cells)
			lines[i].Name = customer.Customer{Type: c.draft.Type, Data: c.draft.Data}.Name()
		}
	}
	return lines, nil
}

// opened returns the verdicts and the rows of a chunk, as far as they are not erased.
func (s *Service) opened(ch chunk) (marks []Mark, rows []spreadsheet.Row, err error) {
	if err := s.open(sealedMarks, ch.Verdicts, &marks); err != nil {
		return nil, nil, err
	}
	return marks, rows, s.open(sealedRows, ch.Cells, &rows)
}

// identify adds the customers that the caller may read.
func (s *Service) identify(ctx context.Context, c account.Caller, lines []Line) error {
	var ids []uuid.UUID
	for _, l := range lines {
		ids = append(ids, l.Customers...)
	}
	known, err := s.o.Customers.Rows(ctx, c, ids)
	if err != nil {
		return err
	}
	for i := range lines {
		for _, id := range lines[i].Customers {
			if row, may := known[id]; may {
				lines[i].Known = append(lines[i].Known, row)
			}
		}
	}
	return nil
}

// Each calls f for each row with its verdict, in the order of the file. Errors: Forbidden, ErrNotFound; those of f.
func (s *Service) Each(ctx context.Context, c account.Caller, id uuid.UUID, f func(columns []Column, l Line) error) error {
	r, err := s.load(ctx, s.o.DB, c, id)
	if err != nil {
		return err
	}
	columns, err := s.columns(r)
	if err != nil {
		return err
	}
	for number := range r.Chunks {
		lines, err := s.lines(ctx, r, number)
		if err != nil {
			return err
		}
		if err := s.identify(ctx, c, lines); err != nil {
			return err
		}
		for _, l := range lines {
			if err := f(columns, l); err != nil {
				return err
			}
		}
	}
	return nil
}
