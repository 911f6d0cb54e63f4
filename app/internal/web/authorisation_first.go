package web

import (
	"strings"

	"kontor/app/authorisation"
	"kontor/app/transaction"
	"kontor/policies"
)

// relationNames are the relations by the names that texts have for them.
var relationNames = map[policies.Relation]string{
	policies.Administrator: "administrator", policies.Processor: "processor", policies.Access: "access",
}

// first is the answer in a sentence, or in one for each group of transactions with which a person may do something else.
func (t *texts) first(e authorisation.Explanation, kinds map[string]string) (list []whySentence) {
	for _, g := range e.Grants {
		switch {
		case g.Level != authorisation.Nothing:
			list = append(list, whySentence{true, t.granted(e, g)})
		case t.partly(e) != "":
			list = append(list, whySentence{false, t.partly(e)})
		default:
			list = append(list, whySentence{false, t.refused(e, g, kinds)})
		}
	}
	return list
}

// partly says that a person may see transactions of some kinds only; "" where that is not so.
func (t *texts) partly(e authorisation.Explanation) string {
	for _, a := range e.Answers {
		if a.Partly && a.Action == policies.Read {
			return t.say("why.first.partly", "Name", e.Person.Name)
		}
	}
	return ""
}

// granted is "Ben Büro may see and process V-10001 Mietvertrag as an additional processor of it (since …, by …)."
func (t *texts) granted(e authorisation.Explanation, g authorisation.Grant) string {
	do := []string{t.say("action.read")}
	if g.Level == authorisation.Works {
		do = append(do, t.say("action.process"))
	}
	args := map[string]any{"Name": e.Person.Name, "Do": t.joined(do), "What": t.aboutWhat(e, g)}
	if len(g.Facts) == 0 {
		args["Role"] = t.roleSaid(g.Via)
		return t.say("why.first.role", args)
	}
	f := g.Facts[0]
	args["As"], args["When"] = t.as(f.Relation, len(g.Facts)), t.when(g.Facts)
	if f.For == "" {
		return t.say("why.first.fact", args)
	}
	args["For"] = f.For
	if f.Until != nil {
		args["Until"] = t.moment(*f.Until)
	}
	return t.say("why.first.deputy", args)
}

// aboutWhat names what a grant is about.
func (t *texts) aboutWhat(e authorisation.Explanation, g authorisation.Grant) string {
	switch {
	case e.Transaction != nil:
		return e.Transaction.Label() + " " + e.Transaction.Name
	case g.All:
		return t.say("why.all")
	}
	var names []string
	for i, f := range g.Facts {
		if i == shownTransactions {
			names = append(names, t.count("why.more", len(g.Facts)-i))
			break
		}
		names = append(names, transaction.Label(f.Number)+" "+f.Transaction)
	}
	return t.joined(names)
}

// when is since when and by whom, in brackets; "" where that differs.
func (t *texts) when(facts []authorisation.Fact) string {
	said := ""
	for _, f := range facts {
		if f.Since == nil {
			return ""
		}
		id := "why.since"
		if f.By != "" {
			id = "why.since_by"
		}
		this := " (" + t.say(id, "Since", t.date(*f.Since), "By", f.By) + ")"
		if said != "" && said != this {
			return ""
		}
		said = this
	}
	return said
}

// refused says that a person does not see it, why not, and what it would take.
func (t *texts) refused(e authorisation.Explanation, g authorisation.Grant, kinds map[string]string) string {
	args := map[string]any{"Name": e.Person.Name, "Not": t.say("why.not.all")}
	if e.Transaction != nil {
		args["Not"] = t.say("why.not.one", "What", t.aboutWhat(e, g))
	}
	switch {
	case !e.Person.Active && e.Person.Specialist:
		return t.say("why.first.deactivated", args)
	case !e.Person.Active:
		return t.say("why.first.not_registered", args)
	case g.Rule != nil:
		args["Rule"] = t.rule(*g.Rule, kinds)
		return t.say("why.first.denied", args)
	}
	return strings.Join([]string{t.say("why.first.nothing", args), t.needed(e.Needed)}, " ")
}

// as is in which capacity somebody sees n transactions.
func (t *texts) as(r policies.Relation, n int) string {
	if r == policies.Processor {
		return t.count("why.as.processor", n)
	}
	return t.say("why.as." + relationNames[r])
}

// needed says what would let somebody see it.
func (t *texts) needed(relations []policies.Relation) string {
	if len(relations) == 0 {
		return t.say("why.needed.policy")
	}
	var list []string
	for _, r := range relations {
		list = append(list, t.as(r, 1))
	}
	return t.say("why.needed", "As", t.joinedBy("or", list))
}
