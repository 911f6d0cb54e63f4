package account

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/preference"
	"kontor/app/store"
)

// Choice is what a person chooses for one preference.
type Choice struct {
	Name   preference.Name
	Values []string // one, or for a preference with several any number
}

// Choose stores what the caller has chosen, all of it or nothing. It is no change of the account, so no version counts it
// and no log has it. Errors: ErrNobody; preference.ErrUnknown; Invalid with the preference's name as field
// ("preference.value").
func (s *Service) Choose(ctx context.Context, c Caller, choices ...Choice) error {
	if c.ID == uuid.Nil {
		return ErrNobody
	}
	rows := make([]chosenRow, len(choices))
	for i, x := range choices {
		value, err := preference.Encode(x.Name, x.Values...)
		if err != nil {
			return err
		}
		rows[i] = chosenRow{AccountID: c.ID, Name: x.Name, Value: value}
	}
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return putChosen(ctx, tx, rows) })
	if store.IsForeignKey(err) { // the account was erased in the meantime
		return ErrNobody
	}
	return err
}

// chosenRow is a preference that a person has chosen.
type chosenRow struct {
	bun.BaseModel `bun:"table:preference"`

	AccountID uuid.UUID       `bun:"account_id,pk"`
	Name      preference.Name `bun:"name,pk"`
	Value     string          `bun:"value"` // as preference.Encode returns it
}

func putChosen(ctx context.Context, tx bun.IDB, rows []chosenRow) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.NewInsert().Model(&rows).On("CONFLICT (account_id, name) DO UPDATE").Set("value = EXCLUDED.value").Exec(ctx)
	return err
}

// chosenOf loads what an account has chosen. Requests read it with their session, see findSession.
func chosenOf(ctx context.Context, db bun.IDB, account uuid.UUID) (preference.Chosen, error) {
	var rows []chosenRow
	if err := db.NewSelect().Model(&rows).Where("account_id = ?", account).Scan(ctx); err != nil {
		return nil, err
	}
	chosen := preference.Chosen{}
	for _, r := range rows {
		chosen[r.Name] = r.Value
	}
	return chosen, nil
}

// restoreChosen stores what Erase deleted.
func restoreChosen(ctx context.Context, tx bun.IDB, a Account) error {
	rows := make([]chosenRow, 0, len(a.Chosen))
	for name, value := range a.Chosen {
		rows = append(rows, chosenRow{AccountID: a.ID, Name: name, Value: value})
	}
	return putChosen(ctx, tx, rows)
}
