package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kontor/app/backup"
	"kontor/app/config"
	"kontor/app/erasure"
	"kontor/app/heartbeat"
	"kontor/app/store"
	"kontor/app/wire"
	"kontor/migrations"
)

type backupCommand struct {
	File   string `arg:"" help:"The file to create. An existing file is never overwritten."`
	Secret bool   `help:"Include the secret key. Without --to it is readable in the file."`
	To     string `placeholder:"age1…" help:"Encrypt the file to this age recipient (age-keygen makes one)."`
}

// errPostgres is the error for an installation with PostgreSQL. It names the documentation for that case.
var errPostgres = errors.New("this installation keeps its data in PostgreSQL, which is backed up and restored with its own tools: " +
	"see app/docs/postgres-backup.sh, and Backup and restore in app/docs/operations.md")

// Run writes a backup.
func (k backupCommand) Run(p *invocation) error {
	return p.existing(func(c config.Config) error {
		if c.SQLite() == "" {
			return errPostgres
		}
		db, err := wire.Database(p.ctx, c)
		if err != nil {
			return err
		}
		defer func() { _ = db.Close() }()
		m, err := k.write(p.ctx, c, db)
		if err != nil {
			return err
		}
		p.say("%s holds the database as it was at %s (%d bytes).", k.File, m.MadeAt.Format(time.RFC3339), m.Database.Size)
		switch {
		case k.To != "":
			p.say("It is encrypted: only who has the age identity of this recipient can read it.")
		case k.Secret:
			p.say("WARNING: the secret key stands in it readably. Who has this file can read what is sealed, and make links and codes: keep it like the key itself, or use --to.")
		default:
			p.say("The secret key is not in it: keep a copy of it elsewhere, or use --secret.")
		}
		return nil
	})
}

func (k backupCommand) write(ctx context.Context, c config.Config, db *store.DB) (m backup.Manifest, err error) {
	about := backup.Manifest{Version: heartbeat.Version(), MadeAt: time.Now().UTC().Truncate(time.Second)}
	if about.Schema, err = migrations.Current(ctx, db.DB); err != nil {
		return m, err
	}
	if about.Key, err = heartbeat.InstallationKey(ctx, db); err != nil {
		return m, err
	}
	contents := backup.Contents{Manifest: about, Copy: db.CopyTo, To: k.To}
	if k.Secret {
		contents.Secret = config.KeyText(c.SecretKey)
	}
	return backup.Write(ctx, k.File, contents)
}

type erasuresCommands struct {
	Apply erasuresApplyCommand `cmd:"" help:"After a restore, before starting anything: delete again whoever was deleted since the backup, end all sessions, and cancel waiting messages."`
}

type erasuresApplyCommand struct{}

// Run does what app restore does by itself, for a database that was restored in another way.
func (erasuresApplyCommand) Run(p *invocation) error {
	return p.existing(func(c config.Config) error {
		if c.ErasureLog == "" {
			return &config.Error{Name: "ERASURE_LOG", Takes: "the log in which erasures were noted"}
		}
		return p.services(func(s *wire.Services, _ config.Config) error {
			if running, err := runningProcesses(p.ctx, s.DB); err != nil {
				return err
			} else if running > 0 {
				return fmt.Errorf("%d processes are running, or were a minute ago: stop them first", running)
			}
			if err := s.Erasures.Find(p.ctx); err != nil {
				return fmt.Errorf("ERASURE_LOG: %w", err)
			}
			done, err := s.AfterRestore(p.ctx)
			if err != nil {
				return err
			}
			p.sayRestored(done)
			return p.sayKey(s)
		})
	})
}

func (p *invocation) sayRestored(done wire.Restored) {
	if n := done.Erased; n.Total() > 0 {
		p.say("%d customers and %d accesses that were deleted after the backup were deleted again.", n[erasure.Customer], n[erasure.Access])
	} else if !done.NoLog {
		p.say("Nobody is in the database who was deleted after the backup.")
	}
	if done.Unreadable > 0 {
		p.say("%d lines of ERASURE_LOG could not be read. A line that a crash cut short is about a deletion that was noted again afterwards.", done.Unreadable)
	}
	if done.Sealed > 0 {
		p.say("WARNING: %d removals of authorisations are sealed with another SECRET_KEY. They can't be undone, and ERASURE_LOG will not name whom they removed: an older backup would bring them back. With that key in SECRET_KEY_PREVIOUS when you start they are read again.", done.Sealed)
	}
	p.say("Sessions ended: %d. Waiting messages cancelled: %d (app messages resend shows and sends them).", done.Sessions, done.Cancelled)
}

// sayKey warns if SECRET_KEY is not the key that the database was used with.
func (p *invocation) sayKey(s *wire.Services) error {
	hash, err := heartbeat.InstallationKey(p.ctx, s.DB)
	if err == nil && hash != "" && !heartbeat.Knows(s.Key, hash) {
		p.say("WARNING: SECRET_KEY is not the one that this database was used with, nor is that one in SECRET_KEY_PREVIOUS: " + keyMissing)
	}
	return err
}

// keyMissing describes what happens after a start without the key of a backup.
const keyMissing = "links and codes that were sent will be refused, and what is sealed can't be read. Put the key of that time into SECRET_KEY_PREVIOUS (or SECRET_KEY) before you start."
