package web

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/handover"
	"kontor/policies"
)

func (s *Server) specialistPlace() place {
	return place{id: "specialists", href: "/specialists", icon: "user", may: s.allowed(policies.SpecialistOb, "", policies.Read)}
}

func (s *Server) specialistRoutes() []route {
	return []route{
		get("/specialists", firm, s.listSpecialists),
		get("/specialists/new", firm, s.newSpecialist),
		post("/specialists", firm, s.addSpecialist),
		get("/specialists/:id", firm, s.showSpecialist),
		post("/specialists/:id", firm, s.saveSpecialist),
		post("/specialists/:id/deactivate", firm, s.onSpecialist(s.accounts.Deactivate, "toast.specialist_deactivated")),
		post("/specialists/:id/reactivate", firm, s.onSpecialist(s.accounts.Reactivate, "toast.specialist_reactivated")),
		post("/specialists/:id/sessions/end", firm, s.onSpecialist(s.accounts.EndSessionsOf, "toast.sessions_ended")),
		post("/specialists/:id/sessions/:session/end", firm, s.endSession),
		post("/specialists/:id/resend", firm, s.onSpecialist(s.accounts.ResendSetPassword, "toast.link_sent")),
		post("/specialists/:id/try", firm, s.onSpecialist(s.accounts.TryAddress, "toast.address_freed")),
	}
}

type specialistList struct {
	Empty  empty
	Filter account.SpecialistFilter
	Page   account.SpecialistPage
	Manage bool

	Assignments map[uuid.UUID]handover.Assignments
	Cap         int // how far assignments are counted
}

func (s *Server) listSpecialists(c *fiber.Ctx) error {
	d := specialistList{Filter: account.SpecialistFilter{Query: queryTerm(c, "q"), Inactive: c.Query("inactive") == "on", After: c.Query("after")}}
	d.Empty = empty{List: "people", Why: emptinessOf(d.Filter.Query != "", false), Clear: "/specialists"}
	var err error
	if d.Page, err = s.accounts.Specialists(s.ctx(c), s.caller(c), d.Filter); err != nil {
		return err
	}
	if d.Manage, err = s.mayManageSpecialists(c); err != nil {
		return err
	}
	people := make([]uuid.UUID, len(d.Page.Items))
	for i, a := range d.Page.Items {
		people[i] = a.ID
	}
	d.Cap = handover.AssignmentsCap
	if d.Assignments, err = s.handovers.AssignmentsOf(s.ctx(c), s.caller(c), people); err != nil {
		return err
	}
	return s.render(c, view{
		Page: "specialists/index", Fragment: "specialists/table", Title: s.say(c, "nav.specialists"), Nav: "specialists", Data: d,
	})
}

func (s *Server) mayManageSpecialists(c *fiber.Ctx) (bool, error) {
	return s.policy.Allows(policies.Request{Roles: s.caller(c).Roles, Object: policies.SpecialistOb, Action: policies.Manage})
}

// specialistForm is the data of the pages that add and change a specialist user.
type specialistForm struct {
	Form    *form
	Account account.Account // zero when adding
	New     bool
	Manage  bool
	Self    bool
	Roles   []roleChoice
	Kinds   map[string]string
	Locales []option

	Assignments handover.Assignments
	Deputies    []handover.Deputyship
	StandsIn    []handover.Deputyship
	Waiting     []approvalView
	Sessions    []listedSession  // for who manages specialist users
	Refused     *courier.Refusal // for the same: why no mail goes out to the person
}

type roleChoice struct {
	Role policies.Role
	On   bool
	roleRules
}

// roleRules is what the policy in force says of a role.
type roleRules struct {
	Rules    []policies.Rule
	Includes []policies.Role // whatever these may do, it may as well
}

// rulesOf reads what a role may do off the policy in force.
func (s *Server) rulesOf(role policies.Role) (r roleRules) {
	doc := s.policy.Document()
	for _, rule := range doc.Rules {
		if rule.Role == role {
			r.Rules = append(r.Rules, rule)
		}
	}
	for _, i := range doc.Inclusions {
		if i.Role == role {
			r.Includes = append(r.Includes, i.Includes)
		}
	}
	return r
}

func (s *Server) renderSpecialist(c *fiber.Ctx, d specialistForm, status int) error {
	for _, r := range policies.FirmRoles {
		d.Roles = append(d.Roles, roleChoice{Role: r, On: d.Form.Values[roleField+string(r)] == on, roleRules: s.rulesOf(r)})
		d.Form.Overlap.inWords(roleField+string(r), []option{{on, s.say(c, "conflict.has")}, {"", s.say(c, "conflict.has_not")}})
	}
	var err error
	if d.Kinds, err = s.kindNames(c); err != nil {
		return err
	}
	if d.Manage, err = s.mayManageSpecialists(c); err != nil {
		return err
	}
	d.Self = d.Account.ID == s.caller(c).ID
	if !d.New {
		if err := s.addAssignments(c, &d); err != nil {
			return err
		}
		if err := s.addWaiting(c, &d); err != nil {
			return err
		}
	}
	if d.Manage && !d.New {
		open, err := s.accounts.SessionsOf(s.ctx(c), s.caller(c), d.Account.ID)
		if err != nil {
			return err
		}
		d.Sessions = s.listSessions(c, open, specialistPath(d.Account.ID))
		refusals, err := s.courier.Refusals(s.ctx(c), []string{d.Account.Email})
		if err != nil {
			return err
		}
		if r, refused := refusals[d.Account.Email]; refused && d.Account.Active {
			d.Refused = &r
		}
	}
	d.Locales = append([]option{{"", s.say(c, "locale.browser")}}, s.localeOptions(c)...)
	title := d.Account.Name
	if d.New {
		title = s.say(c, "specialist.add")
	}
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "specialists/form", Title: title, Nav: "specialists", Status: status, Data: d})
}

// addWaiting fills in what waits for a second person.
func (s *Server) addWaiting(c *fiber.Ctx, d *specialistForm) error {
	list, err := s.waitingFor(c, d.Account.ID)
	if err != nil {
		return err
	}
	views := make([]approval.View, len(list))
	for i, a := range list {
		views[i] = approval.View{Approval: a}
	}
	d.Waiting, err = s.approvalViews(c, views)
	return err
}

// addAssignments fills in what the person has to do with, and who stands in for whom.
func (s *Server) addAssignments(c *fiber.Ctx, d *specialistForm) error {
	counts, err := s.handovers.AssignmentsOf(s.ctx(c), s.caller(c), []uuid.UUID{d.Account.ID})
	if err != nil {
		return err
	}
	d.Assignments = counts[d.Account.ID]
	d.Deputies, d.StandsIn, err = s.handovers.Deputies(s.ctx(c), s.caller(c), d.Account.ID)
	return err
}

func (s *Server) newSpecialist(c *fiber.Ctx) error {
	manage, err := s.mayManageSpecialists(c)
	if err != nil {
		return err
	}
	if !manage {
		return policies.ErrForbidden
	}
	return s.renderSpecialist(c, specialistForm{New: true, Form: newForm(map[string]string{roleField + string(policies.Specialist): on})}, fiber.StatusOK)
}

// readSpecialist reads the form. Each role is a field of its own, so that what two people do to different roles goes
// together.
func readSpecialist(c *fiber.Ctx) *form {
	f := readForm(c, "name", "email", "locale", "version", "why")
	for _, role := range postedAll(c, "role") {
		f.Values[roleField+role] = on
	}
	return f
}

// roleField begins the name of a role's field, on is what it holds if the person has the role.
const (
	roleField = "role."
	on        = "on"
)

// specialistOf is what the form says, to be saved over that version.
func specialistOf(f *form, version int) account.SpecialistForm {
	sent := account.SpecialistForm{
		Name: f.Values["name"], Email: f.Values["email"], Locale: f.Values["locale"], Version: version, Why: f.Values["why"],
	}
	for name, value := range f.Values {
		if role, ok := strings.CutPrefix(name, roleField); ok && value == on {
			sent.Roles = append(sent.Roles, policies.Role(role))
		}
	}
	slices.Sort(sent.Roles)
	return sent
}

// fieldsOfSpecialist are the stored values of the fields that the form can change.
func fieldsOfSpecialist(a account.Account) []customer.Field {
	fields := []customer.Field{{Name: "name", Value: a.Name}, {Name: "locale", Value: a.Locale}}
	for _, role := range policies.FirmRoles {
		field := customer.Field{Name: roleField + string(role)}
		if slices.Contains(a.Roles, role) {
			field.Value = on
		}
		fields = append(fields, field)
	}
	return fields
}

// formOfSpecialist fills a form with what is stored.
func formOfSpecialist(a account.Account) *form {
	f := newForm(map[string]string{"email": a.Email, "version": strconv.Itoa(a.Version)})
	f.Was = fieldsOfSpecialist(a)
	for _, field := range f.Was {
		f.Values[field.Name] = field.Value
	}
	return f
}

func (s *Server) addSpecialist(c *fiber.Ctx) error {
	f := readSpecialist(c)
	a, err := s.accounts.AddSpecialist(s.ctx(c), s.caller(c), specialistOf(f, 0))
	if err != nil {
		if status, ok := s.complain(c, f, err); ok {
			return s.renderSpecialist(c, specialistForm{New: true, Form: f}, status)
		}
		return err
	}
	done, err := s.orWaiting(c, a.ID, "toast.specialist_added")
	if err != nil {
		return err
	}
	return s.redirect(c, "/specialists/"+a.ID.String(), done, "email", a.Email)
}

func (s *Server) showSpecialist(c *fiber.Ctx) error {
	a, err := s.specialist(c)
	if err != nil {
		return err
	}
	return s.renderSpecialist(c, specialistForm{Form: formOfSpecialist(a), Account: a}, fiber.StatusOK)
}

func (s *Server) specialist(c *fiber.Ctx) (account.Account, error) {
	id, err := param(c, "id")
	if err != nil {
		return account.Account{}, err
	}
	return s.accounts.Specialist(s.ctx(c), s.caller(c), id)
}

func (s *Server) saveSpecialist(c *fiber.Ctx) error {
	a, err := s.specialist(c)
	if err != nil {
		return err
	}
	f := readSpecialist(c)
	err = s.saveChange(c, change{
		form: f, now: fieldsOfSpecialist(a), subject: a.ID,
		save: func(version int) ([]customer.Field, int, error) {
			err := s.accounts.UpdateSpecialist(s.ctx(c), s.caller(c), a.ID, specialistOf(f, version))
			if isVersion(err) {
				now, errNow := s.specialist(c)
				if errNow != nil {
					return nil, 0, errNow
				}
				a = now
			}
			return fieldsOfSpecialist(a), a.Version, err
		},
	})
	if err != nil {
		if status, ok := s.complain(c, f, err); ok {
			return s.renderSpecialist(c, specialistForm{Form: f, Account: a}, status)
		}
		return err
	}
	done, err := s.orWaiting(c, a.ID, "toast.saved")
	if err != nil {
		return err
	}
	if done == "toast.saved" {
		return s.redirectWith(c, specialistPath(a.ID), s.saved(c, f))
	}
	return s.redirect(c, specialistPath(a.ID), done)
}

// orWaiting is the toast for what was done, or the one that says that some of it waits for a second person.
func (s *Server) orWaiting(c *fiber.Ctx, id uuid.UUID, done string) (string, error) {
	waits, err := s.waitingFor(c, id)
	for _, a := range waits {
		if a.ProposedBy == s.caller(c).ID {
			return "toast.approval_asked", err
		}
	}
	return done, err
}

// waitingFor is what waits for a second person about somebody.
func (s *Server) waitingFor(c *fiber.Ctx, id uuid.UUID) (all []approval.Approval, err error) {
	for _, kind := range []approval.Kind{approval.Roles, approval.Reactivation} {
		list, err := s.approvals.About(s.ctx(c), kind, id)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// endSession ends one session of a specialist user.
func (s *Server) endSession(c *fiber.Ctx) error {
	a, err := s.specialist(c)
	if err != nil {
		return err
	}
	if err := s.accounts.EndSessionOf(s.ctx(c), s.caller(c), a.ID, c.Params("session")); err != nil {
		return err
	}
	return s.redirect(c, specialistPath(a.ID), "toast.session_ended")
}

// onSpecialist makes the handler of a button that does one thing to a specialist user.
func (s *Server) onSpecialist(do func(ctx context.Context, c account.Caller, id uuid.UUID) error, done string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		a, err := s.specialist(c)
		if err != nil {
			return err
		}
		if err := do(s.ctx(c), s.caller(c), a.ID); err != nil {
			f := formOfSpecialist(a)
			if status, ok := s.complain(c, f, err); ok {
				return s.renderSpecialist(c, specialistForm{Form: f, Account: a}, status)
			}
			return err
		}
		text, err := s.orWaiting(c, a.ID, done)
		if err != nil {
			return err
		}
		return s.redirect(c, "/specialists/"+a.ID.String(), text, "name", a.Name)
	}
}
