package heartbeat

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"kontor/app/store"
)

// Installation names the installation to others that share a Redis with it: 16 hexadecimal digits that say nothing. All
// processes on a database get the same. It is made of a random number in the database and of where the database is, so
// that a copy of the rows, taken to try something out, does not take the original's messages. Who restores a backup gets
// another name; what waited under the old one is queued anew from the outbox.
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

// installationUID is the id that the first process to ask has made.
func installationUID(ctx context.Context, db *store.DB) (uid string, err error) {
	read := func() error { return db.NewRaw(`SELECT uid FROM installation_id WHERE id = 1`).Scan(ctx, &uid) }
	if err = read(); !store.IsNoRows(err) {
		return uid, err
	}
	if _, err = db.NewRaw(`INSERT INTO installation_id (id, uid) VALUES (1, ?) ON CONFLICT DO NOTHING`, rand.Text()).Exec(ctx); err != nil {
		return "", err
	}
	err = read()
	return uid, err
}
