package bulk

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/bulk"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
)

// actPage is the data of the page of an act.
type actPage struct {
	bulk.Act
	Path       string
	Title      string // "Change due date"
	Set        string // what is set, in words; "" if it is a date
	List       string // the address of the list that it is about
	Chips      []chip
	Page       bulk.Page
	Next, Prev string
	Form       *kit.Form
	Button     string // what it will do, with its number
}

// chip narrows the list to a verdict.
type chip struct {
	Text, Href string
	Count      int64
	All        bool // whatever the verdict
	Current    bool
}

// recentPage is the data of the list of a person's acts.
type recentPage struct{ Acts []actPage }

func (s *Screens) list(c *fiber.Ctx) error {
	acts, err := s.acts.Recent(s.Ctx(c), s.Caller(c))
	if err != nil {
		return err
	}
	d := recentPage{}
	for _, a := range acts {
		d.Acts = append(d.Acts, s.inWords(c, a))
	}
	return s.Render(c, kit.View{Page: "bulk/recent", Title: s.Say(c, "bulk.recent"), Nav: "", Data: d})
}

// inWords is an act with its title and value in words.
func (s *Screens) inWords(c *fiber.Ctx, a bulk.Act) actPage {
	d := actPage{Act: a, Path: pathOf(a), Title: s.Say(c, "bulk_kind."+string(a.Kind)), List: "/customers", Form: kit.NewForm(nil)}
	if a.Kind.OfTransactions() {
		d.List = "/transactions"
	}
	d.Button = s.Text(c).Count("bulk_start."+string(a.Kind), a.Does())
	switch {
	case a.Kind == bulk.Status:
		d.Set = s.Say(c, "transaction_status."+a.Value)
	case a.Kind == bulk.Due && a.Value == "":
		d.Set = s.Say(c, "bulk.no_due")
	case a.Kind == bulk.Responsible && a.Value == "":
		d.Set = s.Say(c, "transaction.nobody")
	case a.Kind != bulk.Due && a.Kind != bulk.Resend:
		d.Set = strings.Join(a.People, ", ")
	}
	return d
}

func (s *Screens) show(c *fiber.Ctx) error { return s.render(c, kit.NewForm(nil), fiber.StatusOK) }

func (s *Screens) render(c *fiber.Ctx, f *kit.Form, status int) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	a, err := s.acts.Get(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return err
	}
	d := s.inWords(c, a)
	if d.Form = f; !a.Running() {
		if err := s.listRows(c, &d); err != nil {
			return err
		}
	}
	title := d.Title
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "bulk/act", Fragment: "bulk/state", Title: title, Nav: navOf(a.Kind), Status: status, Data: d})
}

// listRows adds a page of the rows with their verdicts.
func (s *Screens) listRows(c *fiber.Ctx, d *actPage) (err error) {
	only := bulk.Verdict(c.Query("verdict"))
	if !slices.Contains(bulk.Verdicts, only) {
		only = ""
	}
	if d.Page, err = s.acts.Rows(s.Ctx(c), s.Caller(c), d.Act, bulk.RowFilter{Only: only, After: c.Query("after"), Before: c.Query("before")}); err != nil {
		return err
	}
	at := func(verdict bulk.Verdict, cursor, value string) string {
		q := kit.NewQuery(d.Path)
		q.Add("verdict", string(verdict))
		if cursor != "" {
			q.Add(cursor, value)
		}
		return q.String()
	}
	if d.Page.Next != "" {
		d.Next = at(only, "after", d.Page.Next)
	}
	if d.Page.Prev != "" {
		d.Prev = at(only, "before", d.Page.Prev)
	}
	var all int64
	for _, v := range bulk.Verdicts {
		if n := d.Counts[v]; n > 0 {
			all += n
			d.Chips = append(d.Chips, chip{s.Say(c, "bulk_verdict."+d.Kind.Word(v)), at(v, "", ""), n, false, v == only})
		}
	}
	d.Chips = append([]chip{{s.Say(c, "bulk.all"), d.Path, all, true, only == ""}}, d.Chips...)
	return nil
}

// act does something to the act that the address names, and shows it.
func (s *Screens) act(c *fiber.Ctx, do func(id uuid.UUID) error) error {
	if kit.HeldOf(c) != nil { // nothing is done, and not said whose act it is
		return s.Redirect(c, Path, "")
	}
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	if err := do(id); err != nil {
		f := kit.NewForm(map[string]string{})
		status, ok := s.Complain(c, f, err)
		if !ok {
			return err
		}
		return s.render(c, f, status)
	}
	a, err := s.acts.Get(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return err
	}
	toast := kit.Toast{}
	switch a.State {
	case bulk.Done:
		toast = kit.Toast{Text: "toast.bulk_done", Args: text.ArgMap([]any{"n", a.Did()})}
		if a.Until != nil {
			toast.Undo = pathOf(a) + "/take-back"
		}
	case bulk.Returned:
		toast = kit.Toast{Text: "toast.bulk_returned", Args: text.ArgMap([]any{"n", a.Counts[bulk.Back]})}
	case bulk.GivenUp:
		toast = kit.Toast{Text: "toast.bulk_given_up"}
	}
	return s.RedirectWith(c, pathOf(a), toast)
}

func (s *Screens) start(c *fiber.Ctx) error {
	return s.act(c, func(id uuid.UUID) error { return s.acts.Start(s.Ctx(c), s.Caller(c), id) })
}

func (s *Screens) giveUp(c *fiber.Ctx) error {
	return s.act(c, func(id uuid.UUID) error { return s.acts.GiveUp(s.Ctx(c), s.Caller(c), id) })
}

func (s *Screens) stop(c *fiber.Ctx) error {
	return s.act(c, func(id uuid.UUID) error { return s.acts.Stop(s.Ctx(c), s.Caller(c), id) })
}

func (s *Screens) takeBack(c *fiber.Ctx) error {
	return s.act(c, func(id uuid.UUID) error { return s.acts.TakeBack(s.Ctx(c), s.Caller(c), id) })
}

// download answers with all rows and what has become of them, as CSV.
func (s *Screens) download(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	a, err := s.acts.Get(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return err
	}
	rows := [][]string{{s.Say(c, "customers.number"), s.Say(c, "field.name"), s.Say(c, "field.customer"), s.Say(c, "bulk.verdict"), s.Say(c, "bulk.why")}}
	err = s.acts.Each(s.Ctx(c), s.Caller(c), a, func(l bulk.Line) error {
		row := []string{"", s.Say(c, "bulk.unseen"), "", s.Say(c, "bulk_verdict."+a.Kind.Word(l.Verdict)), ""}
		if t := l.Transaction; t != nil {
			row[0], row[1], row[2] = t.Label(), t.Name, t.Customer.Name
		}
		if cu := l.Customer; cu != nil {
			row[0], row[1], row[2] = cu.Label(), cmp.Or(l.Access, cu.Name), cu.Name
		}
		if l.Why != "" {
			row[4] = s.Say(c, "fault."+l.Why)
		}
		rows = append(rows, row)
		return nil
	})
	if err != nil {
		return err
	}
	return s.SendCSV(c, kit.Download{}, s.Say(c, "bulk.file"), rows)
}
