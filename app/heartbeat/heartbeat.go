// Package heartbeat lets the processes of one installation know about each other. Each process writes a row every few
// seconds, with a hash of every setting that must be the same in all processes. A process with another SECRET_KEY would
// send links that don't work, and one without SMTP_URL would keep the mails to customers. The comparison finds this
// before a customer is affected.
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

// Role is the role of a process.
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
	Logo      = "FIRM_LOGO" // the image, whatever its file name is
	Mailbox   = "MAILBOX"
	Imprint   = "IMPRINT_URL"
	Privacy   = "PRIVACY_URL"
	Contact   = "CONTACT"
	Erasures  = "ERASURE_LOG" // which log it is, whatever its address is
	Files     = "FILES_URL"   // where documents lie, whoever goes there
	FileMax   = "FILE_MAX"
	Quota     = "CUSTOMER_QUOTA"
	FileTypes = "FILE_TYPES"
	Escrow    = "ESCROW_RECIPIENT"
	Scanner   = "CLAMD_URL" // whether documents are scanned; each machine may have a scanner of its own
)

// names lists the compared settings in the order in which differences are reported.
var names = []string{SecretKey, BaseURL, SMTPURL, SMSURL, Mailbox, FirmName, Logo, Imprint, Privacy, Contact, Erasures, Files, FileMax, Quota, FileTypes, Escrow, Scanner}

// Settings are the hashes of a process's settings, by name.
type Settings map[string]string

// Fingerprints hashes the values of settings. The hash of the key is keyed with the key itself, so it reveals nothing
// about it. The other values must not contain passwords, because short texts can be guessed from their hash.
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

// Knows says whether hash, a result of InstallationKey, is the hash of the key or of one of its previous keys.
func Knows(key secret.Key, hash string) bool { return key.Is(hash, fingerprint, SecretKey) }

// fingerprint is the purpose of the MAC that identifies a SECRET_KEY.
const fingerprint = "fingerprint"

// understood is the entry in Settings with the hashes of all keys that a process understands: the current key first,
// separated by commas. Without this entry there is only one key.
const understood = "SECRET_KEYS"

// keys returns the hashes of the keys that a process with these settings understands.
func (s Settings) keys() []string {
	if all := s[understood]; all != "" {
		return strings.Split(all, ",")
	}
	return []string{s[SecretKey]}
}

// sends is the entry in Settings that says that a process sends messages.
const sends = "SENDS"

// sameKey says whether each of two processes understands what the other creates. Then different current keys are no
// difference: that is normal for a short time while the key is changed.
func sameKey(a, b Settings) bool {
	return slices.Contains(a.keys(), b[SecretKey]) && slices.Contains(b.keys(), a[SecretKey])
}

// Process is a running process.
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
	// Every is the interval of the heartbeat.
	Every = 10 * time.Second
	// Life is how long a process counts as alive after its last heartbeat.
	Life = time.Minute
	// Grace is how long two processes must have run at the same time before their differences count, so that a rollout
	// causes no alarm.
	Grace = 2 * time.Minute
	// Absence is how long no process that sends messages must have been seen before it is reported.
	Absence = 2 * time.Minute
)

// Difference is a setting in which other processes differ from this one.
type Difference struct {
	Setting string
	Web     int // how many web processes
	Workers int
	Hosts   []string // where they run, for the log
}

// Finding is what a process has found out about itself and the other processes.
type Finding struct {
	Differences []Difference
	// Foreign is set while the installation's SECRET_KEY is neither this process's key nor one of its previous keys.
	// This process cannot use the sessions, forms and links of the others, and they cannot use its own. So it must not
	// serve people.
	Foreign bool
	// NoWorker is the last time a process that sends messages was seen; zero while that is less than Absence ago.
	NoWorker time.Time
}

// String describes for the readiness check what is wrong with the settings: names and roles, without hosts and values.
// It returns "" if nothing is wrong.
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

// Compare compares a process with the others that are alive at now.
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
				continue // "" comes from a version without this setting, or from a process that does not know the value
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

// sends says whether the process sends messages: a worker, or a web process with an embedded worker.
func (p Process) sends() bool { return p.Role == Worker || p.Settings[sends] != "" }
