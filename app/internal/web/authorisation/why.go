package authorisation

import (
	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/authorisation"
	"kontor/app/fault"
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	transactionpages "kontor/app/internal/web/transaction"
	"kontor/app/transaction"
	"kontor/policies"
)

// why is the data of the page that explains a permission.
type why struct {
	Customer    customerpage.Head
	Transaction *transaction.Transaction
	Person      authorisation.Person
	First       []whySentence // the answer
	Sentences   []whySentence
	Facts       []string
}

// whySentence is one answer in words.
type whySentence struct {
	Allowed bool
	Text    string
}

// explain turns the answers of an explanation into sentences. Their names are those in the explanation.
func explain(t *text.Texts, e authorisation.Explanation, kinds map[string]string) (list []whySentence) {
	for _, a := range e.Answers {
		list = append(list, whySentence{a.Allowed, answer(t, e, a, kinds)})
	}
	return list
}

// answer is one answer as a sentence: "Ben Büro may process this transaction: is an additional processor of it (since …,
// by …), and the rule “…” allows it."
func answer(t *text.Texts, e authorisation.Explanation, a authorisation.Answer, kinds map[string]string) string {
	question := string(a.Object) + "." + string(a.Action)
	if a.Object == policies.ObjectTransaction && e.Transaction == nil {
		question = "all." + string(a.Action)
	}
	args := map[string]any{"Name": e.Person.Name, "May": t.Say("why.may_not." + question)}
	if a.Allowed {
		args["May"] = t.Say("why.may." + question)
	}
	switch {
	case a.Partly:
		return t.Say("why.partly", args)
	case !e.Person.Active && e.Person.Specialist:
		return t.Say("why.deactivated", args)
	case !e.Person.Active:
		return t.Say("why.not_registered", args)
	case a.Rule == nil && len(e.Counting(a)) == 0 && len(e.Facts) > 0:
		return t.Say("why.only_single", args)
	case a.Rule == nil && len(e.Counting(a)) == 0:
		return t.Say("why.nothing", args)
	case a.Rule == nil:
		args["Facts"] = t.Joined(factsSaid(t, e, e.Counting(a)))
		return t.Say("why.no_rule", args)
	}
	args["Rule"] = t.Rule(*a.Rule, kinds)
	args["Via"] = via(t, a.Via)
	facts := factsSaid(t, e, e.Counting(a))
	args["Facts"] = t.Joined(facts)
	switch {
	case a.Allowed && len(facts) > 0:
		return t.Say("why.allowed_by_fact", args)
	case a.Allowed:
		return t.Say("why.allowed", args)
	case len(facts) > 0:
		return t.Say("why.denied_by_fact", args)
	}
	return t.Say("why.denied", args)
}

// factsSaid turns facts into clauses without a subject: "is an administrator of the customer (since …, by …)".
func factsSaid(t *text.Texts, e authorisation.Explanation, facts []authorisation.Fact) (list []string) {
	for _, f := range facts {
		list = append(list, factSaid(t, f, e.Transaction != nil))
	}
	return list
}

func factSaid(t *text.Texts, f authorisation.Fact, ofTransaction bool) string {
	id := relationNames[f.Relation]
	args := map[string]any{"By": f.By, "For": f.For, "Transaction": transaction.Label(f.Number) + " " + f.Transaction}
	if f.Relation == policies.Processor && ofTransaction {
		id = "processor_of_it"
	}
	if f.Since != nil {
		args["Since"] = t.Date(*f.Since)
	}
	if f.By != "" {
		args["When"] = t.Say("why.since_by", args)
	} else {
		args["When"] = t.Say("why.since", args)
	}
	fact := t.Say("why.is."+id, args)
	if f.For == "" {
		return fact
	}
	args["Is"] = fact
	if f.Until != nil {
		args["Until"] = t.Moment(*f.Until)
	}
	return t.Say("why.stands_in", args)
}

// via names the role through which a rule applies to somebody, unless it is the role that everybody has.
func via(t *text.Texts, way []policies.Role) string {
	if len(way) == 0 || len(way) == 1 && (way[0] == policies.Specialist || way[0] == policies.EndUser) {
		return ""
	}
	return t.Say("why.via", "Role", roleSaid(t, way))
}

// roleSaid names the role that somebody has, and the roles that it includes, up to the rule's role.
func roleSaid(t *text.Texts, way []policies.Role) (said string) {
	for i, r := range way {
		if i == 0 {
			said = t.Say("role." + string(r))
			continue
		}
		said = t.Say("why.includes", "Role", said, "Included", t.Say("role."+string(r)))
	}
	return said
}

// queryID reads an id from the address. A missing value gives uuid.Nil if it is optional. Anything else that is not an id
// gives fault.NotFound.
func queryID(c *fiber.Ctx, name string, optional bool) (uuid.UUID, error) {
	raw := c.Query(name)
	if raw == "" && optional {
		return uuid.Nil, nil
	}
	id, err := uuid.FromString(raw)
	if err != nil || id == uuid.Nil {
		return uuid.Nil, fault.New(fault.NotFound, "page")
	}
	return id, nil
}

func (s *Screens) showWhy(c *fiber.Ctx) error {
	cu, err := s.heads.Of(c, "authorisations")
	if err != nil {
		return err
	}
	person, err := queryID(c, "person", false)
	if err != nil {
		return err
	}
	about, err := queryID(c, "transaction", true)
	if err != nil {
		return err
	}
	e, err := s.authorisations.Why(s.Ctx(c), s.Caller(c), cu.ID, person, about)
	if err != nil {
		return err
	}
	kinds, err := s.transactionPages.KindNames(c)
	if err != nil {
		return err
	}
	t := s.Text(c)
	d := why{Customer: cu, Transaction: e.Transaction, Person: e.Person, First: first(t, e, kinds), Sentences: explain(t, e, kinds)}
	for _, f := range e.Facts {
		d.Facts = append(d.Facts, factSaid(t, f, false))
	}
	return s.Render(c, kit.View{
		Page: "authorisation/why", Fragment: "authorisation/reasons", Title: s.Say(c, "why.title", "name", e.Person.Name), Nav: "customers", Data: d,
	})
}

// seenBy is the data of the page that lists who sees a transaction.
type seenBy struct {
	Transaction transactionpages.Head
	Seers       []seer
	More        bool
}

type seer struct {
	authorisation.Seer
	Is, May string // in words
	Reasons []string
}

func (s *Screens) showSeenBy(c *fiber.Ctx) error {
	x, err := s.transactionPages.Of(c, "people")
	if err != nil {
		return err
	}
	list, more, err := s.authorisations.SeenBy(s.Ctx(c), s.Caller(c), x.ID)
	if err != nil {
		return err
	}
	d := seenBy{Transaction: x, More: more}
	text := s.Text(c)
	for _, p := range list {
		row := seer{Seer: p, Is: kindOfPerson(text, p.Person), May: level(text, p.Level)}
		for _, f := range p.Facts {
			row.Reasons = append(row.Reasons, factSaid(text, f, true))
		}
		if len(row.Reasons) == 0 {
			row.Reasons = []string{text.Say("why.is.role", "Role", roleSaid(text, p.Via))}
		}
		d.Seers = append(d.Seers, row)
	}
	return s.Render(c, kit.View{
		Page: "authorisation/people", Title: s.Say(c, "seen_by.title", "name", x.Name), Nav: "transactions", Data: d,
	})
}

// sees is the data of the page that lists what a person sees.
type sees struct {
	authorisation.Reach
	Path                            string
	CustomersNext, TransactionsNext string
}

func (s *Screens) showSees(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	f := authorisation.SeesFilter{Customers: c.Query("customers"), Transactions: c.Query("transactions")}
	r, err := s.authorisations.SeesOf(s.Ctx(c), s.Caller(c), id, f)
	if err != nil {
		return err
	}
	d := sees{Reach: r, Path: "/specialists/" + id.String()}
	if r.NextCustomers != "" {
		q := kit.NewQuery(d.Path + "/sees")
		q.Add("customers", r.NextCustomers)
		q.Add("transactions", f.Transactions)
		d.CustomersNext = q.String()
	}
	if r.NextTransact != "" {
		q := kit.NewQuery(d.Path + "/sees")
		q.Add("customers", f.Customers)
		q.Add("transactions", r.NextTransact)
		d.TransactionsNext = q.String()
	}
	return s.Render(c, kit.View{
		Page: "authorisation/sees", Title: s.Say(c, "sees.title", "name", r.Person.Name), Nav: "specialists", Data: d,
	})
}
