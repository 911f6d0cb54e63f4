package template

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/document"
	"kontor/app/effort"
	"kontor/app/filetype"
)

func folder(name string) document.Planned { return document.Planned{Type: document.Folder, Name: name} }

func slot(name string) document.Planned {
	return document.Planned{Type: document.Slot, Name: name, Answer: document.AnswerDocument}
}

// drawn is a tree in one line: A[b c[d]].
func drawn(list []Element) string {
	var parts []string
	for _, e := range list {
		said := e.Name
		if e.Type == document.Folder {
			said += "[" + drawn(e.Elements) + "]"
		}
		parts = append(parts, said)
	}
	return strings.Join(parts, " ")
}

// planted is the tree A[b c] d E[], with the keys 1 to 5.
func planted(t *testing.T) Tree {
	t.Helper()
	var tree Tree
	tree.Next = 1
	for _, a := range []Act{Add{0, folder("A")}, Add{1, slot("b")}, Add{1, slot("c")}, Add{0, slot("d")}, Add{0, folder("E")}} {
		var err error
		tree, _, err = tree.act(a)
		require.NoError(t, err)
	}
	require.Equal(t, "A[b c] d E[]", drawn(tree.Elements))
	return tree
}

// TestActs: what each act makes of a tree.
func TestActs(t *testing.T) {
	tree := planted(t)
	for _, c := range []struct {
		what string
		act  Act
		want string
		err  string
	}{
		{"up", Move{4, Up}, "d A[b c] E[]", ""},
		{"up at the top", Move{1, Up}, "A[b c] d E[]", ""},
		{"down", Move{2, Down}, "A[c b] d E[]", ""},
		{"down at the end", Move{5, Down}, "A[b c] d E[]", ""},
		{"into the folder above", Move{4, In}, "A[b c d] E[]", ""},
		{"into a slot", Move{5, In}, "A[b c] d E[]", ""},
		{"out", Move{2, Out}, "A[c] b d E[]", ""},
		{"out of the root", Move{4, Out}, "A[b c] d E[]", ""},
		{"nowhere", Move{4, "left"}, "", "invalid direction: choice"},
		{"put into a folder", Put{2, 5, 0}, "A[c] d E[b]", ""},
		{"put before", Put{4, 1, 3}, "A[b d c] E[]", ""},
		{"put at the end of the root", Put{1, 0, 0}, "d E[] A[b c]", ""},
		{"put a folder before", Put{5, 0, 1}, "E[] A[b c] d", ""},
		{"put where it is", Put{4, 0, 4}, "A[b c] d E[]", ""},
		{"put into itself", Put{1, 1, 0}, "", "invalid into: template.into_itself"},
		{"put into a slot", Put{1, 4, 0}, "", "not_found: template.no_element"},
		{"copy", Copy{1}, "A[b c] A (2)[b c] d E[]", ""},
		{"remove", Remove{1}, "d E[]", ""},
		{"remove what is gone", Remove{77}, "", "not_found: template.no_element"},
		{"change", Change{2, slot("B")}, "A[B c] d E[]", ""},
		{"change into another's name", Change{2, slot("C")}, "", "invalid name: element.name_taken"},
		{"add without a name", Add{0, folder(" ")}, "", "invalid name: required"},
		{"add without an answer", Add{0, document.Planned{Type: document.Slot, Name: "x"}}, "", "invalid answer: element.answer_unknown"},
	} {
		got, _, err := tree.act(c.act)
		if c.err != "" {
			require.EqualError(t, err, c.err, c.what)
			continue
		}
		require.NoError(t, err, c.what)
		assert.Equal(t, c.want, drawn(got.Elements), c.what)
		assert.Equal(t, "A[b c] d E[]", drawn(tree.Elements), "%s: the tree before", c.what)
	}
}

// TestActsKeepTheTree: any acts in any order leave a tree that passes Check, in which no key is twice; what is not removed
// stays. The difference to itself is none.
func TestActsKeepTheTree(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tree := planted(t)
	for i := range effort.Of(3000, 300) {
		key := func() int { return r.IntN(tree.Next + 1) }
		acts := []Act{
			Add{key(), folder(fmt.Sprint("F", i))}, Add{key(), slot(fmt.Sprint("s", i))}, Move{key(), []Direction{Up, Down, In, Out}[r.IntN(4)]},
			Move{key(), Out}, Put{key(), key(), 0}, Put{key(), key(), key()}, Copy{key()}, Remove{key()},
		}
		a := acts[r.IntN(len(acts))]
		before := locate(tree.Elements, 0, nil)
		next, _, err := tree.act(a)
		if err != nil {
			continue
		}
		after := locate(next.Elements, 0, nil)
		seen := map[int]bool{}
		for _, e := range after {
			require.False(t, seen[e.Key], "key %d is twice after %#v", e.Key, a)
			seen[e.Key] = true
			require.Less(t, e.Key, next.Next)
		}
		switch a.(type) {
		case Move, Put:
			require.Len(t, after, len(before), "%#v", a)
		}
		o := next.Outline()
		require.NoError(t, o.Check(filetype.Groups))
		require.Empty(t, Diff(next, next))
		tree = next
		if len(after) > 60 {
			tree = planted(t)
		}
	}
}

// said is a difference in one line.
func said(d Difference) string {
	line := string(d.Kind) + " " + strings.Join(d.Path, "/")
	if d.Was != nil {
		line += " from " + strings.Join(d.Was, "/")
	}
	for _, f := range d.Fields {
		line += fmt.Sprintf(" %s:%v>%v", f.Field, f.Old, f.New)
	}
	return line
}

// TestDiff: what was added, removed, moved and changed; what only made room is not moved.
func TestDiff(t *testing.T) {
	tree := planted(t)
	days := 14
	renamed := slot("Pass")
	renamed.Required, renamed.DueDays, renamed.Types = true, &days, []string{"image", "pdf"}
	for _, c := range []struct {
		what string
		acts []Act
		want []string
	}{
		{"nothing", nil, nil},
		{"added", []Act{Add{1, slot("n")}}, []string{"added A/n"}},
		{"removed", []Act{Remove{1}}, []string{"removed A", "removed A/b", "removed A/c"}},
		{"up and down again", []Act{Move{4, Up}, Move{4, Down}}, nil},
		{"first becomes last", []Act{Put{1, 0, 0}}, []string{"moved A"}},
		{"into another folder", []Act{Put{2, 5, 0}}, []string{"moved E/b from A/b"}},
		{"changed", []Act{Change{2, renamed}}, []string{"changed A/Pass name:b>Pass required:false>true due_days:-1>14 types:[]>[pdf image]"}},
		{"the whole", []Act{Allow{document.Options{Optional: true}}}, []string{"changed  optional:false>true"}},
	} {
		now := tree
		for _, a := range c.acts {
			var err error
			now, _, err = now.act(a)
			require.NoError(t, err, c.what)
		}
		var got []string
		for _, d := range Diff(tree, now) {
			got = append(got, said(d))
		}
		assert.Equal(t, c.want, got, c.what)
	}
}

// TestFreeName: a copy has the first free number; a name that is as long as a name may be is cut.
func TestFreeName(t *testing.T) {
	taken := []string{"A", "A (2)"}
	assert.Equal(t, "A (3)", freeName("A", func(n string) bool { return slices.Contains(taken, n) }))
	long := strings.Repeat("ä", MaxName)
	assert.Equal(t, strings.Repeat("ä", MaxName-4)+" (2)", freeName(long, func(n string) bool { return n == long }))
}
