package policy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/internal/web/kit/kittest"
	"kontor/policies"
)

// TestGlanceCells: what a cell shows, by the rules that there are: the states of its buttons, its words for screen
// readers, and a link to each rule that the table can't set.
func TestGlanceCells(t *testing.T) {
	const inherits = "g, auditor, specialist\n"
	for _, tt := range []struct {
		name, text           string
		published            string // "": the same
		role                 policies.Role
		object               policies.Object
		toggles, said        string
		special, specialHref string
		differs              bool
	}{
		{name: "nothing given", role: policies.Auditor, object: policies.ObjectTransaction, toggles: "all:off administrator:off processor:off", said: "never"},
		{name: "for all", text: "p, auditor, *, transaction, *, read, allow\n", role: policies.Auditor, object: policies.ObjectTransaction,
			toggles: "all:on administrator:off processor:off", said: "for all"},
		{name: "no relation to it", text: "p, auditor, *, audit, *, read, allow\n", role: policies.Auditor, object: policies.ObjectAudit, toggles: "all:on", said: "for all"},
		{name: "for own", text: "p, specialist, administrator, transaction, *, read, allow\np, specialist, processor, transaction, *, read, allow\n", role: policies.Specialist,
			object: policies.ObjectTransaction, toggles: "all:off administrator:on processor:on", said: "only as administrator of the customer, only as additional processor"},
		{name: "own access", text: "p, end_user, access, transaction, *, read, allow\n", role: policies.EndUser, object: policies.ObjectTransaction,
			toggles: "all:off access:on", said: "only with an access to the customer"},
		{name: "inherited", text: "p, specialist, processor, transaction, *, read, allow\n" + inherits, role: policies.Auditor, object: policies.ObjectTransaction,
			toggles: "all:off administrator:off processor:via", said: "only as additional processor (from Specialist user)"},
		{name: "own and inherited", text: "p, specialist, processor, transaction, *, read, allow\np, auditor, *, transaction, *, read, allow\n" + inherits, role: policies.Auditor,
			object: policies.ObjectTransaction, toggles: "all:on administrator:off processor:off", said: "for all"},
		{name: "some kinds", text: "p, specialist, *, transaction, contract, read, allow\n", role: policies.Specialist, object: policies.ObjectTransaction,
			toggles: "all:some administrator:off processor:off", said: "for all: some kinds", special: "some kinds", specialHref: "kind=contract"},
		{name: "several kinds", text: "p, specialist, *, transaction, contract, read, allow\np, specialist, *, transaction, tax_return, read, allow\n", role: policies.Specialist,
			object: policies.ObjectTransaction, toggles: "all:some administrator:off processor:off", said: "for all: some kinds", special: "some kinds", specialHref: "#g-specialist"},
		{name: "denied", text: "p, auditor, *, audit, *, read, allow\np, auditor, *, audit, *, read, deny\n", role: policies.Auditor, object: policies.ObjectAudit,
			toggles: "all:void", said: "denied", special: "denied", specialHref: "effect=deny"},
		{name: "denied for own", text: "p, auditor, *, transaction, *, read, allow\np, auditor, processor, transaction, *, read, deny\n", role: policies.Auditor,
			object: policies.ObjectTransaction, toggles: "all:on administrator:off processor:off", said: "for all, not only as additional processor", special: "denied", specialHref: "relation=processor"},
		{name: "a rule for a relation that is unusual", text: "p, specialist, access, transaction, *, read, allow\n", role: policies.Specialist, object: policies.ObjectTransaction,
			toggles: "all:off administrator:off processor:off access:on", said: "only with an access to the customer"},
		{name: "new in the draft", text: "p, auditor, *, audit, *, read, allow\n", published: "# nothing\n", role: policies.Auditor, object: policies.ObjectAudit, toggles: "all:on", said: "for all", differs: true},
		{name: "gone from the draft", published: "p, auditor, *, audit, *, read, allow\n", role: policies.Auditor, object: policies.ObjectAudit, toggles: "all:off", said: "never", differs: true},
		{name: "gone from what is included", text: inherits, published: "p, specialist, *, audit, *, read, allow\n" + inherits, role: policies.Auditor, object: policies.ObjectAudit, toggles: "all:off", said: "never", differs: true},
		{name: "in another order", text: "p, specialist, *, audit, *, read, allow\np, auditor, *, audit, *, read, allow\n" + inherits,
			published: "p, auditor, *, audit, *, read, allow\np, specialist, *, audit, *, read, allow\n" + inherits, role: policies.Auditor, object: policies.ObjectAudit, toggles: "all:on", said: "for all"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			next, err := policies.New(tt.text)
			require.NoError(t, err)
			published := next
			if tt.published != "" {
				published, err = policies.New(tt.published)
				require.NoError(t, err)
			}
			w := policyWords{Texts: kittest.New(t).TextsIn("en"), names: map[string]string{}}
			g, err := w.glanceOf(next, published, glanceFilter{Role: tt.role, Object: tt.object}, true)
			require.NoError(t, err)
			require.Len(t, g.Groups, 1)
			var c glanceCell
			for _, row := range g.Groups[0].Rows {
				if row.ID == "row-"+string(tt.object)+"-read" {
					c = row.Cells[0]
				}
			}
			var toggles []string
			for _, x := range c.Toggles {
				toggles = append(toggles, strings.TrimPrefix(x.ID, c.ID+"-")+":"+x.State)
				act := "Add rule"
				if strings.Contains(tt.text, x.Rule+"\n") {
					act = "Remove rule"
				}
				assert.Equal(t, act, x.Act[strings.LastIndex(x.Act, ". ")+2:], x.Act)
				assert.True(t, strings.HasPrefix(x.Act, x.Short), "a button's name does not begin with what is on it: %s", x.Act)
			}
			assert.Equal(t, tt.toggles, strings.Join(toggles, " "))
			assert.Equal(t, tt.said, c.Said)
			assert.Equal(t, tt.differs, c.Differs, "differs")
			if tt.special == "" {
				assert.Empty(t, c.Special)
				return
			}
			require.Len(t, c.Special, 1)
			assert.Equal(t, tt.special, c.Special[0].Text)
			assert.Contains(t, c.Special[0].Href, tt.specialHref)
		})
	}
}

// TestGlanceFilter: role, object, and only what differs.
func TestGlanceFilter(t *testing.T) {
	published, err := policies.New(policies.Default)
	require.NoError(t, err)
	next, err := policies.New(policies.Default + "p, auditor, *, queue, *, read, allow\n")
	require.NoError(t, err)
	all := 0
	for _, actions := range policies.Objects {
		all += len(actions)
	}
	for _, tt := range []struct {
		asked             string
		roles, rows, seen int
	}{
		{"", 7, all, all},
		{"for=auditor", 1, all, all},
		{"for=boss about=nothing", 7, all, all},
		{"about=queue", 7, 2, 2},
		{"differs=1", 7, all, 1},
		{"differs=1 for=auditor about=queue", 1, 2, 1},
		{"differs=1 for=specialist", 1, all, 0},
	} {
		t.Run(tt.asked, func(t *testing.T) {
			values := map[string]string{}
			for _, pair := range strings.Fields(tt.asked) {
				name, value, _ := strings.Cut(pair, "=")
				values[name] = value
			}
			w := policyWords{Texts: kittest.New(t).TextsIn("de"), names: map[string]string{}}
			g, err := w.glanceOf(next, published, filterOf(func(name string) string { return values[name] }), true)
			require.NoError(t, err)
			rows, seen := 0, 0
			for _, group := range g.Groups {
				for _, row := range group.Rows {
					rows++
					assert.Len(t, row.Cells, tt.roles)
					if !row.Hidden {
						seen++
					}
				}
			}
			assert.Equal(t, []int{tt.roles, tt.rows, tt.seen}, []int{len(g.Roles), rows, seen}, "roles, rows, rows in sight")
			assert.Equal(t, tt.seen > 0, g.Any)
		})
	}
}
