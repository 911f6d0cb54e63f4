package template

import (
	"slices"
	"strconv"
	"strings"

	"kontor/app/document"
	"kontor/app/fault"
	"kontor/app/filetype"
	"kontor/app/store"
)

// Tree is the structure of a template: an outline whose elements have keys. Keys are never given twice within a template,
// so an element is the same one in every version, wherever it was moved and whatever it is called.
type Tree struct {
	document.Options
	Elements []Element `json:"elements,omitempty"`
	Next     int       `json:"next"` // the next key
}

// Element is an element of a tree.
type Element struct {
	Key int `json:"key"`
	document.Planned
	Elements []Element `json:"elements,omitempty"` // in the place of those of Planned, which stay empty
}

// grow makes the tree of an outline, with keys from next on.
func grow(o document.Outline, next int) Tree {
	t := Tree{Options: o.Options, Next: max(next, 1)}
	t.Elements = t.keyed(o.Elements)
	return t
}

// keyed gives keys to planned elements.
func (t *Tree) keyed(list []document.Planned) (elements []Element) {
	for _, p := range list {
		e := Element{Key: t.Next, Planned: p}
		t.Next++
		e.Elements, e.Planned.Elements = t.keyed(p.Elements), nil
		elements = append(elements, e)
	}
	return elements
}

// Outline is the structure without the keys.
func (t Tree) Outline() document.Outline {
	return document.Outline{Options: t.Options, Elements: plan(t.Elements)}
}

func plan(list []Element) (planned []document.Planned) {
	for _, e := range list {
		p := e.Planned
		p.Elements = plan(e.Elements)
		planned = append(planned, p)
	}
	return planned
}

// take puts the elements of an outline of the same shape into the tree.
func take(list []Element, planned []document.Planned) {
	for i := range list {
		list[i].Planned = planned[i]
		list[i].Planned.Elements = nil
		if planned[i].Type != document.Folder {
			list[i].Elements = nil
		}
		take(list[i].Elements, planned[i].Elements)
	}
}

// place is where an element lies.
type place struct {
	parent   *Element // nil: the root
	siblings *[]Element
	at       int
}

// find returns the place of an element. siblings is nil if there is none.
func (t *Tree) find(key int) place { return findIn(nil, &t.Elements, key) }

func findIn(parent *Element, list *[]Element, key int) place {
	for i := range *list {
		e := &(*list)[i]
		if e.Key == key {
			return place{parent, list, i}
		}
		if p := findIn(e, &e.Elements, key); p.siblings != nil {
			return p
		}
	}
	return place{}
}

// Element returns an element by its key.
func (t Tree) Element(key int) (Element, bool) {
	p := t.find(key)
	if p.siblings == nil {
		return Element{}, false
	}
	return (*p.siblings)[p.at], true
}

// list returns the elements that lie in a folder, or at the root for key 0. ErrNoElement.
func (t *Tree) list(key int) (*[]Element, error) {
	if key == 0 {
		return &t.Elements, nil
	}
	p := t.find(key)
	if p.siblings == nil || (*p.siblings)[p.at].Type != document.Folder {
		return nil, ErrNoElement
	}
	return &(*p.siblings)[p.at].Elements, nil
}

// An Act changes a tree. Its errors name fields of the element: those of document.Outline.Check without their paths, and
// ErrNoElement.
type Act interface {
	// do returns the element that it is about; 0 for the tree as a whole.
	do(t *Tree) (key int, err error)
}

// Add adds an element at the end of a folder, or of the root for 0.
type Add struct {
	Into    int
	Planned document.Planned
}

func (a Add) do(t *Tree) (int, error) {
	list, err := t.list(a.Into)
	if err != nil {
		return 0, err
	}
	a.Planned.Elements = nil
	e := Element{Key: t.Next, Planned: a.Planned}
	t.Next++
	*list = append(*list, e)
	return e.Key, nil
}

// Change gives an element new values. It stays where it is, of the same type, and keeps what lies in it.
type Change struct {
	Key     int
	Planned document.Planned
}

func (a Change) do(t *Tree) (int, error) {
	p := t.find(a.Key)
	if p.siblings == nil {
		return 0, ErrNoElement
	}
	e := &(*p.siblings)[p.at]
	a.Planned.Type, a.Planned.Link, a.Planned.Elements = e.Type, e.Link, nil
	e.Planned = a.Planned
	return a.Key, nil
}

// Direction is where Move moves an element.
type Direction string

// The directions.
const (
	Up   Direction = "up"
	Down Direction = "down"
	In   Direction = "in"  // into the folder above it, at the end
	Out  Direction = "out" // out of its folder, behind it
)

// Move moves an element by one step. Where there is no step to make it does nothing.
type Move struct {
	Key int
	To  Direction
}

func (a Move) do(t *Tree) (int, error) {
	p := t.find(a.Key)
	if p.siblings == nil {
		return 0, ErrNoElement
	}
	list := *p.siblings
	switch a.To {
	case Up:
		if p.at > 0 {
			list[p.at-1], list[p.at] = list[p.at], list[p.at-1]
		}
	case Down:
		if p.at+1 < len(list) {
			list[p.at+1], list[p.at] = list[p.at], list[p.at+1]
		}
	case In:
		if p.at > 0 && list[p.at-1].Type == document.Folder {
			folder := &list[p.at-1]
			folder.Elements = append(folder.Elements, list[p.at])
			*p.siblings = slices.Delete(list, p.at, p.at+1)
		}
	case Out:
		if p.parent == nil {
			break
		}
		parent := p.parent.Key
		e := list[p.at]
		*p.siblings = slices.Delete(list, p.at, p.at+1)
		up := t.find(parent)
		*up.siblings = slices.Insert(*up.siblings, up.at+1, e)
	default:
		return 0, fault.At("direction", "choice")
	}
	return a.Key, nil
}

// Put moves an element to any place: into a folder (0: the root), before another element there (0: at the end). Invalid at
// "into", "template.into_itself", for a folder that is to lie in itself.
type Put struct{ Key, Into, Before int }

func (a Put) do(t *Tree) (int, error) {
	p := t.find(a.Key)
	if p.siblings == nil {
		return 0, ErrNoElement
	}
	e := (*p.siblings)[p.at]
	if inside := findIn(nil, &[]Element{e}, a.Into); a.Into != 0 && inside.siblings != nil {
		return 0, fault.At("into", "template.into_itself")
	}
	if a.Before == a.Key {
		return a.Key, nil
	}
	*p.siblings = slices.Delete(*p.siblings, p.at, p.at+1)
	list, err := t.list(a.Into)
	if err != nil {
		return 0, err
	}
	at := len(*list)
	if a.Before != 0 {
		if at = slices.IndexFunc(*list, func(o Element) bool { return o.Key == a.Before }); at < 0 {
			return 0, ErrNoElement
		}
	}
	*list = slices.Insert(*list, at, e)
	return a.Key, nil
}

// Copy duplicates an element with all that is in it, behind it.
type Copy struct{ Key int }

func (a Copy) do(t *Tree) (int, error) {
	p := t.find(a.Key)
	if p.siblings == nil {
		return 0, ErrNoElement
	}
	copied := t.keyed(plan((*p.siblings)[p.at : p.at+1]))[0]
	copied.Name = freeName(copied.Name, func(name string) bool {
		return slices.ContainsFunc(*p.siblings, func(e Element) bool { return store.FoldName(e.Name) == store.FoldName(name) })
	})
	*p.siblings = slices.Insert(*p.siblings, p.at+1, copied)
	return copied.Key, nil
}

// Remove removes an element with all that is in it.
type Remove struct{ Key int }

func (a Remove) do(t *Tree) (int, error) {
	p := t.find(a.Key)
	if p.siblings == nil {
		return 0, ErrNoElement
	}
	*p.siblings = slices.Delete(*p.siblings, p.at, p.at+1)
	return 0, nil
}

// Allow sets the options of the whole tree.
type Allow struct{ Options document.Options }

func (a Allow) do(t *Tree) (int, error) {
	t.Options = a.Options
	return 0, nil
}

// freeName returns the name, or, if it is taken, the name with the first free number from 2 on.
func freeName(name string, taken func(string) bool) string {
	free := name
	for n := 2; taken(free); n++ {
		end := " (" + strconv.Itoa(n) + ")"
		runes := []rune(name)
		free = string(runes[:min(len(runes), MaxName-len(end))]) + end
	}
	return free
}

// act does something with a copy of the tree, cleans the result and checks it.
func (t Tree) act(a Act) (next Tree, key int, err error) {
	next = t
	next.Elements = cloned(t.Elements)
	if key, err = a.do(&next); err != nil {
		return t, 0, err
	}
	outline := next.Outline()
	if err := outline.Check(filetype.Groups); err != nil {
		return t, 0, atField(err)
	}
	take(next.Elements, outline.Elements)
	return next, key, nil
}

func cloned(list []Element) []Element {
	list = slices.Clone(list)
	for i := range list {
		list[i].Elements = cloned(list[i].Elements)
	}
	return list
}

// atField takes the path out of a complaint about an element: an act is about one element. What is too many or too deep
// is said of the form as a whole.
func atField(err error) error {
	e, ok := err.(*fault.Error) //nolint:errorlint // as Check returns it
	if !ok {
		return err
	}
	said := *e
	said.Field = e.Field[strings.LastIndex(e.Field, ".")+1:]
	if _, position := strconv.Atoi(said.Field); position == nil || said.Field == "elements" {
		said.Field, said.Code = "", fault.Conflict
	}
	return &said
}
