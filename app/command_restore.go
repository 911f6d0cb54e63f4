package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"kontor/app/backup"
	"kontor/app/config"
	"kontor/app/erasure"
	"kontor/app/heartbeat"
	"kontor/app/store"
	"kontor/app/wire"
	"kontor/migrations"
)

type restoreCommand struct {
	File     string `arg:"" help:"The file created by app backup."`
	Identity string `placeholder:"FILE" help:"The file with the age identity that opens an encrypted backup."`
	Yes      bool   `help:"Replace a database even if it contains data."`
}

// Run restores a backup.
func (k restoreCommand) Run(p *invocation) error {
	c, rows, complete := p.settings.Examine(p.getenv) // Load would make a new key
	keySet := false
	for _, r := range rows {
		if r.Err != nil {
			return r.Err
		}
		keySet = keySet || r.Name == "SECRET_KEY" && r.Where != config.FromDefault
	}
	if complete != nil {
		return complete
	}
	if c.SQLite() == "" {
		return errPostgres
	}
	archive, err := backup.Open(k.File, k.Identity)
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }()
	m := archive.Manifest
	p.say("The backup was made %s by Kontor %s, schema %s.", m.MadeAt.Format(time.RFC3339), m.Version, m.Schema)
	if m.Schema > migrations.Last() {
		return fmt.Errorf("%w (it has %s, and this program knows %s)", migrations.ErrSchemaNew, m.Schema, migrations.Last())
	}
	r := &restoring{invocation: p, c: c, keySet: keySet, archive: archive, target: c.SQLite(), fresh: c.SQLite() + ".restoring"}
	return r.run(k.Yes)
}

// restoring is one restore. The new database is created beside the existing one, checked and prepared there, and replaces
// the old one in one step. The old one is locked meanwhile, so that nobody starts to work with it.
type restoring struct {
	*invocation
	c             config.Config
	keySet        bool // SECRET_KEY is set, so the file in DATA_DIR is not used
	archive       *backup.Archive
	target, fresh string
	held          *store.Seized // nil: the existing file is not a database that can be read
}

func (r *restoring) run(yes bool) (err error) {
	if err := os.MkdirAll(filepath.Dir(r.target), 0o700); err != nil {
		return err
	}
	made, done := false, false
	defer func() {
		if r.held != nil {
			err = errors.Join(err, r.held.Release())
		}
		if made && !done {
			err = errors.Join(err, os.Remove(r.target))
		}
	}()
	if made, err = r.hold(yes); err != nil {
		return err
	}
	if err := r.removeFresh(); err != nil { // left behind by a restore that was killed
		return err
	}
	defer func() {
		if !done {
			err = errors.Join(err, r.removeFresh())
		}
	}()
	if err := r.prepare(); err != nil {
		return err
	}
	if err := r.exchange(); err != nil {
		return err
	}
	done = true
	if err := r.putKey(); err != nil {
		return err
	}
	r.say("%s is in place.", r.target)
	return nil
}

// hold locks the existing database. If there is none, it creates an empty file; made says so. Without yes the database
// must be empty.
func (r *restoring) hold(yes bool) (made bool, err error) {
	f, err := os.OpenFile(r.target, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	switch {
	case err == nil:
		made, err = true, f.Close()
	case errors.Is(err, fs.ErrExist):
		err = nil
	}
	if err != nil {
		return made, err
	}
	r.held, err = store.Seize(r.ctx, r.target)
	switch {
	case errors.Is(err, store.ErrInUse):
		r.held = nil
		return made, fmt.Errorf("%s: %w", r.target, err)
	case err != nil && !yes:
		return made, fmt.Errorf("%s can't be read (%w): --yes replaces it all the same", r.target, err)
	case err != nil:
		r.say("What is at %s can't be read, and is replaced: %v", r.target, err)
		return made, nil
	}
	if customers, people := r.rows("customer"), r.rows("account"); customers+people > 0 && !yes {
		err = fmt.Errorf("%s has %d customers and %d people who sign in: --yes replaces it", r.target, customers, people)
		return made, err
	}
	return made, nil
}

// rows counts the rows of a table of the existing database, 0 if there is no such table.
func (r *restoring) rows(table string) int64 {
	n, err := r.held.Query(r.ctx, `SELECT count(*) FROM `+table)
	if err != nil {
		return 0
	}
	return n
}

// prepare unpacks the new database beside the old one, checks it, migrates it, and does what is needed before it may be
// served.
func (r *restoring) prepare() error {
	if err := r.archive.Database(r.ctx, r.fresh); err != nil {
		return err
	}
	c := r.c
	c.DatabaseURL, c.RedisURL, c.Worker = "sqlite://"+r.fresh, "", "embedded"
	if err := sound(r.ctx, c); err != nil {
		return err
	}
	log := wire.Logger(c, os.Stderr)
	if _, err := wire.Migrate(r.ctx, c, log); err != nil {
		return err
	}
	c, err := withBase(c)
	if err != nil {
		return err
	}
	if c.SecretKey, err = r.key(); err != nil {
		return err
	}
	s, err := wire.New(r.ctx, c, log, wire.RequireSchema)
	if err != nil {
		return err
	}
	err = r.makeFit(s)
	return errors.Join(err, s.Close())
}

// key is the key that the database will be used with: the key of the backup if putKey installs it, otherwise this
// installation's. If there is none, it is a random key, which does not encrypt anything here.
func (r *restoring) key() (key []byte, err error) {
	switch {
	case r.bringsKey():
		if key, err = config.ParseKey(string(r.archive.Secret)); err != nil {
			err = fmt.Errorf("the secret key in the backup can't be read: %w", err)
		}
	case r.c.SecretKey != nil:
		key = r.c.SecretKey
	default:
		key = make([]byte, 32)
		_, _ = rand.Read(key)
	}
	return key, err
}

// bringsKey says whether the key of the backup becomes the key of this installation.
func (r *restoring) bringsKey() bool { return r.archive.Secret != nil && !r.keySet }

func sound(ctx context.Context, c config.Config) error {
	db, err := wire.Database(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(db.Sound(ctx), db.Close())
}

func (r *restoring) makeFit(s *wire.Services) error {
	switch err := s.Erasures.Find(r.ctx); {
	case err == nil:
	case errors.Is(err, erasure.ErrNone) && !r.c.ErasureLogSet:
		r.say("WARNING: there is no erasure log at %s. Whoever was deleted after the backup is back.", r.c.ErasureLog)
	default:
		return fmt.Errorf("ERASURE_LOG: %w. Bring it back, or restore with ERASURE_LOG not set: then whoever was deleted after the backup is back", err)
	}
	done, err := s.AfterRestore(r.ctx)
	if err != nil {
		return err
	}
	r.sayRestored(done)
	return r.sayWhichKey(s)
}

// sayWhichKey warns if the key of the backup is missing here.
func (r *restoring) sayWhichKey(s *wire.Services) error {
	switch {
	case r.bringsKey():
		return nil
	case r.c.SecretKey == nil:
		r.say("WARNING: there is no secret key here, and none in the backup. A start would make a new one: " + keyMissing)
		return nil
	case r.archive.Secret != nil:
		hash, err := heartbeat.InstallationKey(r.ctx, s.DB)
		if err == nil && !heartbeat.Knows(s.Key, hash) {
			r.say("WARNING: SECRET_KEY is another one than that of the backup, which is in the archive as secret.key: " + keyMissing)
		}
		return err
	}
	return r.sayKey(s)
}

// exchange replaces the old database by the new one. It keeps the old one beside it until that is done.
func (r *restoring) exchange() error {
	whole, err := store.Seize(r.ctx, r.fresh) // so that all data are in the file itself, none in the WAL
	if err != nil {
		return err
	}
	if err := errors.Join(whole.Release(), syncFile(r.fresh)); err != nil {
		return err
	}
	old := r.target + ".before"
	if err := remove(old); err != nil {
		return err
	}
	if r.held == nil { // leftover files of an unreadable database must not be taken for those of the new one
		if err := remove(r.target+"-wal", r.target+"-shm", r.target+"-journal"); err != nil {
			return err
		}
	}
	_ = os.Link(r.target, old) // if the file system has no hard links, the rename below is still one step
	if err := os.Rename(r.fresh, r.target); err != nil {
		return errors.Join(err, remove(old))
	}
	return errors.Join(backup.SyncFolder(filepath.Dir(r.target)), remove(old))
}

// putKey writes the key of the backup to DATA_DIR, if bringsKey.
func (r *restoring) putKey() error {
	if !r.bringsKey() {
		return nil
	}
	key, err := r.key()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.c.DataDir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(r.c.DataDir, config.KeyFile)
	if err := remove(path + ".restoring"); err != nil {
		return err
	}
	if err := os.WriteFile(path+".restoring", config.KeyText(key), 0o600); err != nil {
		return errors.Join(err, remove(path+".restoring"))
	}
	if err := errors.Join(syncFile(path+".restoring"), os.Rename(path+".restoring", path), backup.SyncFolder(r.c.DataDir)); err != nil {
		return err
	}
	r.say("The secret key of the backup is in place.")
	return nil
}

func (r *restoring) removeFresh() error {
	return remove(r.fresh, r.fresh+"-wal", r.fresh+"-shm", r.fresh+"-journal")
}

func remove(paths ...string) error {
	var errs []error
	for _, path := range paths {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // our own
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
