// Package savedview serves the named filters of lists: their links above a list, and the pages to add and remove them.
package savedview

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"kontor/app/internal/web/kit"
	"kontor/app/savedview"
)

// Screens are the pages about saved views.
type Screens struct {
	*kit.Kit
	views *savedview.Service
}

// New makes the screens.
func New(k *kit.Kit, views *savedview.Service) *Screens { return &Screens{Kit: k, views: views} }

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{
		kit.Get("/views", kit.Firm, s.list),
		kit.Get("/views/new", kit.Firm, s.add),
		kit.Get("/views/columns", kit.Firm, s.askColumns),
		kit.Post("/views/columns", kit.Firm, s.chooseColumns),
		kit.Post("/views", kit.Firm, s.save),
		kit.Post("/views/:id/remove", kit.Firm, s.remove),
	}
}

// Link leads to a list with the filter of a view.
type Link struct {
	savedview.View
	Href    string
	Current bool // the list has this filter now
	Remove  bool // the person may remove the view
}

// Links are the views of a list, for the person who asks. address is that of the list as it is shown.
func (s *Screens) Links(c *fiber.Ctx, list savedview.List, address string) ([]Link, error) {
	share, err := s.views.MayShare(s.Caller(c))
	if err != nil {
		return nil, err
	}
	views, err := s.views.Of(s.Ctx(c), s.Caller(c), list)
	links := make([]Link, len(views))
	for i, v := range views {
		href := hrefOf(list, v.Query)
		links[i] = Link{View: v, Href: href, Current: href == address, Remove: v.Own || share}
	}
	return links, err
}

// NewPath is the address of the page that names the filter of a list; "" if there is nothing to name.
func NewPath(list savedview.List, query string) string {
	clean := savedview.Clean(list, query)
	if clean == "" {
		return ""
	}
	q := kit.NewQuery("/views/new")
	q.Add("list", string(list))
	q.Add("query", clean)
	return q.String()
}

func hrefOf(list savedview.List, query string) string {
	if query == "" {
		return "/" + string(list)
	}
	return "/" + string(list) + "?" + query
}

// listed are the views of one list on the page of all.
type listed struct {
	List  savedview.List
	Links []Link
}

func (s *Screens) list(c *fiber.Ctx) error {
	var all []listed
	for _, l := range savedview.Lists {
		links, err := s.Links(c, l, "")
		if err != nil {
			return err
		}
		all = append(all, listed{l, links})
	}
	return s.Render(c, kit.View{Page: "savedview/index", Title: s.Say(c, "views.title"), Nav: "customers", Data: all})
}

// newView is the data of the page that names a filter.
type newView struct {
	Form  *kit.Form
	Share bool   // the person may make it for everybody
	Back  string // the list with the filter
}

func (s *Screens) add(c *fiber.Ctx) error {
	list := savedview.List(c.Query("list"))
	if !slices.Contains(savedview.Lists, list) {
		return savedview.ErrUnknown
	}
	f := kit.NewForm(map[string]string{"list": string(list), "query": savedview.Clean(list, c.Query("query"))})
	return s.renderNew(c, f, fiber.StatusOK)
}

func (s *Screens) renderNew(c *fiber.Ctx, f *kit.Form, status int) error {
	share, err := s.views.MayShare(s.Caller(c))
	if err != nil {
		return err
	}
	title := s.Say(c, "view.save")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	list := savedview.List(f.Values["list"])
	return s.Render(c, kit.View{
		Page: "savedview/new", Title: title, Nav: string(list), Status: status,
		Data: newView{Form: f, Share: share, Back: hrefOf(list, savedview.Clean(list, f.Values["query"]))},
	})
}

// listOf is the list that a form is about. A form that is only shown again, because it was refused, is about some list.
func listOf(c *fiber.Ctx) (savedview.List, error) {
	list := savedview.List(kit.Posted(c, "list"))
	switch {
	case slices.Contains(savedview.Lists, list):
		return list, nil
	case kit.HeldOf(c) != nil:
		return savedview.Customers, nil
	}
	return "", savedview.ErrUnknown
}

func (s *Screens) save(c *fiber.Ctx) error {
	f := kit.ReadForm(c, "list", "query", "name", "shared")
	list, err := listOf(c)
	if err != nil {
		return err
	}
	f.Values["list"] = string(list)
	v := savedview.View{Name: f.Values["name"], Query: f.Values["query"], Shared: f.Values["shared"] != ""}
	if err := s.views.Save(s.Ctx(c), s.Caller(c), list, v); err != nil {
		if status, ok := s.Complain(c, f, err); ok {
			return s.renderNew(c, f, status)
		}
		return err
	}
	return s.Redirect(c, hrefOf(list, savedview.Clean(list, v.Query)), "toast.view_saved")
}

func (s *Screens) remove(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	if err := s.views.Remove(s.Ctx(c), s.Caller(c), id); err != nil {
		return err
	}
	return s.Redirect(c, "/views", "toast.view_removed")
}
