package wire

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/approval"
	"kontor/app/effort"
	"kontor/app/fault"
	"kontor/policies"
)

// bounds are how far a search goes.
type bounds struct {
	depth   int // of the exhaustive part
	tries   int // most acts of the exhaustive part
	walks   int
	steps   int // of a walk
	puppets int // accounts that the attacker may make
	waits   []time.Duration
	longest time.Duration // all waits of a path together
	old     bool          // accounts that are older than 30 days count as people of their own: look at what guards only
}

const day = 24 * time.Hour

func boundsOf(t *testing.T) bounds {
	t.Helper()
	b := bounds{
		depth: 1, tries: effort.Of(600, 100), walks: effort.Of(8, 1), steps: 10, puppets: 2, longest: 29 * day,
		waits: []time.Duration{time.Hour, 25 * time.Hour, 8 * day, -25 * time.Hour},
	}
	if deeper, err := strconv.Atoi(os.Getenv("KONTOR_EXPLORE_DEPTH")); err == nil {
		b.depth, b.tries, b.walks = deeper, 1<<30, b.walks*100
	}
	return b
}

// of are the bounds for a start.
func (b bounds) of(st start) bounds {
	if st.long {
		b.waits, b.longest, b.old = []time.Duration{25 * time.Hour, 31 * day}, 63*day, true
	}
	return b
}

// TestNobodyTakesRights looks for a way to gain a permission that the attacker lacks at the start, without a second
// person. It tries all actions that grant anything, as everybody whose account the attacker controls, exhaustively to a
// depth and by random walks beyond it. In a firm with somebody who could agree (and never does) no permission is gained.
// In a firm without such a person it is gained only by a proposal that has waited, and everybody who guards the system
// was told about it by mail when it was made.
func TestNobodyTakesRights(t *testing.T) {
	var starts []start
	for _, role := range policies.FirmRoles {
		starts = append(starts,
			start{name: "with a second person/" + string(role), role: role, silent: true},
			start{name: "without a second person/" + string(role), role: role})
	}
	starts = append(starts,
		start{name: "with an auditor/user_administrator", role: policies.UserAdministrator, auditor: true},
		start{name: "with an auditor/policy_administrator", role: policies.PolicyAdministrator, auditor: true},
	)
	for _, p := range []struct {
		name    string
		pair    pair
		partner policies.Role
	}{
		{"made/policy_administrator", made, policies.PolicyAdministrator}, {"made/user_administrator", made, policies.UserAdministrator},
		{"given/policy_administrator", given, policies.PolicyAdministrator}, {"retired/policy_administrator", retired, policies.PolicyAdministrator},
	} {
		starts = append(starts, start{
			name: "with an account that was approved/" + p.name, role: policies.UserAdministrator, silent: true, pair: p.pair, partner: p.partner,
		})
	}
	starts = append(starts, start{name: "without a second person/for long", role: policies.UserAdministrator, long: true}, start{
		name: "with a second person/prepared/an end user of policies", role: policies.PolicyAdministrator, silent: true,
		before: []string{"Attacker adds a customer with m@home.example", "m@home.example registers at O0"},
	}, start{
		name: "with a second person/prepared/who is put out of the way", role: policies.UserAdministrator, silent: true,
		pair: made, partner: policies.PolicyAdministrator, before: []string{"Attacker deactivates Silent"},
	})
	for name, before := range prepared {
		starts = append(starts, start{name: "with a second person/prepared/" + name, role: policies.UserAdministrator, silent: true, before: before})
	}
	for _, st := range starts {
		t.Run(st.name, func(t *testing.T) { t.Parallel(); explore(t, st, boundsOf(t).of(st)) })
	}
}

// prepared are what a user administrator can do alone that makes the ground fertile.
var prepared = map[string][]string{
	"an account": {"Attacker adds p0@pup.example with [specialist]"},
	"an end user": {
		"Attacker adds an access for m@home.example at K", "m@home.example registers at K", "Attacker adds an access for m@home.example at L",
	},
	"an access removed": {
		"Attacker adds an access for m@home.example at K", "m@home.example registers at K",
		"Attacker removes the access of m@home.example at K", "Attacker moves to m@home.example",
	},
	"an access deactivated": {
		"Attacker adds an access for m@home.example at K", "m@home.example registers at K",
		"Attacker adds a customer with m@home.example", "m@home.example registers at O0",
		"Attacker deactivates the access of m@home.example at K", "Self Made moves to x.aver+7@gmail.com",
	},
}

// search is a search from one start.
type search struct {
	*firm
	bounds
	of     start
	origin moment
	had    map[string]bool
	seen   map[[32]byte]bool
	tried  int
	found  map[string]bool      // gains that were reported
	texts  map[uuid.UUID]string // of drafts, by their proposals
	worked map[string]works     // by kind of act
}

func explore(t *testing.T, st start, b bounds) {
	t.Helper()
	began := time.Now()
	s := &search{firm: st.begin(t), of: st, bounds: b, seen: map[[32]byte]bool{}, found: map[string]bool{}, texts: map[uuid.UUID]string{}, worked: map[string]works{}}
	s.adopt()
	v := s.look()
	s.had = s.rights(v)
	s.seen[s.fingerprint(v)] = true
	s.origin = s.moment(s.prepare(v))
	depth := s.broad()
	states, tried := len(s.seen), s.tried
	s.wander()
	t.Logf("%d states by %d acts to depth %d, %d states by %d acts in all, in %v", states, tried, depth, len(s.seen), s.tried, time.Since(began).Round(time.Millisecond))
}

// prepare does what was done before the search.
func (s *search) prepare(v view) (path []string) {
	s.t.Helper()
	for _, name := range s.of.before {
		list := s.acts(v, s.bounds, 0)
		i := slices.IndexFunc(list, func(a act) bool { return a.name == name })
		require.GreaterOrEqual(s.t, i, 0, "nobody can do: %s", name)
		now, changed := s.try(list[i])
		require.True(s.t, changed, "did nothing: %s", name)
		v, path = now, append(path, name)
		s.judge(v, path)
	}
	return path
}

// broad explores breadth first; it returns to which depth it got through everything.
func (s *search) broad() int {
	level := []moment{s.origin}
	for depth := 1; depth <= s.depth; depth++ {
		var next []moment
		for _, m := range level {
			s.back(m)
			clean := true
			for _, a := range s.acts(s.look(), s.bounds, waited(m.path)) {
				if s.tried >= s.tries {
					return depth - 1
				}
				if !clean {
					s.back(m)
				}
				v, changed := s.try(a)
				if clean = !changed; clean {
					continue
				}
				if path := append(slices.Clone(m.path), a.name); s.judge(v, path) {
					here := s.moment(path)
					next = append(next, here)
					s.collect(here, v)
				}
			}
		}
		level = next
	}
	return s.depth
}

// wander walks at random, each kind of act as often as any other.
func (s *search) wander() {
	random := rand.New(rand.NewPCG(1, 2))
	for range s.walks {
		s.back(s.origin)
		v, path := s.look(), slices.Clone(s.origin.path)
		for range s.steps {
			a := s.choose(random, s.acts(v, s.bounds, waited(path)))
			now, changed := s.try(a)
			if !changed {
				continue
			}
			v = now
			path = append(path, a.name)
			fresh := s.judge(v, path)
			if len(s.found) > 0 {
				break
			}
			if here := s.moment(path); fresh && s.collect(here, v) {
				s.back(here)
			}
		}
	}
}

// collect takes at a moment all that is to be had there: whatever waits is approved by whoever can, time passes, and who was
// invited registers. It reaches in one go what would take several steps more. It returns whether it did anything.
func (s *search) collect(m moment, v view) (did bool) {
	path := slices.Clone(m.path)
	for _, group := range []string{"approve", "register", "time", "register"} {
		before := len(path)
		for _, a := range s.acts(v, s.bounds, waited(path)) {
			if a.group != group || group == "time" && (a.name != waiting+(25*time.Hour).String() || !slices.ContainsFunc(v.approvals, passes)) {
				continue
			}
			now, changed := s.try(a)
			if !changed {
				continue
			}
			did, path = true, append(path, a.name)
			if s.judge(now, path); len(path)-before == 3 {
				break
			}
		}
		if len(path) > before {
			v = s.look()
		}
	}
	return did
}

func passes(a approval.Approval) bool { return a.State == approval.Waiting && a.PassesAt != nil }

// choose takes a kind of act that ever did anything here, and one of it.
func (s *search) choose(random *rand.Rand, list []act) act {
	var groups []string
	for _, a := range list {
		if w := s.worked[a.group]; !slices.Contains(groups, a.group) && (w.did > 0 || w.tried < 20) {
			groups = append(groups, a.group)
		}
	}
	group := groups[random.IntN(len(groups))]
	list = slices.DeleteFunc(list, func(a act) bool { return a.group != group })
	return list[random.IntN(len(list))]
}

// works counts how often a kind of act was tried, and did anything.
type works struct{ tried, did int }

// try does one thing and says whether anything is other than before.
func (s *search) try(a act) (v view, changed bool) {
	s.t.Helper()
	s.tried++
	before := s.now
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second) // with one connection, a request for a second one would wait for ever
	defer cancel()
	s.ctx = ctx
	err := a.do()
	s.ctx = s.t.Context()
	if err != nil && fault.CodeOf(err) == fault.Internal {
		s.t.Fatalf("%s: %v", a.name, err)
	}
	worked := s.worked[a.group]
	worked.tried++
	if !s.touched() && s.now.Equal(before) {
		s.worked[a.group] = worked
		return view{}, false
	}
	worked.did++
	s.worked[a.group] = worked
	s.adopt()
	v = s.look()
	s.noteTexts(v)
	return v, true
}

// judge complains about rights that nobody agreed to. It returns whether the moment is a new one to go on from.
func (s *search) judge(v view, path []string) (fresh bool) {
	s.t.Helper()
	key := s.fingerprint(v)
	if s.seen[key] {
		return false
	}
	s.seen[key] = true
	s.wantTexts(v, path)
	gained := slices.DeleteFunc(beyond(s.rights(v), s.had), func(right string) bool { return s.excused(v, right) })
	if len(gained) > 0 {
		if what := strings.Join(gained, ", "); !s.found[what] && len(s.found) < 3 {
			s.found[what] = true
			s.t.Errorf("reached %s by:\n  %s", what, strings.Join(path, "\n  "))
		}
		return false
	}
	for _, a := range v.approvals {
		if a.State == approval.Passed {
			s.wantMails(v, a, path)
		}
	}
	return true
}

// noteTexts remembers what each proposal of a policy was about.
func (s *search) noteTexts(v view) {
	s.t.Helper()
	for _, a := range v.approvals {
		if _, known := s.texts[a.ID]; a.Kind == approval.PolicyChange && a.State == approval.Waiting && !known {
			var text string
			s.scan(&text, "SELECT text FROM policy_draft")
			s.texts[a.ID] = text
		}
	}
}

// wantTexts checks that nothing else took effect by it.
func (s *search) wantTexts(v view, path []string) {
	s.t.Helper()
	for _, a := range v.approvals {
		if a.Kind != approval.PolicyChange || a.State != approval.Passed && a.State != approval.Approved {
			continue
		}
		var n int
		if s.scan(&n, "SELECT count(*) FROM policy_version WHERE text = ?", s.texts[a.ID]); n == 0 {
			s.t.Errorf("another draft than was proposed is in force by:\n  %s", strings.Join(path, "\n  "))
		}
	}
}

// excused says whether a right may be reached here, since what leads to it has waited where nobody could agree.
func (s *search) excused(v view, right string) bool {
	at, _, _ := strings.Cut(right, " ")
	if (s.old || s.of.pair == given) && (at == "K" || at == "L" || at == string(policies.ObjectTemplate)) {
		return true
	}
	if s.of.silent {
		return false
	}
	for _, a := range v.approvals {
		if a.State != approval.Passed {
			continue
		}
		switch a.Kind {
		case approval.PolicyChange, approval.Roles, approval.Reactivation:
			return true
		case approval.Handover, approval.Deputy:
			if at == "K" || at == "L" {
				return true
			}
		case approval.AccessOfOwn, approval.Assignment:
			if at == "K" && a.CustomerID.UUID == s.k.id || at == "L" && a.CustomerID.UUID == s.l.id {
				return true
			}
		}
	}
	return false
}

// wantMails checks that everybody who guards the system, and whom it concerns, knew of a proposal before it took effect.
func (s *search) wantMails(v view, a approval.Approval, path []string) {
	s.t.Helper()
	assert.GreaterOrEqual(s.t, a.DecidedAt.Sub(a.ProposedAt), delay, "%s took effect after %v by:\n %s", a.Kind, a.DecidedAt.Sub(a.ProposedAt), strings.Join(path, "\n  "))
	var told []struct {
		AccountID uuid.UUID
		CreatedAt time.Time
	}
	s.scan(&told, "SELECT account_id, created_at FROM message WHERE approval_id = ? AND created_at <= ?", a.ID, a.DecidedAt.Add(-delay))
	for _, p := range v.people {
		since := time.Time{}
		concerned := p.ID == a.ConcernedID.UUID && a.Kind != approval.Reactivation // who was deactivated until then
		if !p.Active || !concerned && (!approval.Guards(p.roles()) || s.guardsSince(p, &since) && !since.Before(a.ProposedAt)) {
			continue
		}
		knew := false
		for _, m := range told {
			knew = knew || m.AccountID == p.ID
		}
		assert.True(s.t, knew, "%s was not told of %s (%s) by:\n %s", p.Name, a.Kind, a.Subject, strings.Join(path, "\n  "))
	}
}

// guardsSince finds when somebody was last given a guarding role.
func (s *search) guardsSince(p person, since *time.Time) bool {
	var at []time.Time
	s.scan(&at, "SELECT at FROM guard_event WHERE account_id = ? AND what = 'given' ORDER BY at DESC LIMIT 1", p.ID)
	if len(at) > 0 {
		*since = at[0]
	}
	return len(at) > 0
}

func waited(path []string) (sum time.Duration) {
	for _, name := range path {
		if d, err := time.ParseDuration(strings.TrimPrefix(name, waiting)); err == nil && strings.HasPrefix(name, waiting) {
			sum += d
		}
	}
	return sum
}
