package history

import (
	"github.com/gofiber/fiber/v2"

	logged "kontor/app/audit"
	"kontor/app/firm"
	"kontor/app/history"
	"kontor/app/internal/web/audit"
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/kit"
	"kontor/app/note"
)

// page is the data of a customer's history.
type page struct {
	Customer customerpage.Head
	history.Page
	Path string
	Form *kit.Form // of a new note
	// Phrases are sentences that are ready for a note, in the reader's language.
	Phrases []string
	Chips   []chip
	Rows    []row
	Next    string // addresses of the next and the previous page
	Prev    string
	// Beyond says that the page begins where another one has ended, and has nothing.
	Beyond bool
	Empty  kit.Empty
}

// Searched says that the page ends because it has looked at enough entries, and not because it has enough.
func (p page) Searched() bool { return !p.Until.IsZero() }

// Newest is the address of the first page.
func (p page) Newest() string { return p.Path }

// chip limits the history to one sort of entries.
type chip struct {
	Text    string // text id
	Href    string
	Current bool
}

// row is an entry with what its template shows: exactly one of the three is set.
type row struct {
	Log      *audit.Row
	Delivery *delivery
	Note     *noted
}

// delivery is a message with the address of what became of it.
type delivery struct {
	history.Delivery
	Href string
}

// noted is a note with the address of the page that changes it, "" for people who may not.
type noted struct {
	note.Note
	Path string
}

func historyPath(cu customerpage.Head) string { return cu.Path + "/history" }

func (s *Screens) show(c *fiber.Ctx) error {
	cu, err := s.heads.Of(c, "history")
	if err != nil {
		return err
	}
	f, err := kit.NewForm(map[string]string{}).Once()
	if err != nil {
		return err
	}
	return s.render(c, cu, f, fiber.StatusOK)
}

// render answers with the history that the address asks for, and with the form of a new note.
func (s *Screens) render(c *fiber.Ctx, cu customerpage.Head, f *kit.Form, status int) (err error) {
	d := page{Customer: cu, Path: historyPath(cu), Form: f}
	asked := history.Filter{Sort: history.Sort(c.Query("sort")), Query: kit.QueryTerm(c, "q"), After: c.Query("after"), Before: c.Query("before")}
	if d.Page, err = s.histories.Page(s.Ctx(c), s.Caller(c), cu.ID, asked); err != nil {
		return err
	}
	if d.Rows, err = s.rows(c, d); err != nil {
		return err
	}
	for _, p := range s.Firm().PhrasesFor(firm.ForNotes) {
		d.Phrases = append(d.Phrases, p.In(s.Text(c).Locale))
	}
	d.Chips = d.chips()
	if d.Page.Next != "" {
		d.Next = d.address("after", d.Page.Next)
	}
	if d.Page.Prev != "" {
		d.Prev = d.address("before", d.Page.Prev)
	}
	d.Beyond = len(d.Rows) == 0 && asked.After != ""
	d.Empty = d.empty()
	title := cu.Name() + " · " + s.Say(c, "tab.history")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "history/index", Fragment: "history/entries", Title: title, Nav: "customers", Status: status, Data: d})
}

// address is the address of the history with this filter. cursor is "" for the first page.
func (p page) address(cursor, value string) string {
	q := kit.NewQuery(p.Path)
	q.Add("q", p.Query)
	if p.Query == "" { // words are looked for in notes alone
		q.Add("sort", string(p.Sort))
	}
	if cursor != "" {
		q.Add(cursor, value)
	}
	return q.String()
}

// chips are the ways to one sort of entries, as far as the person may see it. The log alone has a page with filters of its own.
func (p page) chips() []chip {
	list := []chip{{"history.all", p.Path, p.Sort == ""}}
	if p.SeesNotes {
		list = append(list, chip{"history.notes", p.Path + "?sort=notes", p.Sort == history.Notes})
	}
	if p.SeesDeliveries {
		list = append(list, chip{"tab.deliveries", p.Path + "?sort=deliveries", p.Sort == history.Deliveries})
	}
	return append(list, chip{"tab.log", audit.LogPath(p.Customer), false})
}

// empty says why there are no entries.
func (p page) empty() kit.Empty {
	e := kit.Empty{List: "history", Why: kit.EmptinessOf(p.Query != "", p.All), Clear: p.Path}
	if p.Query == "" && p.Sort != "" { // whoever may see these of a customer sees all of them
		e.List, e.Why = string(p.Sort), kit.NothingYet
	}
	return e
}

// rows are the entries of a page with their links.
func (s *Screens) rows(c *fiber.Ctx, d page) ([]row, error) {
	var entries []logged.Entry
	for _, e := range d.Entries {
		if e.Log != nil {
			entries = append(entries, *e.Log)
		}
	}
	linked, err := s.log.RowsOf(c, d.Customer, entries)
	if err != nil {
		return nil, err
	}
	rows := make([]row, len(d.Entries))
	for i, e := range d.Entries {
		switch {
		case e.Log != nil:
			rows[i].Log, linked = &linked[0], linked[1:]
		case e.Delivery != nil:
			rows[i].Delivery = &delivery{*e.Delivery, d.Customer.Path + "/deliveries#d-" + e.Delivery.AccessID.UUID.String()}
		default:
			rows[i].Note = &noted{Note: *e.Note}
			if d.MayWrite && e.Note.AuthorID == s.Caller(c).ID {
				rows[i].Note.Path = notePath(d.Customer, e.Note.ID)
			}
		}
	}
	return rows, nil
}
