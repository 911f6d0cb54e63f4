package handover

import (
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/approval"
	"kontor/app/customer"
	"kontor/app/handover"
	"kontor/app/internal/web/kit"
)

// people are specialist users to choose from, narrowed by a search.
// offer are the choices as the page shows them.
func offer(list []handover.Choice) (people []kit.Offered) {
	for _, p := range list {
		people = append(people, kit.Offered{ID: p.ID, Name: p.Name, Email: p.Email, Roles: p.Roles(true), Customers: p.Customers, On: p.Chosen})
	}
	return people
}

// deactivation is the data of the page that asks for confirmation before a specialist user is deactivated.
type deactivation struct {
	Person      handover.Person
	Path        string
	Assignments handover.Assignments
	Left        customer.Left
}

// askDeactivate shows what the person would leave behind after a deactivation, and offers to hand it over first.
func (s *Screens) askDeactivate(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	p, err := s.handovers.Preview(s.Ctx(c), s.Caller(c), id, nil, true)
	if err != nil {
		return err
	}
	d := deactivation{Person: p.From, Path: kit.SpecialistPath(id), Assignments: p.Assignments}
	if d.Left, err = s.customers.LeftBy(s.Ctx(c), s.Caller(c), id); err != nil {
		return err
	}
	return s.Render(c, kit.View{Page: "handover/deactivate", Title: s.Say(c, "specialist.deactivate") + ": " + p.From.Name, Nav: "specialists", Data: d})
}

// handoverPage is the data of the page that plans a handover.
type handoverPage struct {
	Plan    handover.Plan
	Path    string
	Query   string
	People  kit.People
	Form    *kit.Form
	Running string // address of a handover that is still running
}

// planHandover narrows the people to choose from, and shows what a handover to the chosen people would do. All choices
// are in the address, because nothing is done yet.
func (s *Screens) planHandover(c *fiber.Ctx) error {
	return s.renderHandover(c, kit.NewForm(map[string]string{}), kit.IDs(kit.ParamValues(c, "to")), c.Query("mode") != "copy", fiber.StatusOK)
}

func (s *Screens) renderHandover(c *fiber.Ctx, f *kit.Form, to []uuid.UUID, move bool, status int) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	d := handoverPage{Path: kit.SpecialistPath(id), Query: kit.QueryTerm(c, "q"), Form: f, People: kit.People{Many: true, Field: "to", Cap: handover.AssignmentsCap}}
	if d.Plan, err = s.handovers.Preview(s.Ctx(c), s.Caller(c), id, to, move); err != nil {
		wrong, ok := s.Complain(c, f, err)
		if !ok {
			return err
		}
		status, d.Plan.Targets = wrong, nil // do not offer what can't be done
	}
	choices, more, err := s.handovers.Offer(s.Ctx(c), s.Caller(c), id, d.Query, to)
	if err != nil {
		return err
	}
	d.People.Offered, d.People.More = offer(choices), more
	if running, ok, err := s.handovers.Running(s.Ctx(c), s.Caller(c), id); err != nil {
		return err
	} else if ok {
		d.Running = d.Path + "/handovers/" + running.String()
	}
	title := s.Say(c, "handover.title", "name", d.Plan.From.Name)
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "handover/plan", Fragment: "handover/people", Title: title, Nav: "specialists", Status: status, Data: d})
}

func (s *Screens) startHandover(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	to, move := kit.IDsSent(c, "to"), kit.Posted(c, "mode") != "copy"
	h, err := s.handovers.Start(s.Ctx(c), s.Caller(c), id, to, move)
	if errors.Is(err, approval.ErrAsked) {
		return s.ToApprovals(c)
	}
	if err != nil {
		f := kit.NewForm(map[string]string{})
		status, ok := s.Complain(c, f, err)
		if !ok {
			return err
		}
		return s.renderHandover(c, f, to, move, status)
	}
	return s.Redirect(c, kit.SpecialistPath(id)+"/handovers/"+h.ID.String(), "")
}

// handoverState is the data of the page that shows the progress of a handover, and its result afterwards.
type handoverState struct {
	handover.Handover
	Path  string
	Again string // address for handing over the rest of a stopped handover; "" if there is none or the caller may not
}

func (s *Screens) showHandover(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	hid, err := kit.Param(c, "hid")
	if err != nil {
		return err
	}
	h, err := s.handovers.Get(s.Ctx(c), s.Caller(c), id, hid)
	if err != nil {
		return err
	}
	d := handoverState{Handover: h, Path: kit.SpecialistPath(id)}
	if h.StoppedFor != nil {
		if d.Again, err = s.againPath(c, d); err != nil {
			return err
		}
	}
	return s.Render(c, kit.View{
		Page: "handover/handover", Fragment: "handover/state", Title: s.Say(c, "handover.title", "name", h.From.Name), Nav: "specialists",
		Data: d,
	})
}

// againPath is the address for handing over what a stopped handover has left. It preselects the recipients who are
// active. It is "" if the caller may not hand over.
func (s *Screens) againPath(c *fiber.Ctx, d handoverState) (string, error) {
	if may, err := s.MayManageSpecialists(c); err != nil || !may {
		return "", err
	}
	q := kit.NewQuery(d.Path + "/handover")
	if !d.Move {
		q.Add("mode", "copy")
	}
	for _, t := range d.Targets {
		if t.Active {
			q.Add("to", t.ID.String())
		}
	}
	return q.String(), nil
}

// deputiesPage is the data of the page about a person's deputies.
type deputiesPage struct {
	Person   handover.Person
	Path     string
	Own      bool // the page is about the caller
	Manage   bool
	Deputies []handover.Deputyship
	StandsIn []handover.Deputyship
	Query    string
	People   kit.People
	Form     *kit.Form
}

func (s *Screens) showDeputies(c *fiber.Ctx) error {
	today := s.Now().In(s.Zone).Format(time.DateOnly)
	f := kit.NewForm(map[string]string{"from": today, "until": today, "deputy": c.Query("deputy")})
	return s.renderDeputies(c, f, fiber.StatusOK)
}

func (s *Screens) renderDeputies(c *fiber.Ctx, f *kit.Form, status int) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	caller := s.Caller(c)
	d := deputiesPage{Path: kit.SpecialistPath(id), Own: id == caller.ID, Query: kit.QueryTerm(c, "q"), Form: f, People: kit.People{Field: "deputy", Cap: handover.AssignmentsCap}}
	if d.Person, err = s.handovers.Person(s.Ctx(c), caller, id); err != nil {
		return err
	}
	if d.Deputies, d.StandsIn, err = s.handovers.Deputies(s.Ctx(c), caller, id); err != nil {
		return err
	}
	if d.Manage, err = s.MayManageSpecialists(c); err != nil {
		return err
	}
	if d.Manage = d.Manage || d.Own && s.handovers.MayName(caller); d.Manage {
		chosen := []uuid.UUID{uuid.FromStringOrNil(f.Values["deputy"])}
		choices, more, err := s.handovers.Offer(s.Ctx(c), caller, id, d.Query, chosen)
		if err != nil {
			return err
		}
		d.People.Offered, d.People.More = offer(choices), more
	}
	title := s.Say(c, "deputy.title", "name", d.Person.Name)
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	nav := "specialists"
	if d.Own {
		nav = ""
	}
	return s.Render(c, kit.View{Page: "handover/deputies", Fragment: "handover/people", Title: title, Nav: nav, Status: status, Data: d})
}

func (s *Screens) addDeputy(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	f := kit.ReadForm(c, "deputy", "from", "until")
	v := f.Values
	err = s.handovers.AddDeputy(s.Ctx(c), s.Caller(c), id, handover.DeputyForm{Deputy: v["deputy"], From: v["from"], Until: v["until"]})
	if errors.Is(err, approval.ErrAsked) {
		return s.ToApprovals(c)
	}
	if err != nil {
		if status, ok := s.Complain(c, f, err); ok {
			return s.renderDeputies(c, f, status)
		}
		return err
	}
	return s.Redirect(c, kit.SpecialistPath(id)+"/deputies", "toast.deputy_named")
}

func (s *Screens) endDeputy(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	did, err := kit.Param(c, "did")
	if err != nil {
		return err
	}
	if err := s.handovers.EndDeputy(s.Ctx(c), s.Caller(c), id, did); err != nil {
		return err
	}
	return s.Redirect(c, kit.SpecialistPath(id)+"/deputies", "toast.deputy_ended")
}
