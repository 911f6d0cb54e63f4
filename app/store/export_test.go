package store

// Waiting is how many calls of InSharedTx wait for their turn.
func (db *DB) Waiting() int {
	db.shared.mu.Lock()
	defer db.shared.mu.Unlock()
	return len(db.shared.waiting)
}
