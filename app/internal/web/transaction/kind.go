package transaction

import (
	"context"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/internal/web/kit"
	"kontor/app/transaction"
)

// KindNames are the names of the kinds of transactions in the person's language, by key.
func (s *Screens) KindNames(c *fiber.Ctx) (map[string]string, error) {
	kinds, err := s.transactions.Kinds(s.Ctx(c))
	names := make(map[string]string, len(kinds))
	for _, k := range kinds {
		names[k.Key] = k.Name(s.Text(c).Locale)
	}
	return names, err
}

// kindsPage is the data of the list of kinds, with the form that adds one.
type kindsPage struct {
	Kinds  []transaction.Kind
	Form   *kit.Form
	Manage bool
}

func (s *Screens) listKinds(c *fiber.Ctx) error {
	return s.renderKinds(c, kit.NewForm(map[string]string{}), fiber.StatusOK)
}

func (s *Screens) renderKinds(c *fiber.Ctx, f *kit.Form, status int) error {
	read, manage, err := s.transactions.MayKeepKinds(s.Caller(c))
	if err != nil || !read {
		return kit.OrForbidden(err)
	}
	kinds, err := s.transactions.Kinds(s.Ctx(c))
	if err != nil {
		return err
	}
	title := s.Say(c, "nav.transaction_kinds")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{
		Page: "transaction/kinds", Title: title, Nav: "transaction_kinds", Status: status, Data: kindsPage{Kinds: kinds, Form: f, Manage: manage},
	})
}

func readKind(f *kit.Form) transaction.KindForm {
	return transaction.KindForm{Key: f.Values["key"], NameEN: f.Values["name_en"], NameDE: f.Values["name_de"]}
}

func (s *Screens) addKind(c *fiber.Ctx) error {
	f := kit.ReadForm(c, "key", "name_en", "name_de")
	k, err := s.transactions.AddKind(s.Ctx(c), s.Caller(c), readKind(f))
	if err != nil {
		if status, ok := s.Complain(c, f, err); ok {
			return s.renderKinds(c, f, status)
		}
		return err
	}
	return s.Redirect(c, "/transaction-kinds", "toast.kind_added", "name", k.Name(s.Text(c).Locale))
}

// kindPage is the data of the page that renames a kind.
type kindPage struct {
	Kind transaction.Kind
	Form *kit.Form
}

func (s *Screens) kindOf(c *fiber.Ctx) (transaction.Kind, error) {
	kinds, err := s.transactions.Kinds(s.Ctx(c))
	if err != nil {
		return transaction.Kind{}, err
	}
	i := slices.IndexFunc(kinds, func(k transaction.Kind) bool { return k.Key == c.Params("key") })
	if i < 0 {
		return transaction.Kind{}, transaction.ErrKindNotFound
	}
	return kinds[i], nil
}

func (s *Screens) showKind(c *fiber.Ctx) error {
	k, err := s.kindOf(c)
	if err != nil {
		return err
	}
	f := kit.NewForm(map[string]string{"name_en": k.NameEN, "name_de": k.NameDE, "version": strconv.Itoa(k.Version)})
	f.Was = fieldsOfKind(k)
	return s.renderKind(c, k, f, fiber.StatusOK)
}

func (s *Screens) renderKind(c *fiber.Ctx, k transaction.Kind, f *kit.Form, status int) error {
	if _, manage, err := s.transactions.MayKeepKinds(s.Caller(c)); err != nil || !manage {
		return kit.OrForbidden(err)
	}
	title := k.Name(s.Text(c).Locale)
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "transaction/kind", Title: title, Nav: "transaction_kinds", Status: status, Data: kindPage{Kind: k, Form: f}})
}

func (s *Screens) renameKind(c *fiber.Ctx) error {
	f := kit.ReadForm(c, "name_en", "name_de", "version")
	was, err := s.kindOf(c)
	if err != nil {
		return err
	}
	err = s.SaveChange(c, kit.Change{
		Form: f, Now: fieldsOfKind(was), Subject: was.LogID(),
		Save: func(version int) ([]kit.Field, int, error) {
			now, err := s.transactions.RenameKind(s.Ctx(c), s.Caller(c), was.Key, version, readKind(f))
			return fieldsOfKind(now), now.Version, err
		},
	})
	if err == nil {
		return s.RedirectWith(c, "/transaction-kinds", s.Saved(c, f))
	}
	status, ok := s.Complain(c, f, err)
	if !ok {
		return err
	}
	k, err := s.kindOf(c)
	if err != nil {
		return err
	}
	return s.renderKind(c, k, f, status)
}

// fieldsOfKind are the stored values of the fields that the form can change.
func fieldsOfKind(k transaction.Kind) []kit.Field {
	return []kit.Field{{Name: "name_en", Value: k.NameEN}, {Name: "name_de", Value: k.NameDE}}
}

func (s *Screens) moveKind(c *fiber.Ctx) error {
	if err := s.transactions.MoveKind(s.Ctx(c), s.Caller(c), c.Params("key"), kit.Posted(c, "direction") == "up"); err != nil {
		return err
	}
	return s.Redirect(c, "/transaction-kinds", "")
}

// onKind makes the handler of a button that performs one action on a kind.
func (s *Screens) onKind(do func(ctx context.Context, c account.Caller, key string) (transaction.Kind, error), done string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		k, err := do(s.Ctx(c), s.Caller(c), c.Params("key"))
		if err != nil {
			f := kit.NewForm(map[string]string{})
			if status, ok := s.Complain(c, f, err); ok {
				return s.renderKinds(c, f, status)
			}
			return err
		}
		return s.Redirect(c, "/transaction-kinds", done, "name", k.Name(s.Text(c).Locale))
	}
}
