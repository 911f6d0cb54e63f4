package store

// Waiting is how many items wait to be worked on.
func (b *Batch[T]) Waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting)
}

// Pause lets items wait until resume is called.
func (b *Batch[T]) Pause() (resume func()) {
	b.turn.Lock()
	return b.turn.Unlock
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
