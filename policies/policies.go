// Package policies decides who may do what. Rules are Casbin policies over closed vocabularies; facts come from the
// caller as a set of relations. A Decider holds one immutable policy version and swaps it whole.
package policies

import (
	_ "embed" // the model and the default policy
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"

	"kontor/app/fault"
)

//go:embed model.conf
var modelText string

// Default is the policy a new installation starts with.
//
//go:embed default.csv
var Default string

// Role is a set of duties a person can have; which person has which is a row in SQL.
type Role string

// The closed list of roles.
const (
	Specialist            Role = "specialist"
	EndUser               Role = "end_user"
	UserAdministrator     Role = "user_administrator"
	PolicyAdministrator   Role = "policy_administrator"
	TemplateAdministrator Role = "template_administrator"
	DataAdministrator     Role = "data_administrator"
	Auditor               Role = "auditor"
)

// Roles lists all roles, in the order in which screens show them.
var Roles = []Role{Specialist, UserAdministrator, PolicyAdministrator, TemplateAdministrator, DataAdministrator, Auditor, EndUser}

// FirmRoles are the roles a specialist user can be given; Specialist comes with the account.
var FirmRoles = Roles[1:6]

// Relation is a bitmask: everything the caller is to the object. Never ask with a part of it, or a deny for one
// relation is lost on a person who holds two.
type Relation uint8

// The relations between a person and a customer or a transaction of it.
const (
	None          Relation = 0
	Administrator Relation = 1
	Processor     Relation = 2
	Access        Relation = 4
)

var relations = map[string]Relation{"administrator": Administrator, "processor": Processor, "access": Access}

// Object and Action are what is acted on and how. Objects lists which actions there are for which object.
type (
	Object string
	Action string
)

// The closed vocabularies of objects and actions.
const (
	Customer     Object = "customer"
	AccessObject Object = "access"
	Transaction  Object = "transaction"
	Portal       Object = "portal"
	SpecialistOb Object = "specialist"
	Queue        Object = "queue"
	Audit        Object = "audit"
	Policy       Object = "policy"
	Template     Object = "template"

	List    Action = "list"
	Create  Action = "create"
	Read    Action = "read"
	Update  Action = "update"
	Delete  Action = "delete"
	Resend  Action = "resend"
	Remove  Action = "remove"
	Process Action = "process"
	Manage  Action = "manage"
)

// Objects says which actions a rule may name for which object.
var Objects = map[Object][]Action{
	Customer:     {List, Create, Read, Update, Delete},
	AccessObject: {Create, Read, Update, Resend, Remove},
	Transaction:  {Read, Process},
	Portal:       {Read},
	SpecialistOb: {Read, Manage},
	Queue:        {Read, Manage},
	Audit:        {Read},
	Policy:       {Read, Manage},
	Template:     {Read, Manage},
}

// Kinds says which kinds a rule may name for which object, besides "*": the type of a customer.
var Kinds = map[Object][]string{
	Customer:     {"person", "company"},
	AccessObject: {"person", "company"},
}

// Decider answers with the policy version in force. It is safe for concurrent use; Publish swaps the version whole,
// so no decision reads half of one.
type Decider struct{ current atomic.Pointer[version] }

// version is one policy, never changed once built: plain Casbin enforcers race when their policy changes, this one's
// never does.
type version struct{ enforcer *casbin.Enforcer }

// New builds a decider with a policy text, Default for one.
func New(text string) (*Decider, error) {
	d := &Decider{}
	return d, d.Publish(text)
}

// Publish checks a policy text and puts it in force. On an error the policy in force stays.
func (d *Decider) Publish(text string) error {
	v, err := build(text)
	if err != nil {
		return err
	}
	d.current.Store(v)
	return nil
}

// ErrForbidden is the answer to a caller who may not do it.
var ErrForbidden = fault.New(fault.Forbidden, "forbidden")

// Request is one question.
type Request struct {
	Roles    []Role   // everything the caller is; several mean their union, in which a deny of one overrides
	Relation Relation // everything the caller is to this object
	Object   Object
	Kind     string // "" for objects without kinds
	Action   Action
}

// Allows answers a question. An error is never an allow.
func (d *Decider) Allows(q Request) (bool, error) {
	if len(q.Roles) == 0 {
		return false, nil
	}
	ok, err := d.current.Load().enforcer.Enforce(subject(q.Roles), q.Relation, string(q.Object), q.Kind, string(q.Action))
	if err != nil {
		return false, fmt.Errorf("decide %s %s: %w", q.Action, q.Object, err)
	}
	return ok, nil
}

// Require is Allows as an error: nil, ErrForbidden, or what went wrong.
func (d *Decider) Require(q Request) error {
	ok, err := d.Allows(q)
	if err != nil {
		return err
	}
	if !ok {
		return ErrForbidden
	}
	return nil
}

// build makes an enforcer of a checked policy. Every combination of roles is a subject of its own that inherits each
// of them, so a person with several roles is decided on by Casbin itself, in one call, denies included.
func build(text string) (*version, error) {
	lines, err := Parse(text)
	if err != nil {
		return nil, err
	}
	m, err := model.NewModelFromString(modelText)
	if err != nil {
		return nil, fmt.Errorf("policy model: %w", err)
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, fmt.Errorf("policy model: %w", err)
	}
	e.EnableAutoSave(false)
	e.AddFunction("hasRel", hasRelation)
	for _, l := range lines {
		if l[0] == "p" {
			_, err = e.AddPolicy(toAny(l[1:])...)
		} else {
			_, err = e.AddGroupingPolicy(toAny(l[1:])...)
		}
		if err != nil {
			return nil, fmt.Errorf("policy line %v: %w", l, err)
		}
	}
	for set := 1; set < 1<<len(Roles); set++ {
		var roles []Role
		for i, r := range Roles {
			if set&(1<<i) != 0 {
				roles = append(roles, r)
			}
		}
		if len(roles) == 1 {
			continue
		}
		for _, r := range roles {
			if _, err := e.AddGroupingPolicy(subject(roles), string(r)); err != nil {
				return nil, err
			}
		}
	}
	return &version{enforcer: e}, e.BuildRoleLinks()
}

// subject names a set of roles: the role itself, or its members in the order of Roles joined by "+", a character no
// role has.
func subject(roles []Role) string {
	if len(roles) == 1 {
		return string(roles[0])
	}
	var names []string
	for _, r := range Roles {
		if slices.Contains(roles, r) {
			names = append(names, string(r))
		}
	}
	return strings.Join(names, "+")
}

func hasRelation(args ...any) (any, error) {
	if len(args) != 2 {
		return nil, errors.New("hasRel takes two arguments")
	}
	mask, ok := args[0].(Relation)
	name, ok2 := args[1].(string)
	if !ok || !ok2 {
		return nil, errors.New("hasRel takes a relation mask and a name")
	}
	return name == "*" || mask&relations[name] != 0, nil
}

func toAny(s []string) []any {
	out := make([]any, len(s))
	for i := range s {
		out[i] = s[i]
	}
	return out
}

// Parse reads a policy text and checks every line against the closed vocabularies, since a bad line poisons every
// decision in Casbin. It returns an Invalid fault whose Fields name the lines ("line 7").
func Parse(text string) ([][]string, error) {
	var form fault.Form
	var lines [][]string
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
		if message := check(f); message != "" {
			complain(message)
			continue
		}
		if key := strings.Join(f, ","); seen[key] {
			complain("policy.twice")
		} else {
			seen[key] = true
			lines = append(lines, f)
		}
	}
	if err := form.Err(); err != nil {
		return nil, err
	}
	return lines, nil
}

// check returns "" or the message about a line that is not one.
func check(f []string) string {
	known := func(r string) bool { return slices.Contains(Roles, Role(r)) }
	switch {
	case f[0] == "g" && len(f) == 3:
		if !known(f[1]) || !known(f[2]) || f[1] == f[2] {
			return "policy.role"
		}
		return ""
	case f[0] == "p" && len(f) == 7:
	default:
		return "policy.shape"
	}
	actions, ok := Objects[Object(f[3])]
	switch {
	case !known(f[1]):
		return "policy.role"
	case f[2] != "*" && relations[f[2]] == None:
		return "policy.relation"
	case !ok:
		return "policy.object"
	case f[4] != "*" && !slices.Contains(Kinds[Object(f[3])], f[4]):
		return "policy.kind"
	case !slices.Contains(actions, Action(f[5])):
		return "policy.action"
	case f[6] != "allow" && f[6] != "deny":
		return "policy.effect"
	}
	return ""
}
