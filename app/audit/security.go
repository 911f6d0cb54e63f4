package audit

import (
	"log/slog"
	"sync"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/store"
)

// securityActions are the actions that are relevant for a firm's monitoring. Each has a counter, and each event is
// written as a line of the program's log at level info.
var securityActions = []Action{
	AccountSignedIn, AccountSignedOut, AccountSignedOutAll, AccountSessionEnded, AccountSessionsEnded,
	SignInFailed, SignInUnknown, SignInSlowed, PasswordGuessed, RequestRefused, RequestForeign, ReportRefused, Downloaded,
	AccountCreated, AccountRolesChanged, AccountDeactivated, AccountReactivated,
	AccountPasswordSet, AccountPasswordAsked, AccountEmailAsked, AccountEmailChanged,
	PolicyPublished, PolicyRestored, PolicyReset, DatabaseRestored,
	ApprovalProposed, ApprovalApproved, ApprovalPassed, ApprovalStopped, ApprovalExpired, ApprovalVoid,
}

// The number of lines is limited, because each is written to disk: linesAtOnce at a time, and linesPerSecond on
// average. Suppressed lines are counted, and the next line contains their number.
const (
	linesAtOnce    = 200
	linesPerSecond = 20
)

// security counts events and writes their lines. A line contains ids and addresses, never a name or anything that was
// typed.
type security struct {
	now store.Clock

	mu      sync.Mutex
	log     *slog.Logger
	counts  map[Action]uint64
	budget  float64 // how many lines may be written now
	at      time.Time
	leftOut int
}

func newSecurity(now store.Clock) *security {
	s := &security{now: now, log: slog.New(slog.DiscardHandler), counts: map[Action]uint64{}, budget: linesAtOnce, at: now()}
	for _, a := range securityActions {
		s.counts[a] = 0
	}
	return s
}

// Tell sets the logger for security lines. It must be called before anything else uses the log.
func (l *Log) Tell(log *slog.Logger) { l.security.log = log }

// Counts returns how often each security action occurred since this process started.
func (l *Log) Counts() map[Action]uint64 {
	l.security.mu.Lock()
	defer l.security.mu.Unlock()
	counts := make(map[Action]uint64, len(l.security.counts))
	for a, n := range l.security.counts {
		counts[a] = n
	}
	return counts
}

// tell counts the event, if it is one of securityActions, and writes its line.
func (s *security) tell(e Sighting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ours := s.counts[e.Action]; !ours {
		return
	}
	s.counts[e.Action]++
	now := s.now()
	s.budget = min(linesAtOnce, s.budget+linesPerSecond*max(0, now.Sub(s.at).Seconds()))
	s.at = now
	if s.budget < 1 {
		s.leftOut++
		return
	}
	s.budget--
	line := []any{"event", string(e.Action), "request", e.By.RequestID, "address", e.By.Address}
	for _, id := range []struct {
		name string
		id   uuid.UUID
	}{{"account", e.By.ID}, {"subject", e.SubjectID}, {"customer", e.CustomerID}} {
		if id.id != uuid.Nil {
			line = append(line, id.name, id.id.String())
		}
	}
	if e.Place != "" {
		line = append(line, "route", e.Place)
	}
	if s.leftOut > 0 {
		line = append(line, "left_out_before", s.leftOut)
		s.leftOut = 0
	}
	s.log.Info("security", line...)
}
