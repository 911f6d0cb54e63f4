package main

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// installation is the program in one process, on a database, with people who can sign in.
type installation struct {
	temporary string // a folder

	db    database
	meter meter
	app   *process
}

// install opens a database of a kind, gives people a password, and starts the program. The caller calls remove, also
// after an error.
func (i *installation) install(v *invocation, s source, r running, kind string, emails []string) (err error) {
	if i.db, err = s.open(v, kind, i.temporary); err != nil {
		return err
	}
	i.meter = newMeter(i.db)
	settings, err := i.db.settings(filepath.Join(i.temporary, kind))
	if err != nil {
		return err
	}
	r.limit(settings)
	if err := givePasswords(v.ctx, settings, emails...); err != nil {
		return err
	}
	i.app, err = start(v.ctx, launched{name: "app", program: filepath.Join(r.Programs, "app"), settings: settings, dir: i.temporary})
	return err
}

// remove stops the program, and removes what was added or, unless it is kept, the database.
func (i *installation) remove(ctx context.Context) (err error) {
	if i.app != nil {
		err = errors.Join(i.app.stop(), i.db.removeAdded(ctx))
	}
	if i.db.remove != nil {
		err = errors.Join(err, i.db.remove())
	}
	return err
}

// secretKey is the same in every run, because a database that is kept belongs to one key.
var secretKey = base64.StdEncoding.EncodeToString([]byte(strings.Repeat("b", 32)))

// settings are those of the program: the queue in its process, messages to the built-in mailbox, a folder that is empty.
func (d database) settings(dir string) (map[string]string, error) {
	return map[string]string{
		"LISTEN": "127.0.0.1:0", "DATABASE_URL": d.url, "DATA_DIR": dir, "SECRET_KEY": secretKey, "MAILBOX": "on", "DRAIN": "0s",
	}, os.MkdirAll(dir, 0o700)
}
