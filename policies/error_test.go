package policies

import (
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestErrorIsNoAllow: when Casbin returns an error, nothing is allowed: no single decision, no list, no explanation
// (S29).
func TestErrorIsNoAllow(t *testing.T) {
	m, err := model.NewModelFromString(modelText)
	require.NoError(t, err)
	e, err := casbin.NewEnforcer(m) // hasRel is missing
	require.NoError(t, err)
	_, err = e.AddPolicy("specialist", "*", "transaction", "*", "read", "allow")
	require.NoError(t, err)
	d := &Decider{}
	q := Request{[]Role{Specialist, Auditor}, Administrator, ObjectTransaction, "contract", Read}
	d.current.Store(&version{decisions: &decisions{enforcers: map[Permission]*casbin.Enforcer{{q.Object, q.Action}: e}}})
	ok, err := d.Allows(q)
	assert.False(t, ok, "allows: %v", ok)
	assert.Error(t, err, "allows")
	err = d.Require(q)
	require.Error(t, err, "require")
	assert.NotErrorIs(t, err, ErrForbidden, "require")
	v, err := d.Explain(q)
	assert.False(t, v.Allowed, "explain: %+v", v)
	assert.Error(t, err, "explain")
	s, err := d.Scope(q.Roles, ObjectTransaction, Read)
	assert.Error(t, err, "scope")
	assert.True(t, s.Nothing(), "scope: %+v", s)
}
