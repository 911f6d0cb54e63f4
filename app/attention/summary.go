package attention

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/courier"
	"kontor/app/preference"
	"kontor/app/store"
)

const (
	// The hours of the firm's day between which summaries are posted. Whoever starts the worker later, or asks for a
	// summary later, gets the first one on the next day.
	summaryFrom, summaryUntil = 7, 12
	// summaryExpires is the hour of the same day after which a summary that could not be delivered is not worth reading.
	summaryExpires = 18
	// summaryChunk is the number of people who are read at a time.
	summaryChunk = 200
	// summaryKept is how long the outbox keeps the summaries of a person.
	summaryKept = 30 * 24 * time.Hour
)

// SummaryOptions are the dependencies of Summaries. All are required.
type SummaryOptions struct {
	Attention *Service
	Accounts  Readers
	Courier   Outbox
	Log       *slog.Logger
	BaseURL   string // the beginning of links, without a slash at the end
	Firm      Firm
}

// Firm is what the summaries need of firm.Service.
type Firm interface {
	// OwnLocale is the language of people who have not chosen one.
	OwnLocale() string
	// Holiday says whether nobody of the firm works on a day.
	Holiday(at time.Time) bool
}

// Readers is what the summaries need of account.Service.
type Readers interface {
	ChoosersAfter(ctx context.Context, name preference.Name, after uuid.UUID, limit int) ([]account.Chooser, error)
	ChoosersAmong(ctx context.Context, db bun.IDB, name preference.Name, ids []uuid.UUID) (map[uuid.UUID]account.Chooser, error)
	PresentCaller(ctx context.Context, id uuid.UUID) (account.Caller, error)
}

// Outbox is what the summaries need of courier.Service.
type Outbox interface {
	Enqueue(ctx context.Context, tx bun.IDB, p courier.Post) error
	Posted(ctx context.Context, dedupes []string) (map[string]bool, error)
	Forget(ctx context.Context, tx bun.IDB, account uuid.UUID, kind courier.Kind, before time.Time) error
	Register(composers map[courier.Kind]courier.Composer)
}

// Summaries tells people by mail in the morning how much needs their attention, if they want it. The mail has only numbers,
// no names of customers or people.
type Summaries struct {
	o SummaryOptions

	date    string                 // the day of settled
	settled map[uuid.UUID]struct{} // those who have got their summary of the day, or whom nothing needed
}

// NewSummaries makes the summaries and registers the composer of their mails.
func NewSummaries(o SummaryOptions) *Summaries {
	s := &Summaries{o: o}
	o.Courier.Register(map[courier.Kind]courier.Composer{courier.DailySummary: s.compose})
	return s
}

// morning is a day on which summaries are posted.
type morning struct {
	date    string // ISO 8601
	workday bool
	expires time.Time
}

// morningOf returns the day of a time in its zone; ok is false before 7:00 and from 12:00 on. The hours are those of the
// clock on the wall. Where a change of the clock leaves out 7:00, the morning begins with the first time after it.
func morningOf(at time.Time) (m morning, ok bool) {
	if at.Hour() < summaryFrom || at.Hour() >= summaryUntil {
		return morning{}, false
	}
	return morning{
		date:    at.Format(time.DateOnly),
		expires: time.Date(at.Year(), at.Month(), at.Day(), summaryExpires, 0, 0, 0, at.Location()),
	}, true
}

// wants says whether somebody for whom a value holds wants a summary on a day that is a workday or is none.
func wants(value string, workday bool) bool {
	return value == preference.Daily || value == preference.Workdays && workday
}

// workday says whether somebody of the firm works on the day of a time in its zone: from Monday to Friday, but not on a
// holiday.
func (s *Summaries) workday(at time.Time) bool {
	return at.Weekday() != time.Saturday && at.Weekday() != time.Sunday && !s.o.Firm.Holiday(at)
}

// Post posts the summaries of this morning to those who have not got theirs yet. Several processes may call it at the same
// time, each of them for one caller at a time: the outbox takes one summary for each person and day. What fails for one
// person is logged and tried again by the next call. Error: the database is away, or ctx has ended.
func (s *Summaries) Post(ctx context.Context) error {
	for after := uuid.Nil; ; {
		now := s.now()
		m, ok := morningOf(now)
		if !ok {
			return nil
		}
		if m.workday = s.workday(now); s.date != m.date {
			s.date, s.settled = m.date, map[uuid.UUID]struct{}{}
		}
		people, err := s.o.Accounts.ChoosersAfter(ctx, preference.DailySummary, after, summaryChunk)
		if err != nil {
			return err
		}
		if err := s.postTo(ctx, m, people); err != nil || len(people) < summaryChunk {
			return err
		}
		after = people[len(people)-1].ID
	}
}

func (s *Summaries) now() time.Time { return s.o.Attention.o.Now().In(s.o.Attention.o.Zone) }

func (s *Summaries) postTo(ctx context.Context, m morning, people []account.Chooser) error {
	var open []account.Chooser
	var keys []string
	for _, p := range people {
		if _, settled := s.settled[p.ID]; !settled && wants(p.Value, m.workday) {
			open, keys = append(open, p), append(keys, m.dedupe(p.ID))
		}
	}
	posted, err := s.o.Courier.Posted(ctx, keys)
	if err != nil {
		return err
	}
	for _, p := range open {
		if !posted[m.dedupe(p.ID)] {
			err := s.post(ctx, m, p)
			if ctx.Err() != nil || store.Outage(err) != nil {
				return err
			}
			if err != nil {
				s.o.Log.ErrorContext(ctx, "daily summary not posted; it will be tried again", "account", p.ID, "error", err)
				continue
			}
		}
		s.settled[p.ID] = struct{}{}
	}
	return nil
}

// dedupe makes that a person gets one summary on a day.
func (m morning) dedupe(id uuid.UUID) string {
	return fmt.Sprintf("%s:%s:%s", courier.DailySummary, id, m.date)
}

// post counts what needs a person's attention and posts the summary, if there is anything.
func (s *Summaries) post(ctx context.Context, m morning, p account.Chooser) error {
	c, err := s.o.Accounts.PresentCaller(ctx, p.ID)
	if errors.Is(err, account.ErrNobody) { // deactivated meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	lines, err := s.o.Attention.summary(ctx, c)
	if err != nil || len(lines) == 0 {
		return err
	}
	return s.o.Attention.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.o.Courier.Enqueue(ctx, tx, courier.Post{
			Kind: courier.DailySummary, Channel: courier.Email, AccountID: p.ID, Recipient: p.Email, About: encodeLines(lines),
			Locale: cmp.Or(p.Locale, s.o.Firm.OwnLocale()), Generation: 1, Dedupe: m.dedupe(p.ID), ExpiresAt: m.expires,
		}); err != nil {
			return err
		}
		return s.o.Courier.Forget(ctx, tx, p.ID, courier.DailySummary, s.now().Add(-summaryKept))
	})
}

// summary counts the entries of each section that the caller may act on, up to countCap each. Empty sections are left out.
func (s *Service) summary(ctx context.Context, c account.Caller) (lines []courier.SummaryLine, err error) {
	for _, section := range Sections {
		n, err := s.countSection(ctx, c, section, countCap+1)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			lines = append(lines, line(section, min(n, countCap), n > countCap))
		}
	}
	return lines, nil
}

// line makes the line of a section. How many troubles of sending there are says nothing about the messages.
func line(section Section, n int, more bool) courier.SummaryLine {
	return courier.SummaryLine{Section: string(section), Count: n, More: more, Bare: section == Sending || section == Channels}
}

// encodeLines writes lines for a message: "invitations=3,overdue=100+".
func encodeLines(lines []courier.SummaryLine) string {
	parts := make([]string, len(lines))
	for i, l := range lines {
		parts[i] = l.Section + "=" + strconv.Itoa(l.Count)
		if l.More {
			parts[i] += "+"
		}
	}
	return strings.Join(parts, ",")
}

// decodeLines reads what encodeLines has written.
func decodeLines(about string) (lines []courier.SummaryLine) {
	for part := range strings.SplitSeq(about, ",") {
		section, number, _ := strings.Cut(part, "=")
		number, more := strings.CutSuffix(number, "+")
		if n, err := strconv.Atoi(number); err == nil {
			lines = append(lines, line(Section(section), n, more))
		}
	}
	return lines
}

// compose writes the mails. A mail is void if the person was deactivated or does not want a summary of that day any more,
// and, as the courier sees to, if they have another address by now.
func (s *Summaries) compose(ctx context.Context, tx bun.IDB, messages []courier.Message) ([]courier.Content, error) {
	ids := make([]uuid.UUID, len(messages))
	for i, m := range messages {
		ids[i] = m.AccountID.UUID
	}
	people, err := s.o.Accounts.ChoosersAmong(ctx, tx, preference.DailySummary, ids)
	if err != nil {
		return nil, err
	}
	contents := make([]courier.Content, len(messages))
	for i, m := range messages {
		p := people[m.AccountID.UUID]
		if !wants(p.Value, s.workday(m.CreatedAt.In(s.o.Attention.o.Zone))) {
			contents[i] = courier.Content{Void: true}
			continue
		}
		contents[i] = courier.Content{To: p.Email, ToName: p.Name, Locale: m.Locale, Template: m.Kind, Data: courier.SummaryData{
			Name: p.Name, Lines: decodeLines(m.About), At: m.CreatedAt,
			Link: s.o.BaseURL + "/attention", Settings: s.o.BaseURL + "/account",
		}}
	}
	return contents, nil
}
