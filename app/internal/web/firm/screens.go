// Package firm serves the pages on which the firm sets what holds for it, and its mark.
package firm

import (
	"github.com/gofiber/fiber/v2"

	"kontor/app/firm"
	"kontor/app/internal/web/kit"
	"kontor/policies"
)

// Screens are the pages of the firm.
type Screens struct {
	*kit.Kit
	firm *firm.Service
}

// New makes the screens.
func New(k *kit.Kit, f *firm.Service) *Screens { return &Screens{k, f} }

// Place is the navigation entry of this feature.
func (s *Screens) Place() kit.Place {
	return kit.Place{ID: "firm", Key: "f", Href: Path, Icon: "building-2", May: s.Allowed(policies.ObjectFirm, "", policies.Read)}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{
		kit.Get(Path, kit.Firm, s.show(contact)),
		kit.Post(Path, kit.Firm, s.save(contact)),
		kit.Post(MarkPath, kit.Firm, s.setMark).Taking(kit.PartsBody),
		kit.Post(MarkPath+"/remove", kit.Firm, s.removeMark),
		kit.Get(kit.MarkPath+":file", kit.Anyone, s.serveMark),
		kit.Get(signIn.path, kit.Firm, s.show(signIn)),
		kit.Post(signIn.path, kit.Firm, s.save(signIn)),
		kit.Get(defaults.path, kit.Firm, s.show(defaults)),
		kit.Post(defaults.path, kit.Firm, s.save(defaults)),
		kit.Get(holidays.path, kit.Firm, s.listHolidays),
		kit.Post(holidays.path, kit.Firm, s.addHoliday),
		kit.Post(holidays.path+"/public", kit.Firm, s.addPublicHolidays),
		kit.Post(holidays.path+"/remove", kit.Firm, s.removeHolidays),
		kit.Get(phrases.path, kit.Firm, s.listPhrases),
		kit.Post(phrases.path, kit.Firm, s.addPhrase),
		kit.Get(phrases.path+"/:id", kit.Firm, s.editPhrase),
		kit.Post(phrases.path+"/:id", kit.Firm, s.savePhrase),
		kit.Post(phrases.path+"/:id/move", kit.Firm, s.movePhrase),
		kit.Post(phrases.path+"/:id/remove", kit.Firm, s.removePhrase),
	}
}

const (
	// Path is the address of the firm's page.
	Path = "/firm"
	// MarkPath takes the firm's mark.
	MarkPath = Path + "/mark"
	// MaxMark is how large a file may be that is judged at all, in bytes: more than a mark may have, so that a photo is
	// refused with words at its field.
	MaxMark = 12 << 20
)

// tab is one of the pages, between which people go by tabs.
type tab struct {
	id      string
	path    string
	section firm.Section // "" for a list
}

var (
	contact  = tab{"contact", Path, firm.Contact}
	signIn   = tab{"sign_in", Path + "/sign-in", firm.SignIn}
	defaults = tab{"defaults", Path + "/defaults", firm.Defaults}
	holidays = tab{"holidays", Path + "/holidays", ""}
	phrases  = tab{"phrases", Path + "/phrases", ""}
)

// link is a tab as the template shows it.
type link struct {
	ID, Href string
	Current  bool
}

// page is the data that all pages of the firm share.
type page struct {
	Tabs   []link
	Path   string // of this page
	Manage bool   // the caller may change what is here
	Form   *kit.Form
}

// pageOf makes the data of a tab, for callers who may read it. The profile is what holds now.
func (s *Screens) pageOf(c *fiber.Ctx, at tab, f *kit.Form) (p page, now *firm.Profile, err error) {
	if now, err = s.firm.Fresh(s.Ctx(c), s.Caller(c)); err != nil {
		return p, nil, err
	}
	p = page{Path: at.path, Form: f}
	if p.Manage, err = s.firm.May(s.Caller(c)); err != nil {
		return p, nil, err
	}
	for _, t := range []tab{contact, signIn, defaults, holidays, phrases} {
		p.Tabs = append(p.Tabs, link{t.id, t.path, t == at})
	}
	return p, now, nil
}

// render answers with one of the pages.
func (s *Screens) render(c *fiber.Ctx, at tab, data any, status int) error {
	title := s.Say(c, "nav.firm") + " · " + s.Say(c, "firm_tab."+at.id)
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "firm/" + at.id, Title: title, Nav: "firm", Status: status, Data: data})
}
