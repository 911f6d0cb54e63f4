package search

import (
	"errors"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/internal/web/kit"
	"kontor/app/preference"
	"kontor/app/store"
	"kontor/app/transaction"
)

// palette is what can be chosen in the dialog of the palette.
type palette struct {
	Groups []group
	Themes []string // the values of the theme
	Here   string   // the page that the dialog lies over
	Count  int      // of entries
}

// group is entries of one kind. Name is the end of a text id.
type group struct {
	Name    string
	Entries []entry
}

// entry is something to choose: a page that it opens, or a form that it sends.
type entry struct {
	ID         string // of the element
	Text, Sub  string
	Href, Form string // address, or id of the form
	Icon       string
	Person     uuid.UUID // who has initials instead of an icon; Nil: nobody
}

// showPalette answers what the palette asks while somebody types: customers, business transactions and people that the
// caller may see, and what the caller may do. Nothing typed: the customers opened last, and everything to do. Without
// script there is no palette, and its address leads to the search.
func (s *Screens) showPalette(c *fiber.Ctx) error {
	query := kit.QueryTerm(c, "q")
	if !kit.IsFragment(c) {
		q := kit.NewQuery("/search")
		q.Add("q", query)
		return c.Redirect(q.String(), fiber.StatusSeeOther)
	}
	var d palette
	if query == "" {
		rows, err := s.customers.Recent(s.Ctx(c), s.Caller(c))
		if err != nil {
			return err
		}
		d.add("recent", s.customerEntries(c, rows))
	} else if err := s.findForPalette(c, query, &d); err != nil {
		return err
	}
	todo, err := s.actions(c, query)
	if err != nil {
		return err
	}
	d.add("actions", todo)
	if e, ok := preference.Find(preference.Theme); ok {
		d.Themes = e.Values
	}
	d.Here = kit.PageOf(c)
	return s.Render(c, kit.View{Page: "search/palette", Fragment: "search/palette", Data: d})
}

// add adds a group, unless it is empty.
func (d *palette) add(name string, entries []entry) {
	if len(entries) == 0 {
		return
	}
	for i := range entries {
		entries[i].ID = "p-" + strconv.Itoa(d.Count)
		d.Count++
	}
	d.Groups = append(d.Groups, group{name, entries})
}

// findForPalette adds what the query finds. The services decide what the caller may see.
func (s *Screens) findForPalette(c *fiber.Ctx, query string, d *palette) error {
	f, err := s.findAll(c, query)
	if err != nil {
		return err
	}
	people, err := s.people(c, query)
	if err != nil {
		return err
	}
	if f.Customers != nil && (!f.Customers.Similar || len(people) == 0) {
		d.add("customers", s.customerEntries(c, f.Customers.Rows))
	}
	if f.Transactions != nil {
		d.add("transactions", s.transactionEntries(c, f.Transactions.Rows))
	}
	d.add("people", people)
	return nil
}

func (s *Screens) customerEntries(c *fiber.Ctx, rows []customer.Row) (list []entry) {
	for _, r := range rows {
		sub := []string{r.Label(), s.Say(c, "type."+string(r.Type))}
		if r.City != "" {
			sub = append(sub, r.City)
		}
		e := entry{Text: r.Name, Sub: strings.Join(sub, " · "), Href: kit.CustomerPath(r.ID), Icon: "user"}
		if r.Type == customer.Company {
			e.Icon = "building-2"
		}
		list = append(list, e)
	}
	return list
}

func (s *Screens) transactionEntries(c *fiber.Ctx, rows []transaction.Transaction) (list []entry) {
	for _, r := range rows {
		sub := []string{r.Label(), r.Customer.Name, s.Say(c, "transaction_status."+string(r.Status))}
		list = append(list, entry{Text: r.Name, Sub: strings.Join(sub, " · "), Href: "/transactions/" + r.ID.String(), Icon: "briefcase"})
	}
	return list
}

// shownPeople is how many specialist users are shown.
const shownPeople = 5

// people finds specialist users, for people who may see them.
func (s *Screens) people(c *fiber.Ctx, query string) (list []entry, err error) {
	page, err := s.accounts.Specialists(s.Ctx(c), s.Caller(c), account.SpecialistFilter{Query: query})
	var refused *fault.Error
	if errors.As(err, &refused) && refused.Code == fault.Forbidden {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, a := range page.Items[:min(len(page.Items), shownPeople)] {
		list = append(list, entry{Text: a.Name, Sub: a.Email, Href: kit.SpecialistPath(a.ID), Person: a.ID})
	}
	return list, nil
}

// actions are what the caller can do from anywhere and where they can go, as far as the words of the query stand in its
// name.
func (s *Screens) actions(c *fiber.Ctx, query string) (list []entry, err error) {
	var all []entry
	for _, a := range s.offered {
		ok, err := a.May(s.Ctx(c), s.Caller(c))
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, entry{Text: s.Say(c, a.Text), Href: a.Href, Icon: a.Icon})
		}
	}
	places, err := s.PlacesOf(c)
	if err != nil {
		return nil, err
	}
	for _, p := range places {
		all = append(all, entry{Text: s.Say(c, "nav."+p.ID), Href: p.Href, Icon: p.Icon})
	}
	all = append(all, entry{Text: s.Say(c, "account.manage"), Href: "/account", Icon: "settings"})
	if e, ok := preference.Find(preference.Theme); ok {
		for _, v := range e.Values {
			all = append(all, entry{Text: s.Say(c, "palette.theme", "theme", s.Say(c, "preference.theme."+v)), Form: "palette-theme-" + v, Icon: "sun-moon"})
		}
	}
	all = append(all, entry{Text: s.Say(c, "sign_out"), Form: "palette-sign-out", Icon: "log-out"})
	for _, e := range all {
		if containsWords(e.Text, query) {
			list = append(list, e)
		}
	}
	return list, nil
}

// containsWords says whether each word of the query begins a word of the text.
func containsWords(text, query string) bool {
	in := " " + store.Fold(text)
	for _, word := range strings.Fields(store.Fold(query)) {
		if !strings.Contains(in, " "+word) {
			return false
		}
	}
	return true
}
