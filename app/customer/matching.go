package customer

import (
	"context"
	"errors"
	"slices"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
)

// errEnough ends the reading of a list.
var errEnough = errors.New("enough")

// Matching returns the ids of the customers that List shows with a filter, at most most of them. Error:
// policies.ErrForbidden.
func (s *Service) Matching(ctx context.Context, c account.Caller, f Filter, most int) (ids []uuid.UUID, err error) {
	l, err := s.overview(c, f)
	if err != nil {
		return nil, err
	}
	seen := map[int64]bool{}
	var numbers []int64
	err = l.each(ctx, func(hits []position) error {
		for _, h := range hits {
			if len(numbers) < most && !seen[h.Number] { // one that is changed meanwhile may come twice
				seen[h.Number], numbers = true, append(numbers, h.Number)
			}
		}
		if len(numbers) >= most {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	for part := range slices.Chunk(numbers, exportPage) {
		var some []struct {
			ID     uuid.UUID `bun:"id"`
			Number int64     `bun:"number"`
		}
		err := s.db.NewSelect().Table(`customer`).Column(`id`, `number`).Where(`number IN (?)`, bun.List(part)).Scan(ctx, &some)
		if err != nil {
			return nil, err
		}
		of := make(map[int64]uuid.UUID, len(some))
		for _, r := range some {
			of[r.Number] = r.ID
		}
		for _, n := range part {
			if id, there := of[n]; there {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}

// Existing returns those of some ids that are customers who are not being deleted, whoever may see them.
func (s *Service) Existing(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	there := make(map[uuid.UUID]bool, len(ids))
	for part := range slices.Chunk(ids, exportPage) {
		var some []uuid.UUID
		err := s.db.NewSelect().Table(`customer`).Column(`id`).Where(`id IN (?)`, bun.List(part)).Where(`NOT deleting`).Scan(ctx, &some)
		if err != nil {
			return nil, err
		}
		for _, id := range some {
			there[id] = true
		}
	}
	return there, nil
}
