// Package heartbeat lets the processes of one installation know of each other: each writes a row every few seconds, with a
// hash of every setting in which they must not differ. One with another SECRET_KEY sends links that don't work, one
// without SMTP_URL keeps customers' mails; they are noticed before a customer is.
package heartbeat

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
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
	Logo      = "FIRM_LOGO" // the image, wherever a process finds it
	Mailbox   = "MAILBOX"
	Imprint   = "IMPRINT_URL"
	Privacy   = "PRIVACY_URL"
	Contact   = "CONTACT"
	Erasures  = "ERASURE_LOG" // which log it is, wherever a process finds it
)

// names lists them in the order in which they are told.
var names = []string{SecretKey, BaseURL, SMTPURL, SMSURL, Mailbox, FirmName, Logo, Imprint, Privacy, Contact, Erasures}

// Settings are the hashes of a process's settings, by name.
type Settings map[string]string

// Fingerprints hashes the values of settings. That of the key is keyed with itself, so it says nothing of it; the others
// must come without passwords, since what is short can be guessed.
func Fingerprints(key secret.Key, values map[string]string) Settings {
	all := key.MACs(fingerprint, SecretKey)
	s := Settings{SecretKey: all[0]}
	if len(all) > 1 {
		s[understood] = strings.Join(all, ",")
	}
	for name, v := range values {
		sum := sha256.Sum256([]byte(name + "\x00" + v))
		s[name] = hex.EncodeToString(sum[:])
	}
	return s
}

// Knows says whether a key, or one of those before it, is the one with a hash that InstallationKey returned.
func Knows(key secret.Key, hash string) bool { return key.Is(hash, fingerprint, SecretKey) }

// fingerprint is the purpose of the hash that tells one SECRET_KEY from another.
const fingerprint = "fingerprint"

// understood stands, beside the settings, for the hashes of all keys that a process understands: the current one first,
// separated by commas. Without it there is one key.
const understood = "SECRET_KEYS"

// keys are the hashes of the keys that a process with the settings understands.
func (s Settings) keys() []string {
	if all := s[understood]; all != "" {
		return strings.Split(all, ",")
	}
	return []string{s[SecretKey]}
}

// sends stands, beside the settings of a process, for that it sends messages.
const sends = "SENDS"

// sameKey says whether each of two processes understands what the other makes: then it is no difference that they make it
// under different keys, as they do for a moment while the key is changed.
func sameKey(a, b Settings) bool {
	return slices.Contains(a.keys(), b[SecretKey]) && slices.Contains(b.keys(), a[SecretKey])
}

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
	// Absence is for how long nobody who sends messages must have been seen before that counts.
	Absence = 2 * time.Minute
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
	// Foreign is set while the installation's SECRET_KEY is neither this process's own nor one of its previous. Sessions,
	// forms and links that the others make are nothing to it, and its own nothing to them: it must not serve people.
	Foreign bool
	// NoWorker is when somebody who sends messages was seen last; zero while that is less than Absence ago.
	NoWorker time.Time
}

// String says for readiness what is wrong with the settings: names and roles, no hosts and no values. "" when nothing is.
func (f Finding) String() string {
	var parts []string
	if f.Foreign {
		parts = append(parts, "SECRET_KEY is not the installation's, nor is that one in SECRET_KEY_PREVIOUS")
	}
	for _, d := range f.Differences {
		var who []string
		if d.Web > 0 {
			who = append(who, strconv.Itoa(d.Web)+" web")
		}
		if d.Workers > 0 {
			who = append(who, strconv.Itoa(d.Workers)+" worker")
		}
		if !f.Foreign || d.Setting != SecretKey {
			parts = append(parts, d.Setting+" differs from "+strings.Join(who, " and "))
		}
	}
	return strings.Join(parts, "; ")
}

// Compare holds a process against the others that are alive at now.
func Compare(own Process, all []Process, now time.Time) (found []Difference) {
	if now.Sub(own.StartedAt) < Grace {
		return nil
	}
	all = slices.Clone(all)
	for i, p := range all {
		if sameKey(own.Settings, p.Settings) {
			all[i].Settings = maps.Clone(p.Settings)
			all[i].Settings[SecretKey] = own.Settings[SecretKey]
		}
	}
	others := slices.DeleteFunc(slices.Clone(all), func(p Process) bool {
		return p.ID == own.ID || !p.alive(now) || now.Sub(p.StartedAt) < Grace
	})
	for _, name := range names {
		d := Difference{Setting: name}
		for _, p := range others {
			if p.Settings[name] == own.Settings[name] || p.Settings[name] == "" || own.Settings[name] == "" {
				continue // "" is of a version that does not say it, or of a process that does not know
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
		found = append(found, d)
	}
	return found
}

func (p Process) alive(now time.Time) bool { return now.Sub(p.SeenAt) < Life }

// sends says whether the process sends messages: a worker, or a web process that works itself.
func (p Process) sends() bool { return p.Role == Worker || p.Settings[sends] != "" }
