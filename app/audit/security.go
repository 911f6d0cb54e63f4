package audit

import (
	"log/slog"
	"sync"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/store"
)

// securityActions are those that a firm's monitoring wants to hear of: each is a line of the program's log at level
// info, and has a counter.
var securityActions = []Action{
	AccountSignedIn, AccountSignedOut, AccountSignedOutAll, AccountSessionEnded, AccountSessionsEnded,
	SignInFailed, SignInUnknown, SignInSlowed, PasswordGuessed, RequestRefused, RequestForeign, ReportRefused, Downloaded,
	AccountCreated, AccountRolesChanged, AccountDeactivated, AccountReactivated,
	AccountPasswordSet, AccountPasswordAsked, AccountEmailAsked, AccountEmailChanged,
	PolicyPublished, PolicyRestored, PolicyReset, DatabaseRestored,
	ApprovalProposed, ApprovalApproved, ApprovalPassed, ApprovalStopped, ApprovalExpired, ApprovalVoid,
}

// Lines are bounded, since each is a write to a disk: that many at once, and that many a second over time. What is left
// out is counted, and the count is in the next line.
const (
	linesAtOnce    = 200
	linesPerSecond = 20
)

// security counts events and writes their lines. A line has ids and addresses, never a name or anything that was typed.
type security struct {
	now store.Clock

	mu      sync.Mutex
	log     *slog.Logger
	counts  map[Action]uint64
	room    float64 // lines that may be written now
	at      time.Time
	leftOut int
}

func newSecurity(now store.Clock) *security {
	s := &security{now: now, log: slog.New(slog.DiscardHandler), counts: map[Action]uint64{}, room: linesAtOnce, at: now()}
	for _, a := range securityActions {
		s.counts[a] = 0
	}
	return s
}

// Tell says where the security lines go. It is for whoever wires, before anything runs.
func (l *Log) Tell(log *slog.Logger) { l.security.log = log }

// Counts says how often each security action was since this process began.
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
	s.room = min(linesAtOnce, s.room+linesPerSecond*max(0, now.Sub(s.at).Seconds()))
	s.at = now
	if s.room < 1 {
		s.leftOut++
		return
	}
	s.room--
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
