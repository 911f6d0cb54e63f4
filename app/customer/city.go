package customer

import (
	"cmp"
	"context"
	"time"

	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/listing"
	"kontor/app/store"
	"kontor/policies"
)

// citySort returns the name by which customers are sorted and filtered by city. It is empty only without a city: one that is
// written without letters is sorted among the numbers.
func citySort(city string) string {
	if city == "" {
		return ""
	}
	return cmp.Or(store.Fold(city), "0")
}

// mostCities is how many cities are suggested.
const mostCities = 8

// Cities returns cities of customers that the caller may list whose names begin with what was typed, in alphabetical order.
// Of several spellings of a city it returns one.
func (s *Service) Cities(ctx context.Context, c account.Caller, typed string) (list []string, err error) {
	sc, err := s.scopeOf(c, policies.Permission{Object: policies.ObjectCustomer, Action: policies.List})
	prefix := store.Fold(typed)
	switch {
	case err != nil:
		return nil, err
	case sc.nothing:
		return nil, policies.ErrForbidden
	case prefix == "":
		return nil, nil
	}
	after, above := prefix, ` >= ?`
	for len(list) < mostCities {
		var found struct {
			City     string `bun:"city"`
			CitySort string `bun:"city_sort"`
		}
		q := s.from(`customer`).Column(`city`, `city_sort`).Where(`customer.city_sort`+above, after).Where(`customer.city_sort < ?`, prefix+prefixEnd)
		if sc.where != nil {
			q.Where(`?`, sc.where)
		}
		err := listing.By(false, `customer.city_sort`, `customer.name_sort`, `customer.number`).First(q, 1).Scan(ctx, &found)
		if store.IsNoRows(err) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		list, after, above = append(list, found.City), found.CitySort, ` > ?`
	}
	return list, nil
}

// cityChunk is the number of customers whose cities one tx writes.
const cityChunk = 500

// ContinueCities computes the city by which customers are sorted of those that were recorded by a version without it; the
// worker calls it. It may be killed at any moment, and several workers may run it at once.
func (s *Service) ContinueCities(ctx context.Context) error {
	for range detailRounds {
		var rows []record
		q := s.db.NewSelect().Model(&rows).Column("number", "city").Where(`city <> '' AND city_sort = ''`).Order("number").Limit(cityChunk)
		if !s.db.IsPostgres() { // it has no statistics to choose an index
			q.ModelTableExpr(`customer AS record INDEXED BY customer_city_unknown`)
		}
		err := q.Scan(ctx)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := s.writeCities(ctx, rows); err != nil {
			return err
		}
	}
	return nil
}

// CorrectCities computes the cities again that a process of the version before has changed meanwhile, which does not know
// that they are sorted.
func (s *Service) CorrectCities(ctx context.Context) error {
	for last := int64(0); ; {
		began := time.Now()
		var rows, wrong []record
		err := s.db.NewSelect().Model(&rows).Column("number", "city", "city_sort").Where(`number > ?`, last).Order("number").Limit(summaryChunk).Scan(ctx)
		if err != nil || len(rows) == 0 {
			return err
		}
		last = rows[len(rows)-1].Number
		for _, r := range rows {
			if r.CitySort != citySort(r.City) {
				wrong = append(wrong, r)
			}
		}
		if len(wrong) > 0 {
			if err := s.writeCities(ctx, wrong); err != nil {
				return err
			}
		}
		rest(ctx, summaryRest*time.Since(began))
	}
}

// writeCities writes the cities by which customers are sorted. A row whose city has changed meanwhile stays as it is.
func (s *Service) writeCities(ctx context.Context, rows []record) error {
	written := make([]store.Condition, len(rows))
	for i, r := range rows {
		written[i] = bun.SafeQuery(`(?, ?, ?)`, r.Number, r.City, citySort(r.City))
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		// Raw SQL: one statement writes a different value to each row.
		_, err := tx.ExecContext(ctx, `WITH written (number, city, city_sort) AS (VALUES ?) UPDATE customer SET city_sort = written.city_sort
			FROM written WHERE customer.number = written.number AND customer.city = written.city`, bun.List(written))
		return err
	})
}
