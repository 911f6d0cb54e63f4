package firm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/fault"
	"kontor/app/logo"
	"kontor/app/preference"
	"kontor/app/store"
	"kontor/policies"
)

// Options are the dependencies of a Service. All are required.
type Options struct {
	DB      *store.DB
	Now     store.Clock
	Decider *policies.Decider
	Audit   *audit.Log
	Log     *slog.Logger
	Start   Start
}

// Service keeps what the firm sets. Its methods authorise the caller: reading needs firm read, everything else firm manage.
// What Profile returns is shown to everybody.
type Service struct {
	o       Options
	current atomic.Pointer[Profile]
	loading sync.Mutex // an older profile never replaces a newer one
	wrong   bool       // the last look failed; only Follow uses it
}

// New makes the service. Until Load, what the environment says holds.
func New(o Options) *Service {
	s := &Service{o: o}
	s.current.Store(newProfile(o.Start, nil, o.Start.Mark))
	return s
}

// Start is what the environment of this process says.
func (s *Service) Start() Start { return s.o.Start }

// Profile is what holds for the firm now. Asking costs nothing.
func (s *Service) Profile() *Profile { return s.current.Load() }

// May says whether the caller may change what the firm sets. Error: policies.ErrForbidden when they may not even read it.
func (s *Service) May(c account.Caller) (manage bool, err error) {
	if err := s.require(c, policies.Read); err != nil {
		return false, err
	}
	return s.o.Decider.Allows(policies.Request{Roles: c.Roles, Object: policies.ObjectFirm, Action: policies.Manage})
}

func (s *Service) require(c account.Caller, a policies.Action) error {
	return s.o.Decider.Require(policies.Request{Roles: c.Roles, Object: policies.ObjectFirm, Action: a})
}

// Fresh is Profile, read anew if another process has changed something. It is for the pages on which the firm sets
// something: nobody should see there what was changed a moment ago. policies.ErrForbidden.
func (s *Service) Fresh(ctx context.Context, c account.Caller) (*Profile, error) {
	if err := s.require(c, policies.Read); err != nil {
		return nil, err
	}
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	return s.Profile(), nil
}

// --- the same in every process ------------------------------------------------------------------------------------

const (
	followEvery = time.Second
	followTime  = 5 * time.Second // time limit of one look
)

// Load reads what the firm has set. There is no caller: it runs when a process starts.
func (s *Service) Load(ctx context.Context) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	all, err := read(ctx, s.o.DB)
	if err != nil {
		return fmt.Errorf("read what the firm has set: %w", err)
	}
	mark := s.o.Start.Mark
	if all.Mark != nil {
		if mark = nil; len(all.Mark) > 0 {
			if mark, err = logo.Parse(all.Mark); err != nil {
				return fmt.Errorf("read the firm's mark: %w", err)
			}
		}
	}
	p := newProfile(s.o.Start, all.settings, mark)
	p.Version, p.Holidays, p.Phrases, p.marked = all.Version, all.holidays, all.phrases, all.Mark != nil
	for _, h := range p.Holidays {
		p.days[h.Day] = true
	}
	s.current.Store(p)
	return nil
}

// versionKey is the key of the version that a request reads once.
type versionKey struct{}

// catchUp loads what is stored, if it is not what this process has.
func (s *Service) catchUp(ctx context.Context) error {
	version, err := store.Once(ctx, s.o.DB, versionKey{}, func() (int, error) { return versionOf(ctx, s.o.DB) })
	if err != nil || version == s.Profile().Version {
		return err
	}
	return s.Load(ctx)
}

// Follow keeps this process up to date until ctx ends: every second it reads one number, as policy.Service does. After an
// error, what was read last holds.
func (s *Service) Follow(ctx context.Context) {
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.look(ctx)
		}
	}
}

func (s *Service) look(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, followTime)
	defer cancel()
	err := s.catchUp(bounded)
	if ctx.Err() != nil {
		return // the process stops
	}
	if wrong := err != nil; wrong != s.wrong {
		s.wrong = wrong
		if wrong {
			s.o.Log.Error("what the firm has set can't be read; what was read last holds", "error", err)
		} else {
			s.o.Log.Info("what the firm has set is read again")
		}
	}
}

// Mark is the firm's mark with a hash, nil if it has none or another one. If this process has another one, it looks whether
// there is a new one: another process may have shown the page that asks for it.
func (s *Service) Mark(ctx context.Context, hash string) (*logo.Logo, error) {
	if m := s.Profile().Mark; m != nil && m.Hash == hash {
		return m, nil
	}
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	if m := s.Profile().Mark; m != nil && m.Hash == hash {
		return m, nil
	}
	return nil, nil //nolint:nilnil // none is none
}

// --- changing -----------------------------------------------------------------------------------------------------

// change does something in a tx, counts it and writes the log. Afterwards this process has it; the others have it a second
// later.
func (s *Service) change(ctx context.Context, c account.Caller, version int, do func(ctx context.Context, tx bun.Tx) ([]audit.Record, error)) error {
	if err := s.require(c, policies.Manage); err != nil {
		return err
	}
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := count(ctx, tx, version); err != nil {
			return err
		}
		records, err := do(ctx, tx)
		if err != nil {
			return err
		}
		for i := range records {
			if records[i].SubjectID == uuid.Nil {
				records[i].SubjectID = ID
			}
		}
		return s.o.Audit.Write(ctx, tx, c.Actor(), records...)
	})
	if err != nil {
		return err
	}
	return s.Load(ctx)
}

// errNothing ends a tx in which nothing has changed.
var errNothing = errors.New("nothing has changed")

// Edit is what somebody has typed into the form of a section, who has seen the firm in a version.
type Edit struct {
	Section Section
	Typed   map[string]string
	Version int
}

// Save stores the values of a section that differ from those that hold. It returns the profile that holds afterwards.
// Errors: those of Clean; policies.ErrForbidden; ErrVersion if something was changed since: then the profile is the current
// one.
func (s *Service) Save(ctx context.Context, c account.Caller, e Edit) (*Profile, error) {
	if err := s.require(c, policies.Manage); err != nil {
		return nil, err
	}
	values, err := Clean(e.Section, e.Typed)
	if err != nil {
		return nil, err
	}
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	now := s.Profile()
	if now.Version != e.Version {
		return now, ErrVersion
	}
	changed, changes := Settings{}, audit.Changes{}
	for name, value := range values {
		if old := now.Settings[name]; old != value {
			changed[name] = value
			changes[string(name)] = [2]string{shortened(old), shortened(value)}
		}
	}
	if len(changed) == 0 {
		return now, nil
	}
	err = s.change(ctx, c, e.Version, func(ctx context.Context, tx bun.Tx) ([]audit.Record, error) {
		return []audit.Record{{Action: audit.FirmUpdated, Detail: changes}}, put(ctx, tx, changed)
	})
	return s.Profile(), err
}

// SetMark makes an image the firm's mark. Errors: Invalid at mark ("firm.mark_missing", "firm.mark_bytes",
// "firm.mark_pixels", "firm.mark_broken", "firm.mark_format"); policies.ErrForbidden.
func (s *Service) SetMark(ctx context.Context, c account.Caller, image []byte) error {
	if err := s.require(c, policies.Manage); err != nil {
		return err
	}
	if len(image) == 0 {
		return fault.At("mark", "firm.mark_missing")
	}
	m, err := logo.Parse(image)
	if err != nil {
		return complaintOf(err)
	}
	return s.change(ctx, c, 0, func(ctx context.Context, tx bun.Tx) ([]audit.Record, error) {
		size := strconv.Itoa(m.Width) + " × " + strconv.Itoa(m.Height)
		return []audit.Record{{Action: audit.FirmMarkSet, Subject: size}}, putMark(ctx, tx, image)
	})
}

// complaintOf says what is wrong with an image.
func complaintOf(err error) error {
	for wrong, message := range map[error]string{
		logo.ErrBytes: "firm.mark_bytes", logo.ErrPixels: "firm.mark_pixels", logo.ErrBroken: "firm.mark_broken",
	} {
		if errors.Is(err, wrong) {
			return fault.At("mark", message)
		}
	}
	return fault.At("mark", "firm.mark_format")
}

// RemoveMark makes Kontor's mark be shown again, whatever the environment says. policies.ErrForbidden.
func (s *Service) RemoveMark(ctx context.Context, c account.Caller) error {
	return s.change(ctx, c, 0, func(ctx context.Context, tx bun.Tx) ([]audit.Record, error) {
		return []audit.Record{{Action: audit.FirmMarkRemoved}}, putMark(ctx, tx, []byte{})
	})
}

// AddHoliday adds a day, or gives it another name. Errors: those of checkHoliday; Invalid at day ("holiday.there",
// "holiday.too_many"); policies.ErrForbidden.
func (s *Service) AddHoliday(ctx context.Context, c account.Caller, day, name string) error {
	if err := s.require(c, policies.Manage); err != nil {
		return err
	}
	h, err := checkHoliday(day, name)
	if err != nil {
		return err
	}
	return s.change(ctx, c, 0, func(ctx context.Context, tx bun.Tx) ([]audit.Record, error) {
		all, err := read(ctx, tx)
		if err != nil {
			return nil, err
		}
		for _, old := range all.holidays {
			if old.Day == h.Day {
				return nil, fault.At("day", "holiday.there").With("name", old.Name)
			}
		}
		if len(all.holidays) >= MostHolidays {
			return nil, fault.At("day", "holiday.too_many").With("n", MostHolidays)
		}
		return []audit.Record{{Action: audit.FirmHolidayAdded, Subject: h.Day + " " + h.Name}}, insertHolidays(ctx, tx, []Holiday{h})
	})
}

// AddPublicHolidays adds the public holidays of a federal state in this year and the next that are not there yet, with their
// names in the caller's language. It returns how many it has added. Errors: Invalid at state ("required",
// "holiday.too_many"); policies.ErrForbidden.
func (s *Service) AddPublicHolidays(ctx context.Context, c account.Caller, state State) (added int, err error) {
	if err := s.require(c, policies.Manage); err != nil {
		return 0, err
	}
	if !slices.Contains(States, state) {
		return 0, fault.At("state", "required")
	}
	year := s.o.Now().Year()
	err = s.change(ctx, c, 0, func(ctx context.Context, tx bun.Tx) ([]audit.Record, error) {
		all, err := read(ctx, tx)
		if err != nil {
			return nil, err
		}
		there := map[string]bool{}
		for _, h := range all.holidays {
			there[h.Day] = true
		}
		var list []Holiday
		for _, h := range append(PublicHolidays(state, year, c.Locale), PublicHolidays(state, year+1, c.Locale)...) {
			if !there[h.Day] {
				list = append(list, h)
			}
		}
		if added = len(list); added == 0 {
			return nil, errNothing
		}
		if len(all.holidays)+added > MostHolidays {
			return nil, fault.At("state", "holiday.too_many").With("n", MostHolidays)
		}
		subject := fmt.Sprintf("%s %d, %d", StateName(state), year, year+1)
		return []audit.Record{{Action: audit.FirmHolidaysAdded, Subject: subject, Detail: map[string]int64{"holidays": int64(added)}}},
			insertHolidays(ctx, tx, list)
	})
	if errors.Is(err, errNothing) {
		return 0, nil
	}
	return added, err
}

// RemoveHolidays removes days and returns how many. Days that are not there are left out. Error: policies.ErrForbidden.
func (s *Service) RemoveHolidays(ctx context.Context, c account.Caller, days []string) (removed int, err error) {
	err = s.change(ctx, c, 0, func(ctx context.Context, tx bun.Tx) ([]audit.Record, error) {
		all, err := read(ctx, tx)
		if err != nil {
			return nil, err
		}
		var gone []string
		var records []audit.Record
		for _, h := range all.holidays {
			if slices.Contains(days, h.Day) {
				gone = append(gone, h.Day)
				records = append(records, audit.Record{Action: audit.FirmHolidayRemoved, Subject: h.Day + " " + h.Name})
			}
		}
		if removed = len(gone); removed == 0 {
			return nil, errNothing
		}
		return records, deleteHolidays(ctx, tx, gone)
	})
	if errors.Is(err, errNothing) {
		return 0, nil
	}
	return removed, err
}

// AddPhrase adds a sentence at the end. Errors: those of checkPhrase; Invalid at german ("phrase.there",
// "phrase.too_many"); policies.ErrForbidden.
func (s *Service) AddPhrase(ctx context.Context, c account.Caller, german, english string) error {
	return s.onPhrases(ctx, c, func(ctx context.Context, tx bun.Tx, all []Phrase) (r audit.Record, err error) {
		p, err := checkPhrase(Phrase{German: german, English: english})
		if err != nil {
			return r, err
		}
		if err := known(all, p); err != nil {
			return r, err
		}
		if len(all) >= MostPhrases {
			return r, fault.At("german", "phrase.too_many").With("n", MostPhrases)
		}
		if p.ID, err = uuid.NewV7(); err != nil {
			return r, err
		}
		return audit.Record{Action: audit.FirmPhraseAdded, Subject: shortened(p.In(c.Locale))}, insertPhrase(ctx, tx, p, len(all))
	})
}

// known is the complaint that a sentence is there already, nil if it is not.
func known(all []Phrase, p Phrase) error {
	for _, old := range all {
		if old.ID != p.ID && (old.German == p.German || old.English == p.English) {
			return fault.At("german", "phrase.there")
		}
	}
	return nil
}

// ChangePhrase changes a sentence. It returns the sentence and the version that hold afterwards. Errors: those of AddPhrase;
// ErrUnknown; ErrVersion if something of the firm was changed since version: then they are the current ones.
func (s *Service) ChangePhrase(ctx context.Context, c account.Caller, p Phrase, version int) (now Phrase, current int, err error) {
	if err := s.require(c, policies.Manage); err != nil {
		return p, 0, err
	}
	if err := s.catchUp(ctx); err != nil {
		return p, 0, err
	}
	if now, current, err = s.Phrase(p.ID); err != nil || current != version {
		return now, current, cmp.Or[error](err, ErrVersion)
	}
	p, err = checkPhrase(p)
	if err != nil || p == now {
		return now, current, err
	}
	if err := known(s.Profile().Phrases, p); err != nil {
		return now, current, err
	}
	changes := audit.Changes{}
	if now.German != p.German {
		changes["german"] = [2]string{shortened(now.German), shortened(p.German)}
	}
	if now.English != p.English {
		changes["english"] = [2]string{shortened(now.English), shortened(p.English)}
	}
	err = s.change(ctx, c, version, func(ctx context.Context, tx bun.Tx) ([]audit.Record, error) {
		return []audit.Record{{Action: audit.FirmPhraseChanged, SubjectID: p.ID, Subject: shortened(p.In(c.Locale)), Detail: changes}}, updatePhrase(ctx, tx, p)
	})
	return p, s.Profile().Version, err
}

// Phrase is a sentence as it is now, with the version of the firm. Error: ErrUnknown.
func (s *Service) Phrase(id uuid.UUID) (Phrase, int, error) {
	now := s.Profile()
	for _, p := range now.Phrases {
		if p.ID == id {
			return p, now.Version, nil
		}
	}
	return Phrase{}, now.Version, ErrUnknown
}

// RemovePhrase removes a sentence. Errors: ErrUnknown; policies.ErrForbidden.
func (s *Service) RemovePhrase(ctx context.Context, c account.Caller, id uuid.UUID) error {
	return s.onPhrases(ctx, c, func(ctx context.Context, tx bun.Tx, all []Phrase) (r audit.Record, err error) {
		at := slices.IndexFunc(all, func(p Phrase) bool { return p.ID == id })
		if at < 0 {
			return r, ErrUnknown
		}
		gone := all[at]
		if err := deletePhrase(ctx, tx, id); err != nil {
			return r, err
		}
		return audit.Record{Action: audit.FirmPhraseRemoved, Subject: shortened(gone.In(c.Locale))}, place(ctx, tx, slices.Delete(all, at, at+1))
	})
}

// MovePhrase moves a sentence one place up (-1) or down (+1). At the end nothing happens. Errors: ErrUnknown;
// policies.ErrForbidden.
func (s *Service) MovePhrase(ctx context.Context, c account.Caller, id uuid.UUID, by int) error {
	return s.onPhrases(ctx, c, func(ctx context.Context, tx bun.Tx, all []Phrase) (r audit.Record, err error) {
		at := slices.IndexFunc(all, func(p Phrase) bool { return p.ID == id })
		if at < 0 {
			return r, ErrUnknown
		}
		to := min(max(at+by, 0), len(all)-1)
		all[at], all[to] = all[to], all[at]
		return audit.Record{Action: audit.FirmPhraseMoved, Subject: shortened(all[to].In(c.Locale))}, place(ctx, tx, all)
	})
}

// place stores the order of the sentences.
func place(ctx context.Context, tx bun.Tx, all []Phrase) error {
	for i, p := range all {
		if err := placePhrase(ctx, tx, p.ID, i); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) onPhrases(ctx context.Context, c account.Caller, do func(ctx context.Context, tx bun.Tx, all []Phrase) (audit.Record, error)) error {
	return s.change(ctx, c, 0, func(ctx context.Context, tx bun.Tx) ([]audit.Record, error) {
		all, err := read(ctx, tx)
		if err != nil {
			return nil, err
		}
		r, err := do(ctx, tx, all.phrases)
		return []audit.Record{r}, err
	})
}

// --- what other packages ask --------------------------------------------------------------------------------------

// FirmName is the firm's name.
func (s *Service) FirmName() string { return s.Profile().Name() }

// OwnLocale is the language where nobody has chosen one.
func (s *Service) OwnLocale() string { return s.Profile().Settings[OwnLocale] }

// ShowsSignIn says whether people see when a colleague has signed in last; manages says that they manage colleagues.
func (s *Service) ShowsSignIn(manages bool) bool {
	switch s.Profile().Settings[LastSignIn] {
	case Everyone:
		return true
	case Managers:
		return manages
	}
	return false
}

// Preferences are those of people with some roles who have chosen nothing.
func (s *Service) Preferences(roles []policies.Role) preference.Chosen {
	return s.Profile().Preferences(roles)
}

// Holiday says whether nobody of the firm works on a day.
func (s *Service) Holiday(at time.Time) bool { return s.Profile().Holiday(at) }

// Letterhead is what mails and SMS show of the firm now.
func (s *Service) Letterhead() *courier.Letterhead { return s.Profile().Letterhead() }
