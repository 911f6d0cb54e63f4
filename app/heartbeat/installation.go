package heartbeat

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"kontor/app/store"
)

// Installation returns an identifier of the installation, for installations that share a Redis: 16 hexadecimal digits
// without a meaning. All processes on a database get the same one. It is derived from a random number in the database
// and from the database's address. So a copy of the database, made for a test, does not take the original's messages. A
// restored backup gets another identifier; messages that waited in Redis under the old one are queued again from the
// outbox.
func Installation(ctx context.Context, db *store.DB) (string, error) {
	uid, err := installationUID(ctx, db)
	if err != nil {
		return "", fmt.Errorf("read the installation's id: %w", err)
	}
	place, err := db.Place(ctx)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(uid + "\x00" + place))
	return hex.EncodeToString(sum[:8]), nil
}

// installationUID returns the random id of the database. The first process that needs it creates it.
func installationUID(ctx context.Context, db *store.DB) (uid string, err error) {
	read := func() error {
		return db.NewSelect().Table("installation_id").Column("uid").Where("id = 1").Scan(ctx, &uid)
	}
	if err = read(); !store.IsNoRows(err) {
		return uid, err
	}
	values := map[string]any{"id": 1, "uid": rand.Text()}
	if _, err = db.NewInsert().Model(&values).Table("installation_id").On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
		return "", err
	}
	err = read()
	return uid, err
}
