package authorisation

import (
	"errors"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/approval"
	"kontor/app/authorisation"
	"kontor/app/internal/web/access"
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	"kontor/policies"
)

// authorisations is the data of the page Authorisations.
type authorisations struct {
	access.List
	Administrators []authorisation.AdministratorRow
	Processors     []processorView
	NoProcessors   kit.Empty
	Removable      bool // at least one entry can be selected
	Undoable       []undoable
}

// undoable is a removal that the person can still undo.
type undoable struct {
	authorisation.Kept
	Undo  string // the address that the undo button posts to
	Whose string // the names of the people whose authorisations were removed
}

// shownNames is how many people of a removal are named.
const shownNames = 5

// processorView is a line of the group Additional processors. It shows only the first transactions if there are many.
type processorView struct {
	authorisation.ProcessorRow
	Shown []authorisation.AssignedTransaction
	More  int
}

// shownTransactions is how many transactions a line of the group Additional processors shows.
const shownTransactions = 5

func (s *Screens) showAuthorisations(c *fiber.Ctx) error {
	cu, err := s.heads.Of(c, "authorisations")
	if err != nil {
		return err
	}
	if !cu.MayReadAccess() && !cu.MayReadAssigned() {
		return policies.ErrForbidden
	}
	d := authorisations{List: access.List{Customer: cu, Settled: true}}
	if cu.MayReadAccess() {
		if d.List, err = s.accessPages.ListOf(c, cu); err != nil {
			return err
		}
	}
	if d.Unchanged(c) {
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
	return s.Render(c, kit.View{
		Page: "access/authorisations", Fragment: "access/group", Nav: "customers", Data: d,
		Title: cu.Name() + " · " + s.Say(c, "tab.authorisations"),
	})
}

func (s *Screens) loadUndoable(c *fiber.Ctx, d *authorisations) error {
	list, err := s.authorisations.Undoable(s.Ctx(c), s.Caller(c), d.Customer.ID)
	t := s.Text(c)
	for _, k := range list {
		names := k.Names
		if more := len(names) - shownNames; more > 0 {
			names = append(slices.Clone(names[:shownNames]), t.Count("removal.more", more))
		}
		d.Undoable = append(d.Undoable, undoable{k, undoPath(d.Customer, k.ID), t.Joined(names)})
	}
	return err
}

// undoPath is the address that undoes a removal.
func undoPath(cu customerpage.Head, removal uuid.UUID) string {
	return cu.Path + "/authorisations/undo/" + removal.String()
}

func (s *Screens) loadAssigned(c *fiber.Ctx, d *authorisations) (err error) {
	if d.Administrators, err = s.authorisations.Administrators(s.Ctx(c), s.Caller(c), d.Customer.ID); err != nil {
		return err
	}
	all, err := s.transactionPages.SeesAllOf(c, d.Customer)
	if err != nil {
		return err
	}
	d.NoProcessors = kit.Empty{List: "processors", Why: kit.EmptinessOf(false, all), Bare: true}
	rows, err := s.authorisations.Processors(s.Ctx(c), s.Caller(c), d.Customer.ID)
	for _, r := range rows {
		v := processorView{ProcessorRow: r, Shown: r.Transactions}
		if n := len(r.Transactions); n > shownTransactions {
			v.Shown, v.More = r.Transactions[:shownTransactions], n-shownTransactions
		}
		d.Processors = append(d.Processors, v)
	}
	return err
}

// removalForm is the data of the page that asks for confirmation before the last access or the last administrator is
// removed.
type removalForm struct {
	Customer  customerpage.Head
	Removal   authorisation.Removal
	Selection authorisation.Selection
}

func (s *Screens) removeAuthorisations(c *fiber.Ctx) error {
	cu, err := s.heads.Of(c, "authorisations")
	if err != nil {
		return err
	}
	sel := authorisation.Selection{
		Accesses: kit.IDsSent(c, "access"), Administrators: kit.IDsSent(c, "administrator"), Processors: kit.IDsSent(c, "processor"),
	}
	removed, err := s.authorisations.Remove(s.Ctx(c), s.Caller(c), cu.ID, sel, kit.Posted(c, "confirmed") == "yes")
	if errors.Is(err, authorisation.ErrLast) {
		return s.Render(c, kit.View{
			Page: "authorisation/last", Title: s.Say(c, "authorisation.remove"), Nav: "customers", Status: fiber.StatusConflict,
			Data: removalForm{cu, removed, sel},
		})
	}
	if err != nil {
		return err
	}
	done := kit.Toast{Text: "toast.authorisations_removed", Args: text.ArgMap([]any{"n", removed.Count()})}
	if names := append(append(removed.Accesses, removed.Administrators...), removed.Processors...); len(names) == 1 {
		done = kit.Toast{Text: "toast.authorisation_removed", Args: text.ArgMap([]any{"name", names[0]})}
	}
	done.Undo = undoPath(cu, removed.ID)
	return s.RedirectWith(c, kit.OriginOf(c).Back(cu.Path+"/authorisations"), done)
}

func (s *Screens) undoRemoval(c *fiber.Ctx) error {
	cu, err := s.heads.BareOf(c, "authorisations")
	if err != nil {
		return err
	}
	id, err := kit.Param(c, "removal")
	if err != nil {
		return err
	}
	back, err := s.authorisations.Undo(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return err
	}
	done := "toast.authorisations_restored"
	if back.Invited > 0 {
		done = "toast.authorisations_invited"
	}
	return s.Redirect(c, cu.Path+"/authorisations", done, "n", back.Count)
}

// pickForm is the data of the pages Determine administrator and Determine additional processors.
type pickForm struct {
	Customer     customerpage.Head
	Action       string // where the form is sent
	Form         *kit.Form
	Query        string
	People       kit.People
	Transactions []pickedTransaction // nil: the page does not offer transactions
	Narrow       string              // search term for transactions
	MoreTransact bool
	NoChoices    kit.Empty
	Several      bool // the page offers transactions as well
	From         kit.Origin
}

// Back is where the form returns.
func (d pickForm) Back() string { return d.From.Back(d.Customer.Path + "/authorisations") }

type pickedTransaction struct {
	authorisation.Column
	On bool
}

// How many people and transactions a page offers at once. A search can narrow them.
const (
	OfferedPeople       = 20
	offeredTransactions = 50
)

func (s *Screens) chooseAdministrators(c *fiber.Ctx) error {
	return s.pick(c, kit.NewForm(nil), false, fiber.StatusOK)
}

func (s *Screens) chooseProcessors(c *fiber.Ctx) error {
	return s.pick(c, kit.NewForm(nil), true, fiber.StatusOK)
}

// pick shows people (and transactions) to choose from. Those that were chosen before stay chosen, whatever is searched
// for.
func (s *Screens) pick(c *fiber.Ctx, f *kit.Form, transactions bool, status int) error {
	cu, err := s.heads.Of(c, "authorisations")
	if err != nil {
		return err
	}
	d := pickForm{Customer: cu, Form: f, Several: transactions, Query: kit.AskedTerm(c, "q"), Narrow: kit.AskedTerm(c, "t"), Action: cu.Path + "/administrators", From: kit.OriginOf(c)}
	title := s.Say(c, "administrator.determine")
	if transactions {
		d.Action, title = cu.Path+"/processors", s.Say(c, "processor.determine")
	}
	if err := s.offer(c, &d); err != nil {
		return err
	}
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "authorisation/pick", Title: title, Nav: "customers", Status: status, Data: d})
}

func (s *Screens) offer(c *fiber.Ctx, d *pickForm) error {
	kept := chosenIDs(c, "specialist")
	people, more, err := s.authorisations.Candidates(s.Ctx(c), s.Caller(c), d.Customer.ID, authorisation.CandidateFilter{
		Query: d.Query, Keep: kept, Limit: OfferedPeople,
	})
	if err != nil {
		return err
	}
	d.People = kit.People{Field: "specialist", Many: true, More: more, Cap: authorisation.CustomersCap}
	for _, p := range people {
		d.People.Offered = append(d.People.Offered, kit.Offered{
			ID: p.ID, Name: p.Name, Email: p.Email, Roles: p.Roles(true), Customers: p.Customers, On: slices.Contains(kept, p.ID),
			In: p.Administrator && !d.Several, Administrator: p.Administrator, Processes: p.Processes,
		})
	}
	if !d.Several {
		return nil
	}
	kept = chosenIDs(c, "transaction")
	list, more, err := s.authorisations.Choices(s.Ctx(c), s.Caller(c), d.Customer.ID, authorisation.TransactionFilter{
		Query: d.Narrow, Keep: kept, Limit: offeredTransactions,
	})
	if err != nil {
		return err
	}
	d.MoreTransact = more
	all, err := s.transactionPages.SeesAllOf(c, d.Customer)
	d.NoChoices = kit.Empty{List: "transactions", Why: kit.EmptinessOf(d.Narrow != "", all), Bare: true}
	for _, t := range list {
		d.Transactions = append(d.Transactions, pickedTransaction{t, slices.Contains(kept, t.ID)})
	}
	return err
}

// maxChosen limits how many choices a page keeps.
const maxChosen = 1000

// chosenIDs are the ids that are chosen so far, from the form or from the address, each once.
func chosenIDs(c *fiber.Ctx, name string) (ids []uuid.UUID) {
	for _, sent := range kit.Asked(c, name) {
		if id, err := uuid.FromString(sent); err == nil && !slices.Contains(ids, id) && len(ids) < maxChosen {
			ids = append(ids, id)
		}
	}
	return ids
}

func (s *Screens) addAdministrators(c *fiber.Ctx) error {
	return s.assign(c, false, func(cu customerpage.Head) (authorisation.Outcome, error) {
		return s.authorisations.AddAdministrators(s.Ctx(c), s.Caller(c), cu.ID, kit.IDsSent(c, "specialist"))
	})
}

func (s *Screens) addProcessors(c *fiber.Ctx) error {
	return s.assign(c, true, func(cu customerpage.Head) (authorisation.Outcome, error) {
		return s.authorisations.AddProcessors(s.Ctx(c), s.Caller(c), cu.ID, kit.IDsSent(c, "specialist"), kit.IDsSent(c, "transaction"))
	})
}

// assign assigns the chosen people. The search button of the page sends the same form; in this case nothing is assigned,
// and the page is shown again with other people to choose from.
func (s *Screens) assign(c *fiber.Ctx, transactions bool, do func(customerpage.Head) (authorisation.Outcome, error)) error {
	if kit.Posted(c, "narrow") != "" {
		return s.pick(c, kit.NewForm(nil), transactions, fiber.StatusOK)
	}
	cu, err := s.heads.Of(c, "authorisations")
	if err != nil {
		return err
	}
	out, err := do(cu)
	if errors.Is(err, approval.ErrAsked) {
		return s.ToApprovals(c)
	}
	if err != nil {
		f := kit.NewForm(nil)
		if status, ok := s.Complain(c, f, err); ok {
			return s.pick(c, f, transactions, status)
		}
		return err
	}
	done := kit.Toast{Text: "toast.assigned_already"}
	switch {
	case len(out.Names) == 1 && transactions:
		done = kit.Toast{Text: "toast.processor_added", Args: text.ArgMap([]any{"name", out.Names[0], "n", out.Fresh})}
	case len(out.Names) == 1:
		done = kit.Toast{Text: "toast.administrator_added", Args: text.ArgMap([]any{"name", out.Names[0]})}
	case len(out.Names) > 1 && transactions:
		done = kit.Toast{Text: "toast.processors_added", Args: text.ArgMap([]any{"n", len(out.Names)})}
	case len(out.Names) > 1:
		done = kit.Toast{Text: "toast.administrators_added", Args: text.ArgMap([]any{"n", len(out.Names)})}
	}
	return s.RedirectWith(c, kit.OriginOf(c).Back(cu.Path+"/authorisations"), done)
}
