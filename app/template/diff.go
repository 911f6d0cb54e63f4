package template

import (
	"cmp"
	"reflect"
	"slices"

	"kontor/app/document"
	"kontor/app/filetype"
)

// ChangeKind says what has happened to an element; locale keys "template_diff.<kind>".
type ChangeKind string

// What can happen to an element between two versions.
const (
	Added   ChangeKind = "added"
	Removed ChangeKind = "removed"
	Moved   ChangeKind = "moved"   // to another folder, or to another place in the same one
	Altered ChangeKind = "changed" // its values
)

// Difference is what has happened to one element, or, if Path is empty, to the options of the whole.
type Difference struct {
	Kind ChangeKind
	Type document.Type
	Path []string // the names of its folders, and its own: as it is now, or was if it is removed
	Was  []string // the path before, of what was moved to another folder
	// Fields are the changed fields of what was changed, see fieldsOf.
	Fields []FieldChange
}

// FieldChange is a value that has changed. Values are as in document.Planned.
type FieldChange struct {
	Field    string
	Old, New any
}

// located is an element with what is around it.
type located struct {
	Element
	parent int
	path   []string
}

// locate lists the elements of a tree in their order.
func locate(list []Element, parent int, path []string) (all []located) {
	for _, e := range list {
		here := append(slices.Clone(path), e.Name)
		all = append(all, located{e, parent, here})
		all = append(all, locate(e.Elements, e.Key, here)...)
	}
	return all
}

// Diff says what has happened between two trees of one template, in the order of the new one; what was removed comes
// last. Of a folder that was added or removed, what lies in it is listed, too.
func Diff(old, now Tree) (list []Difference) {
	if fields := optionChanges(old.Options, now.Options); len(fields) > 0 {
		list = append(list, Difference{Kind: Altered, Fields: fields})
	}
	before, after := locate(old.Elements, 0, nil), locate(now.Elements, 0, nil)
	was, is := byKey(before), byKey(after)
	still := steady(before, after)
	for _, e := range after {
		o, there := was[e.Key]
		if !there {
			list = append(list, Difference{Kind: Added, Type: e.Type, Path: e.path})
			continue
		}
		switch {
		case o.parent != e.parent:
			list = append(list, Difference{Kind: Moved, Type: e.Type, Path: e.path, Was: o.path})
		case !still[e.Key]:
			list = append(list, Difference{Kind: Moved, Type: e.Type, Path: e.path})
		}
		if fields := fieldChanges(o.Planned, e.Planned); len(fields) > 0 {
			list = append(list, Difference{Kind: Altered, Type: e.Type, Path: e.path, Fields: fields})
		}
	}
	for _, o := range before {
		if _, there := is[o.Key]; !there {
			list = append(list, Difference{Kind: Removed, Type: o.Type, Path: o.path})
		}
	}
	return list
}

func byKey(list []located) map[int]located {
	all := make(map[int]located, len(list))
	for _, e := range list {
		all[e.Key] = e
	}
	return all
}

// steady returns the elements that have kept their place among those that were in the same folder before: the longest
// series in each folder that is still in its order.
func steady(before, after []located) map[int]bool {
	position, parent := map[int]int{}, map[int]int{}
	for i, e := range before {
		position[e.Key], parent[e.Key] = i, e.parent
	}
	folders := map[int][]int{} // keys in their new order
	for _, e := range after {
		if p, there := parent[e.Key]; there && p == e.parent {
			folders[p] = append(folders[p], e.Key)
		}
	}
	still := map[int]bool{}
	for _, keys := range folders {
		for _, key := range longestRising(keys, position) {
			still[key] = true
		}
	}
	return still
}

// longestRising returns the longest part of keys whose positions rise.
func longestRising(keys []int, position map[int]int) (series []int) {
	length, previous := make([]int, len(keys)), make([]int, len(keys))
	best := -1
	for i := range keys {
		length[i], previous[i] = 1, -1
		for j := range i {
			if position[keys[j]] < position[keys[i]] && length[j]+1 > length[i] {
				length[i], previous[i] = length[j]+1, j
			}
		}
		if best < 0 || length[i] > length[best] {
			best = i
		}
	}
	for i := best; i >= 0; i = previous[i] {
		series = append(series, keys[i])
	}
	return series
}

func optionChanges(old, now document.Options) (list []FieldChange) {
	return changedOf([]FieldChange{
		{"extensible", old.Extensible, now.Extensible}, {"optional", old.Optional, now.Optional}, {"duplicable", old.Duplicable, now.Duplicable},
	})
}

// fieldChanges compares the values of an element. The names of the fields are those of the forms.
func fieldChanges(old, now document.Planned) []FieldChange {
	days := func(d *int) int {
		if d == nil {
			return -1
		}
		return *d
	}
	sorted := func(types []string) []string {
		types = slices.Clone(types)
		slices.SortFunc(types, func(a, b string) int {
			return cmp.Compare(slices.Index(filetype.Groups, a), slices.Index(filetype.Groups, b))
		})
		return types
	}
	return append(changedOf([]FieldChange{
		{"name", old.Name, now.Name}, {"help", old.Help, now.Help}, {"answer", old.Answer, now.Answer}, {"required", old.Required, now.Required},
		{"internal", old.Internal, now.Internal}, {"due_days", days(old.DueDays), days(now.DueDays)}, {"types", sorted(old.Types), sorted(now.Types)},
	}), optionChanges(old.Options, now.Options)...)
}

func changedOf(all []FieldChange) (list []FieldChange) {
	for _, f := range all {
		if !reflect.DeepEqual(f.Old, f.New) {
			list = append(list, f)
		}
	}
	return list
}
