package firm

import (
	"context"
	"errors"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
)

// untouched is the version of a firm that has set nothing.
const untouched = 1

// Content is what a firm has set.
type Content struct {
	Settings Settings
	Mark     []byte
	Holidays []Holiday
	Phrases  []Phrase // their ids are made
}

// Fill sets what the firm has, without a caller and a log: for the demo. If the firm has set something before, nothing
// happens.
func Fill(ctx context.Context, tx bun.Tx, c Content) error {
	if err := count(ctx, tx, untouched); errors.Is(err, ErrVersion) {
		return nil
	} else if err != nil {
		return err
	}
	if err := put(ctx, tx, c.Settings); err != nil {
		return err
	}
	if err := putMark(ctx, tx, c.Mark); err != nil {
		return err
	}
	if err := insertHolidays(ctx, tx, c.Holidays); err != nil {
		return err
	}
	for i, p := range c.Phrases {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		p.ID, p.Purpose = id, ForNotes
		if err := insertPhrase(ctx, tx, p, i); err != nil {
			return err
		}
	}
	return nil
}
