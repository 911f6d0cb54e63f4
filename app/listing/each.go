package listing

import "context"

// Each calls each for all rows of a list, n at a time, in its order. Rows that are added or moved meanwhile may be missing or
// come twice.
func Each[K, R any](ctx context.Context, of Source[K, R], n int, each func(rows []R) error) error {
	for r := (Reading[K]{Limit: n, Uncounted: true}); ; {
		found, err := of.Find(ctx, r)
		if err != nil || len(found.Hits) == 0 {
			return err
		}
		rows, err := of.Load(ctx, found.Hits)
		if err != nil {
			return err
		}
		if err := each(rows); err != nil {
			return err
		}
		if len(found.Hits) < r.Limit {
			return nil
		}
		last := found.Hits[len(found.Hits)-1]
		r.From = &last
	}
}
