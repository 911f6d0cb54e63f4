package template

import (
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/document"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	"kontor/app/template"
)

// editPage is the data of the editor of a structure.
type editPage struct {
	page
	Nodes   []node
	Count   int
	Options document.Options
	Add     addForm
	Changes []change // since the newest version
	Comment string
	Done    *kit.Toast // what was just done, in answers to the script
}

// node is an element in the editor.
type node struct {
	template.Element
	Path   string
	Parent int
	Manage bool
	Nodes  []node
	Add    addForm // of a folder
}

// addForm adds an element to a folder.
type addForm struct {
	Into  int
	Name  string // of the folder; "" the root
	Path  string
	Form  *kit.Form
	Whats []text.Option
	Open  bool
}

// nodes puts elements into the form of the page. failed is the form that could not be carried out, if it adds an element.
func (d *editPage) nodes(list []template.Element, parent int, failed *kit.Form) (nodes []node) {
	for _, e := range list {
		n := node{Element: e, Path: d.elementPath(e.Key), Parent: parent, Manage: d.Manage}
		if e.Type == document.Folder {
			n.Nodes = d.nodes(e.Elements, e.Key, failed)
			n.Add = d.addTo(e.Key, e.Name, failed)
		}
		nodes = append(nodes, n)
	}
	return nodes
}

func (d *editPage) addTo(key int, name string, failed *kit.Form) addForm {
	a := addForm{Into: key, Name: name, Path: d.Path, Form: none(), Whats: d.Add.Whats}
	if failed != nil && failed.Values["into"] == strconv.Itoa(key) {
		a.Form, a.Open = failed, true
	}
	return a
}

func (p page) elementPath(key int) string { return p.Path + "/elements/" + strconv.Itoa(key) }

// whatFolder is the choice of a folder in the form that adds an element; the others are the answers of slots.
const whatFolder = "folder"

func (s *Screens) whats(c *fiber.Ctx) []text.Option {
	list := make([]text.Option, 0, 1+len(document.Answers))
	for _, a := range document.Answers {
		list = append(list, text.Option{Value: string(a), Text: s.Say(c, "answer."+string(a))})
	}
	return append(list, text.Option{Value: whatFolder, Text: s.Say(c, "element_type.folder")})
}

func (s *Screens) show(c *fiber.Ctx) error { return s.renderEditor(c, edited{}, fiber.StatusOK) }

// edited is what the editor shows besides the template.
type edited struct {
	form    *kit.Form  // with what is wrong; nil: nothing is
	adds    bool       // the form adds an element
	comment string     // of the form that publishes
	done    *kit.Toast // what was done
}

func (s *Screens) renderEditor(c *fiber.Ctx, e edited, status int) error {
	if e.form == nil {
		e.form = none()
	}
	p, tree, err := s.pageOf(c, "structure", e.form)
	if err != nil {
		return err
	}
	d := editPage{page: p, Options: tree.Options, Comment: e.comment, Done: e.done}
	outline := tree.Outline()
	d.Count = outline.Count()
	d.Add.Whats = s.whats(c)
	var failed *kit.Form
	if e.adds {
		failed = e.form
	}
	d.Nodes = d.nodes(tree.Elements, 0, failed)
	d.Add = d.addTo(0, "", failed)
	if p.Template.Version > 0 && p.Template.Changed {
		_, published, err := s.templates.VersionAt(s.Ctx(c), s.Caller(c), p.Template.ID, p.Template.Version)
		if err != nil {
			return err
		}
		d.Changes = s.changes(c, template.Diff(published, tree))
	}
	return s.render(c, kit.View{Page: "template/show", Fragment: "template/editor", Title: p.Template.Name, Status: status, Data: d})
}

// elementOf is the key of the element that the address names.
func elementOf(c *fiber.Ctx) (int, error) {
	key, err := strconv.Atoi(c.Params("element"))
	if err != nil || key < 1 {
		return 0, template.ErrNoElement
	}
	return key, nil
}

func (s *Screens) addElement(c *fiber.Ctx) error {
	f := kit.ReadForm(c, "name", "what", "into")
	into, err := strconv.Atoi(f.Values["into"])
	if err != nil {
		into = 0
	}
	planned := document.Planned{Type: document.Slot, Name: f.Values["name"], Answer: document.Answer(f.Values["what"]), Required: true}
	if f.Values["what"] == whatFolder {
		planned = document.Planned{Type: document.Folder, Name: f.Values["name"]}
	}
	return s.act(c, template.Add{Into: into, Planned: planned}, acted{done: "toast.element_added", form: f, adds: true})
}

func (s *Screens) allow(c *fiber.Ctx) error {
	return s.act(c, template.Allow{Options: document.Options{
		Extensible: kit.Posted(c, "extensible") == kit.On, Optional: kit.Posted(c, "optional") == kit.On, Duplicable: kit.Posted(c, "duplicable") == kit.On,
	}}, acted{done: "toast.element_changed_whole"})
}

func (s *Screens) put(c *fiber.Ctx) error {
	number := func(name string) int {
		n, err := strconv.Atoi(kit.Posted(c, name))
		if err != nil {
			return 0
		}
		return n
	}
	return s.act(c, template.Put{Key: number("element"), Into: number("into"), Before: number("before")}, acted{done: "toast.element_moved"})
}

func (s *Screens) move(c *fiber.Ctx) error {
	return s.onElement(c, "toast.element_moved", func(key int) template.Act {
		return template.Move{Key: key, To: template.Direction(kit.Posted(c, "direction"))}
	})
}

func (s *Screens) duplicateElement(c *fiber.Ctx) error {
	return s.onElement(c, "toast.element_duplicated", func(key int) template.Act { return template.Copy{Key: key} })
}

func (s *Screens) removeElement(c *fiber.Ctx) error {
	return s.onElement(c, "toast.element_removed", func(key int) template.Act { return template.Remove{Key: key} })
}

// onElement does something with the element that the address names.
func (s *Screens) onElement(c *fiber.Ctx, done string, of func(key int) template.Act) error {
	key, err := elementOf(c)
	if err != nil {
		return err
	}
	return s.act(c, of(key), acted{done: done})
}

// acted says what is shown after an act.
type acted struct {
	done string    // text of the toast
	form *kit.Form // that was sent; nil for a button
	adds bool
}

// act does something with the draft. A browser with script gets the editor anew, any other one is sent to the page.
func (s *Screens) act(c *fiber.Ctx, a template.Act, then acted) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	if err := s.requireManage(c); err != nil {
		return err
	}
	_, before, err := s.templates.Get(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return err
	}
	done, err := s.templates.Act(s.Ctx(c), s.Caller(c), id, a, 0)
	if err != nil {
		if then.form == nil {
			then.form = none()
		}
		if status, ok := s.Complain(c, then.form, err); ok {
			return s.renderEditor(c, edited{form: then.form, adds: then.adds}, status)
		}
		return err
	}
	toast, at := kit.Toast{}, ""
	if changed := done.Template.Revision; len(template.Diff(before, done.Tree)) > 0 {
		toast = kit.Toast{Text: then.done, Undo: pathOf(id) + "/undo/" + strconv.Itoa(changed), Args: map[string]any{"name": nameOf(done, before, a)}}
	}
	if kit.IsFragment(c) && kit.HeldOf(c) == nil {
		e := edited{}
		if toast.Text != "" {
			e.done = &toast
		}
		return s.renderEditor(c, e, fiber.StatusOK)
	}
	if add, ok := a.(template.Add); ok {
		at = "#add-" + strconv.Itoa(add.Into)
	} else if done.Key != 0 {
		at = "#e-" + strconv.Itoa(done.Key)
	}
	return s.RedirectWith(c, pathOf(id)+at, toast)
}

// nameOf is the name of the element that an act was about.
func nameOf(done template.Done, before template.Tree, a template.Act) string {
	if gone, ok := a.(template.Remove); ok {
		e, _ := before.Element(gone.Key)
		return e.Name
	}
	e, _ := done.Tree.Element(done.Key)
	return e.Name
}

func seenOf(value string) template.Seen {
	n, err := strconv.Atoi(value)
	if err != nil {
		n = -1
	}
	return template.Seen(n)
}

func (s *Screens) undo(c *fiber.Ctx) error {
	return s.onDraft(c, none(), func(id uuid.UUID) (kit.Toast, error) {
		_, err := s.templates.Undo(s.Ctx(c), s.Caller(c), id, seenOf(c.Params("revision")))
		return kit.Toast{Text: "toast.draft_undone"}, err
	})
}

func (s *Screens) discard(c *fiber.Ctx) error {
	return s.onDraft(c, kit.ReadForm(c, "version"), func(id uuid.UUID) (kit.Toast, error) {
		t, err := s.templates.Discard(s.Ctx(c), s.Caller(c), id, seenOf(kit.Posted(c, "version")))
		return kit.Toast{Text: "toast.template_discarded", Undo: pathOf(id) + "/undo/" + strconv.Itoa(t.Revision)}, err
	})
}

func (s *Screens) publish(c *fiber.Ctx) error {
	f := kit.ReadForm(c, "comment", "version")
	return s.onDraft(c, f, func(id uuid.UUID) (kit.Toast, error) {
		t, err := s.templates.Publish(s.Ctx(c), s.Caller(c), id, template.Publication{Comment: f.Values["comment"], Seen: seenOf(f.Values["version"])})
		return kit.Toast{Text: "toast.template_published", Args: map[string]any{"version": t.Version}}, err
	})
}

// onDraft does something with the draft as a whole, and shows the editor.
func (s *Screens) onDraft(c *fiber.Ctx, f *kit.Form, do func(id uuid.UUID) (kit.Toast, error)) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	toast, err := do(id)
	if err == nil {
		return s.RedirectWith(c, pathOf(id), toast)
	}
	if status, ok := s.Complain(c, f, err); ok {
		return s.renderEditor(c, edited{form: f, comment: f.Values["comment"]}, status)
	}
	return err
}
