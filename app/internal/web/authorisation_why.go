package web

import (
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/authorisation"
	"kontor/app/fault"
	"kontor/app/transaction"
	"kontor/policies"
)

// why is the data of the page Why?
type why struct {
	Customer    customerContext
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

// explain says why. Names in sentences are those of the explanation.
func (t *texts) explain(e authorisation.Explanation, kinds map[string]string) (list []whySentence) {
	for _, a := range e.Answers {
		list = append(list, whySentence{a.Allowed, t.answer(e, a, kinds)})
	}
	return list
}

// answer is one answer: "Ben Büro may process this transaction: is an additional processor of it (since …, by …), and the
// rule “…” allows it."
func (t *texts) answer(e authorisation.Explanation, a authorisation.Answer, kinds map[string]string) string {
	question := string(a.Object) + "." + string(a.Action)
	if a.Object == policies.Transaction && e.Transaction == nil {
		question = "all." + string(a.Action)
	}
	args := map[string]any{"Name": e.Person.Name, "May": t.say("why.may_not." + question)}
	if a.Allowed {
		args["May"] = t.say("why.may." + question)
	}
	switch {
	case a.Partly:
		return t.say("why.partly", args)
	case !e.Person.Active && e.Person.Specialist:
		return t.say("why.deactivated", args)
	case !e.Person.Active:
		return t.say("why.not_registered", args)
	case a.Rule == nil && len(e.Counting(a)) == 0 && len(e.Facts) > 0:
		return t.say("why.only_single", args)
	case a.Rule == nil && len(e.Counting(a)) == 0:
		return t.say("why.nothing", args)
	case a.Rule == nil:
		args["Facts"] = t.joined(t.factsSaid(e, e.Counting(a)))
		return t.say("why.no_rule", args)
	}
	args["Rule"] = t.rule(*a.Rule, kinds)
	args["Via"] = t.via(a.Via)
	facts := t.factsSaid(e, e.Counting(a))
	args["Facts"] = t.joined(facts)
	switch {
	case a.Allowed && len(facts) > 0:
		return t.say("why.allowed_by_fact", args)
	case a.Allowed:
		return t.say("why.allowed", args)
	case len(facts) > 0:
		return t.say("why.denied_by_fact", args)
	}
	return t.say("why.denied", args)
}

// factsSaid are facts as clauses without a subject: "is an administrator of the customer (since …, by …)".
func (t *texts) factsSaid(e authorisation.Explanation, facts []authorisation.Fact) (list []string) {
	for _, f := range facts {
		list = append(list, t.factSaid(f, e.Transaction != nil))
	}
	return list
}

func (t *texts) factSaid(f authorisation.Fact, ofTransaction bool) string {
	id := relationNames[f.Relation]
	args := map[string]any{"By": f.By, "For": f.For, "Transaction": transaction.Label(f.Number) + " " + f.Transaction}
	if f.Relation == policies.Processor && ofTransaction {
		id = "processor_of_it"
	}
	if f.Since != nil {
		args["Since"] = t.date(*f.Since)
	}
	if f.By != "" {
		args["When"] = t.say("why.since_by", args)
	} else {
		args["When"] = t.say("why.since", args)
	}
	fact := t.say("why.is."+id, args)
	if f.For == "" {
		return fact
	}
	args["Is"] = fact
	if f.Until != nil {
		args["Until"] = t.moment(*f.Until)
	}
	return t.say("why.stands_in", args)
}

// joined writes a list of clauses as one.
func (t *texts) joined(parts []string) string { return t.joinedBy("and", parts) }

// joinedBy writes a list with "and" or "or" before its last part.
func (t *texts) joinedBy(word string, parts []string) string {
	if n := len(parts); n > 1 {
		return strings.Join(parts[:n-1], ", ") + " " + t.say(word) + " " + parts[n-1]
	}
	return strings.Join(parts, "")
}

// via says by which role a rule reaches somebody, where it is not the one that everybody has.
func (t *texts) via(way []policies.Role) string {
	if len(way) == 0 || len(way) == 1 && (way[0] == policies.Specialist || way[0] == policies.EndUser) {
		return ""
	}
	return t.say("why.via", "Role", t.roleSaid(way))
}

// roleSaid names the role that somebody has, and what it includes on the way to a rule's.
func (t *texts) roleSaid(way []policies.Role) (said string) {
	for i, r := range way {
		if i == 0 {
			said = t.say("role." + string(r))
			continue
		}
		said = t.say("why.includes", "Role", said, "Included", t.say("role."+string(r)))
	}
	return said
}

// kindNames are the kinds of transactions in the person's language, by key.
func (s *Server) kindNames(c *fiber.Ctx) (map[string]string, error) {
	kinds, err := s.transactions.Kinds(s.ctx(c))
	names := make(map[string]string, len(kinds))
	for _, k := range kinds {
		names[k.Key] = k.Name(s.text(c).locale)
	}
	return names, err
}

// queryID reads an id from the address; what is there and is none does not exist.
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

func (s *Server) showWhy(c *fiber.Ctx) error {
	cu, err := s.customerOf(c, "authorisations")
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
	e, err := s.authorisations.Why(s.ctx(c), s.caller(c), cu.ID, person, about)
	if err != nil {
		return err
	}
	kinds, err := s.kindNames(c)
	if err != nil {
		return err
	}
	t := s.text(c)
	d := why{Customer: cu, Transaction: e.Transaction, Person: e.Person, First: t.first(e, kinds), Sentences: t.explain(e, kinds)}
	for _, f := range e.Facts {
		d.Facts = append(d.Facts, t.factSaid(f, false))
	}
	return s.render(c, view{
		Page: "authorisations/why", Fragment: "authorisations/reasons", Title: s.say(c, "why.title", "name", e.Person.Name), Nav: "customers", Data: d,
	})
}

// seenBy is the data of the page Who sees this transaction.
type seenBy struct {
	Transaction transactionContext
	Seers       []seer
	More        bool
}

type seer struct {
	authorisation.Seer
	Is, May string // in words
	Reasons []string
}

func (s *Server) showSeenBy(c *fiber.Ctx) error {
	x, err := s.transactionOf(c, "people")
	if err != nil {
		return err
	}
	list, more, err := s.authorisations.SeenBy(s.ctx(c), s.caller(c), x.ID)
	if err != nil {
		return err
	}
	d := seenBy{Transaction: x, More: more}
	text := s.text(c)
	for _, p := range list {
		row := seer{Seer: p, Is: text.kindOfPerson(p.Person), May: text.level(p.Level)}
		for _, f := range p.Facts {
			row.Reasons = append(row.Reasons, text.factSaid(f, true))
		}
		if len(row.Reasons) == 0 {
			row.Reasons = []string{text.say("why.is.role", "Role", text.roleSaid(p.Via))}
		}
		d.Seers = append(d.Seers, row)
	}
	return s.render(c, view{
		Page: "authorisations/people", Title: s.say(c, "seen_by.title", "name", x.Name), Nav: "transactions", Data: d,
	})
}

// sees is the data of the page What this person sees.
type sees struct {
	authorisation.Reach
	Path                            string
	CustomersNext, TransactionsNext string
}

func (s *Server) showSees(c *fiber.Ctx) error {
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	f := authorisation.SeesFilter{Customers: c.Query("customers"), Transactions: c.Query("transactions")}
	r, err := s.authorisations.SeesOf(s.ctx(c), s.caller(c), id, f)
	if err != nil {
		return err
	}
	d := sees{Reach: r, Path: "/specialists/" + id.String()}
	if r.NextCustomers != "" {
		q := newQuery(d.Path + "/sees")
		q.add("customers", r.NextCustomers)
		q.add("transactions", f.Transactions)
		d.CustomersNext = q.String()
	}
	if r.NextTransact != "" {
		q := newQuery(d.Path + "/sees")
		q.add("customers", f.Customers)
		q.add("transactions", r.NextTransact)
		d.TransactionsNext = q.String()
	}
	return s.render(c, view{
		Page: "authorisations/sees", Title: s.say(c, "sees.title", "name", r.Person.Name), Nav: "specialists", Data: d,
	})
}
