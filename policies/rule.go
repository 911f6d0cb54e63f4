package policies

import (
	"encoding/csv"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"kontor/app/fault"
)

// Anything stands in a rule for "any relation" and "any kind".
const Anything = "*"

// Effects of a rule.
const (
	Allow = "allow"
	Deny  = "deny"
)

// Rule is one line of a policy: a role, with a relation to an object of a kind, may or may not do an action with it.
type Rule struct {
	Role     Role
	Relation string // administrator, processor, access, or Anything
	Object   Object
	Kind     string // one of the object's kinds, or Anything
	Action   Action
	Effect   string // Allow or Deny
}

// ruleFields is the number of fields of a rule after its "p".
const ruleFields = 6

func (r Rule) fields() []string {
	return []string{string(r.Role), r.Relation, string(r.Object), r.Kind, string(r.Action), r.Effect}
}

func ruleOf(f []string) Rule {
	return Rule{Role: Role(f[0]), Relation: f[1], Object: Object(f[2]), Kind: f[3], Action: Action(f[4]), Effect: f[5]}
}

// String returns the rule as a line of a policy text.
func (r Rule) String() string { return "p, " + strings.Join(r.fields(), ", ") }

// Inclusion says that everybody with Role also has Includes.
type Inclusion struct{ Role, Includes Role }

// String returns the inclusion as a line of a policy text.
func (i Inclusion) String() string { return "g, " + string(i.Role) + ", " + string(i.Includes) }

// Document is a policy: its rules and inclusions in the order of the text, without comments.
type Document struct {
	Rules      []Rule
	Inclusions []Inclusion
}

// String writes the document as a policy text, one line each. Parse reads it back.
func (d Document) String() string {
	var b strings.Builder
	for _, r := range d.Rules {
		b.WriteString(r.String() + "\n")
	}
	for _, i := range d.Inclusions {
		b.WriteString(i.String() + "\n")
	}
	return b.String()
}

// Diff lists the lines that are only in new and the lines that are only in old, as lines of a policy text.
func Diff(old, new Document) (added, removed []string) {
	before, after := old.lines(), new.lines()
	for _, l := range after {
		if !slices.Contains(before, l) {
			added = append(added, l)
		}
	}
	for _, l := range before {
		if !slices.Contains(after, l) {
			removed = append(removed, l)
		}
	}
	return added, removed
}

func (d Document) lines() []string {
	return strings.FieldsFunc(d.String(), func(r rune) bool { return r == '\n' })
}

// chain returns the shortest path of inclusions from one of the roles to another role, including both ends; nil when
// there is none.
func (d Document) chain(from []Role, to Role) []Role {
	paths := make([][]Role, 0, len(from))
	seen := map[Role]bool{}
	for _, r := range from {
		paths = append(paths, []Role{r})
	}
	for len(paths) > 0 {
		path := paths[0]
		paths = paths[1:]
		last := path[len(path)-1]
		if last == to {
			return path
		}
		if seen[last] {
			continue
		}
		seen[last] = true
		for _, i := range d.Inclusions {
			if i.Role == last {
				paths = append(paths, append(slices.Clone(path), i.Includes))
			}
		}
	}
	return nil
}

// Vocabulary says whether a key names a kind of transaction. These kinds are the only vocabulary that is stored in the
// database.
type Vocabulary func(kind string) bool

// AnyKind accepts every well-formed key. It is for texts that were checked when they were published. Kinds are retired,
// never deleted, so a rule about a kind stays valid.
func AnyKind(string) bool { return true }

// kindKey matches the key of a kind of transaction.
var kindKey = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// WellFormedKind says whether a text can be the key of a kind of transaction.
func WellFormedKind(key string) bool { return kindKey.MatchString(key) }

// Parse reads a policy text and checks every line against the closed vocabularies, because one bad line breaks every
// decision of Casbin. It returns an Invalid fault. Its Fields name the lines ("line 7"); the messages are those of
// Check, "policy.csv", "policy.shape" and "policy.twice".
func Parse(text string, kinds Vocabulary) (Document, error) {
	var form fault.Form
	var doc Document
	seen := map[string]bool{}
	for i, raw := range strings.Split(text, "\n") {
		raw = strings.TrimSpace(raw)
		if raw == "" || strings.HasPrefix(raw, "#") {
			continue
		}
		complain := func(message string) { form.Add(fmt.Sprintf("line %d", i+1), message) }
		r := csv.NewReader(strings.NewReader(raw))
		r.TrimLeadingSpace = true
		f, err := r.Read()
		if err != nil {
			complain("policy.csv")
			continue
		}
		for j := range f {
			f[j] = strings.TrimSpace(f[j])
		}
		key := strings.Join(f, ",")
		switch {
		case seen[key]:
			complain("policy.twice")
		case f[0] == "g" && len(f) == 3:
			inclusion := Inclusion{Role(f[1]), Role(f[2])}
			if e := inclusion.Check(); e != nil {
				complain(e.Message)
				continue
			}
			doc.Inclusions = append(doc.Inclusions, inclusion)
		case f[0] == "p" && len(f) == 1+ruleFields:
			rule := ruleOf(f[1:])
			if e := rule.Check(kinds); e != nil {
				complain(e.Message)
				continue
			}
			doc.Rules = append(doc.Rules, rule)
		default:
			complain("policy.shape")
		}
		seen[key] = true
	}
	if err := form.Err(); err != nil {
		return Document{}, err
	}
	return doc, nil
}

// Check checks a rule against the closed vocabularies. It returns nil or the first error, an Invalid fault at role
// ("policy.role"), relation ("policy.relation"), object ("policy.object"), kind ("policy.kind"), action
// ("policy.action") or effect ("policy.effect").
func (r Rule) Check(kinds Vocabulary) *fault.Error {
	actions, known := Objects[r.Object]
	switch {
	case !slices.Contains(Roles, r.Role):
		return fault.At("role", "policy.role")
	case r.Relation != Anything && relations[r.Relation] == None:
		return fault.At("relation", "policy.relation")
	case !known:
		return fault.At("object", "policy.object")
	case r.Relation != Anything && len(Related[r.Object]) == 0:
		return fault.At("relation", "policy.relation")
	case r.Kind != Anything && !hasKind(r.Object, r.Kind, kinds):
		return fault.At("kind", "policy.kind")
	case !slices.Contains(actions, r.Action):
		return fault.At("action", "policy.action")
	case r.Effect != Allow && r.Effect != Deny:
		return fault.At("effect", "policy.effect")
	}
	return nil
}

func hasKind(o Object, kind string, kinds Vocabulary) bool {
	if o == ObjectTransaction {
		return WellFormedKind(kind) && kinds(kind)
	}
	return slices.Contains(Kinds[o], kind)
}

// Check checks an inclusion against the closed list of roles. It returns nil, or an Invalid fault at role
// ("policy.role").
func (i Inclusion) Check() *fault.Error {
	known := func(r Role) bool { return slices.Contains(Roles, r) }
	if !known(i.Role) || !known(i.Includes) || i.Role == i.Includes {
		return fault.At("role", "policy.role")
	}
	return nil
}
