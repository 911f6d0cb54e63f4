package specialist

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/courier"
	"kontor/app/handover"
	accountpages "kontor/app/internal/web/account"
	approvalpages "kontor/app/internal/web/approval"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	"kontor/policies"
)

type specialistList struct {
	Empty  kit.Empty
	Filter account.SpecialistFilter
	Page   account.SpecialistPage
	Manage bool

	Totals map[uuid.UUID]int64 // numbers of assignments
	Cap    int                 // up to which number they are counted
}

// Next is the address of the next page, "" if there is none.
func (d specialistList) Next() string {
	if d.Page.Next == "" {
		return ""
	}
	q := kit.NewQuery("/specialists")
	q.Add("after", d.Page.Next)
	q.Add("q", d.Filter.Query)
	if d.Filter.Inactive {
		q.Add("inactive", "on")
	}
	return q.String()
}

func (s *Screens) listSpecialists(c *fiber.Ctx) error {
	d := specialistList{Filter: account.SpecialistFilter{Query: kit.QueryTerm(c, "q"), Inactive: c.Query("inactive") == "on", After: c.Query("after")}}
	d.Empty = kit.Empty{List: "people", Why: kit.EmptinessOf(d.Filter.Query != "", false), Clear: "/specialists"}
	var err error
	if d.Page, err = s.accounts.Specialists(s.Ctx(c), s.Caller(c), d.Filter); err != nil {
		return err
	}
	if d.Manage, err = s.MayManageSpecialists(c); err != nil {
		return err
	}
	people := make([]uuid.UUID, len(d.Page.Items))
	for i, a := range d.Page.Items {
		people[i] = a.ID
	}
	d.Cap = handover.AssignmentsCap
	if d.Totals, err = s.handovers.TotalsOf(s.Ctx(c), s.Caller(c), people); err != nil {
		return err
	}
	return s.Render(c, kit.View{
		Page: "specialist/index", Fragment: "specialist/table", Title: s.Say(c, "nav.specialists"), Nav: "specialists", Data: d,
	})
}

// specialistForm is the data of the pages that add or change a specialist user.
type specialistForm struct {
	Form    *kit.Form
	Account account.Account // zero when adding
	New     bool
	Manage  bool
	Self    bool
	Roles   []roleChoice
	Kinds   map[string]string
	Locales []text.Option

	Assignments handover.Assignments
	Cap         int // up to which number they are counted
	Deputies    []handover.Deputyship
	StandsIn    []handover.Deputyship
	Waiting     []approvalpages.View
	Sessions    []accountpages.Session // only for callers who manage specialist users
	Refused     *courier.Refusal       // only for them, too: why mails to the person are not sent
}

type roleChoice struct {
	Role policies.Role
	On   bool
	roleRules
}

// roleRules is what the policy in force says about a role.
type roleRules struct {
	Rules    []policies.Rule
	Includes []policies.Role // the role has all permissions of these roles, too
}

// rulesOf reads the rules of a role from the policy in force.
func (s *Screens) rulesOf(role policies.Role) (r roleRules) {
	doc := s.Policy.Document()
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

func (s *Screens) renderSpecialist(c *fiber.Ctx, d specialistForm, status int) error {
	for _, r := range policies.FirmRoles {
		d.Roles = append(d.Roles, roleChoice{Role: r, On: d.Form.Values[kit.RoleField+string(r)] == kit.On, roleRules: s.rulesOf(r)})
		d.Form.Overlap.InWords(kit.RoleField+string(r), []text.Option{{Value: kit.On, Text: s.Say(c, "conflict.has")}, {Value: "", Text: s.Say(c, "conflict.has_not")}})
	}
	var err error
	if d.Kinds, err = s.transactionPages.KindNames(c); err != nil {
		return err
	}
	if d.Manage, err = s.MayManageSpecialists(c); err != nil {
		return err
	}
	d.Self = d.Account.ID == s.Caller(c).ID
	if !d.New {
		if err := s.addAssignments(c, &d); err != nil {
			return err
		}
		if err := s.addWaiting(c, &d); err != nil {
			return err
		}
	}
	if d.Manage && !d.New {
		open, err := s.accounts.SessionsOf(s.Ctx(c), s.Caller(c), d.Account.ID)
		if err != nil {
			return err
		}
		d.Sessions = s.accountPages.ListSessions(c, open, kit.SpecialistPath(d.Account.ID))
		refusals, err := s.courier.Refusals(s.Ctx(c), []string{d.Account.Email})
		if err != nil {
			return err
		}
		if r, refused := refusals[d.Account.Email]; refused && d.Account.Active {
			d.Refused = &r
		}
	}
	d.Locales = append([]text.Option{{Value: "", Text: s.Say(c, "locale.browser")}}, s.LocaleOptions(c)...)
	title := d.Account.Name
	if d.New {
		title = s.Say(c, "specialist.add")
	}
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "specialist/form", Title: title, Nav: "specialists", Status: status, Data: d})
}

// addWaiting adds the proposals about the person that wait for a second person.
func (s *Screens) addWaiting(c *fiber.Ctx, d *specialistForm) error {
	list, err := s.waitingFor(c, d.Account.ID)
	if err != nil {
		return err
	}
	views := make([]approval.View, len(list))
	for i, a := range list {
		views[i] = approval.View{Approval: a}
	}
	d.Waiting, err = s.approvalPages.Views(c, views)
	return err
}

// addAssignments adds the person's assignments, and who stands in for whom.
func (s *Screens) addAssignments(c *fiber.Ctx, d *specialistForm) (err error) {
	d.Cap = handover.AssignmentsCap
	if d.Assignments, err = s.handovers.AssignmentsOf(s.Ctx(c), s.Caller(c), d.Account.ID); err != nil {
		return err
	}
	d.Deputies, d.StandsIn, err = s.handovers.Deputies(s.Ctx(c), s.Caller(c), d.Account.ID)
	return err
}

func (s *Screens) newSpecialist(c *fiber.Ctx) error {
	manage, err := s.MayManageSpecialists(c)
	if err != nil {
		return err
	}
	if !manage {
		return policies.ErrForbidden
	}
	locale := cmp.Or(s.Firm().NewLocale(), s.Text(c).Locale) // in which the person is also written to
	f := kit.NewForm(map[string]string{kit.RoleField + string(policies.Specialist): kit.On, "locale": locale})
	return s.renderSpecialist(c, specialistForm{New: true, Form: f}, fiber.StatusOK)
}

// readSpecialist reads the form. Each role is a separate field, so that changes of two people to different roles can be
// merged.
func readSpecialist(c *fiber.Ctx) *kit.Form {
	f := kit.ReadForm(c, "name", "email", "locale", "version", "why")
	for _, role := range kit.PostedAll(c, "role") {
		f.Values[kit.RoleField+role] = kit.On
	}
	return f
}

// specialistOf converts the form, to be saved over this version.
func specialistOf(f *kit.Form, version int) account.SpecialistForm {
	sent := account.SpecialistForm{
		Name: f.Values["name"], Email: f.Values["email"], Locale: f.Values["locale"], Version: version, Why: f.Values["why"],
	}
	for name, value := range f.Values {
		if role, ok := strings.CutPrefix(name, kit.RoleField); ok && value == kit.On {
			sent.Roles = append(sent.Roles, policies.Role(role))
		}
	}
	slices.Sort(sent.Roles)
	return sent
}

// fieldsOfSpecialist are the stored values of the fields that the form can change.
func fieldsOfSpecialist(a account.Account) []kit.Field {
	fields := []kit.Field{{Name: "name", Value: a.Name}, {Name: "locale", Value: a.Locale}}
	for _, role := range policies.FirmRoles {
		field := kit.Field{Name: kit.RoleField + string(role)}
		if slices.Contains(a.Roles, role) {
			field.Value = kit.On
		}
		fields = append(fields, field)
	}
	return fields
}

// formOfSpecialist makes a form with the stored values.
func formOfSpecialist(a account.Account) *kit.Form {
	f := kit.NewForm(map[string]string{"email": a.Email, "version": strconv.Itoa(a.Version)})
	f.Was = fieldsOfSpecialist(a)
	for _, field := range f.Was {
		f.Values[field.Name] = field.Value
	}
	return f
}

func (s *Screens) addSpecialist(c *fiber.Ctx) error {
	f := readSpecialist(c)
	a, err := s.accounts.AddSpecialist(s.Ctx(c), s.Caller(c), specialistOf(f, 0))
	if err != nil {
		if status, ok := s.Complain(c, f, err); ok {
			return s.renderSpecialist(c, specialistForm{New: true, Form: f}, status)
		}
		return err
	}
	done, err := s.orWaiting(c, a.ID, "toast.specialist_added")
	if err != nil {
		return err
	}
	return s.Redirect(c, "/specialists/"+a.ID.String(), done, "email", a.Email)
}

func (s *Screens) showSpecialist(c *fiber.Ctx) error {
	a, err := s.specialist(c)
	if err != nil {
		return err
	}
	return s.renderSpecialist(c, specialistForm{Form: formOfSpecialist(a), Account: a}, fiber.StatusOK)
}

func (s *Screens) specialist(c *fiber.Ctx) (account.Account, error) {
	id, err := kit.Param(c, "id")
	if err != nil {
		return account.Account{}, err
	}
	return s.accounts.Specialist(s.Ctx(c), s.Caller(c), id)
}

func (s *Screens) saveSpecialist(c *fiber.Ctx) error {
	a, err := s.specialist(c)
	if err != nil {
		return err
	}
	f := readSpecialist(c)
	err = s.SaveChange(c, kit.Change{
		Form: f, Now: fieldsOfSpecialist(a), Subject: a.ID,
		Save: func(version int) ([]kit.Field, int, error) {
			err := s.accounts.UpdateSpecialist(s.Ctx(c), s.Caller(c), a.ID, specialistOf(f, version))
			if kit.IsVersion(err) {
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
		if status, ok := s.Complain(c, f, err); ok {
			return s.renderSpecialist(c, specialistForm{Form: f, Account: a}, status)
		}
		return err
	}
	done, err := s.orWaiting(c, a.ID, "toast.saved")
	if err != nil {
		return err
	}
	if done == "toast.saved" {
		return s.RedirectWith(c, kit.SpecialistPath(a.ID), s.Saved(c, f))
	}
	return s.Redirect(c, kit.SpecialistPath(a.ID), done)
}

// orWaiting returns the toast done, or the toast that says that a part of the change waits for a second person.
func (s *Screens) orWaiting(c *fiber.Ctx, id uuid.UUID, done string) (string, error) {
	waits, err := s.waitingFor(c, id)
	for _, a := range waits {
		if a.ProposedBy == s.Caller(c).ID {
			return "toast.approval_asked", err
		}
	}
	return done, err
}

// waitingFor returns the proposals about a person that wait for a second person.
func (s *Screens) waitingFor(c *fiber.Ctx, id uuid.UUID) (all []approval.Approval, err error) {
	for _, kind := range []approval.Kind{approval.Roles, approval.Reactivation} {
		list, err := s.approvals.About(s.Ctx(c), kind, id)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// endSession ends one session of a specialist user.
func (s *Screens) endSession(c *fiber.Ctx) error {
	a, err := s.specialist(c)
	if err != nil {
		return err
	}
	if err := s.accounts.EndSessionOf(s.Ctx(c), s.Caller(c), a.ID, c.Params("session")); err != nil {
		return err
	}
	return s.Redirect(c, kit.SpecialistPath(a.ID), "toast.session_ended")
}

// onSpecialist makes the handler of a button that performs one action on a specialist user.
func (s *Screens) onSpecialist(do func(ctx context.Context, c account.Caller, id uuid.UUID) error, done string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		a, err := s.specialist(c)
		if err != nil {
			return err
		}
		if err := do(s.Ctx(c), s.Caller(c), a.ID); err != nil {
			f := formOfSpecialist(a)
			if status, ok := s.Complain(c, f, err); ok {
				return s.renderSpecialist(c, specialistForm{Form: f, Account: a}, status)
			}
			return err
		}
		text, err := s.orWaiting(c, a.ID, done)
		if err != nil {
			return err
		}
		return s.Redirect(c, "/specialists/"+a.ID.String(), text, "name", a.Name)
	}
}
