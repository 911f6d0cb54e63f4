package web

import (
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/customer"
	"kontor/app/handover"
)

func (s *Server) handoverRoutes() []route {
	return []route{
		get("/specialists/:id/deactivate", firm, s.askDeactivate),
		get("/specialists/:id/handover", firm, s.planHandover),
		post("/specialists/:id/handover", firm, s.startHandover),
		get("/specialists/:id/handovers/:hid", firm, s.showHandover),
		get("/specialists/:id/deputies", firm, s.showDeputies),
		post("/specialists/:id/deputies", firm, s.addDeputy),
		post("/specialists/:id/deputies/:did/end", firm, s.endDeputy),
	}
}

// ids reads the ids among the values of a field that repeats; what is no id is one that nobody has.
func ids(values []string) []uuid.UUID {
	list := make([]uuid.UUID, 0, len(values))
	for _, v := range values {
		list = append(list, uuid.FromStringOrNil(v))
	}
	return list
}

// people is a choice of specialist users, narrowed by a search.
type people struct {
	Choices []handover.Choice
	More    bool
	Many    bool // several may be chosen
	Name    string
}

func specialistPath(id uuid.UUID) string { return "/specialists/" + id.String() }

// deactivation is the data of the page that asks before a specialist user is deactivated.
type deactivation struct {
	Person      handover.Person
	Path        string
	Assignments handover.Assignments
	Left        customer.Left
}

// askDeactivate says what a deactivation would leave behind, and offers to hand it over first.
func (s *Server) askDeactivate(c *fiber.Ctx) error {
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	p, err := s.handovers.Preview(s.ctx(c), s.caller(c), id, nil, true)
	if err != nil {
		return err
	}
	d := deactivation{Person: p.From, Path: specialistPath(id), Assignments: p.Assignments}
	if d.Left, err = s.customers.LeftBy(s.ctx(c), s.caller(c), id); err != nil {
		return err
	}
	return s.render(c, view{Page: "handover/deactivate", Title: s.say(c, "specialist.deactivate") + ": " + p.From.Name, Nav: "specialists", Data: d})
}

// handoverPage is the data of the page that plans a handover.
type handoverPage struct {
	Plan    handover.Plan
	Path    string
	Query   string
	People  people
	Form    *form
	Running string // address of the handover that goes on
}

// planHandover narrows the people offered, and says what a handover to those chosen would do. All of it stands in the
// address: nothing is done yet.
func (s *Server) planHandover(c *fiber.Ctx) error {
	return s.renderHandover(c, newForm(map[string]string{}), ids(paramValues(c, "to")), c.Query("mode") != "copy", fiber.StatusOK)
}

func (s *Server) renderHandover(c *fiber.Ctx, f *form, to []uuid.UUID, move bool, status int) error {
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	d := handoverPage{Path: specialistPath(id), Query: queryTerm(c, "q"), Form: f, People: people{Many: true, Name: "to"}}
	if d.Plan, err = s.handovers.Preview(s.ctx(c), s.caller(c), id, to, move); err != nil {
		wrong, ok := s.complain(c, f, err)
		if !ok {
			return err
		}
		status, d.Plan.Targets = wrong, nil // what can't be done is not offered
	}
	if d.People.Choices, d.People.More, err = s.handovers.Offer(s.ctx(c), s.caller(c), id, d.Query, to); err != nil {
		return err
	}
	if running, ok, err := s.handovers.Running(s.ctx(c), s.caller(c), id); err != nil {
		return err
	} else if ok {
		d.Running = d.Path + "/handovers/" + running.String()
	}
	title := s.say(c, "handover.title", "name", d.Plan.From.Name)
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "handover/plan", Fragment: "handover/people", Title: title, Nav: "specialists", Status: status, Data: d})
}

func (s *Server) startHandover(c *fiber.Ctx) error {
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	to, move := ids(postedAll(c, "to")), posted(c, "mode") != "copy"
	h, err := s.handovers.Start(s.ctx(c), s.caller(c), id, to, move)
	if answer, ok := s.asked(c, err); ok {
		return answer
	}
	if err != nil {
		f := newForm(map[string]string{})
		status, ok := s.complain(c, f, err)
		if !ok {
			return err
		}
		return s.renderHandover(c, f, to, move, status)
	}
	return s.redirect(c, specialistPath(id)+"/handovers/"+h.ID.String(), "")
}

// handoverState is the data of the page that shows how far a handover is, and then what it was.
type handoverState struct {
	handover.Handover
	Path  string
	Again string // of one that stopped: where the rest can be handed over, for who may
}

func (s *Server) showHandover(c *fiber.Ctx) error {
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	hid, err := param(c, "hid")
	if err != nil {
		return err
	}
	h, err := s.handovers.Get(s.ctx(c), s.caller(c), id, hid)
	if err != nil {
		return err
	}
	d := handoverState{Handover: h, Path: specialistPath(id)}
	if h.StoppedFor != nil {
		if d.Again, err = s.againPath(c, d); err != nil {
			return err
		}
	}
	return s.render(c, view{
		Page: "handover/handover", Fragment: "handover/state", Title: s.say(c, "handover.title", "name", h.From.Name), Nav: "specialists",
		Data: d,
	})
}

// againPath is where what a stopped handover left can be handed over, to those of its people who are active and to others;
// "" for who may not.
func (s *Server) againPath(c *fiber.Ctx, d handoverState) (string, error) {
	if may, err := s.mayManageSpecialists(c); err != nil || !may {
		return "", err
	}
	q := newQuery(d.Path + "/handover")
	if !d.Move {
		q.add("mode", "copy")
	}
	for _, t := range d.Targets {
		if t.Active {
			q.add("to", t.ID.String())
		}
	}
	return q.String(), nil
}

// deputiesPage is the data of the page about somebody's deputies.
type deputiesPage struct {
	Person   handover.Person
	Path     string
	Own      bool // the caller's own
	Manage   bool
	Deputies []handover.Deputyship
	StandsIn []handover.Deputyship
	Query    string
	People   people
	Form     *form
}

func (s *Server) showDeputies(c *fiber.Ctx) error {
	today := s.now().In(s.zone).Format(time.DateOnly)
	f := newForm(map[string]string{"from": today, "until": today, "deputy": c.Query("deputy")})
	return s.renderDeputies(c, f, fiber.StatusOK)
}

func (s *Server) renderDeputies(c *fiber.Ctx, f *form, status int) error {
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	caller := s.caller(c)
	d := deputiesPage{Path: specialistPath(id), Own: id == caller.ID, Query: queryTerm(c, "q"), Form: f, People: people{Name: "deputy"}}
	if d.Person, err = s.handovers.Person(s.ctx(c), caller, id); err != nil {
		return err
	}
	if d.Deputies, d.StandsIn, err = s.handovers.Deputies(s.ctx(c), caller, id); err != nil {
		return err
	}
	if d.Manage, err = s.mayManageSpecialists(c); err != nil {
		return err
	}
	if d.Manage = d.Manage || d.Own && s.handovers.MayName(caller); d.Manage {
		chosen := []uuid.UUID{uuid.FromStringOrNil(f.Values["deputy"])}
		if d.People.Choices, d.People.More, err = s.handovers.Offer(s.ctx(c), caller, id, d.Query, chosen); err != nil {
			return err
		}
	}
	title := s.say(c, "deputy.title", "name", d.Person.Name)
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	nav := "specialists"
	if d.Own {
		nav = ""
	}
	return s.render(c, view{Page: "handover/deputies", Fragment: "handover/people", Title: title, Nav: nav, Status: status, Data: d})
}

func (s *Server) addDeputy(c *fiber.Ctx) error {
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	f := readForm(c, "deputy", "from", "until")
	v := f.Values
	err = s.handovers.AddDeputy(s.ctx(c), s.caller(c), id, handover.DeputyForm{Deputy: v["deputy"], From: v["from"], Until: v["until"]})
	if answer, ok := s.asked(c, err); ok {
		return answer
	}
	if err != nil {
		if status, ok := s.complain(c, f, err); ok {
			return s.renderDeputies(c, f, status)
		}
		return err
	}
	return s.redirect(c, specialistPath(id)+"/deputies", "toast.deputy_named")
}

func (s *Server) endDeputy(c *fiber.Ctx) error {
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	did, err := param(c, "did")
	if err != nil {
		return err
	}
	if err := s.handovers.EndDeputy(s.ctx(c), s.caller(c), id, did); err != nil {
		return err
	}
	return s.redirect(c, specialistPath(id)+"/deputies", "toast.deputy_ended")
}
