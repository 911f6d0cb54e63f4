package transaction

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/policies"
)

// Authorise is authorise, for the benchmarks.
func (s *Service) Authorise(ctx context.Context, db bun.IDB, c account.Caller, id uuid.UUID, action policies.Action) (Transaction, error) {
	return s.authorise(ctx, db, c, id, action)
}
