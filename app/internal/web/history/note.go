package history

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/kit"
	"kontor/app/note"
	"kontor/policies"
)

// noteForm is the data of the page that changes a note.
type noteForm struct {
	Customer customerpage.Head
	Note     note.Note
	Form     *kit.Form
	Path     string
	Back     string
}

func notePath(cu customerpage.Head, id uuid.UUID) string { return cu.Path + "/notes/" + id.String() }

func (s *Screens) writeNote(c *fiber.Ctx) error {
	cu, err := s.heads.Of(c, "history")
	if err != nil {
		return err
	}
	f := kit.ReadForm(c, "note")
	if kit.Posted(c, "insert") != "" { // without script, a ready sentence is put into the note here
		f.Values["note"] = strings.TrimLeft(strings.TrimRight(f.Values["note"], " \n")+" "+kit.Posted(c, "phrase"), " ")
		return s.render(c, cu, f, fiber.StatusOK)
	}
	if err := s.notes.Write(s.Ctx(c), s.Caller(c), cu.ID, f.Values["note"], f.IdempotencyKey); err != nil {
		if status, ok := s.Complain(c, f, err); ok {
			return s.render(c, cu, f, status)
		}
		return err
	}
	return s.Redirect(c, historyPath(cu), "toast.note_written")
}

// noteOf loads the note that the address names, with its customer.
func (s *Screens) noteOf(c *fiber.Ctx) (d noteForm, err error) {
	if d.Customer, err = s.heads.Of(c, "history"); err != nil {
		return d, err
	}
	id, err := kit.Param(c, "nid")
	if err != nil {
		return d, err
	}
	d.Note, err = s.notes.Get(s.Ctx(c), s.Caller(c), d.Customer.ID, id)
	d.Path, d.Back = notePath(d.Customer, id), historyPath(d.Customer)
	return d, err
}

func fieldsOf(n note.Note) []kit.Field { return []kit.Field{{Name: "note", Value: n.Text}} }

func (s *Screens) editNote(c *fiber.Ctx) error {
	d, err := s.noteOf(c)
	if err != nil {
		return err
	}
	d.Form = kit.NewForm(kit.ValuesOf(fieldsOf(d.Note)))
	d.Form.Values["version"], d.Form.Was = strconv.Itoa(d.Note.Version), fieldsOf(d.Note)
	return s.renderNote(c, d, fiber.StatusOK)
}

func (s *Screens) renderNote(c *fiber.Ctx, d noteForm, status int) error {
	if d.Note.AuthorID != s.Caller(c).ID || !d.Customer.MayWriteNotes() {
		return policies.ErrForbidden
	}
	title := d.Customer.Name() + " · " + s.Say(c, "note.edit")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "history/note", Title: title, Nav: "customers", Status: status, Data: d})
}

func (s *Screens) saveNote(c *fiber.Ctx) error {
	d, err := s.noteOf(c)
	if err != nil {
		return err
	}
	f := kit.ReadForm(c, "note", "version")
	d.Form = f
	err = s.SaveChange(c, kit.Change{
		Form: f, Now: fieldsOf(d.Note),
		Save: func(version int) ([]kit.Field, int, error) {
			now, err := s.notes.Change(s.Ctx(c), s.Caller(c), d.Customer.ID, d.Note.ID, note.Edit{Text: f.Values["note"], Version: version})
			return fieldsOf(now), now.Version, err
		},
	})
	if err == nil {
		return s.RedirectWith(c, d.Back, s.Saved(c, f))
	}
	f.Overlap.Own = true // nobody else can have changed it
	for i := range f.Overlap.Conflicts {
		f.Overlap.Conflicts[i].Own = true
	}
	if status, ok := s.Complain(c, f, err); ok {
		return s.renderNote(c, d, status)
	}
	return err
}

func (s *Screens) removeNote(c *fiber.Ctx) error {
	return s.onNote(c, func(cu customerpage.Head, id uuid.UUID) (kit.Toast, error) {
		err := s.notes.Remove(s.Ctx(c), s.Caller(c), cu.ID, id)
		return kit.Toast{Text: "toast.note_removed", Undo: notePath(cu, id) + "/restore"}, err
	})
}

func (s *Screens) restoreNote(c *fiber.Ctx) error {
	return s.onNote(c, func(cu customerpage.Head, id uuid.UUID) (kit.Toast, error) {
		return kit.Toast{Text: "toast.note_restored"}, s.notes.Restore(s.Ctx(c), s.Caller(c), cu.ID, id)
	})
}

// onNote does one thing with the note that the address names, and returns to the history.
func (s *Screens) onNote(c *fiber.Ctx, do func(cu customerpage.Head, id uuid.UUID) (kit.Toast, error)) error {
	cu, err := s.heads.BareOf(c, "history")
	if err != nil {
		return err
	}
	id, err := kit.Param(c, "nid")
	if err != nil {
		return err
	}
	done, err := do(cu, id)
	if err != nil {
		return err
	}
	return s.RedirectWith(c, historyPath(cu), done)
}
