package policies

import (
	"errors"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
)

// TestErrorIsNoAllow: when Casbin returns an error, nothing is allowed: no single decision, no list, no explanation
// (S29).
func TestErrorIsNoAllow(t *testing.T) {
	m, err := model.NewModelFromString(modelText)
	if err != nil {
		t.Fatal(err)
	}
	e, err := casbin.NewEnforcer(m) // hasRel is missing
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.AddPolicy("specialist", "*", "transaction", "*", "read", "allow"); err != nil {
		t.Fatal(err)
	}
	d := &Decider{}
	d.current.Store(&version{enforcer: e})
	q := Request{[]Role{Specialist, Auditor}, Administrator, ObjectTransaction, "contract", Read}
	if ok, err := d.Allows(q); ok || err == nil {
		t.Errorf("allows: %v, %v", ok, err)
	}
	if err := d.Require(q); err == nil || errors.Is(err, ErrForbidden) {
		t.Errorf("require: %v; want what went wrong", err)
	}
	if v, err := d.Explain(q); v.Allowed || err == nil {
		t.Errorf("explain: %+v, %v", v, err)
	}
	if s, err := d.Scope(q.Roles, ObjectTransaction, Read); err == nil || !s.Nothing() {
		t.Errorf("scope: %+v, %v", s, err)
	}
}
