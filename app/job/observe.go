package job

import (
	"context"
	"time"

	"github.com/uptrace/bun"
)

// Counts is how many jobs there are. Each job is counted once.
type Counts struct {
	Waiting  int // for a worker
	Running  int
	Retrying int // the last try failed, and there will be another
	Failed   int // given up since
}

// Count counts the open jobs, and those that were given up since a time.
func Count(ctx context.Context, db bun.IDB, since time.Time) (c Counts, err error) {
	var rows []struct {
		State State `bun:"state"`
		Again bool  `bun:"again"`
		N     int   `bun:"n"`
	}
	err = db.NewSelect().Model((*Job)(nil)).Column("state").ColumnExpr("attempts > 0 AS again").ColumnExpr("count(*) AS n").
		Where("finished_at IS NULL").Group("state").GroupExpr("attempts > 0").Scan(ctx, &rows)
	if err != nil {
		return c, err
	}
	for _, r := range rows {
		switch {
		case r.State == Running:
			c.Running += r.N
		case r.Again:
			c.Retrying += r.N
		default:
			c.Waiting += r.N
		}
	}
	failed, err := db.NewSelect().Model((*Job)(nil)).Where("finished_at >= ?", since).Where("state = ?", Failed).Count(ctx)
	c.Failed = int(failed)
	return c, err
}
