package firm

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// row is the only row of the table firm.
type row struct {
	bun.BaseModel `bun:"table:firm"`

	ID      int    `bun:"id,pk"`
	Version int    `bun:"version"`
	Mark    []byte `bun:"mark"` // nil: as the environment says; empty: none
}

type settingRow struct {
	bun.BaseModel `bun:"table:firm_setting"`

	Name  Name   `bun:"name,pk"`
	Value string `bun:"value"`
}

type holidayRow struct {
	bun.BaseModel `bun:"table:firm_holiday"`
	Holiday
}

type phraseRow struct {
	bun.BaseModel `bun:"table:firm_phrase"`

	ID       uuid.UUID `bun:"id,pk"`
	Purpose  Purpose   `bun:"purpose"`
	Position int       `bun:"position"`
	German   string    `bun:"german"`
	English  string    `bun:"english"`
}

// versionOf reads how often something of the firm's page has changed.
func versionOf(ctx context.Context, db bun.IDB) (version int, err error) {
	err = db.NewSelect().Model((*row)(nil)).Column("version").Where("id = 1").Scan(ctx, &version)
	return version, err
}

// stored is all that is kept of the firm.
type stored struct {
	row
	settings Settings
	holidays []Holiday
	phrases  []Phrase
}

// read reads all that is kept of the firm. The version is read first: what changes meanwhile is read again.
func read(ctx context.Context, db bun.IDB) (s stored, err error) {
	if err = db.NewSelect().Model(&s.row).Where("id = 1").Scan(ctx); err != nil {
		return s, err
	}
	var settings []settingRow
	if err = db.NewSelect().Model(&settings).Scan(ctx); err != nil {
		return s, err
	}
	s.settings = Settings{}
	for _, r := range settings {
		s.settings[r.Name] = r.Value
	}
	if err = db.NewSelect().Model((*holidayRow)(nil)).Column("day", "name").Order("day").Scan(ctx, &s.holidays); err != nil {
		return s, err
	}
	var phrases []phraseRow
	err = db.NewSelect().Model(&phrases).Order("position", "id").Scan(ctx)
	for _, r := range phrases {
		s.phrases = append(s.phrases, Phrase{r.ID, r.Purpose, r.German, r.English})
	}
	return s, err
}

// count counts a change, and locks the firm until the tx ends. With version 0 it counts whatever the version is; else it
// returns ErrVersion if the version is another one.
func count(ctx context.Context, tx bun.Tx, version int) error {
	q := tx.NewUpdate().Model((*row)(nil)).Set("version = version + 1").Where("id = 1")
	if version != 0 {
		q.Where("version = ?", version)
	}
	res, err := q.Exec(ctx)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		if err != nil {
			return err
		}
		return ErrVersion
	}
	return nil
}

func put(ctx context.Context, tx bun.Tx, changed Settings) error {
	rows := make([]settingRow, 0, len(changed))
	for name, value := range changed {
		rows = append(rows, settingRow{Name: name, Value: value})
	}
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.NewInsert().Model(&rows).On("CONFLICT (name) DO UPDATE").Set("value = EXCLUDED.value").Exec(ctx)
	return err
}

func putMark(ctx context.Context, tx bun.Tx, image []byte) error {
	_, err := tx.NewUpdate().Model((*row)(nil)).Set("mark = ?", image).Where("id = 1").Exec(ctx)
	return err
}

func insertHolidays(ctx context.Context, tx bun.Tx, list []Holiday) error {
	rows := make([]holidayRow, len(list))
	for i, h := range list {
		rows[i].Holiday = h
	}
	return store.InsertAll(ctx, tx, rows)
}

func deleteHolidays(ctx context.Context, tx bun.Tx, days []string) error {
	_, err := tx.NewDelete().Model((*holidayRow)(nil)).Where("day IN (?)", bun.List(days)).Exec(ctx)
	return err
}

func insertPhrase(ctx context.Context, tx bun.Tx, p Phrase, position int) error {
	_, err := tx.NewInsert().Model(&phraseRow{ID: p.ID, Purpose: p.Purpose, Position: position, German: p.German, English: p.English}).Exec(ctx)
	return err
}

func updatePhrase(ctx context.Context, tx bun.Tx, p Phrase) error {
	_, err := tx.NewUpdate().Model((*phraseRow)(nil)).Set("german = ?", p.German).Set("english = ?", p.English).Where("id = ?", p.ID).Exec(ctx)
	return err
}

func deletePhrase(ctx context.Context, tx bun.Tx, id uuid.UUID) error {
	_, err := tx.NewDelete().Model((*phraseRow)(nil)).Where("id = ?", id).Exec(ctx)
	return err
}

func placePhrase(ctx context.Context, tx bun.Tx, id uuid.UUID, position int) error {
	_, err := tx.NewUpdate().Model((*phraseRow)(nil)).Set("position = ?", position).Where("id = ?", id).Exec(ctx)
	return err
}
