package wire

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/store"
	"kontor/policies"
)

// view is what there is at a moment, as acts and the judgement need it.
type view struct {
	people    []person
	accesses  []accessRow
	approvals []approval.Approval // all, in any state
	deputies  []deputyRow
	removals  []removalRow
	owned     []uuid.UUID // customers that the attacker made
	actors    []actor
}

type person struct {
	ID         uuid.UUID
	Name       string
	Email      string
	Username   string
	Specialist bool
	Active     bool
	Password   bool
	Version    int
	Roles      *string
}

func (p person) roles() (roles []policies.Role) {
	for _, r := range policies.FirmRoles {
		if p.Roles != nil && slices.Contains(strings.Split(*p.Roles, ","), string(r)) {
			roles = append(roles, r)
		}
	}
	return roles
}

// actor is somebody whose hands the attacker has.
type actor struct {
	person
	caller account.Caller
	mine   bool // whose rights the attacker can certainly use: a specialist user, or an end user with the address of one
}

type accessRow struct {
	ID, CustomerID uuid.UUID
	AccountID      uuid.NullUUID
	FirstName      string
	Email          string
	Generation     int
	Version        int
	LinkExpiresAt  time.Time
	RegisteredAt   *time.Time
	DeactivatedAt  *time.Time
	Waiting        bool
	Approved       string
}

type deputyRow struct {
	ID, SpecialistID, DeputyID uuid.UUID
	StartsAt, EndsAt           time.Time
}

type removalRow struct {
	ID, CustomerID, RemovedBy uuid.UUID
	ExpiresAt                 time.Time
	Sealed                    []byte
}

func (f *firm) scan(into any, query string, args ...any) {
	f.t.Helper()
	f.must(f.s.DB.NewRaw(query, args...).Scan(f.ctx, into))
}

func (f *firm) look() (v view) {
	f.t.Helper()
	f.scan(&v.people, `SELECT a.id, a.name, a.email, a.username, a.specialist, a.active, a.password_hash <> '' AS password, a.version,
		(SELECT string_agg(r.role, ',') FROM account_role AS r WHERE r.account_id = a.id) AS roles FROM account AS a ORDER BY a.created_at, a.name`)
	f.scan(&v.accesses, `SELECT id, customer_id, account_id, first_name, email, generation, version, link_expires_at, registered_at,
		deactivated_at, waiting, approved FROM access ORDER BY created_at, email`)
	f.must(f.s.DB.NewSelect().Model(&v.approvals).Order("proposed_at", "id").Scan(f.ctx))
	f.scan(&v.deputies, `SELECT id, specialist_id, deputy_id, starts_at, ends_at FROM deputy ORDER BY starts_at`)
	f.scan(&v.removals, `SELECT id, customer_id, removed_by, expires_at, sealed FROM authorisation_removal ORDER BY expires_at`)
	f.scan(&v.owned, `SELECT id FROM customer WHERE id NOT IN (?) ORDER BY number`, bun.List([]uuid.UUID{f.k.id, f.l.id}))
	mailboxes := map[string]bool{}
	for _, p := range v.people {
		if f.hands(p) && p.Specialist {
			mailboxes[account.Mailbox(p.Email)], mailboxes[account.Mailbox(p.Username)] = true, true
		}
	}
	for _, p := range v.people {
		if !f.hands(p) && p.Specialist {
			continue
		}
		mine, own := p.Specialist || mailboxes[account.Mailbox(p.Email)], p.Specialist
		for _, a := range v.accesses {
			if a.AccountID.UUID == p.ID {
				own = own || a.FirstName == "Self"
				mine = mine || mailboxes[account.Mailbox(a.Email)]
			}
		}
		if !own && !mine {
			continue
		}
		if c, ok := f.caller(p.ID); ok {
			v.actors = append(v.actors, actor{p, c, mine})
		}
	}
	f.touched()
	return v
}

// hands says whether a specialist user is the attacker or was made by them.
func (f *firm) hands(p person) bool { return p.ID == f.attacker || strings.HasPrefix(p.Name, puppet) }

func (v view) puppets() (n int) {
	for _, p := range v.people {
		if strings.HasPrefix(p.Name, puppet) {
			n++
		}
	}
	return n
}

func (v view) waiting(now time.Time) (list []approval.Approval) {
	for _, a := range v.approvals {
		if a.State == approval.Waiting && now.Before(a.ExpiresAt) {
			list = append(list, a)
		}
	}
	return list
}

// --- rights -------------------------------------------------------------------------------------------------------

var wants = func() (list []policies.Permission) {
	for _, o := range []policies.Object{policies.ObjectCustomer, policies.ObjectAccess, policies.ObjectAuthorisation} {
		for _, a := range policies.Objects[o] {
			list = append(list, policies.Permission{Object: o, Action: a})
		}
	}
	return list
}()

var readCustomer = policies.Permission{Object: policies.ObjectCustomer, Action: policies.Read}

// rights is everything that the attacker can do by anybody's hands, in general and at K and L, by what the services
// themselves decide with. What they do at customers that they made is theirs.
func (f *firm) rights(v view) map[string]bool {
	f.t.Helper()
	out := map[string]bool{}
	for _, a := range v.actors {
		c := a.caller
		for _, r := range approval.GuardsAmong(c.Roles) {
			out["role "+string(r)] = true
		}
		for object, actions := range policies.Objects {
			if _, related := policies.Related[object]; related && object != policies.ObjectCustomer {
				continue
			}
			for _, action := range actions {
				kinds := []string{""}
				if object == policies.ObjectCustomer {
					kinds = policies.Kinds[object]
				}
				for _, kind := range kinds {
					ok, err := f.s.Decider.Allows(policies.Request{Roles: c.Roles, Object: object, Kind: kind, Action: action})
					f.must(err)
					if ok {
						out[strings.TrimSpace(fmt.Sprintln(object, action, kind))] = true
					}
				}
			}
		}
		if !a.mine { // possibly an end user, who may see what they were invited to
			continue
		}
		for _, at := range []place{f.k, f.l} {
			f.rightsAt(out, c, at)
		}
	}
	return out
}

func (f *firm) rightsAt(out map[string]bool, c account.Caller, at place) {
	f.t.Helper()
	note := func(what ...any) { out[at.name+" "+strings.TrimSpace(fmt.Sprintln(what...))] = true }
	may, err := f.s.Customers.May(f.ctx, c, at.of, wants...)
	f.must(err)
	for w, ok := range may {
		if ok && may[readCustomer] {
			note(w.Object, w.Action)
		}
	}
	relation, err := f.s.Customers.Relation(f.ctx, f.s.DB, c, at.id)
	f.must(err)
	for _, q := range []policies.Request{
		{Object: policies.ObjectPortal, Action: policies.Read}, {Object: policies.ObjectTransaction, Action: policies.Create, Kind: f.kindOf()},
	} {
		q.Roles, q.Relation = c.Roles, relation
		ok, err := f.s.Decider.Allows(q)
		f.must(err)
		if ok {
			note(q.Object, q.Action)
		}
	}
	for _, action := range []policies.Action{policies.Read, policies.Process} {
		within, nothing, err := f.s.Transactions.Within(c, action, "t")
		f.must(err)
		if nothing {
			continue
		}
		var n int
		f.must(f.s.DB.NewRaw("SELECT count(*) FROM transactions AS t WHERE t.id = ? AND ?", at.transaction, store.All(within)).Scan(f.ctx, &n))
		if n > 0 {
			note("transaction", action)
		}
	}
}

func (f *firm) kindOf() string {
	if f.oneKind == "" {
		f.oneKind = f.kind()
	}
	return f.oneKind
}

// beyond are the rights that the start lacks, sorted.
func beyond(now, start map[string]bool) (list []string) {
	for r := range now {
		if !start[r] {
			list = append(list, r)
		}
	}
	slices.Sort(list)
	return list
}

// --- the same state -----------------------------------------------------------------------------------------------

// fingerprint is equal for moments from which the same can happen: ids are names in it and times are how far off they are.
func (f *firm) fingerprint(v view) [32]byte {
	f.t.Helper()
	names := map[string]string{f.k.id.String(): "K", f.l.id.String(): "L", f.k.transaction.String(): "KT", f.l.transaction.String(): "LT"}
	for i, id := range v.owned {
		names[id.String()] = fmt.Sprint("O", i)
	}
	for _, p := range v.people {
		names[p.ID.String()] = p.Name + p.Email
	}
	for _, a := range v.accesses {
		names[a.ID.String()] = names[a.CustomerID.String()] + a.Email
	}
	in := func(t time.Time) string {
		d := t.Sub(f.now)
		return fmt.Sprint(max(-1, int(d.Hours())))
	}
	var lines []string
	add := func(what ...any) { lines = append(lines, fmt.Sprintln(what...)) }
	for _, p := range v.people {
		add("person", p.Name, p.Email, p.Active, p.Password, p.roles())
	}
	for _, a := range v.accesses {
		add("access", names[a.ID.String()], names[a.AccountID.UUID.String()], a.RegisteredAt != nil, a.DeactivatedAt != nil, a.Waiting, a.Approved,
			f.now.Before(a.LinkExpiresAt))
	}
	for _, a := range v.approvals {
		detail := a.Detail
		for id, name := range names {
			detail = strings.ReplaceAll(detail, id, name)
		}
		switch a.State {
		case approval.Passed:
			add("passed", a.Kind, names[a.CustomerID.UUID.String()])
		case approval.Waiting:
			passes := "never"
			if a.PassesAt != nil {
				passes = in(*a.PassesAt)
			}
			if a.Kind == approval.PolicyChange {
				detail = ""
			}
			add("waits", a.Kind, names[a.SubjectID.UUID.String()], names[a.CustomerID.UUID.String()], names[a.ConcernedID.UUID.String()],
				names[a.ProposedBy.String()], detail, passes, in(a.ExpiresAt))
		}
	}
	for _, d := range v.deputies {
		add("deputy", names[d.SpecialistID.String()], names[d.DeputyID.String()], in(d.StartsAt), in(d.EndsAt))
	}
	for _, r := range v.removals {
		var kept struct{ Names []string }
		if raw, err := f.s.Key.Open("authorisation removal", r.Sealed); err == nil {
			_ = json.Unmarshal(raw, &kept)
		}
		add("removal", names[r.CustomerID.String()], names[r.RemovedBy.String()], kept.Names, r.ExpiresAt.After(f.now))
	}
	for _, query := range []string{
		`SELECT 'administrator ' || customer_id || ' ' || specialist_id FROM customer_administrator`,
		`SELECT 'processor ' || transaction_id || ' ' || specialist_id FROM transaction_processor`,
		`SELECT DISTINCT what || ' ' || role || ' ' || account_id || ' ' || COALESCE(by_id, '') FROM guard_event`,
		`SELECT text FROM policy_version ORDER BY version DESC LIMIT 1`,
		`SELECT DISTINCT 'version ' || text FROM policy_version`,
		`SELECT 'draft ' || text || COALESCE(proposed_by, '') || base FROM policy_draft`,
	} {
		var rows []string
		f.scan(&rows, query)
		for _, row := range rows {
			for id, name := range names {
				row = strings.ReplaceAll(row, id, name)
			}
			lines = append(lines, row)
		}
	}
	slices.Sort(lines)
	return sha256.Sum256([]byte(strings.Join(lines, "\n")))
}
