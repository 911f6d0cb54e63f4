// Package policies decides who may do what. Rules are Casbin policies over closed vocabularies; facts come from the
// caller as a set of relations. A Decider holds one immutable policy version and swaps it whole.
package policies

import (
	_ "embed" // the model and the default policy
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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

// FirmRoles are the roles a specialist user can be given. None comes by itself: who was given none may sign in and do
// nothing else.
var FirmRoles = Roles[:6]

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

// RelationNames are the relations as rules name them, in the order in which screens show them.
var RelationNames = []string{"administrator", "processor", "access"}

// RelationNamed is the relation of a name in a rule; None for any other text.
func RelationNamed(name string) Relation { return relations[name] }

// Object and Action are what is acted on and how. Objects lists which actions there are for which object.
type (
	Object string
	Action string
)

// The closed vocabularies of objects and actions.
const (
	ObjectCustomer      Object = "customer"
	ObjectAccess        Object = "access"
	ObjectAuthorisation Object = "authorisation" // who administers a customer, who processes which of its transactions
	ObjectTransaction   Object = "transaction"
	ObjectPortal        Object = "portal"
	ObjectSpecialist    Object = "specialist"
	ObjectQueue         Object = "queue"
	ObjectAudit         Object = "audit"
	ObjectPolicy        Object = "policy"
	ObjectTemplate      Object = "template"
	ObjectMailbox       Object = "mailbox"  // the built-in one, with everybody's messages and the links in them
	ObjectApproval      Object = "approval" // what waits for a second person

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

// Permission is what a role may be given: an action on an object.
type Permission struct {
	Object Object
	Action Action
}

// Objects says which actions a rule may name for which object.
var Objects = map[Object][]Action{
	ObjectCustomer:      {List, Create, Read, Update, Delete},
	ObjectAccess:        {Create, Read, Update, Resend, Remove},
	ObjectAuthorisation: {Read, Manage},
	ObjectTransaction:   {Create, Read, Process},
	ObjectPortal:        {Read},
	ObjectSpecialist:    {Read, Manage},
	ObjectQueue:         {Read, Manage},
	ObjectAudit:         {Read},
	ObjectPolicy:        {Read, Manage},
	ObjectTemplate:      {Read, Manage},
	ObjectMailbox:       {Read},
	ObjectApproval:      {Read},
}

// ObjectList is the objects in the order in which screens show them.
var ObjectList = []Object{ObjectCustomer, ObjectAccess, ObjectAuthorisation, ObjectTransaction, ObjectPortal, ObjectSpecialist, ObjectQueue, ObjectAudit, ObjectPolicy, ObjectTemplate, ObjectMailbox, ObjectApproval}

// Kinds says which kinds a rule may name for which object, besides "*": the type of the customer. The kinds of
// transactions are kept by template administrators; see Vocabulary.
var Kinds = map[Object][]string{
	ObjectCustomer:      {"person", "company"},
	ObjectAccess:        {"person", "company"},
	ObjectAuthorisation: {"person", "company"},
}

// Related says which relations a person can have to an object; to those without, nobody has any.
var Related = map[Object][]Relation{
	ObjectCustomer:      {Administrator, Processor, Access},
	ObjectAccess:        {Administrator, Processor, Access},
	ObjectAuthorisation: {Administrator, Processor, Access},
	ObjectTransaction:   {Administrator, Processor, Access},
	ObjectPortal:        {Administrator, Processor, Access},
}

// Decider answers with the policy version in force. It is safe for concurrent use; Publish swaps the version whole,
// so no decision reads half of one.
type Decider struct{ current atomic.Pointer[version] }

// version is one policy, never changed once built: plain Casbin enforcers race when their policy changes, this one's
// never does.
type version struct {
	number   int
	policy   Document
	enforcer *casbin.Enforcer
	scopes   sync.Map // scopeKey → Scope: each compiled when it is first asked for
	answers  sync.Map // question → bool: what Casbin said; a version never says anything else
}

// question is a Request as a key.
type question struct {
	subject  string
	relation Relation
	object   Object
	kind     string
	action   Action
}

// New builds a decider with a policy text, Default for one. Its version number is 0.
func New(text string) (*Decider, error) {
	d := &Decider{}
	return d, d.Publish(0, text)
}

// Publish checks a policy text and puts it in force as the version of that number. On an error the policy in force stays.
func (d *Decider) Publish(number int, text string) error {
	v, err := build(text)
	if err != nil {
		return err
	}
	v.number = number
	d.current.Store(v)
	return nil
}

// Adopt puts the policy of another decider in force as the version of that number: what was built to be looked at need
// not be built again.
func (d *Decider) Adopt(number int, from *Decider) {
	v := from.current.Load()
	d.current.Store(&version{number: number, policy: v.policy, enforcer: v.enforcer})
}

// Version is the number of the policy in force.
func (d *Decider) Version() int { return d.current.Load().number }

// Is says whether roles are, or include, another one.
func (d *Decider) Is(roles []Role, role Role) bool {
	return d.current.Load().policy.chain(roles, role) != nil
}

// Document is the policy in force.
func (d *Decider) Document() Document { return d.current.Load().policy }

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
	return d.current.Load().allows(q)
}

func (v *version) allows(q Request) (bool, error) {
	key := question{subject(q.Roles), q.Relation, q.Object, q.Kind, q.Action}
	if ok, asked := v.answers.Load(key); asked {
		return ok.(bool), nil
	}
	ok, err := v.decide(q)
	if err == nil && v.knows(q) {
		v.answers.Store(key, ok)
	}
	return ok, err
}

func (v *version) decide(q Request) (bool, error) {
	ok, err := v.enforcer.Enforce(subject(q.Roles), q.Relation, string(q.Object), q.Kind, string(q.Action))
	if err != nil {
		return false, fmt.Errorf("decide %s %s: %w", q.Action, q.Object, err)
	}
	return ok, nil
}

// knows says whether a question is made of the policy's own words, of which there are so few that each answer can be
// kept.
func (v *version) knows(q Request) bool {
	if !slices.Contains(Objects[q.Object], q.Action) || int(q.Relation) >= masks {
		return false
	}
	if list, closed := Kinds[q.Object]; closed {
		return slices.Contains(list, q.Kind)
	}
	return q.Kind == "" || slices.ContainsFunc(v.policy.Rules, func(r Rule) bool { return r.Object == q.Object && r.Kind == q.Kind })
}

// Verdict is an answer with its reason.
type Verdict struct {
	Allowed bool
	Rule    *Rule  // that decided: an allow, or the deny that overrode; nil when no rule speaks of it
	Via     []Role // how the person comes by the rule's role: from a role they have, by inclusion, to the rule's
}

// Explain is Allows with the reason.
func (d *Decider) Explain(q Request) (Verdict, error) {
	if len(q.Roles) == 0 {
		return Verdict{}, nil
	}
	v := d.current.Load()
	ok, fields, err := v.enforcer.EnforceEx(subject(q.Roles), q.Relation, string(q.Object), q.Kind, string(q.Action))
	if err != nil {
		return Verdict{}, fmt.Errorf("explain %s %s: %w", q.Action, q.Object, err)
	}
	verdict := Verdict{Allowed: ok}
	if len(fields) == ruleFields {
		r := ruleOf(fields)
		verdict.Rule, verdict.Via = &r, v.policy.chain(q.Roles, r.Role)
	}
	return verdict, nil
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
	policy, err := Parse(text, AnyKind)
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
	for _, r := range policy.Rules {
		if _, err := e.AddPolicy(toAny(r.fields())...); err != nil {
			return nil, fmt.Errorf("policy line %v: %w", r, err)
		}
	}
	for _, i := range policy.Inclusions {
		if _, err := e.AddGroupingPolicy(string(i.Role), string(i.Includes)); err != nil {
			return nil, fmt.Errorf("policy line %v: %w", i, err)
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
	return &version{policy: policy, enforcer: e}, e.BuildRoleLinks()
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
