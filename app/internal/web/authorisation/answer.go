package authorisation

import (
	"strings"

	"kontor/app/authorisation"
	"kontor/app/internal/web/text"
	"kontor/app/transaction"
	"kontor/policies"
)

// relationNames maps relations to their names in text ids.
var relationNames = map[policies.Relation]string{
	policies.Administrator: "administrator", policies.Processor: "processor", policies.Access: "access",
}

// first is the answer in one sentence, or in one sentence for each group of transactions for which the answer differs.
func first(t *text.Texts, e authorisation.Explanation, kinds map[string]string) (list []whySentence) {
	for _, g := range e.Grants {
		switch {
		case g.Level != authorisation.Nothing:
			list = append(list, whySentence{true, granted(t, e, g)})
		case partly(t, e) != "":
			list = append(list, whySentence{false, partly(t, e)})
		default:
			list = append(list, whySentence{false, refused(t, e, g, kinds)})
		}
	}
	return list
}

// partly says that a person may see transactions of some kinds only, "" if that is not so.
func partly(t *text.Texts, e authorisation.Explanation) string {
	for _, a := range e.Answers {
		if a.Partly && a.Action == policies.Read {
			return t.Say("why.first.partly", "Name", e.Person.Name)
		}
	}
	return ""
}

// granted is a sentence such as "Ben Büro may see and process V-10001 Mietvertrag as an additional processor of it (since
// …, by …)."
func granted(t *text.Texts, e authorisation.Explanation, g authorisation.Grant) string {
	do := []string{t.Say("action.read")}
	if g.Level == authorisation.Works {
		do = append(do, t.Say("action.process"))
	}
	args := map[string]any{"Name": e.Person.Name, "Do": t.Joined(do), "What": aboutWhat(t, e, g)}
	if len(g.Facts) == 0 {
		args["Role"] = roleSaid(t, g.Via)
		return t.Say("why.first.role", args)
	}
	f := g.Facts[0]
	args["As"], args["When"] = as(t, f.Relation, len(g.Facts)), when(t, g.Facts)
	if f.For == "" {
		return t.Say("why.first.fact", args)
	}
	args["For"] = f.For
	if f.Until != nil {
		args["Until"] = t.Moment(*f.Until)
	}
	return t.Say("why.first.deputy", args)
}

// aboutWhat names the subject of a grant.
func aboutWhat(t *text.Texts, e authorisation.Explanation, g authorisation.Grant) string {
	switch {
	case e.Transaction != nil:
		return e.Transaction.Label() + " " + e.Transaction.Name
	case g.All:
		return t.Say("why.all")
	}
	var names []string
	for i, f := range g.Facts {
		if i == shownTransactions {
			names = append(names, t.Count("why.more", len(g.Facts)-i))
			break
		}
		names = append(names, transaction.Label(f.Number)+" "+f.Transaction)
	}
	return t.Joined(names)
}

// when says in brackets since when and by whom; "" if the facts differ in that.
func when(t *text.Texts, facts []authorisation.Fact) string {
	said := ""
	for _, f := range facts {
		if f.Since == nil {
			return ""
		}
		id := "why.since"
		if f.By != "" {
			id = "why.since_by"
		}
		this := " (" + t.Say(id, "Since", t.Date(*f.Since), "By", f.By) + ")"
		if said != "" && said != this {
			return ""
		}
		said = this
	}
	return said
}

// refused says that a person may not see it, why not, and what would be needed.
func refused(t *text.Texts, e authorisation.Explanation, g authorisation.Grant, kinds map[string]string) string {
	args := map[string]any{"Name": e.Person.Name, "Not": t.Say("why.not.all")}
	if e.Transaction != nil {
		args["Not"] = t.Say("why.not.one", "What", aboutWhat(t, e, g))
	}
	switch {
	case !e.Person.Active && e.Person.Specialist:
		return t.Say("why.first.deactivated", args)
	case !e.Person.Active:
		return t.Say("why.first.not_registered", args)
	case g.Rule != nil:
		args["Rule"] = t.Rule(*g.Rule, kinds)
		return t.Say("why.first.denied", args)
	}
	return strings.Join([]string{t.Say("why.first.nothing", args), needed(t, e.Needed)}, " ")
}

// as is the capacity in which somebody sees n transactions.
func as(t *text.Texts, r policies.Relation, n int) string {
	if r == policies.Processor {
		return t.Count("why.as.processor", n)
	}
	return t.Say("why.as." + relationNames[r])
}

// needed says which relations would let somebody see it.
func needed(t *text.Texts, relations []policies.Relation) string {
	if len(relations) == 0 {
		return t.Say("why.needed.policy")
	}
	var list []string
	for _, r := range relations {
		list = append(list, as(t, r, 1))
	}
	return t.Say("why.needed", "As", t.JoinedBy("or", list))
}
