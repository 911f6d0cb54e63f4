package web

import (
	"context"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/customer"
	"kontor/app/transaction"
)

// kindsPage is the data of the list of kinds with the form that adds one.
type kindsPage struct {
	Kinds  []transaction.Kind
	Form   *form
	Manage bool
}

func (s *Server) listKinds(c *fiber.Ctx) error {
	return s.renderKinds(c, newForm(map[string]string{}), fiber.StatusOK)
}

func (s *Server) renderKinds(c *fiber.Ctx, f *form, status int) error {
	read, manage, err := s.transactions.MayKeepKinds(s.caller(c))
	if err != nil || !read {
		return orForbidden(err)
	}
	kinds, err := s.transactions.Kinds(s.ctx(c))
	if err != nil {
		return err
	}
	title := s.say(c, "nav.transaction_kinds")
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{
		Page: "transactions/kinds", Title: title, Nav: "transaction_kinds", Status: status, Data: kindsPage{Kinds: kinds, Form: f, Manage: manage},
	})
}

func readKind(f *form) transaction.KindForm {
	return transaction.KindForm{Key: f.Values["key"], NameEN: f.Values["name_en"], NameDE: f.Values["name_de"]}
}

func (s *Server) addKind(c *fiber.Ctx) error {
	f := readForm(c, "key", "name_en", "name_de")
	k, err := s.transactions.AddKind(s.ctx(c), s.caller(c), readKind(f))
	if err != nil {
		if status, ok := s.complain(c, f, err); ok {
			return s.renderKinds(c, f, status)
		}
		return err
	}
	return s.redirect(c, "/transaction-kinds", "toast.kind_added", "name", k.Name(s.text(c).locale))
}

// kindPage is the data of the page that renames a kind.
type kindPage struct {
	Kind transaction.Kind
	Form *form
}

func (s *Server) kindOf(c *fiber.Ctx) (transaction.Kind, error) {
	kinds, err := s.transactions.Kinds(s.ctx(c))
	if err != nil {
		return transaction.Kind{}, err
	}
	i := slices.IndexFunc(kinds, func(k transaction.Kind) bool { return k.Key == c.Params("key") })
	if i < 0 {
		return transaction.Kind{}, transaction.ErrKindNotFound
	}
	return kinds[i], nil
}

func (s *Server) showKind(c *fiber.Ctx) error {
	k, err := s.kindOf(c)
	if err != nil {
		return err
	}
	f := newForm(map[string]string{"name_en": k.NameEN, "name_de": k.NameDE, "version": strconv.Itoa(k.Version)})
	f.Was = fieldsOfKind(k)
	return s.renderKind(c, k, f, fiber.StatusOK)
}

func (s *Server) renderKind(c *fiber.Ctx, k transaction.Kind, f *form, status int) error {
	if _, manage, err := s.transactions.MayKeepKinds(s.caller(c)); err != nil || !manage {
		return orForbidden(err)
	}
	title := k.Name(s.text(c).locale)
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "transactions/kind", Title: title, Nav: "transaction_kinds", Status: status, Data: kindPage{Kind: k, Form: f}})
}

func (s *Server) renameKind(c *fiber.Ctx) error {
	f := readForm(c, "name_en", "name_de", "version")
	was, err := s.kindOf(c)
	if err != nil {
		return err
	}
	err = s.saveChange(c, change{
		form: f, now: fieldsOfKind(was), subject: was.LogID(),
		save: func(version int) ([]customer.Field, int, error) {
			now, err := s.transactions.RenameKind(s.ctx(c), s.caller(c), was.Key, version, readKind(f))
			return fieldsOfKind(now), now.Version, err
		},
	})
	if err == nil {
		return s.redirectWith(c, "/transaction-kinds", s.saved(c, f))
	}
	status, ok := s.complain(c, f, err)
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
func fieldsOfKind(k transaction.Kind) []customer.Field {
	return []customer.Field{{Name: "name_en", Value: k.NameEN}, {Name: "name_de", Value: k.NameDE}}
}

func (s *Server) moveKind(c *fiber.Ctx) error {
	if err := s.transactions.MoveKind(s.ctx(c), s.caller(c), c.Params("key"), posted(c, "direction") == "up"); err != nil {
		return err
	}
	return s.redirect(c, "/transaction-kinds", "")
}

// onKind makes the handler of a button that does one thing to a kind.
func (s *Server) onKind(do func(ctx context.Context, c account.Caller, key string) (transaction.Kind, error), done string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		k, err := do(s.ctx(c), s.caller(c), c.Params("key"))
		if err != nil {
			f := newForm(map[string]string{})
			if status, ok := s.complain(c, f, err); ok {
				return s.renderKinds(c, f, status)
			}
			return err
		}
		return s.redirect(c, "/transaction-kinds", done, "name", k.Name(s.text(c).locale))
	}
}
