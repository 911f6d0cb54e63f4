// Package heartbeat lets the processes of one installation know of each other: each writes a row every few seconds, with a
// hash of every setting in which they must not differ. One with another SECRET_KEY sends links that don't work, one
// without SMTP_URL keeps customers' mails; they are noticed before a customer is.
package heartbeat

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/secret"
)

// Role is what a process is for.
type Role string

// The roles.
const (
	Web    Role = "web"
	Worker Role = "worker"
)

// The settings that are compared.
const (
	SecretKey = "SECRET_KEY"
	BaseURL   = "BASE_URL"
	SMTPURL   = "SMTP_URL"
	SMSURL    = "SMS_URL"
	FirmName  = "FIRM_NAME"
	Mailbox   = "MAILBOX"
)

// names lists them in the order in which they are told.
var names = []string{SecretKey, BaseURL, SMTPURL, SMSURL, Mailbox, FirmName}

// grave are those in which web processes must agree for people to be served by either: sessions, forms and links made by
// one are nothing to the other.
var grave = []string{SecretKey, BaseURL}

// Settings are the hashes of a process's settings, by name.
type Settings map[string]string

// Fingerprints hashes the values of settings. That of the key is keyed with itself, so it says nothing of it; the others
// must come without passwords, since what is short can be guessed.
func Fingerprints(key secret.Key, values map[string]string) Settings {
	s := Settings{SecretKey: KeyFingerprint(key)}
	for name, v := range values {
		sum := sha256.Sum256([]byte(name + "\x00" + v))
		s[name] = hex.EncodeToString(sum[:])
	}
	return s
}

// KeyFingerprint tells one SECRET_KEY from another.
func KeyFingerprint(key secret.Key) string { return key.MAC("fingerprint", SecretKey) }

// Process is a row.
type Process struct {
	ID        uuid.UUID
	Role      Role
	Host      string
	Version   string
	Settings  Settings
	StartedAt time.Time
	SeenAt    time.Time
}

const (
	// Every is how often a process says that it runs.
	Every = 10 * time.Second
	// Life is how long that counts.
	Life = time.Minute
	// Grace is how long two processes have run side by side before their differences count: a rollout is no alarm.
	Grace = 2 * time.Minute
	// Patience is how long they have before a web process that stands alone takes itself out of service.
	Patience = 5 * time.Minute
)

// Difference is a setting in which other processes differ from this one.
type Difference struct {
	Setting string
	Web     int // how many web processes
	Workers int
	Hosts   []string // where they run, for the log
}

// Finding is what a process has found out about itself and the others.
type Finding struct {
	Differences []Difference
	// Odd are the settings in which a web process stands against most of the others, or, where they are equally many,
	// against those that were there before it: it must not serve people.
	Odd []string
}

// Ready says whether the process can serve.
func (f Finding) Ready() bool { return len(f.Odd) == 0 }

// String says the differences for readiness: settings and roles, no hosts and no values. "" when there are none.
func (f Finding) String() string {
	var parts []string
	for _, d := range f.Differences {
		var who []string
		if d.Web > 0 {
			who = append(who, strconv.Itoa(d.Web)+" web")
		}
		if d.Workers > 0 {
			who = append(who, strconv.Itoa(d.Workers)+" worker")
		}
		said := d.Setting + " differs from " + strings.Join(who, " and ")
		if slices.Contains(f.Odd, d.Setting) {
			said += ", and this process is the odd one"
		}
		parts = append(parts, said)
	}
	return strings.Join(parts, "; ")
}

// Compare holds a process against the others that are alive at now.
func Compare(own Process, all []Process, now time.Time) (f Finding) {
	if now.Sub(own.StartedAt) < Grace {
		return Finding{}
	}
	others := slices.DeleteFunc(slices.Clone(all), func(p Process) bool {
		return p.ID == own.ID || !p.alive(now) || now.Sub(p.StartedAt) < Grace
	})
	settled := slices.DeleteFunc(append([]Process{own}, others...), func(p Process) bool {
		return p.Role != Web || now.Sub(p.StartedAt) < Patience
	})
	for _, name := range names {
		d := Difference{Setting: name}
		for _, p := range others {
			if p.Settings[name] == own.Settings[name] || p.Settings[name] == "" {
				continue // "" is of a version that does not say it
			}
			if p.Role == Web {
				d.Web++
			} else {
				d.Workers++
			}
			if !slices.Contains(d.Hosts, p.Host) {
				d.Hosts = append(d.Hosts, p.Host)
			}
		}
		if d.Web+d.Workers == 0 {
			continue
		}
		slices.Sort(d.Hosts)
		f.Differences = append(f.Differences, d)
		if slices.Contains(grave, name) && outvoted(own, settled, name) {
			f.Odd = append(f.Odd, name)
		}
	}
	return f
}

func (p Process) alive(now time.Time) bool { return now.Sub(p.SeenAt) < Life }

// outvoted says whether the process is one of those web processes, and more of them agree on another value than on its own,
// or as many, one of which was there before all that agree with it.
func outvoted(own Process, webs []Process, name string) bool {
	type camp struct {
		size  int
		first Process
	}
	camps := map[string]camp{}
	for _, p := range webs {
		if p.Settings[name] == "" {
			continue
		}
		c, there := camps[p.Settings[name]]
		if !there || p.before(c.first) {
			c.first = p
		}
		c.size++
		camps[p.Settings[name]] = c
	}
	mine, there := camps[own.Settings[name]]
	if !there {
		return false
	}
	for value, c := range camps {
		if value != own.Settings[name] && (c.size > mine.size || c.size == mine.size && c.first.before(mine.first)) {
			return true
		}
	}
	return false
}

// before orders processes by when they started, and no two are equal: else neither of two would give way.
func (p Process) before(q Process) bool {
	if !p.StartedAt.Equal(q.StartedAt) {
		return p.StartedAt.Before(q.StartedAt)
	}
	return strings.Compare(p.ID.String(), q.ID.String()) < 0
}
