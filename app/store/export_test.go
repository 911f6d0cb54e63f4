package store

// Waiting is how many calls of InSharedTx wait for their turn.
func (db *DB) Waiting() int {
	db.errands.mu.Lock()
	defer db.errands.mu.Unlock()
	return len(db.errands.waiting)
}
