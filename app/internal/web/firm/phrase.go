package firm

import (
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/firm"
	"kontor/app/internal/web/kit"
	"kontor/policies"
)

// phrasePage is the data of the page of ready sentences.
type phrasePage struct {
	page
	Phrases []firm.Phrase
}

// phraseForm is the data of the page that changes a sentence.
type phraseForm struct {
	page
	ID uuid.UUID
}

func (s *Screens) listPhrases(c *fiber.Ctx) error {
	return s.renderPhrases(c, kit.NewForm(map[string]string{}), fiber.StatusOK)
}

func (s *Screens) renderPhrases(c *fiber.Ctx, f *kit.Form, status int) error {
	p, now, err := s.pageOf(c, phrases, f)
	if err != nil {
		return err
	}
	return s.render(c, phrases, phrasePage{p, now.Phrases}, status)
}

func (s *Screens) addPhrase(c *fiber.Ctx) error {
	f := kit.ReadForm(c, "german", "english")
	err := s.firm.AddPhrase(s.Ctx(c), s.Caller(c), f.Values["german"], f.Values["english"])
	if err == nil {
		return s.Redirect(c, phrases.path, "toast.phrase_added")
	}
	if status, ok := s.Complain(c, f, err); ok {
		return s.renderPhrases(c, f, status)
	}
	return err
}

func phraseFields(p firm.Phrase) []kit.Field {
	return []kit.Field{{Name: "german", Value: p.German}, {Name: "english", Value: p.English}}
}

func (s *Screens) editPhrase(c *fiber.Ctx) error {
	id, p, version, err := s.phraseOf(c)
	if err != nil {
		return err
	}
	f := kit.NewForm(kit.ValuesOf(phraseFields(p)))
	f.Values["version"], f.Was = strconv.Itoa(version), phraseFields(p)
	return s.renderPhrase(c, id, f, fiber.StatusOK)
}

// phraseOf finds the sentence that the address names, for callers who may read it.
func (s *Screens) phraseOf(c *fiber.Ctx) (id uuid.UUID, p firm.Phrase, version int, err error) {
	if _, err = s.firm.Fresh(s.Ctx(c), s.Caller(c)); err != nil {
		return id, p, 0, err
	}
	if id, err = kit.Param(c, "id"); err != nil {
		return id, p, 0, err
	}
	p, version, err = s.firm.Phrase(id)
	return id, p, version, err
}

func (s *Screens) renderPhrase(c *fiber.Ctx, id uuid.UUID, f *kit.Form, status int) error {
	p, _, err := s.pageOf(c, phrases, f)
	if err != nil {
		return err
	}
	if !p.Manage {
		return policies.ErrForbidden
	}
	title := s.Say(c, "phrase.edit")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "firm/phrase", Title: title, Nav: "firm", Status: status, Data: phraseForm{p, id}})
}

func (s *Screens) savePhrase(c *fiber.Ctx) error {
	id, now, _, err := s.phraseOf(c)
	if err != nil {
		return err
	}
	f := kit.ReadForm(c, "german", "english", "version")
	err = s.SaveChange(c, kit.Change{
		Form: f, Now: phraseFields(now), Subject: id,
		Save: func(version int) ([]kit.Field, int, error) {
			now, v, err := s.firm.ChangePhrase(s.Ctx(c), s.Caller(c), firm.Phrase{ID: id, German: f.Values["german"], English: f.Values["english"]}, version)
			return phraseFields(now), v, err
		},
	})
	if err == nil {
		return s.RedirectWith(c, phrases.path, s.Saved(c, f))
	}
	if status, ok := s.Complain(c, f, err); ok {
		return s.renderPhrase(c, id, f, status)
	}
	return err
}

func (s *Screens) movePhrase(c *fiber.Ctx) error {
	by := 1
	if kit.Posted(c, "direction") == "up" {
		by = -1
	}
	return s.onPhrase(c, "", func(id uuid.UUID) error { return s.firm.MovePhrase(s.Ctx(c), s.Caller(c), id, by) })
}

func (s *Screens) removePhrase(c *fiber.Ctx) error {
	return s.onPhrase(c, "toast.phrase_removed", func(id uuid.UUID) error { return s.firm.RemovePhrase(s.Ctx(c), s.Caller(c), id) })
}

// onPhrase does one thing with the sentence that the address names.
func (s *Screens) onPhrase(c *fiber.Ctx, done string, do func(id uuid.UUID) error) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	if err := do(id); err != nil {
		return err
	}
	return s.Redirect(c, phrases.path, done)
}
