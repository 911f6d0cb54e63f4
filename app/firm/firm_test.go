package firm

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/audit"
	"kontor/app/fault"
	"kontor/app/logo"
	"kontor/app/preference"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/policies"
)

// world is a firm whose page is kept by ute; rita reads it, anna has nothing to do with it.
type world struct {
	*accounttest.Firm
	*Service
	ute, rita, anna, end account.Caller
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := &world{Firm: accounttest.NewFirm(t, db, time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC))}
		w.ute = w.Specialist("Ute Umsicht", policies.UserAdministrator)
		w.ute.Locale = "de"
		w.anna = w.Specialist("Anna Amt", policies.DataAdministrator)
		w.rita = w.Person("Rita Revision", true, policies.Auditor)
		w.end = w.Person("Eva Ende", false, policies.EndUser)
		w.Service = w.process(Start{Name: "Kanzlei Umgebung", Contact: "040 1234567", Imprint: "https://a.example/i", Locale: "de"})
		test(t, w)
	})
}

// process is the service of another process with this environment.
func (w *world) process(start Start) *Service {
	w.Helper()
	s := New(Options{DB: w.DB, Now: w.Now, Decider: w.Decider, Audit: w.Audit, Log: slog.New(slog.DiscardHandler), Start: start})
	w.Must(s.Load(w.Ctx))
	return s
}

// typed are the values of a section as its form has them, with changes.
func (w *world) typed(section Section, change map[Name]string) map[string]string {
	all := map[string]string{}
	for _, e := range EntriesOf(section) {
		all[string(e.Name)] = w.Profile().Settings[e.Name]
	}
	for name, value := range change {
		all[string(name)] = value
	}
	return all
}

// set saves settings of a section.
func (w *world) set(section Section, change map[Name]string) error {
	_, err := w.Save(w.Ctx, w.ute, Edit{section, w.typed(section, change), w.Profile().Version})
	return err
}

// logged are the entries about the firm, oldest first: action, subject, detail.
func (w *world) logged() (list []string) {
	w.Helper()
	page, err := w.Audit.Page(w.Ctx, audit.Filter{Actions: audit.ActionsOf("firm")})
	w.Must(err)
	for _, e := range page.Entries {
		list = append([]string{strings.TrimSpace(strings.Join([]string{string(e.Action), e.Subject, e.Detail}, " "))}, list...)
	}
	return list
}

// refused checks what is said about which fields.
func (w *world) refused(what string, err error, want string) {
	w.Helper()
	got := accounttest.Complaints(err)
	var e *fault.Error
	if errors.As(err, &e) && e.Field != "" {
		got = e.Field + " " + e.Message
	}
	assert.Equal(w, want, got, what)
}

func picture(t *testing.T, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, width, height))))
	return b.Bytes()
}

// TestClean: what each setting may be, and how it is stored.
func TestClean(t *testing.T) {
	for _, c := range []struct {
		section      Section
		name         Name
		typed        string
		want, reason string
	}{
		{Contact, FirmName, "  Kanzlei\u00a0 Berg ", "Kanzlei Berg", ""},
		{Contact, FirmName, "", "", "required"},
		{Contact, FirmName, "—", "", "required"},
		{Contact, FirmName, strings.Repeat("ä", 100), strings.Repeat("ä", 100), ""},
		{Contact, FirmName, strings.Repeat("ä", 101), "", "too_long"},
		{Contact, FirmName, "Kanzlei\x07Berg", "", "control_characters"},
		{Contact, FirmName, "<b>Berg</b>", "<b>Berg</b>", ""},
		{Contact, ContactLine, "", "", ""},
		{Contact, ContactLine, "a\r\nBcc: x@y.example", "a Bcc: x@y.example", ""},
		{Contact, ContactAddress, "Kai 1\r\n20457 Hamburg ", "Kai 1\n20457 Hamburg", ""},
		{Contact, ContactPhone, "040 1234567", "+49401234567", ""},
		{Contact, ContactPhone, "", "", ""},
		{Contact, ContactPhone, "Anna", "", "phone.letters"},
		{Contact, ContactEmail, "hallo@Kanzlei.example", "hallo@kanzlei.example", ""},
		{Contact, ContactEmail, "hallo", "", "email.malformed"},
		{Contact, ContactWebsite, "www.kanzlei.example", "https://www.kanzlei.example", ""},
		{Contact, ContactWebsite, "http://kanzlei.example/x", "http://kanzlei.example/x", ""},
		{Contact, ImprintURL, "javascript:alert(1)", "", "web_address"},
		{Contact, ImprintURL, "javascript://kanzlei.example/%0aalert(1)", "", "web_address"},
		{Contact, PrivacyURL, "https://a:b@kanzlei.example", "", "web_address"},
		{SignIn, SignInBrand, "no", "no", ""},
		{SignIn, SignInBrand, "perhaps", "", "choice"},
		{SignIn, LastSignIn, "", "", "choice"},
		{SignIn, SignInGerman, strings.Repeat("ä", 501), "", "too_long"},
		{SignIn, SignInGerman, "Eins\nZwei", "Eins\nZwei", ""},
		{Defaults, NewLocale, "any", "any", ""},
		{Defaults, OwnLocale, "fr", "", "choice"},
		{Defaults, SummaryOf(policies.Auditor), "daily", "daily", ""},
	} {
		all := map[string]string{}
		for name, v := range (Start{Name: "Kontor"}).settings() {
			all[string(name)] = v
		}
		all[string(c.name)] = c.typed
		got, err := Clean(c.section, all)
		if c.reason == "" {
			assert.NoError(t, err, "%s: %q", c.name, c.typed)
			assert.Equal(t, c.want, got[c.name], "%s: %q", c.name, c.typed)
			continue
		}
		assert.Equal(t, string(c.name)+" "+c.reason, accounttest.Complaints(err), "%s: %q", c.name, c.typed)
	}
}

// TestWhoMay: who manages the firm changes it, an auditor reads it, nobody else does either.
func TestWhoMay(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := uuid.Must(uuid.NewV7())
		acts := map[string]func(c account.Caller) error{
			"save":     func(c account.Caller) error { _, err := w.Save(w.Ctx, c, Edit{Section: Contact}); return err },
			"mark":     func(c account.Caller) error { return w.SetMark(w.Ctx, c, picture(t, 40, 20)) },
			"no mark":  func(c account.Caller) error { return w.RemoveMark(w.Ctx, c) },
			"holiday":  func(c account.Caller) error { return w.AddHoliday(w.Ctx, c, "2027-01-04", "Brücke") },
			"public":   func(c account.Caller) error { _, err := w.AddPublicHolidays(w.Ctx, c, "hh"); return err },
			"no day":   func(c account.Caller) error { _, err := w.RemoveHolidays(w.Ctx, c, []string{"2027-01-04"}); return err },
			"phrase":   func(c account.Caller) error { return w.AddPhrase(w.Ctx, c, "a", "b") },
			"change":   func(c account.Caller) error { _, _, err := w.ChangePhrase(w.Ctx, c, Phrase{ID: id}, 1); return err },
			"move":     func(c account.Caller) error { return w.MovePhrase(w.Ctx, c, id, 1) },
			"no words": func(c account.Caller) error { return w.RemovePhrase(w.Ctx, c, id) },
		}
		before := w.Number("SELECT version FROM firm")
		for name, c := range map[string]account.Caller{"a specialist user": w.anna, "an auditor": w.rita, "an end user": w.end, "nobody": {}} {
			for act, do := range acts {
				w.Want(name+": "+act, do(c), policies.ErrForbidden)
			}
			_, err := w.Fresh(w.Ctx, c)
			reads := map[bool]error{true: nil, false: policies.ErrForbidden}[name == "an auditor"]
			w.Want(name+" reads", err, reads)
			manages, err := w.May(c)
			w.Want(name+" may", err, reads)
			assert.False(t, manages, name)
		}
		assert.Equal(t, before, w.Number("SELECT version FROM firm"), "nothing was changed")
		assert.Empty(t, w.logged())
		manages, err := w.May(w.ute)
		w.Must(err)
		assert.True(t, manages)
	})
}

// TestEnvironment: what the environment says holds until the firm sets it, and only for what it has set; also empty values
// are set. An installation that has set nothing keeps its name.
func TestEnvironment(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		assert.Equal(t, "Kanzlei Umgebung", w.FirmName())
		assert.True(t, w.Profile().Own())
		assert.Equal(t, "de", w.OwnLocale())
		w.Must(w.set(Contact, map[Name]string{ContactLine: "", ContactEmail: "hallo@kanzlei.example"}))
		assert.Equal(t, 2, w.Number("SELECT count(*) FROM firm_setting"), "only what was changed is stored")
		later := w.process(Start{Name: "Neue Umgebung", Contact: "gestern", Imprint: "https://b.example/i", Locale: "en"})
		assert.Equal(t, "Neue Umgebung", later.FirmName(), "not set by the firm")
		assert.Equal(t, "", later.Profile().Settings[ContactLine], "set to nothing by the firm")
		assert.Equal(t, "hallo@kanzlei.example", later.Profile().Settings[ContactEmail])
		var keys []string
		for _, l := range later.Profile().Links {
			keys = append(keys, l.Key)
		}
		assert.Equal(t, []string{"imprint", "email"}, keys)
		w.Must(w.set(Contact, map[Name]string{FirmName: "Kanzlei Seite"}))
		assert.Equal(t, "Kanzlei Seite", w.process(Start{Name: "Neue Umgebung"}).FirmName(), "the page wins")
		assert.True(t, w.Profile().Set(FirmName))
		assert.False(t, w.Profile().Set(PrivacyURL))
		assert.False(t, w.Profile().Marked())
		assert.False(t, w.process(Start{Name: "Kontor"}).Profile().Name() == "Kontor")
		w.Exec(`INSERT INTO firm_setting (name, value) VALUES ('last_sign_in', 'of_yesterday'), ('nothing', 'x')`)
		assert.Equal(t, Everyone, w.process(Start{}).Profile().Settings[LastSignIn], "a value that there is not any more")
	})
}

// TestMark: the mark from the environment, one of the firm, and none.
func TestMark(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		own, err := logo.Parse(picture(t, 60, 20))
		require.NoError(t, err)
		start := Start{Name: "a", Mark: own}
		s := w.process(start)
		assert.Equal(t, own, s.Profile().Mark)
		for name, c := range map[string]struct {
			image []byte
			want  string
		}{
			"nothing":   {nil, "mark firm.mark_missing"},
			"text":      {[]byte("<svg/>"), "mark firm.mark_format"},
			"too large": {make([]byte, 70_000), "mark firm.mark_bytes"},
			"narrow":    {picture(t, 15, 40), "mark firm.mark_pixels"},
			"cut":       {picture(t, 40, 20)[:70], "mark firm.mark_broken"},
		} {
			w.refused(name, s.SetMark(w.Ctx, w.ute, c.image), c.want)
		}
		assert.Equal(t, own, s.Profile().Mark, "what was refused changes nothing")
		w.Must(s.SetMark(w.Ctx, w.ute, picture(t, 40, 20)))
		mark := s.Profile().Mark
		assert.Equal(t, 40, mark.Width)
		assert.Same(t, mark, s.Letterhead().Logo)
		assert.Equal(t, mark.Hash, w.process(start).Profile().Mark.Hash)
		got, err := w.Mark(w.Ctx, mark.Hash)
		w.Must(err)
		assert.Equal(t, mark.Data, got.Data, "a process that does not know it yet looks for it")
		got, err = w.Mark(w.Ctx, own.Hash)
		w.Must(err)
		assert.Nil(t, got, "another one")
		w.Must(s.RemoveMark(w.Ctx, w.ute))
		assert.Nil(t, s.Profile().Mark)
		assert.Nil(t, w.process(start).Profile().Mark, "none, although the environment has one")
		assert.Equal(t, []string{"firm.mark_set 40 × 20", "firm.mark_removed"}, w.logged())
	})
}

// TestSave: what is changed is stored and logged from and to, shortened; what is not changed is not; who has seen an older
// version is told.
func TestSave(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		seen := w.Profile().Version
		w.Must(w.set(Contact, nil))
		assert.Empty(t, w.logged(), "nothing changed")
		w.Must(w.set(SignIn, map[Name]string{SignInGerman: strings.Repeat("lang ", 60), LastSignIn: Nobody}))
		assert.Equal(t, []string{`firm.updated  {"last_sign_in":["everyone","nobody"],"sign_in_hint_de":["","` + strings.Repeat("lang ", 15) + `lang…"]}`}, w.logged())
		now, err := w.Save(w.Ctx, w.ute, Edit{Contact, w.typed(Contact, map[Name]string{FirmName: "Neu"}), seen})
		w.Want("an older version", err, ErrVersion)
		assert.Equal(t, Nobody, now.Settings[LastSignIn], "what it is now")
		assert.Equal(t, "Kanzlei Umgebung", w.FirmName())
		w.refused("wrong", w.set(Contact, map[Name]string{FirmName: " ", ContactPhone: "x"}), "firm_name required, firm_phone phone.letters")
	})
}

// TestFollow: what one process changes holds in the others a moment later, whatever it is.
func TestFollow(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		other := w.process(Start{Name: "Kanzlei Umgebung", Locale: "de"})
		letterhead := other.Letterhead()
		other.look(w.Ctx)
		assert.Same(t, letterhead, other.Letterhead(), "nothing has changed")
		w.Must(w.set(Contact, map[Name]string{FirmName: "Kanzlei Seite"}))
		assert.Equal(t, "Kanzlei Umgebung", other.FirmName())
		other.look(w.Ctx)
		assert.Equal(t, "Kanzlei Seite", other.FirmName())
		assert.Equal(t, "Kanzlei Seite", other.Letterhead().Firm)
		w.Must(w.AddHoliday(w.Ctx, w.ute, "2026-12-24", "Heiligabend"))
		w.Must(w.AddPhrase(w.Ctx, w.ute, "Ruft zurück.", "Will call back."))
		now, err := other.Fresh(w.Ctx, w.rita)
		w.Must(err)
		assert.Len(t, now.Holidays, 1, "a page of the firm is always as it is now")
		assert.Len(t, now.Phrases, 1)
		w.Exec(`ALTER TABLE firm RENAME TO firm_away`)
		other.look(w.Ctx)
		other.look(w.Ctx)
		assert.Equal(t, "Kanzlei Seite", other.FirmName(), "while it can't be read")
		w.Exec(`ALTER TABLE firm_away RENAME TO firm`)
		w.Must(w.set(Contact, map[Name]string{FirmName: "Drei"}))
		other.look(w.Ctx)
		assert.Equal(t, "Drei", other.FirmName())
	})
}

// TestHolidays: days are added, all of a state at once and only once, and removed.
func TestHolidays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, c := range []struct{ day, name, want string }{
			{"2026-12-24", " Heiligabend ", ""},
			{"2026-12-24", "Noch einmal", "day holiday.there"},
			{"2026-02-30", "Gibt es nicht", "day holiday.day"},
			{"24.12.2026", "Anders", "day holiday.day"},
			{"2019-12-31", "Lange her", "day holiday.year"},
			{"2100-01-01", "Noch lange hin", "day holiday.year"},
			{"", "", "day required, holiday_name required"},
			{"2026-12-31", strings.Repeat("x", 81), "holiday_name too_long"},
			{"2026-12-31", "a\x00b", "holiday_name control_characters"},
		} {
			w.refused(c.day+" "+c.name, w.AddHoliday(w.Ctx, w.ute, c.day, c.name), c.want)
		}
		n, err := w.AddPublicHolidays(w.Ctx, w.ute, "hh")
		w.Must(err)
		assert.Equal(t, 20, n)
		n, err = w.AddPublicHolidays(w.Ctx, w.ute, "hh")
		w.Must(err)
		assert.Zero(t, n, "they are there already")
		n, err = w.AddPublicHolidays(w.Ctx, w.ute, "sl")
		w.Must(err)
		assert.Equal(t, 6, n, "only those that are not there")
		_, err = w.AddPublicHolidays(w.Ctx, w.ute, "xx")
		w.refused("no state", err, "state required")
		day := func(s string) time.Time { at, _ := time.Parse(time.RFC3339, s); return at }
		for at, want := range map[string]bool{
			"2026-12-24T07:00:00Z": true, "2026-12-25T23:59:00Z": true, "2026-12-28T07:00:00Z": false, "2027-03-29T07:00:00+02:00": true,
		} {
			assert.Equal(t, want, w.Holiday(day(at)), at)
		}
		assert.Equal(t, "Karfreitag", w.Profile().Holidays[1].Name, "in the language of who added it")
		n, err = w.RemoveHolidays(w.Ctx, w.ute, []string{"2026-12-25", "2026-12-28", "2027-03-26"})
		w.Must(err)
		assert.Equal(t, 2, n)
		n, err = w.RemoveHolidays(w.Ctx, w.ute, []string{"2026-12-25"})
		w.Must(err)
		assert.Zero(t, n, "again")
		assert.False(t, w.Holiday(day("2026-12-25T07:00:00Z")))
		assert.Equal(t, []string{
			"firm.holiday_added 2026-12-24 Heiligabend", `firm.holidays_added Hamburg 2026, 2027 {"holidays":20}`, `firm.holidays_added Saarland 2026, 2027 {"holidays":6}`,
			"firm.holiday_removed 2026-12-25 Erster Weihnachtstag", "firm.holiday_removed 2027-03-26 Karfreitag",
		}, w.logged())
	})
}

// TestTooMany: there are bounds to how many days and sentences there may be.
func TestTooMany(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range MostHolidays - 19 {
			w.Exec(`INSERT INTO firm_holiday (day, name) VALUES (?, 'x')`, time.Date(2030, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly))
		}
		_, err := w.AddPublicHolidays(w.Ctx, w.ute, "hh")
		w.refused("a whole state", err, "state holiday.too_many")
		assert.Equal(t, MostHolidays-19, w.Number("SELECT count(*) FROM firm_holiday"), "all or nothing")
		for i := range 19 {
			w.Must(w.AddHoliday(w.Ctx, w.ute, time.Date(2031, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), "x"))
		}
		w.refused("one more", w.AddHoliday(w.Ctx, w.ute, "2032-01-01", "x"), "day holiday.too_many")
		for i := range MostPhrases {
			w.Exec(`INSERT INTO firm_phrase (id, purpose, position, german, english) VALUES (?, 'note', ?, ?, 'x')`, uuid.Must(uuid.NewV7()), i, i)
		}
		w.refused("one more sentence", w.AddPhrase(w.Ctx, w.ute, "neu", "new"), "german phrase.too_many")
	})
}

// TestPhrases: sentences keep their order through every act.
func TestPhrases(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		order := func() (all string) {
			for _, p := range w.Profile().PhrasesFor(ForNotes) {
				all += p.German + p.In("en") + " "
			}
			return strings.TrimSpace(all)
		}
		of := func(german string) Phrase {
			for _, p := range w.Profile().Phrases {
				if p.German == german {
					return p
				}
			}
			return Phrase{}
		}
		for _, s := range []string{"A", "B", "C", "D"} {
			w.Must(w.AddPhrase(w.Ctx, w.ute, s, strings.ToLower(s)))
		}
		assert.Equal(t, "Aa Bb Cc Dd", order())
		w.refused("twice", w.AddPhrase(w.Ctx, w.ute, " A ", "x"), "german phrase.there")
		w.refused("one language", w.AddPhrase(w.Ctx, w.ute, "E", ""), "english required")
		w.refused("too long", w.AddPhrase(w.Ctx, w.ute, "E", strings.Repeat("e", 301)), "english too_long")
		w.Must(w.MovePhrase(w.Ctx, w.ute, of("D").ID, -1))
		w.Must(w.MovePhrase(w.Ctx, w.ute, of("A").ID, -1))
		assert.Equal(t, "Aa Bb Dd Cc", order())
		w.Must(w.RemovePhrase(w.Ctx, w.ute, of("A").ID))
		w.Must(w.RemovePhrase(w.Ctx, w.ute, of("B").ID))
		w.Must(w.AddPhrase(w.Ctx, w.ute, "E", "e"))
		assert.Equal(t, "Dd Cc Ee", order(), "a new one is the last one")
		w.Want("removed", w.RemovePhrase(w.Ctx, w.ute, uuid.Must(uuid.NewV7())), ErrUnknown)
		w.Want("moved", w.MovePhrase(w.Ctx, w.ute, uuid.Must(uuid.NewV7()), 1), ErrUnknown)
		c := of("C")
		seen := w.Profile().Version
		w.Must(w.MovePhrase(w.Ctx, w.ute, c.ID, 1))
		c.English = "see"
		now, version, err := w.ChangePhrase(w.Ctx, w.ute, c, seen)
		w.Want("an older version", err, ErrVersion)
		assert.Equal(t, "c", now.English, "what it is now")
		_, _, err = w.ChangePhrase(w.Ctx, w.ute, c, version)
		w.Must(err)
		assert.Equal(t, "Dd Ee Csee", order())
		log := w.logged()
		assert.Equal(t, `firm.phrase_changed C {"english":["c","see"]}`, log[len(log)-1])
	})
}

// TestUnchosen: what people have who have chosen nothing; of several roles the most frequent summary.
func TestUnchosen(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		both := []policies.Role{policies.Specialist, policies.Auditor}
		assert.Equal(t, preference.Off, w.Preferences(both).Get(preference.DailySummary))
		w.Must(w.set(Defaults, map[Name]string{
			Theme: preference.Dark, SummaryOf(policies.Specialist): preference.Workdays, SummaryOf(policies.Auditor): preference.Daily,
		}))
		for _, c := range []struct {
			roles []policies.Role
			want  string
		}{{both, preference.Daily}, {both[:1], preference.Workdays}, {nil, preference.Off}, {[]policies.Role{policies.EndUser}, preference.Off}} {
			assert.Equal(t, c.want, w.Preferences(c.roles).Get(preference.DailySummary), "%v", c.roles)
		}
		chosen := preference.Chosen{preference.Theme: preference.Light}.Or(w.Preferences(both))
		assert.Equal(t, preference.Light, chosen.Get(preference.Theme), "one's own choice")
		assert.Equal(t, preference.Daily, chosen.Get(preference.DailySummary))
	})
}

// TestShowsSignIn: who sees when somebody has signed in last.
func TestShowsSignIn(t *testing.T) {
	for value, want := range map[string][2]bool{Everyone: {true, true}, Managers: {false, true}, Nobody: {false, false}} {
		s := New(Options{})
		s.current.Store(newProfile(Start{}, Settings{LastSignIn: value}, nil))
		assert.Equal(t, want, [2]bool{s.ShowsSignIn(false), s.ShowsSignIn(true)}, value)
	}
}

// TestHint: the sentence of the sign-in page is in the reader's language where there is one.
func TestHint(t *testing.T) {
	for _, c := range []struct{ de, en, inGerman, inEnglish string }{
		{"", "", "", ""}, {"Hallo", "", "Hallo", "Hallo"}, {"", "Hello", "Hello", "Hello"}, {"Hallo", "Hello", "Hallo", "Hello"},
	} {
		p := newProfile(Start{}, Settings{SignInGerman: c.de, SignInEnglish: c.en}, nil)
		assert.Equal(t, [2]string{c.inGerman, c.inEnglish}, [2]string{p.Hint("de"), p.Hint("en")})
	}
}

// TestRace: of many who save at once with the same version, one does.
func TestRace(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const n = 8
		version := w.Profile().Version
		typed := make([]map[string]string, n)
		for i := range typed {
			typed[i] = w.typed(Contact, map[Name]string{FirmName: "Kanzlei " + string(rune('A'+i))})
		}
		errs := make(chan error, n)
		for i := range n {
			go func() {
				_, err := w.Save(w.Ctx, w.ute, Edit{Contact, typed[i], version})
				errs <- err
			}()
		}
		saved := 0
		for range n {
			if err := <-errs; err == nil {
				saved++
			} else {
				assert.Equal(t, fault.Conflict, fault.CodeOf(err), "%v", err)
			}
		}
		assert.Equal(t, 1, saved)
		assert.Len(t, w.logged(), 1)
	})
}
