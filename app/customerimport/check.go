package customerimport

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"runtime"
	"strings"
	"sync"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/job"
	"kontor/app/spreadsheet"
)

// judged is a row with its verdict, and what would be added.
type judged struct {
	Mark
	newcomer  access.Newcomer
	candidate customer.Candidate
}

// read reads and validates rows. Their verdicts are Good, Wrong or Example.
func (s *Service) read(c account.Caller, r reader, rows []spreadsheet.Row) ([]judged, error) {
	list := make([]judged, len(rows))
	for i, row := range rows {
		list[i].Row = row.Number
		if err := s.readRow(c, r, row, &list[i]); err != nil {
			return nil, err
		}
		runtime.Gosched() // a request that waits for a processor goes first
	}
	return list, nil
}

// judge finds out which of the good rows are there already, may be, or wait for a second person. db may be a tx.
func (s *Service) judge(ctx context.Context, db bun.IDB, c account.Caller, list []judged) error {
	var good []*judged
	for i := range list {
		if list[i].Verdict == Good {
			good = append(good, &list[i])
		}
	}
	candidates, emails := make([]customer.Candidate, len(good)), make([]string, len(good))
	for i, j := range good {
		candidates[i], emails[i] = j.candidate, j.newcomer.Form.Email
	}
	found, err := s.o.Customers.Known(ctx, db, candidates)
	if err != nil {
		return err
	}
	waiting, err := s.o.Accesses.Waiting(ctx, db, c, emails)
	if err != nil {
		return err
	}
	for i, j := range good {
		switch {
		case found[i].Same != uuid.Nil:
			j.Verdict, j.Customers = There, []uuid.UUID{found[i].Same}
		case len(found[i].Alike) > 0:
			j.Verdict, j.Customers = Duplicate, found[i].Alike
		case waiting[emails[i]]:
			j.Verdict = Waits
		}
	}
	return nil
}

// unread says of each problem what is wrong with the row.
var unread = map[spreadsheet.Problem]*fault.Error{
	spreadsheet.Quotes:  fault.New(fault.Invalid, "import.row_quotes"),
	spreadsheet.Columns: fault.New(fault.Invalid, "import.row_columns"),
	spreadsheet.TooLong: fault.New(fault.Invalid, "import.row_too_long"),
}

// readRow reads a row and validates it.
func (s *Service) readRow(c account.Caller, r reader, row spreadsheet.Row, j *judged) error {
	if j.Verdict = Wrong; row.Problem != "" {
		j.Wrong = []Complaint{{Message: unread[row.Problem].Message}}
		return nil
	}
	read := r.read(row.Cells)
	if strings.HasPrefix(read.draft.Data.Reference, ExampleReference) {
		j.Verdict = Example
		return nil
	}
	draft, form, err := access.ValidateCustomer(read.draft, read.email, read.mobile)
	var e *fault.Error
	switch {
	case err == nil:
		may, err := s.mayAdd(c, draft.Type)
		if err != nil {
			return err
		}
		if !may {
			read.complaints = append(read.complaints, Complaint{Field: fieldType, Message: "import.type"})
		}
	case errors.As(err, &e) && len(e.Fields) > 0:
		for _, f := range e.Fields {
			read.complaints = append(read.complaints, Complaint{Field: f.Field, Message: f.Message, Args: f.Args})
		}
	default:
		return err
	}
	if j.Wrong = read.complaints; len(j.Wrong) == 0 {
		j.Verdict = Good
	}
	j.newcomer = access.Newcomer{Draft: draft, Form: form}
	j.candidate = customer.Candidate{Type: draft.Type, Data: draft.Data, Email: form.Email}
	return nil
}

// checkChunks is how many chunks a step checks.
const checkChunks = 5

// checkStep checks some chunks of the rows of an import. Nothing is added.
func (s *Service) checkStep(ctx context.Context, j job.Job) (job.Progress, error) {
	r, err := load(ctx, s.o.DB, j.SubjectID)
	if errors.Is(err, ErrNotFound) || err == nil && r.State != Checking {
		return job.Progress{Finished: true}, nil
	}
	if err != nil {
		return job.Progress{}, err
	}
	c, err := s.caller(ctx, r)
	if err != nil || c.ID == uuid.Nil {
		return job.Progress{Finished: err == nil}, err
	}
	columns, err := s.columns(r)
	if err != nil {
		return job.Progress{}, err
	}
	chunks, err := chunksAt(ctx, s.o.DB, r.ID, r.NextChunk, checkChunks)
	if err != nil {
		return job.Progress{}, err
	}
	before, err := s.above(ctx, r)
	if err != nil {
		return job.Progress{}, err
	}
	sum := parseCounts(r.Counts)
	for i := range chunks {
		ch := &chunks[i]
		var rows []spreadsheet.Row
		if err := s.open(sealedRows, ch.Cells, &rows); err != nil {
			return job.Progress{}, err
		}
		list, err := s.read(c, reader{columns}, rows)
		if err != nil {
			return job.Progress{}, err
		}
		if err := s.judge(ctx, s.o.DB, c, list); err != nil {
			return job.Progress{}, err
		}
		ch.Keys = s.compare(before, list)
		if err := s.sealMarks(ch, list, sum); err != nil {
			return job.Progress{}, err
		}
	}
	next := r.NextChunk + len(chunks)
	over := next >= r.Chunks
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		err := advance(ctx, tx, r, func(q *bun.UpdateQuery) {
			if q.Set("next_chunk = ?", next).Set("counts = ?", sum.String()); over {
				q.Set("state = ?", Checked)
			}
		})
		if err != nil {
			return err
		}
		for _, ch := range chunks {
			if err := saveVerdicts(ctx, tx, ch); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.seen.forget(r.ID)
		if errors.Is(err, ErrState) { // cancelled meanwhile, or another worker was quicker
			err = nil
		}
		return job.Progress{Total: r.TotalRows, Done: s.shown(r).Done}, err
	}
	s.seen.keep(r.ID, next, before)
	if r.NextChunk = next; over {
		s.seen.forget(r.ID)
	}
	return job.Progress{Done: s.shown(r).Done, Total: r.TotalRows, Finished: over}, nil
}

// caller returns who has asked for an import, with their present rights. The caller is Nil if they may not import any more:
// then the import has ended.
func (s *Service) caller(ctx context.Context, r record) (account.Caller, error) {
	c, err := s.o.Accounts.CallerOf(ctx, s.o.DB, r.RequestedBy)
	if err == nil {
		var may bool
		if may, err = s.May(c); err == nil && may {
			return c, nil
		}
	}
	if err != nil && !errors.Is(err, account.ErrNobody) {
		return account.Caller{}, err
	}
	return account.Caller{}, s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.cancelled(ctx, tx, r.ID) })
}

// sealMarks puts verdicts into a chunk, and adds them up.
func (s *Service) sealMarks(ch *chunk, list []judged, sum counts) (err error) {
	marks := make([]Mark, len(list))
	for i, j := range list {
		marks[i] = j.Mark
	}
	n := countsOf(marks)
	sum.add(n)
	ch.Counts = n.String()
	ch.Verdicts, err = s.seal(sealedMarks, marks)
	return err
}

// --- rows above -------------------------------------------------------------------------------------------------

// rowsAbove has the rows of a file by a hash of their key.
type rowsAbove map[uint64]int

// seen keeps the rows above of the imports that this process checks, so that they need not be read with each step.
type seen struct {
	mu sync.Mutex
	of map[uuid.UUID]rowsBefore
}

// rowsBefore are the rows of all chunks before one.
type rowsBefore struct {
	chunk int
	rows  rowsAbove
}

func (s *seen) keep(id uuid.UUID, chunk int, rows rowsAbove) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[uuid.UUID]rowsBefore{}
	}
	s.of[id] = rowsBefore{chunk, rows}
}

func (s *seen) forget(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.of, id)
}

// take returns the rows before a chunk, if they are known. They belong to the caller then.
func (s *seen) take(id uuid.UUID, chunk int) (rowsAbove, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, ok := s.of[id]
	delete(s.of, id)
	return before.rows, ok && before.chunk == chunk
}

// keySize is the size of a row in the keys of a chunk: its hash and its number.
const keySize = 8 + 4

// above returns the rows before the next chunk of an import.
func (s *Service) above(ctx context.Context, r record) (rowsAbove, error) {
	if rows, ok := s.seen.take(r.ID, r.NextChunk); ok {
		return rows, nil
	}
	rows := rowsAbove{}
	if r.NextChunk == 0 {
		return rows, nil
	}
	chunks, err := outline(ctx, s.o.DB, r.ID, "keys")
	if err != nil {
		return nil, err
	}
	for _, ch := range chunks {
		if ch.Number >= r.NextChunk {
			break
		}
		for key := ch.Keys; len(key) >= keySize; key = key[keySize:] {
			rows[binary.BigEndian.Uint64(key)] = int(binary.BigEndian.Uint32(key[8:]))
		}
	}
	return rows, nil
}

// compare finds rows that are the same as one above, and returns the keys of the others.
func (s *Service) compare(before rowsAbove, list []judged) (keys []byte) {
	for i := range list {
		j := &list[i]
		switch j.Verdict {
		case Good, Waits, Duplicate:
		default:
			continue
		}
		hash := s.hash(j.candidate.Key())
		if above, same := before[hash]; same {
			j.Verdict, j.Above, j.Customers = Repeated, above, nil
			continue
		}
		before[hash] = j.Row
		keys = binary.BigEndian.AppendUint64(keys, hash)
		keys = binary.BigEndian.AppendUint32(keys, uint32(j.Row)) //nolint:gosec // at most spreadsheet.MaxRows
	}
	return keys
}

// hash is a keyed hash: keys of rows say nothing about whom they contain.
func (s *Service) hash(key string) uint64 {
	sum, _ := hex.DecodeString(s.o.Key.Lasting("import", key)) // it is hex
	return binary.BigEndian.Uint64(sum)
}
