package store

// Waiting is how many calls of InSharedTx wait for their turn.
func (db *DB) Waiting() int {
	db.shared.mu.Lock()
	defer db.shared.mu.Unlock()
	return len(db.shared.waiting)
}

// Plain returns a query with its values in the text.
func Plain(query string) string { return plain(query) }

// Split returns the text of a statement and the values that are bound to it on SQLite.
func Split(query string) (text string, values []any) {
	text, bound, _ := split(query, nil)
	for _, v := range bound {
		values = append(values, v.Value)
	}
	return text, values
}
