package web

import (
	"encoding/json"
	"errors"
	"hash/fnv"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"kontor/app/access"
	"kontor/app/courier"
	"kontor/app/customer"
)

func (s *Server) accessRoutes() []route {
	return []route{
		get("/customers/:id/deliveries", firm, s.showDeliveries),
		get("/customers/:id/accesses/new", firm, s.newAccess),
		post("/customers/:id/accesses", firm, s.createAccess),
		post("/customers/:id/accesses/number", firm, s.numberOfAccess).byItself(),
		get("/customers/:id/accesses/:aid", firm, s.showAccess),
		post("/customers/:id/accesses/:aid", firm, s.correctAccess),
		post("/customers/:id/accesses/:aid/resend", firm, s.resendAccess),
		post("/customers/:id/accesses/:aid/try", firm, s.tryAddress),
		post("/customers/:id/accesses/:aid/deactivate", firm, s.deactivateAccess),
		post("/customers/:id/accesses/:aid/reactivate", firm, s.reactivateAccess),
	}
}

// accessList is the data of the page Deliveries, and of the group Accesses on the page Authorisations.
type accessList struct {
	Customer customerContext
	Accesses []accessView
	Settled  bool   // nothing more will happen by itself: the page need not ask again
	Mark     string // stays the same as long as the accesses look the same
	Say      string
}

// accessView is an access as a row, with its delivery timeline by channel.
type accessView struct {
	access.Row
	Channels []channelTimeline
	Settled  bool
}

type channelTimeline struct {
	Channel courier.Channel
	State   courier.State // of the newest message, "" when there was none
	Steps   []access.Step
}

// seenQuery carries the mark of what a page that asks again by itself is showing.
const seenQuery = "seen"

// asksAgain says whether a page asked by itself, with nobody pressing anything.
func asksAgain(c *fiber.Ctx) bool { return isFragment(c) && c.Query(seenQuery) != "" }

// unchanged says whether a page that asks again shows what is so. It then gets 204 and stays as it is: focus, selection
// and opened timelines with it.
func (d accessList) unchanged(c *fiber.Ctx) bool {
	return asksAgain(c) && c.Query(seenQuery) == d.Mark
}

func (s *Server) showDeliveries(c *fiber.Ctx) error {
	cu, err := s.customerOf(c, "deliveries")
	if err != nil {
		return err
	}
	d, err := s.accessesOf(c, cu)
	if err != nil {
		return err
	}
	if d.unchanged(c) {
		return c.SendStatus(fiber.StatusNoContent)
	}
	return s.render(c, view{
		Page: "accesses/deliveries", Fragment: "accesses/timelines", Nav: "customers", Data: d,
		Title: d.Customer.Name() + " · " + s.say(c, "tab.deliveries"),
	})
}

func (s *Server) accessesOf(c *fiber.Ctx, cu customerContext) (accessList, error) {
	rows, err := s.accesses.OfCustomer(s.ctx(c), s.caller(c), cu.ID)
	if err != nil {
		return accessList{}, err
	}
	d := accessList{Customer: cu, Settled: true}
	for _, r := range rows {
		v := s.accessView(r)
		d.Settled = d.Settled && v.Settled
		d.Accesses = append(d.Accesses, v)
		d.Say += r.Name() + ": " + s.say(c, "status."+string(r.Status)) + ". "
	}
	d.Mark, err = markOf(d.Accesses)
	return d, err
}

// markOf is a short name for what a page shows of the accesses.
func markOf(all []accessView) (string, error) {
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

func (s *Server) accessView(r access.Row) accessView {
	steps, settled := access.Timeline(r, s.now())
	v := accessView{Row: r, Settled: settled}
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
	Customer customerContext
	Form     *form
	Access   *access.Row // nil when creating
	Locales  []option
}

var accessFields = []string{"first_name", "last_name", "email", "mobile", "locale"}

func readAccess(f *form) access.Form {
	v := f.Values
	return access.Form{FirstName: v["first_name"], LastName: v["last_name"], Email: v["email"], Mobile: v["mobile"], Locale: v["locale"]}
}

func (s *Server) renderAccessForm(c *fiber.Ctx, d accessForm, status int) error {
	d.Locales = s.localeOptions(c)
	s.readNumbers(c, d.Form, d.Customer.Country)
	title := s.say(c, "access.create")
	if d.Access != nil {
		title = d.Access.Name()
	}
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "accesses/form", Title: title, Nav: "customers", Status: status, Data: d})
}

func (s *Server) newAccess(c *fiber.Ctx) error {
	cu, err := s.customerOf(c, "authorisations")
	if err != nil {
		return err
	}
	if !cu.MayCreateAccess() {
		return orForbidden(nil)
	}
	f, err := newForm(map[string]string{"locale": cu.Locale}).once()
	if err != nil {
		return err
	}
	return s.renderAccessForm(c, accessForm{Customer: cu, Form: f}, fiber.StatusOK)
}

func (s *Server) createAccess(c *fiber.Ctx) error {
	cu, err := s.customerOf(c, "authorisations")
	if err != nil {
		return err
	}
	f := readForm(c, accessFields...)
	a, err := s.accesses.Create(s.ctx(c), s.caller(c), cu.ID, readAccess(f), f.Submission)
	if err != nil {
		if status, ok := s.complain(c, f, err); ok {
			return s.renderAccessForm(c, accessForm{Customer: cu, Form: f}, status)
		}
		return err
	}
	t := toast{Text: "toast.access_created", Code: a.Mobile, Args: argMap([]any{"name", a.Name()})}
	if a.Waiting {
		t.Text, t.Code = "toast.access_waiting", ""
	}
	return s.redirectWith(c, cu.Path+"/authorisations", t)
}

// accessOf loads the access of the address with its customer.
func (s *Server) accessOf(c *fiber.Ctx) (customerContext, access.Row, error) {
	cu, err := s.customerOf(c, "authorisations")
	if err != nil {
		return cu, access.Row{}, err
	}
	id, err := param(c, "aid")
	if err != nil {
		return cu, access.Row{}, err
	}
	r, err := s.accesses.Get(s.ctx(c), s.caller(c), cu.ID, id)
	return cu, r, err
}

// fieldsOfAccess are the stored values of the fields that its form can change. The e-mail address of a registered
// access is the end user's own.
func fieldsOfAccess(a access.Access) []customer.Field {
	fields := fieldsOfAccessForm(recordedOf(a))
	if a.RegisteredAt != nil {
		fields = slices.DeleteFunc(fields, func(field customer.Field) bool { return field.Name == "email" })
	}
	return fields
}

// recordedOf is what is recorded of an access.
func recordedOf(a access.Access) access.Form {
	return access.Form{FirstName: a.FirstName, LastName: a.LastName, Email: a.Email, Mobile: a.Mobile, Locale: a.Locale}
}

// fieldsOfAccessForm are the values of the fields in which that is recorded.
func fieldsOfAccessForm(f access.Form) []customer.Field {
	return showNumbers([]customer.Field{
		{Name: "first_name", Value: f.FirstName}, {Name: "last_name", Value: f.LastName}, {Name: "email", Value: f.Email},
		{Name: "mobile", Value: f.Mobile}, {Name: "locale", Value: f.Locale},
	})
}

// storedAccess is what was typed about an access as it would be stored.
func storedAccess(country string, values map[string]string) map[string]string {
	f, err := access.Validate(readAccess(&form{Values: values}), country)
	if err != nil {
		return values // what has mistakes is never compared
	}
	return valuesOf(fieldsOfAccessForm(f))
}

func formOfAccess(a access.Access) *form {
	f := newForm(valuesOf(fieldsOfAccessForm(recordedOf(a))))
	f.Values["version"] = strconv.Itoa(a.Version)
	f.Was = fieldsOfAccess(a)
	return f
}

func (s *Server) showAccess(c *fiber.Ctx) error {
	cu, r, err := s.accessOf(c)
	if err != nil {
		return err
	}
	if !cu.MayUpdateAccess() {
		return orForbidden(nil)
	}
	return s.renderAccessForm(c, accessForm{Customer: cu, Form: formOfAccess(r.Access), Access: &r}, fiber.StatusOK)
}

func (s *Server) correctAccess(c *fiber.Ctx) error {
	cu, r, err := s.accessOf(c)
	if err != nil {
		return err
	}
	f := readForm(c, append([]string{"version"}, accessFields...)...)
	if r.RegisteredAt != nil { // their own to change
		f.Values["email"] = r.Email
	}
	a := r.Access
	err = s.saveChange(c, change{
		form: f, now: fieldsOfAccess(r.Access), subject: r.ID,
		stored: func(values map[string]string) map[string]string { return storedAccess(cu.Country, values) },
		save: func(version int) (_ []customer.Field, _ int, err error) {
			a, err = s.accesses.Correct(s.ctx(c), s.caller(c), cu.ID, r.ID, version, readAccess(f))
			if isVersion(err) {
				r.Access = a
			}
			return fieldsOfAccess(a), a.Version, err
		},
	})
	if err != nil {
		status, ok := s.complain(c, f, err)
		if !ok {
			return err
		}
		return s.renderAccessForm(c, accessForm{Customer: cu, Form: f, Access: &r}, status)
	}
	t := toast{Text: "toast.access_saved", Args: argMap([]any{"name", a.Name()})}
	switch {
	case a.Waiting:
		t.Text = "toast.access_waiting"
	case a.Generation != r.Generation:
		t.Text, t.Code = "toast.access_corrected", a.Mobile
	case len(f.Overlap.Also) > 0:
		t = s.saved(c, f)
	}
	return s.redirectWith(c, cu.Path+"/authorisations", t)
}

// onAccess does one thing to the access of the address and goes back to the page it was pressed on.
func (s *Server) onAccess(c *fiber.Ctx, done string, do func(cu customerContext, r access.Row) error) error {
	cu, r, err := s.accessOf(c)
	if err != nil {
		return err
	}
	if err := do(cu, r); err != nil {
		return err
	}
	return s.backToAccesses(c, cu, r, toast{Text: done})
}

// backToAccesses says of an access what was done, on the page that it was done on.
func (s *Server) backToAccesses(c *fiber.Ctx, cu customerContext, r access.Row, done toast) error {
	to := cu.Path + "/authorisations"
	if posted(c, "from") == "deliveries" {
		to = cu.Path + "/deliveries"
	}
	done.Args = argMap([]any{"name", r.Name()})
	return s.redirectWith(c, to, done)
}

func (s *Server) resendAccess(c *fiber.Ctx) error {
	cu, r, err := s.accessOf(c)
	if err != nil {
		return err
	}
	done := toast{Text: "toast.access_resent", Code: r.Mobile}
	err = s.accesses.Resend(s.ctx(c), s.caller(c), cu.ID, r.ID)
	if errors.Is(err, access.ErrJustSent) { // a double click, or a hand quicker than the mail
		done, err = toast{Text: "toast.access_just_sent"}, nil
	}
	if err != nil {
		return err
	}
	return s.backToAccesses(c, cu, r, done)
}

// tryAddress has an address tried again that was refused.
func (s *Server) tryAddress(c *fiber.Ctx) error {
	return s.onAccess(c, "toast.address_freed", func(cu customerContext, r access.Row) error {
		return s.accesses.TryAddress(s.ctx(c), s.caller(c), cu.ID, r.ID)
	})
}

func (s *Server) deactivateAccess(c *fiber.Ctx) error {
	return s.onAccess(c, "toast.access_deactivated", func(cu customerContext, r access.Row) error {
		return s.accesses.Deactivate(s.ctx(c), s.caller(c), cu.ID, r.ID)
	})
}

func (s *Server) reactivateAccess(c *fiber.Ctx) error {
	cu, r, err := s.accessOf(c)
	if err != nil {
		return err
	}
	if err := s.accesses.Reactivate(s.ctx(c), s.caller(c), cu.ID, r.ID); err != nil {
		return err
	}
	now, err := s.accesses.Get(s.ctx(c), s.caller(c), cu.ID, r.ID)
	if err != nil {
		return err
	}
	done := toast{Text: "toast.access_reactivated"}
	switch {
	case now.Waiting:
		done.Text = "toast.access_waiting"
	case now.Generation != r.Generation:
		done.Code = now.Mobile
	}
	return s.backToAccesses(c, cu, r, done)
}
