package attention

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/courier"
	"kontor/app/preference"
	"kontor/policies"
)

// summaries makes the summaries of the world, as a process has them.
func (w *world) summaries(change ...func(*SummaryOptions)) *Summaries {
	w.Helper()
	o := SummaryOptions{
		Attention: w.Service, Accounts: w.Accounts, Courier: w.Post, Log: slog.New(slog.DiscardHandler), BaseURL: accounttest.BaseURL,
		Firm: madeUpFirm{},
	}
	for _, c := range change {
		c(&o)
	}
	return NewSummaries(o)
}

// madeUpFirm works on every day of the week but its holidays, ISO 8601.
type madeUpFirm []string

func (madeUpFirm) OwnLocale() string { return "de" }

func (f madeUpFirm) Holiday(at time.Time) bool { return slices.Contains(f, at.Format(time.DateOnly)) }

// choose chooses when somebody gets a summary.
func (w *world) choose(id uuid.UUID, value string) {
	w.Helper()
	w.Must(w.Accounts.Choose(w.Ctx, account.Caller{ID: id}, account.Choice{Name: preference.DailySummary, Values: []string{value}}))
}

// posted returns the summaries in the outbox as "name: what is in it", in the order of the names.
func (w *world) posted() (list []string) {
	w.Helper()
	var rows []struct{ Name, About string }
	w.Must(w.DB.NewSelect().TableExpr(`message AS m`).Join(`JOIN account AS a ON a.id = m.account_id`).ColumnExpr(`a.name, m.about`).
		Where(`m.kind = ?`, courier.DailySummary).Order("a.name", "m.created_at").Scan(w.Ctx, &rows))
	for _, r := range rows {
		list = append(list, r.Name+": "+r.About)
	}
	return list
}

// deliver sends what the outbox has, and returns the summaries that nobody has got.
func (w *world) deliver() (cancelled []string) {
	w.Helper()
	tickets, err := w.Post.Claim(w.Ctx, 1000, time.Minute)
	w.Must(err)
	for _, t := range tickets {
		_, err := w.Post.Deliver(w.Ctx, t)
		w.Must(err)
	}
	w.Must(w.DB.NewSelect().Table("message").Column("recipient").Where("kind = ?", courier.DailySummary).
		Where("state = ?", courier.Cancelled).Order("recipient").Scan(w.Ctx, &cancelled))
	return cancelled
}

// berlin moves the world to Berlin, to a time of its walls.
func (w *world) berlin(at string) {
	w.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	w.Must(err)
	t, err := time.ParseInLocation("2006-01-02 15:04", at, zone)
	w.Must(err)
	w.o.Zone = zone
	w.Set(t.UTC())
}

// TestSummaryHours: a summary is posted from 7:00 until 12:00 of the firm's day, on the days that the person wants, and
// is good until 18:00, also on the days on which the clock is changed.
func TestSummaryHours(t *testing.T) {
	each(t, func(w *world) {
		w.customer(w.anna, "Leer AG")
		for _, c := range []struct {
			at, value string
			expires   string // in UTC; "": no summary
		}{
			{"2026-11-30 06:59", preference.Daily, ""},
			{"2026-11-30 07:00", preference.Daily, "2026-11-30 17:00"},
			{"2026-12-01 11:59", preference.Workdays, "2026-12-01 17:00"}, // a Tuesday
			{"2026-12-02 12:00", preference.Daily, ""},
			{"2026-12-03 07:00", preference.Off, ""},
			{"2026-12-03 00:30", preference.Daily, ""},
			{"2026-12-04 07:00", preference.Workdays, "2026-12-04 17:00"}, // a Friday
			{"2026-12-05 07:00", preference.Workdays, ""},
			{"2026-12-05 07:01", preference.Daily, "2026-12-05 17:00"},
			{"2026-12-06 07:00", preference.Workdays, ""},
			{"2026-12-07 07:00", preference.Workdays, "2026-12-07 17:00"},
			{"2027-03-27 07:00", preference.Daily, "2027-03-27 17:00"},
			{"2027-03-28 06:59", preference.Daily, ""}, // one hour less
			{"2027-03-28 07:00", preference.Daily, "2027-03-28 16:00"},
			{"2027-10-31 06:59", preference.Daily, ""}, // one hour more
			{"2027-10-31 07:00", preference.Daily, "2027-10-31 17:00"},
			{"2027-10-31 11:59", preference.Daily, ""},
		} {
			w.berlin(c.at)
			w.choose(w.anna.ID, c.value)
			w.Must(w.summaries().Post(w.Ctx))
			var got []time.Time
			w.Must(w.DB.NewSelect().Table("message").Column("expires_at").Where("created_at = ?", w.Now()).Scan(w.Ctx, &got))
			said := ""
			for _, g := range got {
				said += g.UTC().Format("2006-01-02 15:04")
			}
			assert.Equal(w, c.expires, said, "%s at %s", c.value, c.at)
		}
	})
}

// TestSummaryOnHolidays: on a holiday nobody gets a summary for workdays, and one that was posted before the day became a
// holiday is not sent. Who wants one every day gets it.
func TestSummaryOnHolidays(t *testing.T) {
	each(t, func(w *world) {
		w.customer(w.anna, "Leer AG")
		w.customer(w.ben, "Voll AG")
		w.choose(w.anna.ID, preference.Workdays)
		w.choose(w.ben.ID, preference.Daily)
		with := func(holidays ...string) *Summaries {
			return w.summaries(func(o *SummaryOptions) { o.Firm = madeUpFirm(holidays) })
		}
		w.Set(time.Date(2026, 12, 25, 7, 0, 0, 0, time.UTC)) // a Friday
		w.Must(with("2026-12-24", "2026-12-25").Post(w.Ctx))
		assert.Equal(w, []string{"Ben: accesses=1"}, w.posted())
		w.Must(with("2026-12-24").Post(w.Ctx))
		assert.Equal(w, []string{"Anna: accesses=1", "Ben: accesses=1"}, w.posted())
		s := with("2026-12-25")
		contents, err := s.compose(w.Ctx, w.DB, w.messages())
		w.Must(err)
		void := map[string]bool{}
		for i, m := range w.messages() {
			void[m.Recipient] = contents[i].Void
		}
		assert.Equal(w, map[string]bool{"anna@kanzlei.example": true, "ben@kanzlei.example": false}, void)
	})
}

// messages are the messages in the outbox.
func (w *world) messages() (list []courier.Message) {
	w.Helper()
	w.Must(w.DB.NewSelect().Model(&list).Order("id").Scan(w.Ctx))
	return list
}

// TestSummaryOfWhom: a summary says what the page shows to its reader, their deputies included. Nobody gets one who has not
// asked for it, can't sign in, or has nothing to do.
func TestSummaryOfWhom(t *testing.T) {
	each(t, func(w *world) {
		w.furnish()
		for i := range countCap {
			w.customer(w.ben, fmt.Sprintf("Leer %d AG", i))
		}
		w.Set(time.Date(2026, 12, 2, 9, 0, 0, 0, time.UTC)) // a Wednesday
		dora := w.person("Dora", policies.DataAdministrator)
		gone, fresh := w.person("Gone", policies.Specialist, policies.UserAdministrator), w.person("Fresh", policies.UserAdministrator)
		w.Exec(`UPDATE account SET active = FALSE WHERE id = ?`, gone.ID)
		w.Exec(`UPDATE account SET password_hash = '' WHERE id = ?`, fresh.ID)
		end := w.Person("Ende", false, policies.UserAdministrator)
		w.person("Silent", policies.UserAdministrator)
		for _, c := range []account.Caller{w.anna, w.uta, w.rita, dora, gone, fresh, end} {
			w.choose(c.ID, preference.Daily)
		}
		w.choose(w.ben.ID, preference.Workdays)
		w.noWorker = w.Now()
		stands := func(from, until time.Duration) {
			w.Exec(`INSERT INTO deputy (id, specialist_id, deputy_id, starts_at, ends_at, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?)`,
				accounttest.ID(), w.anna.ID, w.ben.ID, w.Now().Add(from), w.Now().Add(until), w.Now(), w.anna.ID)
		}
		stands(-2*time.Hour, 0)
		stands(time.Hour, 2*time.Hour)
		w.Must(w.summaries().Post(w.Ctx))
		want := []string{
			"Anna: invitations=3,accesses=1,overdue=1", "Ben: invitations=2,accesses=100", "Dora: sending=1",
			"Uta: invitations=5,administrators=1,accesses=100+",
		}
		assert.Equal(w, want, w.posted())
		parts, err := w.Parts(w.Ctx, w.anna)
		w.Must(err)
		var page []string
		for _, p := range parts {
			page = append(page, fmt.Sprintf("%s=%d", p.Section, p.Len()))
		}
		assert.Equal(w, "Anna: "+strings.Join(page, ","), w.posted()[0], "the page")

		w.Tick(24 * time.Hour)
		stands(-time.Hour, time.Hour)
		w.Must(w.summaries().Post(w.Ctx))
		assert.Equal(w, "Ben: invitations=5,accesses=100+,overdue=2", w.posted()[3], "while he stands in for Anna")
	})
}

// TestSummaryMail: the mail has numbers and two links, in the language of its reader, and no name but theirs.
func TestSummaryMail(t *testing.T) {
	each(t, func(w *world) {
		w.furnish()
		w.Exec(`DELETE FROM message WHERE state IN ('queued', 'sending')`)
		w.Set(time.Date(2026, 12, 2, 9, 0, 0, 0, time.UTC))
		w.choose(w.anna.ID, preference.Daily)
		w.choose(w.ben.ID, preference.Daily)
		w.Exec(`UPDATE account SET locale = 'en' WHERE id = ?`, w.ben.ID)
		w.Must(w.summaries().Post(w.Ctx))
		assert.Empty(w, w.deliver())
		mails, err := w.Post.Mailbox(w.Ctx, 10)
		w.Must(err)
		require.Len(w, mails, 2)
		byTo := map[string]courier.Mail{mails[0].To: mails[0], mails[1].To: mails[1]}
		anna, ben := byTo["anna@kanzlei.example"], byTo["ben@kanzlei.example"]
		assert.Equal(w, "Zu erledigen: 5", anna.Subject)
		assert.Contains(w, anna.Text, "Guten Tag Anna,\n")
		assert.Contains(w, anna.Text, "\nEinladungen: 3\nKunden ohne Zugang: 1\nÜberfällige Geschäftsvorfälle: 1\n\nhttps://kontor.example/attention\n")
		assert.Contains(w, anna.Text, "https://kontor.example/account\n")
		assert.Equal(w, "Needs attention: 2", ben.Subject)
		assert.Contains(w, ben.Text, "Hello Ben,\n")
		for _, m := range mails {
			for _, name := range []string{"AG", "Spät", "Alt", "Frist", "kunde.example"} {
				assert.NotContains(w, m.Subject+m.Text+m.HTML, name)
			}
		}
	})
}

// TestSummaryOnce: whatever calls how often, a person gets one summary on a day.
func TestSummaryOnce(t *testing.T) {
	each(t, func(w *world) {
		w.customer(w.anna, "Leer AG")
		w.customer(w.ben, "Leer 2 AG")
		w.Set(time.Date(2026, 12, 2, 7, 0, 0, 0, time.UTC))
		w.choose(w.anna.ID, preference.Daily)
		processes := []*Summaries{w.summaries(), w.summaries(), w.summaries()}
		var all sync.WaitGroup
		for _, s := range processes {
			all.Go(func() { assert.NoError(w, s.Post(w.Ctx)) })
		}
		all.Wait()
		assert.Equal(w, []string{"Anna: accesses=1"}, w.posted())
		w.Tick(time.Minute)
		w.customer(w.anna, "Leer 3 AG")
		for _, s := range append(processes, w.summaries()) {
			w.Must(s.Post(w.Ctx))
		}
		assert.Len(w, w.posted(), 1, "a minute later")

		w.choose(w.ben.ID, preference.Daily)
		w.choose(w.anna.ID, preference.Off)
		w.choose(w.anna.ID, preference.Daily)
		w.Tick(time.Minute)
		w.Must(processes[0].Post(w.Ctx))
		assert.Equal(w, []string{"Anna: accesses=1", "Ben: accesses=1"}, w.posted(), "who has just chosen it")
		w.Tick(24 * time.Hour)
		w.Must(processes[0].Post(w.Ctx))
		assert.Equal(w, []string{"Anna: accesses=1", "Anna: accesses=2", "Ben: accesses=1", "Ben: accesses=1"}, w.posted(), "the next day")
	})
}

// TestSummaryNothing: who has nothing to do is counted once in a morning, and asked again the next day.
func TestSummaryNothing(t *testing.T) {
	each(t, func(w *world) {
		w.Set(time.Date(2026, 12, 2, 7, 0, 0, 0, time.UTC))
		w.choose(w.anna.ID, preference.Daily)
		s := w.summaries()
		w.Must(s.Post(w.Ctx))
		w.customer(w.anna, "Leer AG")
		seen := &statements{}
		w.DB.DB = w.DB.WithQueryHook(seen)
		w.Must(s.Post(w.Ctx))
		assert.LessOrEqual(w, seen.n.Load(), int64(1), "statements")
		assert.Empty(w, w.posted())
		w.Tick(24 * time.Hour)
		w.Must(s.Post(w.Ctx))
		assert.Equal(w, []string{"Anna: accesses=1"}, w.posted())
	})
}

// TestSummaryMeanwhile: between posting and sending, whoever switches the summary off, is deactivated or gets another
// address does not get it.
func TestSummaryMeanwhile(t *testing.T) {
	each(t, func(w *world) {
		w.Set(time.Date(2026, 12, 5, 7, 0, 0, 0, time.UTC)) // a Saturday
		people := map[string]account.Caller{}
		for _, name := range []string{"Away", "Moved", "Off", "Stays", "Weekdays"} {
			people[name] = w.person(name, policies.Specialist)
			w.customer(people[name], name+" AG")
			w.choose(people[name].ID, preference.Daily)
		}
		w.Must(w.summaries().Post(w.Ctx))
		require.Len(w, w.posted(), 5)
		w.Exec(`UPDATE account SET active = FALSE WHERE id = ?`, people["Away"].ID)
		w.Exec(`UPDATE account SET email = 'x@kanzlei.example', email_folded = 'x@kanzlei.example' WHERE id = ?`, people["Moved"].ID)
		w.choose(people["Off"].ID, preference.Off)
		w.choose(people["Weekdays"].ID, preference.Workdays)
		want := []string{"away@kanzlei.example", "moved@kanzlei.example", "off@kanzlei.example", "weekdays@kanzlei.example"}
		assert.Equal(w, want, w.deliver())
		assert.Equal(w, 1, w.Number(`SELECT count(*) FROM message WHERE kind = ? AND state = ?`, courier.DailySummary, courier.HandedOver))
	})
}

// TestSummaryKept: the outbox keeps a person's summaries for a month.
func TestSummaryKept(t *testing.T) {
	each(t, func(w *world) {
		w.customer(w.anna, "Leer AG")
		w.choose(w.anna.ID, preference.Daily)
		w.Set(time.Date(2026, 12, 1, 7, 0, 0, 0, time.UTC))
		for range 35 {
			w.Must(w.summaries().Post(w.Ctx))
			w.deliver()
			w.Tick(24 * time.Hour)
		}
		assert.Len(w, w.posted(), 31)
		assert.Equal(w, 31, w.Number(`SELECT count(*) FROM message_attempt AS a JOIN message AS m ON m.id = a.message_id WHERE m.kind = ?`, courier.DailySummary))
	})
}

// failing fails for some people.
type failing struct {
	*account.Service
	fails map[uuid.UUID]error
}

func (f failing) PresentCaller(ctx context.Context, id uuid.UUID) (account.Caller, error) {
	if err := f.fails[id]; err != nil {
		return account.Caller{}, err
	}
	return f.Service.PresentCaller(ctx, id)
}

// TestSummaryFails: what fails for one person is logged and stops nobody else's; while the database is away, it ends.
func TestSummaryFails(t *testing.T) {
	each(t, func(w *world) {
		w.Set(time.Date(2026, 12, 2, 7, 0, 0, 0, time.UTC))
		for _, c := range []account.Caller{w.anna, w.ben} { // in the order of their ids
			w.customer(c, c.Name+" AG")
			w.choose(c.ID, preference.Daily)
		}
		f := failing{w.Accounts, map[uuid.UUID]error{w.anna.ID: errors.New("broken")}}
		var log bytes.Buffer
		s := w.summaries(func(o *SummaryOptions) { o.Accounts, o.Log = f, slog.New(slog.NewTextHandler(&log, nil)) })
		w.Must(s.Post(w.Ctx))
		assert.Equal(w, []string{"Ben: accesses=1"}, w.posted())
		assert.Contains(w, log.String(), w.anna.ID.String())
		assert.NotContains(w, log.String(), "kanzlei.example")
		delete(f.fails, w.anna.ID)
		w.Must(s.Post(w.Ctx))
		assert.Len(w, w.posted(), 2, "the next call")

		w.Tick(24 * time.Hour)
		log.Reset()
		f.fails[w.anna.ID] = context.DeadlineExceeded
		require.ErrorIs(w, s.Post(w.Ctx), context.DeadlineExceeded)
		assert.Len(w, w.posted(), 2, "while the database is away")
		assert.Empty(w, log.String())
	})
}

// TestSummaryOfMany: all are found, however many they are.
func TestSummaryOfMany(t *testing.T) {
	each(t, func(w *world) {
		w.Set(time.Date(2026, 12, 2, 7, 0, 0, 0, time.UTC))
		var last account.Caller
		for i := range summaryChunk + 1 {
			last = w.person(fmt.Sprintf("P%03d", i), policies.Specialist)
			w.choose(last.ID, preference.Daily)
		}
		w.customer(last, "Leer AG")
		w.Must(w.summaries().Post(w.Ctx))
		assert.Equal(w, []string{last.Name + ": accesses=1"}, w.posted())
	})
}

// TestLines: what is posted is read as it was written.
func TestLines(t *testing.T) {
	lines := []courier.SummaryLine{line(Sending, 2, false), line(Overdue, countCap, true)}
	assert.Equal(t, "sending=2,overdue=100+", encodeLines(lines))
	assert.Equal(t, lines, decodeLines(encodeLines(lines)))
	assert.Empty(t, decodeLines(""))
}
