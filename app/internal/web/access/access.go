package access

import (
	"encoding/json"
	"errors"
	"hash/fnv"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"kontor/app/access"
	"kontor/app/courier"
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
)

// List is the data of the page Deliveries, and of the group Accesses on the page Authorisations.
type List struct {
	Customer customerpage.Head
	Accesses []view
	Settled  bool   // nothing more will happen by itself, so the page need not refresh
	Mark     string // a hash of what the page shows of the accesses
	Say      string
}

// view is an access as a row, with its delivery timeline by channel.
type view struct {
	access.Row
	Channels []channelTimeline
	Settled  bool
}

type channelTimeline struct {
	Channel courier.Channel
	State   courier.State // of the newest message, "" when there was none
	Steps   []access.Step
}

// Unchanged says whether a page that refreshes itself already shows the current state. The answer is then 204, and the
// page keeps its focus, its selection and its opened timelines.
func (d List) Unchanged(c *fiber.Ctx) bool {
	return kit.AsksAgain(c) && c.Query(kit.SeenQuery) == d.Mark
}

func (s *Screens) showDeliveries(c *fiber.Ctx) error {
	cu, err := s.heads.Of(c, "deliveries")
	if err != nil {
		return err
	}
	d, err := s.ListOf(c, cu)
	if err != nil {
		return err
	}
	if d.Unchanged(c) {
		return c.SendStatus(fiber.StatusNoContent)
	}
	return s.Render(c, kit.View{
		Page: "access/deliveries", Fragment: "access/timelines", Nav: "customers", Data: d,
		Title: d.Customer.Name() + " · " + s.Say(c, "tab.deliveries"),
	})
}

// ListOf loads the accesses of a customer.
func (s *Screens) ListOf(c *fiber.Ctx, cu customerpage.Head) (List, error) {
	rows, err := s.accesses.OfCustomer(s.Ctx(c), s.Caller(c), cu.ID)
	if err != nil {
		return List{}, err
	}
	d := List{Customer: cu, Settled: true}
	for _, r := range rows {
		v := s.accessView(r)
		d.Settled = d.Settled && v.Settled
		d.Accesses = append(d.Accesses, v)
		d.Say += r.Name() + ": " + s.Say(c, "status."+string(r.Status)) + ". "
	}
	d.Mark, err = markOf(d.Accesses)
	return d, err
}

// markOf is a hash of what a page shows of the accesses.
func markOf(all []view) (string, error) {
	h := fnv.New64a()
	to := json.NewEncoder(h)
	for _, v := range all {
		for _, part := range []any{v.ID, v.Version, v.Status, v.Generation, v.LinkExpiresAt, v.LastSeenAt, v.Refused, v.Channels} {
			if err := to.Encode(part); err != nil {
				return "", err
			}
		}
	}
	return strconv.FormatUint(h.Sum64(), 36), nil
}

func (s *Screens) accessView(r access.Row) view {
	steps, settled := access.Timeline(r, s.Now())
	v := view{Row: r, Settled: settled}
	for _, step := range steps {
		n := len(v.Channels)
		if n == 0 || v.Channels[n-1].Channel != step.Channel {
			v.Channels = append(v.Channels, channelTimeline{Channel: step.Channel})
			n++
		}
		v.Channels[n-1].Steps = append(v.Channels[n-1].Steps, step)
	}
	for i := range v.Channels {
		for _, m := range r.Messages { // oldest first
			if m.Channel == v.Channels[i].Channel {
				v.Channels[i].State = m.State
			}
		}
	}
	return v
}

// accessForm is the data of the pages that create and correct an access.
type accessForm struct {
	Customer customerpage.Head
	Form     *kit.Form
	Access   *access.Row // nil when creating
	Locales  []text.Option
	From     kit.Origin
}

// Back is where the form returns.
func (d accessForm) Back() string { return d.From.Back(d.Customer.Path + "/authorisations") }

var accessFields = []string{"first_name", "last_name", "email", "mobile", "locale"}

func readAccess(f *kit.Form) access.Form {
	v := f.Values
	return access.Form{FirstName: v["first_name"], LastName: v["last_name"], Email: v["email"], Mobile: v["mobile"], Locale: v["locale"]}
}

func (s *Screens) renderAccessForm(c *fiber.Ctx, d accessForm, status int) error {
	d.Locales, d.From = s.LocaleOptions(c), kit.OriginOf(c)
	s.ReadNumbers(c, d.Form, d.Customer.Country)
	title := s.Say(c, "access.create")
	if d.Access != nil {
		title = d.Access.Name()
	}
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "access/form", Title: title, Nav: "customers", Status: status, Data: d})
}

func (s *Screens) newAccess(c *fiber.Ctx) error {
	cu, err := s.heads.Of(c, "authorisations")
	if err != nil {
		return err
	}
	if !cu.MayCreateAccess() {
		return kit.OrForbidden(nil)
	}
	f, err := kit.NewForm(map[string]string{"locale": cu.Locale}).Once()
	if err != nil {
		return err
	}
	return s.renderAccessForm(c, accessForm{Customer: cu, Form: f}, fiber.StatusOK)
}

func (s *Screens) createAccess(c *fiber.Ctx) error {
	cu, err := s.heads.Of(c, "authorisations")
	if err != nil {
		return err
	}
	f := kit.ReadForm(c, accessFields...)
	a, err := s.accesses.Create(s.Ctx(c), s.Caller(c), cu.ID, readAccess(f), f.IdempotencyKey)
	if err != nil {
		if status, ok := s.Complain(c, f, err); ok {
			return s.renderAccessForm(c, accessForm{Customer: cu, Form: f}, status)
		}
		return err
	}
	t := kit.Toast{Text: "toast.access_created", Code: a.Mobile, Args: text.ArgMap([]any{"name", a.Name()})}
	if a.Waiting {
		t.Text, t.Code = "toast.access_waiting", ""
	}
	return s.RedirectWith(c, kit.OriginOf(c).Back(cu.Path+"/authorisations"), t)
}

// accessOf loads the access that the address names, and its customer.
func (s *Screens) accessOf(c *fiber.Ctx) (customerpage.Head, access.Row, error) {
	cu, err := s.heads.Of(c, "authorisations")
	if err != nil {
		return cu, access.Row{}, err
	}
	id, err := kit.Param(c, "aid")
	if err != nil {
		return cu, access.Row{}, err
	}
	r, err := s.accesses.Get(s.Ctx(c), s.Caller(c), cu.ID, id)
	return cu, r, err
}

// fieldsOfAccess are the stored values of the fields that the access's form can change. After registration, only the end
// user can change the e-mail address.
func fieldsOfAccess(a access.Access) []kit.Field {
	fields := fieldsOfAccessForm(recordedOf(a))
	if a.RegisteredAt != nil {
		fields = slices.DeleteFunc(fields, func(field kit.Field) bool { return field.Name == "email" })
	}
	return fields
}

// recordedOf is the stored data of an access as a form.
func recordedOf(a access.Access) access.Form {
	return access.Form{FirstName: a.FirstName, LastName: a.LastName, Email: a.Email, Mobile: a.Mobile, Locale: a.Locale}
}

// fieldsOfAccessForm are the form's fields with their values.
func fieldsOfAccessForm(f access.Form) []kit.Field {
	return kit.ShowNumbers([]kit.Field{
		{Name: "first_name", Value: f.FirstName}, {Name: "last_name", Value: f.LastName}, {Name: "email", Value: f.Email},
		{Name: "mobile", Value: f.Mobile}, {Name: "locale", Value: f.Locale},
	})
}

// storedAccess converts what was typed to the values that would be stored.
func storedAccess(country string, values map[string]string) map[string]string {
	f, err := access.Validate(readAccess(&kit.Form{Values: values}), country)
	if err != nil {
		return values // values with mistakes are never compared
	}
	return kit.ValuesOf(fieldsOfAccessForm(f))
}

func formOfAccess(a access.Access) *kit.Form {
	f := kit.NewForm(kit.ValuesOf(fieldsOfAccessForm(recordedOf(a))))
	f.Values["version"] = strconv.Itoa(a.Version)
	f.Was = fieldsOfAccess(a)
	return f
}

func (s *Screens) showAccess(c *fiber.Ctx) error {
	cu, r, err := s.accessOf(c)
	if err != nil {
		return err
	}
	if !cu.MayUpdateAccess() {
		return kit.OrForbidden(nil)
	}
	return s.renderAccessForm(c, accessForm{Customer: cu, Form: formOfAccess(r.Access), Access: &r}, fiber.StatusOK)
}

func (s *Screens) correctAccess(c *fiber.Ctx) error {
	cu, r, err := s.accessOf(c)
	if err != nil {
		return err
	}
	f := kit.ReadForm(c, append([]string{"version"}, accessFields...)...)
	if r.RegisteredAt != nil { // only the end user may change it
		f.Values["email"] = r.Email
	}
	a := r.Access
	err = s.SaveChange(c, kit.Change{
		Form: f, Now: fieldsOfAccess(r.Access), Subject: r.ID,
		Stored: func(values map[string]string) map[string]string { return storedAccess(cu.Country, values) },
		Save: func(version int) (_ []kit.Field, _ int, err error) {
			a, err = s.accesses.Correct(s.Ctx(c), s.Caller(c), cu.ID, r.ID, access.Correction{Form: readAccess(f), Version: version})
			if kit.IsVersion(err) {
				r.Access = a
			}
			return fieldsOfAccess(a), a.Version, err
		},
	})
	if err != nil {
		status, ok := s.Complain(c, f, err)
		if !ok {
			return err
		}
		return s.renderAccessForm(c, accessForm{Customer: cu, Form: f, Access: &r}, status)
	}
	t := kit.Toast{Text: "toast.access_saved", Args: text.ArgMap([]any{"name", a.Name()})}
	switch {
	case a.Waiting:
		t.Text = "toast.access_waiting"
	case a.Generation != r.Generation:
		t.Text, t.Code = "toast.access_corrected", a.Mobile
	case len(f.Overlap.Also) > 0:
		t = s.Saved(c, f)
	}
	return s.RedirectWith(c, kit.OriginOf(c).Back(cu.Path+"/authorisations"), t)
}

// onAccess performs one action on the access that the address names, and returns to the page with the button.
func (s *Screens) onAccess(c *fiber.Ctx, done string, do func(cu customerpage.Head, r access.Row) error) error {
	cu, r, err := s.accessOf(c)
	if err != nil {
		return err
	}
	if err := do(cu, r); err != nil {
		return err
	}
	return s.backToAccesses(c, cu, r, kit.Toast{Text: done})
}

// backToAccesses returns to the page with the button and shows a toast about the access.
func (s *Screens) backToAccesses(c *fiber.Ctx, cu customerpage.Head, r access.Row, done kit.Toast) error {
	to := cu.Path + "/authorisations"
	if kit.Posted(c, "from") == "deliveries" {
		to = cu.Path + "/deliveries"
	}
	done.Args = text.ArgMap([]any{"name", r.Name()})
	return s.RedirectWith(c, to, done)
}

func (s *Screens) resendAccess(c *fiber.Ctx) error {
	cu, r, err := s.accessOf(c)
	if err != nil {
		return err
	}
	done := kit.Toast{Text: "toast.access_resent", Code: r.Mobile}
	err = s.accesses.Resend(s.Ctx(c), s.Caller(c), cu.ID, r.ID)
	if errors.Is(err, access.ErrJustSent) { // a double click, or a click before the mail arrived
		done, err = kit.Toast{Text: "toast.access_just_sent"}, nil
	}
	if err != nil {
		return err
	}
	return s.backToAccesses(c, cu, r, done)
}

// tryAddress allows sending to an address again after a receiving server has refused it.
func (s *Screens) tryAddress(c *fiber.Ctx) error {
	return s.onAccess(c, "toast.address_freed", func(cu customerpage.Head, r access.Row) error {
		return s.accesses.TryAddress(s.Ctx(c), s.Caller(c), cu.ID, r.ID)
	})
}

func (s *Screens) deactivateAccess(c *fiber.Ctx) error {
	return s.onAccess(c, "toast.access_deactivated", func(cu customerpage.Head, r access.Row) error {
		return s.accesses.Deactivate(s.Ctx(c), s.Caller(c), cu.ID, r.ID)
	})
}

func (s *Screens) reactivateAccess(c *fiber.Ctx) error {
	cu, r, err := s.accessOf(c)
	if err != nil {
		return err
	}
	if err := s.accesses.Reactivate(s.Ctx(c), s.Caller(c), cu.ID, r.ID); err != nil {
		return err
	}
	now, err := s.accesses.Get(s.Ctx(c), s.Caller(c), cu.ID, r.ID)
	if err != nil {
		return err
	}
	done := kit.Toast{Text: "toast.access_reactivated"}
	switch {
	case now.Waiting:
		done.Text = "toast.access_waiting"
	case now.Generation != r.Generation:
		done.Code = now.Mobile
	}
	return s.backToAccesses(c, cu, r, done)
}

// numberOfAccess answers how the number of an access was understood, read in the country of its customer.
func (s *Screens) numberOfAccess(c *fiber.Ctx) error {
	cu, err := s.heads.BareOf(c, "authorisations")
	if err != nil || !cu.MayCreateAccess() && !cu.MayUpdateAccess() {
		return kit.OrForbidden(err)
	}
	return s.AnswerNumber(c, cu.Country, "mobile")
}
