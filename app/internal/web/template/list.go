package template

import (
	"context"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/fault"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	"kontor/app/template"
	"kontor/policies"
)

// listPage is the data of the list of templates.
type listPage struct {
	Rows          []row
	Filter        template.Filter
	Filtered      bool
	Kinds, States []text.Option
	Manage        bool
}

// row is a template in the list.
type row struct {
	template.Template
	Path, KindName string
}

func (s *Screens) list(c *fiber.Ctx) error {
	manage, err := s.templates.May(s.Caller(c))
	if err != nil {
		return err
	}
	d := listPage{Manage: manage, Filter: template.Filter{Query: kit.QueryTerm(c, "q"), Kind: c.Query("kind"), State: template.State(c.Query("state"))}}
	d.Filtered = d.Filter != template.Filter{}
	list, err := s.templates.List(s.Ctx(c), s.Caller(c), d.Filter)
	if err != nil {
		return err
	}
	kinds, err := s.transactions.Kinds(s.Ctx(c))
	if err != nil {
		return err
	}
	names := map[string]string{}
	d.Kinds = []text.Option{{Text: s.Say(c, "template.any_kind")}}
	for _, k := range kinds {
		names[k.Key] = k.Name(s.Text(c).Locale)
		d.Kinds = append(d.Kinds, text.Option{Value: k.Key, Text: names[k.Key]})
	}
	d.States = []text.Option{{Text: s.Say(c, "template.any_state")}}
	for _, state := range template.States {
		d.States = append(d.States, text.Option{Value: string(state), Text: s.Say(c, "template_state."+string(state))})
	}
	for _, t := range list {
		d.Rows = append(d.Rows, row{t, pathOf(t.ID), names[t.Kind]})
	}
	return s.Render(c, kit.View{Page: "template/index", Fragment: "template/rows", Title: s.Say(c, "nav.templates"), Nav: "templates", Data: d})
}

// settingsPage is the data of the form with the settings of a template, new or not.
type settingsPage struct {
	page
	Kinds     []text.Option
	Audiences []text.Option
	New       bool
}

const (
	forFirm   = "firm"
	forPublic = "public"
)

var settingNames = []string{"name", "kind", "audience", "transaction_name", "description"}

// settingsOf are the settings that a form says.
func settingsOf(values map[string]string) template.Settings {
	return template.Settings{
		Name: values["name"], Kind: values["kind"], Public: values["audience"] == forPublic,
		TransactionName: values["transaction_name"], Description: values["description"],
	}
}

// settingFields are the settings as the fields of the form.
func settingFields(t template.Settings) []kit.Field {
	audience := forFirm
	if t.Public {
		audience = forPublic
	}
	return []kit.Field{
		{Name: "name", Value: t.Name}, {Name: "kind", Value: t.Kind}, {Name: "audience", Value: audience},
		{Name: "transaction_name", Value: t.TransactionName}, {Name: "description", Value: t.Description},
	}
}

// kindOptions are the kinds that can be chosen, and own, which the template has already.
func (s *Screens) kindOptions(c *fiber.Ctx, own string) (list []text.Option, err error) {
	kinds, err := s.transactions.Kinds(s.Ctx(c))
	for _, k := range kinds {
		if k.Active || k.Key == own {
			list = append(list, text.Option{Value: k.Key, Text: k.Name(s.Text(c).Locale)})
		}
	}
	return list, err
}

func (s *Screens) audiences(c *fiber.Ctx) []text.Option {
	return []text.Option{{Value: forFirm, Text: s.Say(c, "audience.firm")}, {Value: forPublic, Text: s.Say(c, "audience.public")}}
}

// requireManage is for pages with a form that not everybody who reads templates may send.
func (s *Screens) requireManage(c *fiber.Ctx) error {
	manage, err := s.templates.May(s.Caller(c))
	if err == nil && !manage {
		err = policies.ErrForbidden
	}
	return err
}

func (s *Screens) new(c *fiber.Ctx) error {
	f, err := none().Once()
	if err != nil {
		return err
	}
	return s.renderNew(c, f, fiber.StatusOK)
}

func (s *Screens) renderNew(c *fiber.Ctx, f *kit.Form, status int) (err error) {
	if err := s.requireManage(c); err != nil {
		return err
	}
	d := settingsPage{page: page{Form: f, Path: Path, Manage: true}, Audiences: s.audiences(c), New: true}
	if d.Kinds, err = s.kindOptions(c, ""); err != nil {
		return err
	}
	return s.render(c, kit.View{Page: "template/settings", Title: s.Say(c, "template.add"), Status: status, Data: d})
}

func (s *Screens) add(c *fiber.Ctx) error {
	f := kit.ReadForm(c, settingNames...)
	t, err := s.templates.Add(s.Ctx(c), s.Caller(c), settingsOf(f.Values), f.IdempotencyKey)
	if err == nil {
		return s.Redirect(c, pathOf(t.ID), "toast.template_added", "name", t.Name)
	}
	if status, ok := s.Complain(c, f, err); ok {
		return s.renderNew(c, f, status)
	}
	return err
}

func (s *Screens) showSettings(c *fiber.Ctx) error { return s.renderSettings(c, nil, fiber.StatusOK) }

func (s *Screens) renderSettings(c *fiber.Ctx, f *kit.Form, status int) error {
	p, _, err := s.pageOf(c, "settings", f)
	if err != nil {
		return err
	}
	if f == nil {
		now := settingFields(p.Template.Settings())
		p.Form = kit.NewForm(kit.ValuesOf(now))
		p.Form.Values["version"], p.Form.Was = strconv.Itoa(p.Template.Revision), now
	}
	d := settingsPage{page: p, Audiences: s.audiences(c)}
	if d.Kinds, err = s.kindOptions(c, p.Template.Kind); err != nil {
		return err
	}
	p.Form.Overlap.InWords("kind", d.Kinds)
	p.Form.Overlap.InWords("audience", d.Audiences)
	return s.render(c, kit.View{Page: "template/settings", Title: p.Template.Name, Status: status, Data: d})
}

func (s *Screens) saveSettings(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	if err := s.requireManage(c); err != nil {
		return err
	}
	was, _, err := s.templates.Get(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return err
	}
	f := kit.ReadForm(c, append([]string{"version"}, settingNames...)...)
	err = s.SaveChange(c, kit.Change{
		Form: f, Now: settingFields(was.Settings()), Subject: id,
		Save: func(version int) ([]kit.Field, int, error) {
			now, err := s.templates.Save(s.Ctx(c), s.Caller(c), id, settingsOf(f.Values), version)
			return settingFields(now.Settings()), now.Revision, err
		},
	})
	if err == nil {
		return s.RedirectWith(c, pathOf(id)+"/settings", s.Saved(c, f))
	}
	if status, ok := s.Complain(c, f, err); ok {
		return s.renderSettings(c, f, status)
	}
	return err
}

func (s *Screens) duplicate(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	t, err := s.templates.Duplicate(s.Ctx(c), s.Caller(c), id)
	if err == nil {
		return s.Redirect(c, pathOf(t.ID)+"/settings", "toast.template_duplicated", "name", t.Name)
	}
	return s.toldAtSettings(c, err)
}

// switched makes the handler of a button that retires or reactivates a template.
func (s *Screens) switched(do func(context.Context, account.Caller, uuid.UUID) (template.Template, error), done string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		id, err := kit.Param(c, "id")
		if err != nil {
			return err
		}
		t, err := do(s.Ctx(c), s.Caller(c), id)
		if err == nil {
			return s.Redirect(c, pathOf(id)+"/settings", done, "name", t.Name)
		}
		return s.toldAtSettings(c, err)
	}
}

// toldAtSettings shows a complaint about a button at the settings of the template.
func (s *Screens) toldAtSettings(c *fiber.Ctx, err error) error {
	if fault.CodeOf(err) == fault.Forbidden {
		return err
	}
	p, _, gone := s.pageOf(c, "settings", nil)
	if gone != nil {
		return gone
	}
	now := settingFields(p.Template.Settings())
	f := kit.NewForm(kit.ValuesOf(now))
	f.Values["version"], f.Was = strconv.Itoa(p.Template.Revision), now
	if status, ok := s.Complain(c, f, err); ok {
		return s.renderSettings(c, f, status)
	}
	return err
}
