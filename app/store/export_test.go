package store

// Waiting is how many calls of InSharedTx wait for their turn.
func (db *DB) Waiting() int {
	db.shared.mu.Lock()
	defer db.shared.mu.Unlock()
	return len(db.shared.waiting)
}

// Plain returns a query with its values in the text.
func Plain(query string) string { return plain(query) }
