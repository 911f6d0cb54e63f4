// Package policytest puts policies in force for tests, makes random policies, and decides requests without Casbin. Tests
// compare decisions and lists with this small model.
package policytest

import (
	"math/rand/v2"
	"slices"

	"kontor/policies"
)

// Kinds are the kinds of transactions that random policies name. Unnamed is a kind that they never name.
var (
	Kinds   = []string{"contract", "tax_return", "loan_application"}
	Unnamed = "correspondence"
)

// AllRelations is the set of all relations.
const AllRelations = policies.Administrator | policies.Processor | policies.Access

var relations = map[string]policies.Relation{
	"administrator": policies.Administrator, "processor": policies.Processor, "access": policies.Access,
}

// Publish puts a policy text in force as the version with this number.
func Publish(d *policies.Decider, number int, text string) error {
	next, err := policies.New(text)
	if err == nil {
		d.Adopt(number, next)
	}
	return err
}

// Random returns a random policy that Check accepts. Half of its rules are about transactions.
func Random(r *rand.Rand) policies.Document {
	var doc policies.Document
	for range 1 + r.IntN(40) {
		o := Object(r)
		rule := policies.Rule{
			Role: policies.Roles[r.IntN(len(policies.Roles))], Relation: policies.Anything, Object: o, Kind: policies.Anything,
			Action: policies.Objects[o][r.IntN(len(policies.Objects[o]))], Effect: policies.Allow,
		}
		if len(policies.Related[o]) > 0 && r.IntN(3) > 0 {
			rule.Relation = []string{"administrator", "processor", "access"}[r.IntN(3)]
		}
		switch kinds := policies.Kinds[o]; {
		case o == policies.ObjectTransaction && r.IntN(2) == 0:
			rule.Kind = Kinds[r.IntN(len(Kinds))]
		case len(kinds) > 0 && r.IntN(2) == 0:
			rule.Kind = kinds[r.IntN(len(kinds))]
		}
		if r.IntN(4) == 0 {
			rule.Effect = policies.Deny
		}
		if !slices.Contains(doc.Rules, rule) {
			doc.Rules = append(doc.Rules, rule)
		}
	}
	for range r.IntN(4) {
		i := policies.Inclusion{Role: policies.Roles[r.IntN(len(policies.Roles))], Includes: policies.Roles[r.IntN(len(policies.Roles))]}
		if i.Role != i.Includes && !slices.Contains(doc.Inclusions, i) {
			doc.Inclusions = append(doc.Inclusions, i)
		}
	}
	return doc
}

// Object returns a random object; half of the time it is a transaction.
func Object(r *rand.Rand) policies.Object {
	if r.IntN(2) == 0 {
		return policies.ObjectTransaction
	}
	return policies.ObjectList[r.IntN(len(policies.ObjectList))]
}

// Roles returns one to three random roles.
func Roles(r *rand.Rand) []policies.Role {
	var roles []policies.Role
	for range 1 + r.IntN(3) {
		if role := policies.Roles[r.IntN(len(policies.Roles))]; !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return roles
}

// Allows decides a request by the lines of a policy.
func Allows(doc policies.Document, q policies.Request) bool {
	held := map[policies.Role]bool{}
	var add func(policies.Role)
	add = func(r policies.Role) {
		if held[r] {
			return
		}
		held[r] = true
		for _, i := range doc.Inclusions {
			if i.Role == r {
				add(i.Includes)
			}
		}
	}
	for _, r := range q.Roles {
		add(r)
	}
	allowed := false
	for _, r := range doc.Rules {
		if !held[r.Role] || r.Object != q.Object || r.Action != q.Action || r.Kind != policies.Anything && r.Kind != q.Kind {
			continue
		}
		if r.Relation != policies.Anything && relations[r.Relation]&q.Relation == 0 {
			continue
		}
		if r.Effect == policies.Deny {
			return false
		}
		allowed = true
	}
	return allowed
}
