// Package policies decides who may do what. Rules are Casbin policies over closed vocabularies. The caller passes the
// facts as a set of relations. A Decider holds one immutable policy version and replaces it as a whole.
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
	"github.com/casbin/casbin/v2/rbac"
	defaultrolemanager "github.com/casbin/casbin/v2/rbac/default-role-manager"

	"kontor/app/fault"
)

//go:embed model.conf
var modelText string

// Default is the policy a new installation starts with.
//
//go:embed default.csv
var Default string

// Role is a set of duties that a person can have. The database stores which person has which roles.
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

// FirmRoles are the roles that a specialist user can be given. No role is given automatically: a specialist user
// without a role can sign in and do nothing else.
var FirmRoles = Roles[:6]

// Relation is a bitmask of all relations of the caller to the object. Always ask with the complete mask: with a part of
// it, a deny rule for one relation would be missed for a person who holds two.
type Relation uint8

// The relations between a person and a customer or a transaction of it.
const (
	None          Relation = 0
	Administrator Relation = 1
	Processor     Relation = 2
	Access        Relation = 4
)

var relations = map[string]Relation{"administrator": Administrator, "processor": Processor, "access": Access}

// RelationNames are the names that rules use for the relations, in the order in which screens show them.
var RelationNames = []string{"administrator", "processor", "access"}

// RelationNamed returns the relation with this name, or None for any other text.
func RelationNamed(name string) Relation { return relations[name] }

// Object is what is acted on, Action is what is done with it. Objects lists the actions of each object.
type (
	Object string
	Action string
)

// The closed vocabularies of objects and actions.
const (
	ObjectCustomer      Object = "customer"
	ObjectAccess        Object = "access"
	ObjectAuthorisation Object = "authorisation" // the administrators of a customer and the processors of its transactions
	ObjectTransaction   Object = "transaction"
	ObjectPortal        Object = "portal"
	ObjectSpecialist    Object = "specialist"
	ObjectQueue         Object = "queue"
	ObjectAudit         Object = "audit"
	ObjectPolicy        Object = "policy"
	ObjectTemplate      Object = "template"
	ObjectMailbox       Object = "mailbox"  // the built-in mailbox, with everybody's messages and the links in them
	ObjectApproval      Object = "approval" // proposals that wait for a second person
	ObjectView          Object = "view"     // named filters of lists
	ObjectNote          Object = "note"     // what people of the firm write about a customer
	ObjectFirm          Object = "firm"     // what the firm sets about itself: name, contact, holidays, defaults
	ObjectDocument      Object = "document" // the contents of a transaction: documents, answers
	ObjectInternal      Object = "internal" // elements and comments of a transaction that are not for end users

	List    Action = "list"
	Create  Action = "create"
	Read    Action = "read"
	Update  Action = "update"
	Delete  Action = "delete"
	Resend  Action = "resend"
	Remove  Action = "remove"
	Process Action = "process"
	Manage  Action = "manage"
	Share   Action = "share"
	Import  Action = "import"
	Export  Action = "export" // download as a file
	Start   Action = "start"  // begin a transaction from a template that is public
	Upload  Action = "upload" // add documents and new versions of them
	Answer  Action = "answer" // answer what is asked, or say that it does not apply
	Review  Action = "review" // accept and reject what was answered
	Comment Action = "comment"
)

// Permission is an action on an object, as a role may be given it.
type Permission struct {
	Object Object
	Action Action
}

// Objects lists the actions that a rule may name for each object.
var Objects = map[Object][]Action{
	ObjectCustomer:      {List, Create, Read, Update, Delete, Import, Export},
	ObjectAccess:        {Create, Read, Update, Resend, Remove},
	ObjectAuthorisation: {Read, Manage},
	ObjectTransaction:   {Create, Start, Read, Process, Upload, Answer, Review, Comment, Export},
	ObjectDocument:      {Read},
	ObjectInternal:      {Read},
	ObjectPortal:        {Read},
	ObjectSpecialist:    {Read, Manage},
	ObjectQueue:         {Read, Manage},
	ObjectAudit:         {Read, Export},
	ObjectPolicy:        {Read, Manage},
	ObjectTemplate:      {Read, Manage},
	ObjectMailbox:       {Read},
	ObjectApproval:      {Read},
	ObjectView:          {Share},
	ObjectNote:          {Create, Read},
	ObjectFirm:          {Read, Manage},
}

// ObjectList lists the objects in the order in which screens show them.
var ObjectList = []Object{ObjectCustomer, ObjectAccess, ObjectAuthorisation, ObjectNote, ObjectTransaction, ObjectDocument, ObjectInternal, ObjectPortal, ObjectSpecialist, ObjectFirm, ObjectQueue, ObjectAudit, ObjectPolicy, ObjectTemplate, ObjectMailbox, ObjectApproval, ObjectView}

// Kinds lists the kinds that a rule may name for each object besides "*": here, the types of customers. Template
// administrators maintain the kinds of transactions; see Vocabulary.
var Kinds = map[Object][]string{
	ObjectCustomer:      {"person", "company"},
	ObjectAccess:        {"person", "company"},
	ObjectAuthorisation: {"person", "company"},
	ObjectNote:          {"person", "company"},
}

// OfTransaction says whether the object is a transaction or a part of one: its kinds are those of transactions, and a relation
// to it is one to the transaction.
func (o Object) OfTransaction() bool {
	return o == ObjectTransaction || o == ObjectDocument || o == ObjectInternal
}

// Related lists the relations that a person can have to each object. Nobody has a relation to an object that is not
// listed.
var Related = map[Object][]Relation{
	ObjectCustomer:      {Administrator, Processor, Access},
	ObjectAccess:        {Administrator, Processor, Access},
	ObjectAuthorisation: {Administrator, Processor, Access},
	ObjectNote:          {Administrator, Processor, Access},
	ObjectTransaction:   {Administrator, Processor, Access},
	ObjectDocument:      {Administrator, Processor, Access},
	ObjectInternal:      {Administrator, Processor, Access},
	ObjectPortal:        {Administrator, Processor, Access},
}

// Decider decides with the policy version in force. It is safe for concurrent use. Adopt replaces the version as a
// whole, so no decision mixes two versions.
type Decider struct{ current atomic.Pointer[version] }

// version is the policy in force with its number.
type version struct {
	number int
	*decisions
}

// decisions are all decisions of one policy. The policy never changes, because a Casbin enforcer has data races when its
// policy changes.
type decisions struct {
	policy Document
	// enforcers hold Casbin's enforcers: one for each permission, with the rules about it. The model compares object and
	// action for equality, so other rules can't match. Without a rule there is no enforcer.
	enforcers map[Permission]*casbin.Enforcer
	scopes    sync.Map // scopeKey → Scope; each is compiled on first use
	answers   sync.Map // question → bool: Casbin's answers, which never change
}

// question is a Request in a form that can be a map key.
type question struct {
	subject  string
	relation Relation
	object   Object
	kind     string
	action   Action
}

// New builds a decider from a policy text, for example Default. Its version number is 0.
func New(text string) (*Decider, error) {
	d := &Decider{}
	return d, d.publish(0, text)
}

// publish checks a policy text and puts it in force as the version with this number. After an error the old policy
// stays in force.
func (d *Decider) publish(number int, text string) error {
	built, err := build(text)
	if err != nil {
		return err
	}
	d.current.Store(&version{number, built})
	return nil
}

// Adopt puts the policy of another decider in force as the version with this number, with all that was already decided
// by it for a check.
func (d *Decider) Adopt(number int, from *Decider) {
	d.current.Store(&version{number, from.current.Load().decisions})
}

// Version returns the number of the policy in force.
func (d *Decider) Version() int { return d.current.Load().number }

// Is says whether the roles contain role, directly or by inclusion.
func (d *Decider) Is(roles []Role, role Role) bool {
	return d.current.Load().policy.chain(roles, role) != nil
}

// Document returns the policy in force.
func (d *Decider) Document() Document { return d.current.Load().policy }

// ErrForbidden says that the caller has no permission for the action.
var ErrForbidden = fault.New(fault.Forbidden, "forbidden")

// Request asks whether a caller may do an action on an object.
type Request struct {
	Roles    []Role   // all roles of the caller; their rights are united, and a deny for one role overrides
	Relation Relation // all relations of the caller to this object
	Object   Object
	Kind     string // "" for objects without kinds
	Action   Action
}

// Allows says whether the policy allows the request. With an error the answer is always false.
func (d *Decider) Allows(q Request) (bool, error) {
	if len(q.Roles) == 0 {
		return false, nil
	}
	return d.current.Load().allows(q)
}

func (d *decisions) allows(q Request) (bool, error) {
	key := question{subject(q.Roles), q.Relation, q.Object, q.Kind, q.Action}
	if ok, asked := d.answers.Load(key); asked {
		return ok.(bool), nil
	}
	ok, err := d.decide(q)
	if err == nil && d.knows(q) {
		d.answers.Store(key, ok)
	}
	return ok, err
}

func (d *decisions) decide(q Request) (bool, error) {
	e, some := d.enforcers[Permission{q.Object, q.Action}]
	if !some {
		return false, nil
	}
	ok, err := e.Enforce(q.values()...)
	if err != nil {
		return false, fmt.Errorf("decide %s %s: %w", q.Action, q.Object, err)
	}
	return ok, nil
}

// values are the values of the model's request_definition.
func (q Request) values() []any {
	return []any{subject(q.Roles), q.Relation, string(q.Object), q.Kind, string(q.Action)}
}

// knows says whether a question uses only words of the policy. There are so few such questions that each answer can be
// cached.
func (d *decisions) knows(q Request) bool {
	if !slices.Contains(Objects[q.Object], q.Action) || int(q.Relation) >= masks {
		return false
	}
	if list, closed := Kinds[q.Object]; closed {
		return slices.Contains(list, q.Kind)
	}
	return q.Kind == "" || slices.ContainsFunc(d.policy.Rules, func(r Rule) bool { return r.Object == q.Object && r.Kind == q.Kind })
}

// Verdict is a decision with its reason.
type Verdict struct {
	Allowed bool
	Rule    *Rule  // the rule that decided: an allow, or the deny that overrode it; nil when no rule applies
	Via     []Role // the chain of inclusions from a role of the person to the rule's role
}

// Explain is Allows, and returns the reason too.
func (d *Decider) Explain(q Request) (Verdict, error) {
	if len(q.Roles) == 0 {
		return Verdict{}, nil
	}
	v := d.current.Load()
	e, some := v.enforcers[Permission{q.Object, q.Action}]
	if !some {
		return Verdict{}, nil
	}
	ok, fields, err := e.EnforceEx(q.values()...)
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

// Require is Allows with an error as the result: nil, ErrForbidden, or the error of the decision.
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

// build checks a policy text and makes the enforcers of its permissions.
func build(text string) (*decisions, error) {
	policy, err := Parse(text, AnyKind)
	if err != nil {
		return nil, err
	}
	inclusions, err := roleManager(policy.Inclusions)
	if err != nil {
		return nil, err
	}
	about := map[Permission][][]string{}
	for _, r := range policy.Rules {
		p := Permission{r.Object, r.Action}
		about[p] = append(about[p], r.fields())
	}
	built := &decisions{policy: policy, enforcers: make(map[Permission]*casbin.Enforcer, len(about))}
	for p, rules := range about {
		if built.enforcers[p], err = newEnforcer(rules, inclusions); err != nil {
			return nil, fmt.Errorf("policy about %s %s: %w", p.Action, p.Object, err)
		}
	}
	return built, nil
}

// roleManager makes every combination of roles a Casbin subject that inherits each of its roles. So Casbin decides about
// a person with several roles in one call, including denies.
func roleManager(inclusions []Inclusion) (rbac.RoleManager, error) {
	m := defaultrolemanager.NewRoleManagerImpl(len(Roles)) // no chain of inclusions is longer
	for _, i := range inclusions {
		if err := m.AddLink(string(i.Role), string(i.Includes)); err != nil {
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
			if err := m.AddLink(subject(roles), string(r)); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}

// newEnforcer makes an enforcer of some rules. All enforcers share the inclusions, so none may build links of roles itself:
// BuildRoleLinks would empty them for all.
func newEnforcer(rules [][]string, inclusions rbac.RoleManager) (*casbin.Enforcer, error) {
	m, err := model.NewModelFromString(modelText)
	if err != nil {
		return nil, err
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, err
	}
	e.EnableAutoSave(false)
	e.AddFunction("hasRel", hasRelation)
	m["g"]["g"].RM = inclusions
	_, err = e.AddPolicies(rules)
	return e, err
}

// subject returns the Casbin name of a set of roles: the role itself, or the roles in the order of Roles, joined by
// "+". No role contains this character.
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
