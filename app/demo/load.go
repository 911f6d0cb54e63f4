package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"kontor/app/store"
)

// batch holds rows to be written. Their values are in the order of the columns below.
type batch struct {
	accounts, roles, customers, search, admins [][]any
	accesses, moves, found                     [][]any
	words                                      []string
	after                                      state // of the generator
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
		register_number street postal_code city country phone locale name_sort city_sort search details identity invitation_at attention_at access_count
		access_registered access_worst access_expires_at created_at updated_at`),
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

// write writes a batch. lite says that this is SQLite.
func (b *batch) write(ctx context.Context, l store.Load, lite bool) error {
	for _, t := range tables {
		rows := t.rows(b)
		if t.lite && !lite || len(rows) == 0 {
			continue
		}
		if err := l.Rows(ctx, t.name, t.columns, rows); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return b.writeWords(ctx, l)
}

// writeWords adds new words to the vocabulary of the search. They consist of letters only, so nothing must be escaped.
func (b *batch) writeWords(ctx context.Context, l store.Load) error {
	for words := range slices.Chunk(b.words, 500) {
		rows := make([]string, len(words))
		for i, w := range words {
			backwards := []rune(w)
			slices.Reverse(backwards)
			rows[i] = `('` + w + `', '` + string(backwards) + `')`
		}
		// Raw SQL: the connection of a load takes texts only.
		err := l.Exec(ctx, `INSERT INTO search_word (word, backwards) VALUES `+strings.Join(rows, ", ")+` ON CONFLICT DO NOTHING`)
		if err != nil {
			return fmt.Errorf("search_word: %w", err)
		}
	}
	return nil
}

// writeVisible fills transaction_visible for the transactions with higher numbers than before.
func writeVisible(ctx context.Context, l store.Load, before int64) error {
	// Raw SQL: an INSERT from a SELECT.
	if err := l.Exec(ctx, fmt.Sprintf(`INSERT INTO `+visible+` (specialist_id, number, created_at, transaction_id, relmask)
		SELECT a.specialist_id, t.number, t.created_at, t.id, 1 FROM transactions AS t JOIN customer_administrator AS a ON a.customer_id = t.customer_id
		WHERE t.number > %d ORDER BY a.specialist_id, t.created_at, t.id`, before)); err != nil {
		return fmt.Errorf("%s: %w", visible, err)
	}
	return nil
}

// configure sends a command to one of SQLite's search indexes.
func configure(ctx context.Context, l store.Load, index, command string) error {
	// Raw SQL: a command to a virtual table.
	if err := l.Exec(ctx, `INSERT INTO `+index+` (`+index+`, rank) VALUES `+command); err != nil {
		return fmt.Errorf("%s %s: %w", index, command, err)
	}
	return nil
}
