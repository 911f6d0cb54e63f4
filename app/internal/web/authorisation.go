package web

import (
	"errors"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/authorisation"
	"kontor/policies"
)

func (s *Server) authorisationRoutes() []route {
	return []route{
		get("/customers/:id/authorisations", firm, s.showAuthorisations),
		post("/customers/:id/authorisations/remove", firm, s.removeAuthorisations),
		post("/customers/:id/authorisations/undo/:removal", firm, s.undoRemoval),
		get("/customers/:id/authorisations/why", firm, s.showWhy),
		get("/customers/:id/authorisations/matrix", firm, s.showMatrix),
		get("/customers/:id/authorisations/matrix.csv", firm, s.downloadMatrix),
		get("/customers/:id/administrators", firm, s.chooseAdministrators),
		post("/customers/:id/administrators", firm, s.appointAdministrators),
		get("/customers/:id/processors", firm, s.chooseProcessors),
		post("/customers/:id/processors", firm, s.entrustProcessors),
		get("/transactions/:id/people", firm, s.showSeenBy),
		get("/specialists/:id/sees", firm, s.showSees),
	}
}

// authorisations is the data of the page Authorisations.
type authorisations struct {
	accessList
	Administrators []authorisation.AdministratorRow
	Processors     []processorView
	NoProcessors   empty
	Removable      bool // something can be selected
	Undoable       []undoable
}

// undoable is a removal that the person can still take back.
type undoable struct {
	authorisation.Kept
	Undo string // the address that the button posts to
	Said string // whose authorisations, in words
}

// shownNames is how many of the people that a removal was about are named.
const shownNames = 5

// processorView is a line of the group Additional processors: of many transactions it shows the first.
type processorView struct {
	authorisation.ProcessorRow
	Shown []authorisation.Entrusted
	More  int
}

// shownTransactions is how many transactions a line of the group Additional processors shows.
const shownTransactions = 5

func (s *Server) showAuthorisations(c *fiber.Ctx) error {
	cu, err := s.customerOf(c, "authorisations")
	if err != nil {
		return err
	}
	if !cu.MayReadAccess() && !cu.MayReadAssigned() {
		return policies.ErrForbidden
	}
	d := authorisations{accessList: accessList{Customer: cu, Settled: true}}
	if cu.MayReadAccess() {
		if d.accessList, err = s.accessesOf(c, cu); err != nil {
			return err
		}
	}
	if d.unchanged(c) {
		return c.SendStatus(fiber.StatusNoContent)
	}
	if cu.MayReadAssigned() {
		if err := s.loadAssigned(c, &d); err != nil {
			return err
		}
	}
	if err := s.loadUndoable(c, &d); err != nil {
		return err
	}
	d.Removable = cu.MayRemove() && len(d.Accesses) > 0 || cu.MayManage() && len(d.Administrators)+len(d.Processors) > 0
	return s.render(c, view{
		Page: "accesses/authorisations", Fragment: "accesses/group", Nav: "customers", Data: d,
		Title: cu.Name() + " · " + s.say(c, "tab.authorisations"),
	})
}

func (s *Server) loadUndoable(c *fiber.Ctx, d *authorisations) error {
	list, err := s.authorisations.Undoable(s.ctx(c), s.caller(c), d.Customer.ID)
	t := s.text(c)
	for _, k := range list {
		names := k.Names
		if more := len(names) - shownNames; more > 0 {
			names = append(slices.Clone(names[:shownNames]), t.count("removal.more", more))
		}
		d.Undoable = append(d.Undoable, undoable{k, undoPath(d.Customer, k.ID), t.joined(names)})
	}
	return err
}

// undoPath is the address that undoes a removal.
func undoPath(cu customerContext, removal uuid.UUID) string {
	return cu.Path + "/authorisations/undo/" + removal.String()
}

func (s *Server) loadAssigned(c *fiber.Ctx, d *authorisations) (err error) {
	if d.Administrators, err = s.authorisations.Administrators(s.ctx(c), s.caller(c), d.Customer.ID); err != nil {
		return err
	}
	all, err := s.seesAllOf(c, d.Customer)
	if err != nil {
		return err
	}
	d.NoProcessors = empty{List: "processors", Why: emptinessOf(false, all), Bare: true}
	rows, err := s.authorisations.Processors(s.ctx(c), s.caller(c), d.Customer.ID)
	for _, r := range rows {
		v := processorView{ProcessorRow: r, Shown: r.Transactions}
		if n := len(r.Transactions); n > shownTransactions {
			v.Shown, v.More = r.Transactions[:shownTransactions], n-shownTransactions
		}
		d.Processors = append(d.Processors, v)
	}
	return err
}

// idsSent are the values of a field that repeats. What is no id is uuid.Nil, which nothing has.
func idsSent(c *fiber.Ctx, name string) (ids []uuid.UUID) {
	for _, raw := range postedAll(c, name) {
		ids = append(ids, uuid.FromStringOrNil(raw))
	}
	return ids
}

// removalForm is the data of the page that asks before the last access or the last administrator goes.
type removalForm struct {
	Customer  customerContext
	Removal   authorisation.Removal
	Selection authorisation.Selection
}

func (s *Server) removeAuthorisations(c *fiber.Ctx) error {
	cu, err := s.customerOf(c, "authorisations")
	if err != nil {
		return err
	}
	sel := authorisation.Selection{
		Accesses: idsSent(c, "access"), Administrators: idsSent(c, "administrator"), Processors: idsSent(c, "processor"),
	}
	removed, err := s.authorisations.Remove(s.ctx(c), s.caller(c), cu.ID, sel, posted(c, "confirmed") == "yes")
	if errors.Is(err, authorisation.ErrLast) {
		return s.render(c, view{
			Page: "authorisations/last", Title: s.say(c, "authorisation.remove"), Nav: "customers", Status: fiber.StatusConflict,
			Data: removalForm{cu, removed, sel},
		})
	}
	if err != nil {
		return err
	}
	done := toast{Text: "toast.authorisations_removed", Args: argMap([]any{"n", removed.Count()})}
	if names := append(append(removed.Accesses, removed.Administrators...), removed.Processors...); len(names) == 1 {
		done = toast{Text: "toast.authorisation_removed", Args: argMap([]any{"name", names[0]})}
	}
	done.Undo = undoPath(cu, removed.ID)
	return s.redirectWith(c, cu.Path+"/authorisations", done)
}

func (s *Server) undoRemoval(c *fiber.Ctx) error {
	cu, err := s.customerOf(c, "authorisations")
	if err != nil {
		return err
	}
	id, err := param(c, "removal")
	if err != nil {
		return err
	}
	back, err := s.authorisations.Undo(s.ctx(c), s.caller(c), id)
	if err != nil {
		return err
	}
	done := "toast.authorisations_restored"
	if back.Invited > 0 {
		done = "toast.authorisations_invited"
	}
	return s.redirect(c, cu.Path+"/authorisations", done, "n", back.Count)
}

// pickForm is the data of the pages Determine administrator and Determine additional processors.
type pickForm struct {
	Customer     customerContext
	Action       string // where the form goes
	Form         *form
	Query        string
	People       []pickedPerson
	MorePeople   bool
	Transactions []pickedTransaction // nil: not asked for
	Narrow       string              // of the transactions
	MoreTransact bool
	NoChoices    empty
	Several      bool // the page has transactions as well
}

type pickedPerson struct {
	authorisation.Candidate
	On bool
}

type pickedTransaction struct {
	authorisation.Column
	On bool
}

// How many people and transactions a page offers at once; a search narrows them.
const (
	offeredPeople       = 20
	offeredTransactions = 50
)

func (s *Server) chooseAdministrators(c *fiber.Ctx) error {
	return s.pick(c, newForm(nil), false, fiber.StatusOK)
}

func (s *Server) chooseProcessors(c *fiber.Ctx) error {
	return s.pick(c, newForm(nil), true, fiber.StatusOK)
}

// pick shows what can be chosen. What was chosen before stays so, whatever is searched for.
func (s *Server) pick(c *fiber.Ctx, f *form, transactions bool, status int) error {
	cu, err := s.customerOf(c, "authorisations")
	if err != nil {
		return err
	}
	d := pickForm{Customer: cu, Form: f, Several: transactions, Query: askedTerm(c, "q"), Narrow: askedTerm(c, "t"), Action: cu.Path + "/administrators"}
	title := s.say(c, "administrator.determine")
	if transactions {
		d.Action, title = cu.Path+"/processors", s.say(c, "processor.determine")
	}
	if err := s.offer(c, &d); err != nil {
		return err
	}
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "authorisations/pick", Title: title, Nav: "customers", Status: status, Data: d})
}

func (s *Server) offer(c *fiber.Ctx, d *pickForm) error {
	kept := chosenIDs(c, "specialist")
	people, more, err := s.authorisations.Candidates(s.ctx(c), s.caller(c), d.Customer.ID, authorisation.CandidateFilter{
		Query: d.Query, Keep: kept, Limit: offeredPeople,
	})
	if err != nil {
		return err
	}
	d.MorePeople = more
	for _, p := range people {
		d.People = append(d.People, pickedPerson{p, has(kept, p.ID)})
	}
	if !d.Several {
		return nil
	}
	kept = chosenIDs(c, "transaction")
	list, more, err := s.authorisations.Choices(s.ctx(c), s.caller(c), d.Customer.ID, authorisation.TransactionFilter{
		Query: d.Narrow, Keep: kept, Limit: offeredTransactions,
	})
	if err != nil {
		return err
	}
	d.MoreTransact = more
	all, err := s.seesAllOf(c, d.Customer)
	d.NoChoices = empty{List: "transactions", Why: emptinessOf(d.Narrow != "", all), Bare: true}
	for _, t := range list {
		d.Transactions = append(d.Transactions, pickedTransaction{t, has(kept, t.ID)})
	}
	return err
}

// maxChosen bounds what a page keeps chosen.
const maxChosen = 1000

// chosenIDs are the ids chosen so far, of the form or else of the address, each once.
func chosenIDs(c *fiber.Ctx, name string) (ids []uuid.UUID) {
	for _, sent := range asked(c, name) {
		if id, err := uuid.FromString(sent); err == nil && !has(ids, id) && len(ids) < maxChosen {
			ids = append(ids, id)
		}
	}
	return ids
}

func has(ids []uuid.UUID, id uuid.UUID) bool {
	for _, other := range ids {
		if other == id {
			return true
		}
	}
	return false
}

func (s *Server) appointAdministrators(c *fiber.Ctx) error {
	return s.assign(c, false, func(cu customerContext) (authorisation.Outcome, error) {
		return s.authorisations.AppointAdministrators(s.ctx(c), s.caller(c), cu.ID, idsSent(c, "specialist"))
	})
}

func (s *Server) entrustProcessors(c *fiber.Ctx) error {
	return s.assign(c, true, func(cu customerContext) (authorisation.Outcome, error) {
		return s.authorisations.EntrustProcessors(s.ctx(c), s.caller(c), cu.ID, idsSent(c, "specialist"), idsSent(c, "transaction"))
	})
}

// assign does what a pick page asks for. Its search button sends the same form: then nothing is assigned, and the page
// comes again with other people to choose from.
func (s *Server) assign(c *fiber.Ctx, transactions bool, do func(customerContext) (authorisation.Outcome, error)) error {
	if posted(c, "narrow") != "" {
		return s.pick(c, newForm(nil), transactions, fiber.StatusOK)
	}
	cu, err := s.customerOf(c, "authorisations")
	if err != nil {
		return err
	}
	out, err := do(cu)
	if answer, ok := s.asked(c, err); ok {
		return answer
	}
	if err != nil {
		f := newForm(nil)
		if status, ok := s.complain(c, f, err); ok {
			return s.pick(c, f, transactions, status)
		}
		return err
	}
	done := toast{Text: "toast.assigned_already"}
	switch {
	case len(out.Names) == 1 && transactions:
		done = toast{Text: "toast.processor_entrusted", Args: argMap([]any{"name", out.Names[0], "n", out.Fresh})}
	case len(out.Names) == 1:
		done = toast{Text: "toast.administrator_appointed", Args: argMap([]any{"name", out.Names[0]})}
	case len(out.Names) > 1 && transactions:
		done = toast{Text: "toast.processors_entrusted", Args: argMap([]any{"n", len(out.Names)})}
	case len(out.Names) > 1:
		done = toast{Text: "toast.administrators_appointed", Args: argMap([]any{"n", len(out.Names)})}
	}
	return s.redirectWith(c, cu.Path+"/authorisations", done)
}
