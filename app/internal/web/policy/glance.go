package policy

import (
	"reflect"
	"slices"
	"strings"

	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	"kontor/policies"
)

// glance is the table of the whole policy: permissions in rows, roles in columns. On the page of the draft, each cell has
// buttons that add a rule to the draft or remove it.
type glance struct {
	Path    string // of the page that shows it
	Filter  glanceFilter
	Roles   []glanceRole
	Groups  []glanceGroup
	Odd     []oddity
	Any     bool // some row is shown
	Swaps   bool // it takes the place of parts that the page has
	Edits   bool
	Edit    int
	Choices []text.Option // of roles
	Objects []text.Option
}

// glanceFilter narrows the table. Its parameters are for, about and differs.
type glanceFilter struct {
	Role    policies.Role   // "" for all
	Object  policies.Object // "" for all
	Differs bool            // only what differs from the policies in force
}

func filterOf(value func(name string) string) glanceFilter {
	f := glanceFilter{Role: policies.Role(value("for")), Object: policies.Object(value("about")), Differs: value("differs") != ""}
	if !slices.Contains(policies.Roles, f.Role) {
		f.Role = ""
	}
	if _, known := policies.Objects[f.Object]; !known {
		f.Object = ""
	}
	return f
}

// address is the address of a page with the filter.
func (f glanceFilter) address(page string) string {
	q := kit.NewQuery(page)
	q.Add("for", string(f.Role))
	q.Add("about", string(f.Object))
	if f.Differs {
		q.Add("differs", "1")
	}
	return q.String()
}

// glanceRole is a column.
type glanceRole struct {
	Role policies.Role
	Also string // the roles that it includes
}

// glanceGroup holds the rows about one object.
type glanceGroup struct {
	Object policies.Object
	Rows   []glanceRow
}

type glanceRow struct {
	ID, Name string
	Hidden   bool     // the filter leaves it out
	Odd      []oddity // about the permission itself
	Cells    []glanceCell
}

// glanceCell says what a role may do, and by which buttons that can be changed.
type glanceCell struct {
	ID      string
	Said    string // in words, for screen readers
	Toggles []toggle
	Special []special
	Odd     []oddity
	Differs bool // from the policies in force
}

// toggle is what the role is given by one plain rule: for all, or for own. On the page of the draft it is a button.
type toggle struct {
	ID, Rule     string
	State        string // see the constants
	Short, Title string
	Act          string // what the button does, with its role and right
}

// The states of a toggle, which are classes of the style sheet.
const (
	toggleOn   = "on"   // a rule of the role allows it
	toggleVia  = "via"  // a role that it includes allows it
	toggleSome = "some" // it is allowed for some kinds, by other rules
	toggleVoid = "void" // a rule allows it, and another one denies it, wholly or in part
	toggleOff  = "off"
)

// special is what no button can say: rules for a kind, and rules that deny.
type special struct {
	Deny        bool
	Text, Title string
	Href        string // where the rule is changed; "" if the reader may not
}

// oddity is something odd in words, with the cell that it is about.
type oddity struct{ ID, Cell, Text string }

// glanceOf makes the table of a policy. published is what it is compared with.
func (w policyWords) glanceOf(next, published *policies.Decider, f glanceFilter, edits bool) (glance, error) {
	g := glance{Path: "/policies", Filter: f, Edits: edits, Choices: append([]text.Option{{Text: w.Say("rights.every_role")}}, w.roleOptions()...)}
	if edits {
		g.Path = kit.DraftPath
	}
	g.Objects = append(g.Objects, text.Option{Text: w.Say("rights.every_object")})
	for _, o := range policies.ObjectList {
		g.Objects = append(g.Objects, text.Option{Value: string(o), Text: w.Say("object." + string(o))})
	}
	for _, role := range policies.Roles {
		if f.Role == "" || f.Role == role {
			g.Roles = append(g.Roles, glanceRole{role, w.alsoHas(next.Document(), role)})
		}
	}
	odd, err := policies.Odd(next, published)
	if err != nil {
		return g, err
	}
	for _, o := range odd {
		g.Odd = append(g.Odd, w.oddity(o))
	}
	for _, o := range policies.ObjectList {
		if f.Object != "" && f.Object != o {
			continue
		}
		group := glanceGroup{Object: o}
		for _, a := range policies.Objects[o] {
			row, differs, err := w.glanceRow(g, policies.Permission{Object: o, Action: a}, next, published)
			if err != nil {
				return g, err
			}
			row.Hidden = f.Differs && !differs
			g.Any = g.Any || !row.Hidden
			group.Rows = append(group.Rows, row)
		}
		g.Groups = append(g.Groups, group)
	}
	return g, nil
}

func (w policyWords) alsoHas(doc policies.Document, role policies.Role) string {
	var names []string
	for _, i := range doc.Inclusions {
		if i.Role == role {
			names = append(names, w.Say("role."+string(i.Includes)))
		}
	}
	return strings.Join(names, ", ")
}

func (w policyWords) right(p policies.Permission) string {
	return w.Say("right." + string(p.Object) + "." + string(p.Action))
}

func cellID(role policies.Role, p policies.Permission) string {
	return strings.Join([]string{"c", string(role), string(p.Object), string(p.Action)}, "-")
}

func (w policyWords) glanceRow(g glance, p policies.Permission, next, published *policies.Decider) (row glanceRow, differs bool, err error) {
	row = glanceRow{ID: "row-" + string(p.Object) + "-" + string(p.Action), Name: w.right(p)}
	row.Odd = oddAt(g.Odd, row.ID)
	for _, role := range g.Roles {
		now, err := next.Cell(role.Role, p)
		if err != nil {
			return row, false, err
		}
		was, err := published.Cell(role.Role, p)
		if err != nil {
			return row, false, err
		}
		c := w.cell(now, was, g.Edits)
		c.Odd = oddAt(g.Odd, c.ID)
		row.Cells = append(row.Cells, c)
		differs = differs || c.Differs
	}
	return row, differs, nil
}

func oddAt(all []oddity, cell string) (here []oddity) {
	for _, o := range all {
		if o.Cell == cell {
			here = append(here, o)
		}
	}
	return here
}

// cell puts a cell into words. was is the same cell in the policies in force.
func (w policyWords) cell(now, was policies.Cell, edits bool) glanceCell {
	c := glanceCell{ID: cellID(now.Role, now.Permission), Said: w.cellSaid(now), Differs: !same(now, was)}
	for _, r := range plainOf(now, was) {
		c.Toggles = append(c.Toggles, w.toggle(now, r, edits))
	}
	if !edits {
		c.Toggles = slices.DeleteFunc(c.Toggles, func(t toggle) bool { return t.State == toggleOff })
	}
	if rules := now.ByKind(); len(rules) > 0 {
		c.Special = append(c.Special, w.special("rights.some", rules, edits))
	}
	if rules := now.Denies(); len(rules) > 0 {
		s := w.special("rights.denied", rules, edits)
		s.Deny = true
		if now.Clash {
			s.Title += " " + w.Say("rights.clash")
		}
		c.Special = append(c.Special, s)
	}
	return c
}

// same says whether two cells say the same by the same rules, in whatever order.
func same(a, b policies.Cell) bool {
	lines := func(rules []policies.Rule) (all []string) {
		for _, r := range rules {
			all = append(all, r.String())
		}
		slices.Sort(all)
		return all
	}
	return reflect.DeepEqual(a.Parts, b.Parts) && slices.Equal(lines(a.Rules), lines(b.Rules))
}

// plainOf returns the relations that get a toggle: the usual ones of the role, and those for which there is something.
func plainOf(now, was policies.Cell) (all []policies.Relation) {
	usual := policies.PlainRelations(now.Role, now.Permission)
	for _, r := range []policies.Relation{policies.None, policies.Administrator, policies.Processor, policies.Access} {
		rule := policies.Plain(now.Role, now.Permission, r)
		given := slices.ContainsFunc(now.Parts, func(p policies.Part) bool { return p.Relation == r && p.Answer != policies.Never })
		if given || slices.Contains(usual, r) || slices.Contains(now.Rules, rule) || slices.Contains(was.Rules, rule) {
			all = append(all, r)
		}
	}
	return all
}

var relationIDs = map[policies.Relation]string{
	policies.None: "all", policies.Administrator: "administrator", policies.Processor: "processor", policies.Access: "access",
}

func (w policyWords) toggle(c policies.Cell, r policies.Relation, edits bool) toggle {
	rule := policies.Plain(c.Role, c.Permission, r)
	as := relationIDs[r]
	t := toggle{ID: cellID(c.Role, c.Permission) + "-" + as, Rule: rule.String(), State: stateOf(c, r, rule), Short: w.Say("rights.short." + as)}
	t.Title = w.Say("rights.as."+as) + ": " + w.Say("rights.state."+t.State)
	if part, ok := partOf(c, r); ok && t.State == toggleVia {
		t.Title += " (" + w.from(part) + ")"
	}
	if edits {
		id := "rights.add"
		if slices.Contains(c.Rules, rule) {
			id = "rights.drop"
		}
		t.Act = w.Say(id, "Short", t.Short, "Role", w.Say("role."+string(c.Role)), "Right", w.right(c.Permission), "As", w.Say("rights.as."+as))
	}
	return t
}

func partOf(c policies.Cell, r policies.Relation) (policies.Part, bool) {
	i := slices.IndexFunc(c.Parts, func(p policies.Part) bool { return p.Relation == r })
	if i < 0 {
		return policies.Part{}, false
	}
	return c.Parts[i], true
}

func stateOf(c policies.Cell, r policies.Relation, rule policies.Rule) string {
	part, given := partOf(c, r)
	switch own := slices.Contains(c.Rules, rule); {
	case own && c.Answer(r) == policies.Always:
		return toggleOn
	case own:
		return toggleVoid
	case !given || part.Answer == policies.Never:
		return toggleOff
	case part.Answer == policies.SomeKinds:
		return toggleSome
	case c.Inherited(part):
		return toggleVia
	}
	return toggleSome // rules for every kind that there is now
}

// cellSaid is a cell in words: "for all", "as administrator of the customer, as additional processor (from Specialist
// user)", "never".
func (w policyWords) cellSaid(c policies.Cell) string {
	var parts []string
	for _, p := range c.Parts {
		said := w.Say("rights.as." + relationIDs[p.Relation])
		switch p.Answer {
		case policies.Never:
			said = w.Say("rights.not", "As", said)
		case policies.SomeKinds:
			said += ": " + w.Say("rights.some")
		}
		if c.Inherited(p) {
			said += " (" + w.from(p) + ")"
		}
		parts = append(parts, said)
	}
	switch {
	case len(parts) == 0 && len(c.Denies()) > 0:
		return w.Say("rights.denied")
	case len(parts) == 0:
		return w.Say("rights.never")
	}
	return strings.Join(parts, ", ")
}

func (w policyWords) from(p policies.Part) string {
	var names []string
	for _, r := range p.From {
		names = append(names, w.Say("role."+string(r)))
	}
	return w.Say("rights.from", "Roles", strings.Join(names, ", "))
}

// special are rules that the table can't set, in one word, with their sentences.
func (w policyWords) special(id string, rules []policies.Rule, edits bool) special {
	s := special{Text: w.Say(id)}
	var said []string
	for _, r := range rules {
		said = append(said, w.Rule(r, w.names)+".")
	}
	s.Title = strings.Join(said, " ")
	switch {
	case !edits:
	case len(rules) == 1:
		s.Href = changeLink(rules[0])
	default:
		s.Href = "#g-" + string(rules[0].Role)
	}
	return s
}

func (w policyWords) oddity(o policies.Oddity) oddity {
	said := oddity{Cell: cellID(o.Role, o.Right)}
	role := ""
	if o.Role == "" {
		said.Cell = "row-" + string(o.Right.Object) + "-" + string(o.Right.Action)
	} else {
		role = w.Say("role." + string(o.Role))
	}
	said.ID = "odd-" + string(o.Why) + "-" + said.Cell
	args := []any{"Role", role, "Right", w.right(o.Right)}
	if o.Why == policies.Without {
		args = append(args, "Needs", w.right(o.Needs))
	}
	said.Text = w.Say("odd."+string(o.Why), args...)
	return said
}

// glanceChange is what a click has changed in a table: heads of rows, and cells.
type glanceChange struct {
	Rows  []glanceRow
	Cells []glanceCell
}

// since returns what differs from the same table before a change.
func (g glance) since(before glance) (change glanceChange) {
	for i, group := range g.Groups {
		for j, row := range group.Rows {
			was := before.Groups[i].Rows[j]
			if !reflect.DeepEqual(row.Odd, was.Odd) {
				change.Rows = append(change.Rows, row)
			}
			for k, c := range row.Cells {
				if !reflect.DeepEqual(c, was.Cells[k]) {
					change.Cells = append(change.Cells, c)
				}
			}
		}
	}
	return change
}
