package transaction

import "context"

// way reads the rows of a list from one index, part by part. All ways of a list lead to the same rows; they differ in
// how many other rows they read.
type way struct {
	// read reads the next part, of about n rows, and changes the fields below.
	read  func(ctx context.Context, w *way, n int) error
	first int     // the number of rows in the first part
	rest  reading // what was not read yet; its limit is that of the whole reading
	whole bool    // it has begun at an end of the list
	last  int     // the number of rows that the last part was to have
	seen  int     // the number of rows read
	found int     // how many of them are in the list
	hits  []int64 // these, unless they are only counted
	// counting: the rows are only counted.
	counting bool
	// counted: the first part was the whole list, and found is the number of its rows, more than were asked for if there
	// are others.
	counted bool
	done    bool // all rows that were asked for are found, or the way has ended
}

// rate estimates how many rows of a part are in the list.
func (w *way) rate() float64 { return float64(w.found+1) / float64(w.seen+w.first) }

// next returns how many rows the next part should have: enough for the rest of the page at the present rate, and no more
// than four times as many as the last one.
func (w *way) next(most int) int {
	if w.last == 0 {
		return min(w.first, most)
	}
	enough := int(1.5 * float64(w.rest.Limit-w.found) / w.rate())
	return min(max(enough, w.first), 4*w.last, most)
}

// most is how many rows of the list a part may find. The first part finds all, because they are few.
func (w *way) most() int {
	if w.last == 0 {
		return max(w.first, w.rest.Limit)
	}
	return w.rest.Limit - w.found
}

// add adds what a part of n rows has found. The rest begins after the number to; without it, the way has ended.
func (w *way) add(n int, p part, to *int64) {
	w.counted = w.last == 0 && w.whole && to == nil && p.found < w.most()
	w.last = n
	w.seen += p.seen
	w.found += p.found
	w.hits = append(w.hits, p.hits...)
	w.rest.From, w.done = to, to == nil || w.found >= w.rest.Limit
	if len(w.hits) < w.rest.Limit || w.counting {
		return
	}
	w.hits = w.hits[:w.rest.Limit]
	w.rest.From = &w.hits[w.rest.Limit-1]
	if !w.counted {
		w.found = w.rest.Limit
	}
}

// part is what a part of a way has found.
type part struct {
	seen  int     // the number of rows read
	last  *int64  // the last one
	found int     // how many of them are in the list
	hits  []int64 // these, unless they are only counted
}
