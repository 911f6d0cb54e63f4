package demo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kontor/app/store"
)

// batch holds rows to be written. Their values are in the order of the columns below.
type batch struct {
	accounts, roles, customers, search, admins [][]any
	accesses, moves, found                     [][]any
}

// tables are the tables and columns that a batch is written to. Their order satisfies the foreign keys.
var tables = []struct {
	name    string
	columns []string
	rows    func(*batch) [][]any
	lite    bool // only on SQLite: a search index
}{
	{name: "account", columns: strings.Fields(`id specialist name name_sort username username_folded email email_folded
		search locale created_at`),
		rows: func(b *batch) [][]any { return b.accounts }},
	{name: "account_role", columns: strings.Fields(`account_id role`), rows: func(b *batch) [][]any { return b.roles }},
	{name: "customer", columns: strings.Fields(`number id type salutation first_name last_name date_of_birth company_name legal_form
		register_number street postal_code city country phone locale name_sort search details identity attention_at created_at updated_at`),
		rows: func(b *batch) [][]any { return b.customers }},
	{name: "customer_search", columns: strings.Fields(`rowid text`), rows: func(b *batch) [][]any { return b.search }, lite: true},
	{name: "customer_administrator", columns: strings.Fields(`customer_id specialist_id created_at created_by`),
		rows: func(b *batch) [][]any { return b.admins }},
	{name: "access", columns: strings.Fields(`id customer_id account_id first_name last_name email email_folded mobile locale invited_at
		link_expires_at undeliverable registered_at deactivated_at created_at`),
		rows: func(b *batch) [][]any { return b.accesses }},
	{name: "transactions", columns: strings.Fields(`number id customer_id name name_folded kind status due responsible_id search created_at
		updated_at`), rows: func(b *batch) [][]any { return b.moves }},
	{name: "transaction_search", columns: strings.Fields(`rowid text`), rows: func(b *batch) [][]any { return b.found }, lite: true},
}

// visible is filled from the other tables at the end. Writing it in the order of its index takes a fraction of the time.
const visible = "transaction_visible"

func tableNames() []string {
	names := []string{visible}
	for _, t := range tables {
		names = append(names, t.name)
	}
	return names
}

// seeding is a transaction in which synthetic rows are generated and loaded.
type seeding struct {
	generator
	load      store.Load
	lite      bool
	customers int64 // the last customer's number before the seeding
	progress  func(done, total int)
}

func (s *seeding) fill(ctx context.Context) error {
	before, total := s.number, s.opts.Customers
	if err := s.configure(ctx, `('hashsize', 33554432)`); err != nil { // so that more is sorted at once
		return err
	}
	if err := s.write(ctx, s.people()); err != nil {
		return err
	}
	for done := 0; done < total; {
		b := &batch{}
		for range min(seedChunk, total-done) {
			s.customer(b, done, s.customers+int64(done)+1)
			done++
		}
		if err := s.write(ctx, b); err != nil {
			return err
		}
		s.progress(done, total)
	}
	if err := s.writeWords(ctx); err != nil {
		return err
	}
	// Raw SQL: an INSERT from a SELECT.
	if err := s.load.Exec(ctx, fmt.Sprintf(`INSERT INTO `+visible+` (specialist_id, number, created_at, transaction_id, relmask)
		SELECT a.specialist_id, t.number, t.created_at, t.id, 1 FROM transactions AS t JOIN customer_administrator AS a ON a.customer_id = t.customer_id
		WHERE t.number > %d ORDER BY a.specialist_id, t.created_at, t.id`, before)); err != nil {
		return fmt.Errorf("%s: %w", visible, err)
	}
	// Continue with new numbers after these. Raw SQL: the connection of a load takes texts only.
	const set = `UPDATE counter SET value = %d WHERE name = '%s' AND value < %[1]d`
	if err := s.load.Exec(ctx, fmt.Sprintf(set, s.customers+int64(total), "customer_number")); err != nil {
		return err
	}
	if err := s.load.Exec(ctx, fmt.Sprintf(set, s.number, "transaction_number")); err != nil {
		return err
	}
	// restore the state that the worker expects
	if err := s.configure(ctx, `('optimize', NULL)`); err != nil {
		return err
	}
	return s.configure(ctx, `('hashsize', 1048576)`)
}

// configure sends a command to SQLite's search indexes.
func (s *seeding) configure(ctx context.Context, command string) error {
	for _, t := range tables {
		if !t.lite || !s.lite {
			continue
		}
		// Raw SQL: a command to a virtual table.
		if err := s.load.Exec(ctx, `INSERT INTO `+t.name+` (`+t.name+`, rank) VALUES `+command); err != nil {
			return fmt.Errorf("%s %s: %w", t.name, command, err)
		}
	}
	return nil
}

func (s *seeding) write(ctx context.Context, b *batch) error {
	for _, t := range tables {
		rows := t.rows(b)
		if t.lite && !s.lite || len(rows) == 0 {
			continue
		}
		if err := s.load.Rows(ctx, t.name, t.columns, rows); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}

// writeWords adds new words to the vocabulary of the search. They consist of letters only, so nothing must be escaped.
func (s *seeding) writeWords(ctx context.Context) error {
	for words := range slices.Chunk(slices.Sorted(maps.Keys(s.words)), 500) {
		rows := make([]string, len(words))
		for i, w := range words {
			backwards := []rune(w)
			slices.Reverse(backwards)
			rows[i] = `('` + w + `', '` + string(backwards) + `')`
		}
		// Raw SQL: the connection of a load takes texts only.
		err := s.load.Exec(ctx, `INSERT INTO search_word (word, backwards) VALUES `+strings.Join(rows, ", ")+` ON CONFLICT DO NOTHING`)
		if err != nil {
			return fmt.Errorf("search_word: %w", err)
		}
	}
	return nil
}

// settle brings the database to the state of a database that has grown slowly.
func (s *seeding) settle(ctx context.Context, db *store.DB) error {
	after := `PRAGMA wal_checkpoint(TRUNCATE)`
	if db.IsPostgres() {
		after = `VACUUM ANALYZE`
	}
	// Raw SQL: maintenance of the database, no query.
	_, err := db.ExecContext(ctx, after)
	return err
}
