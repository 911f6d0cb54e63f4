// Package document serves what a transaction consists of: its tree, uploads, documents, answers and review. Addresses are the same
// for the firm and for end users; what somebody may do is decided by the services.
package document

import (
	"context"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/document"
	"kontor/app/internal/web/kit"
)

// Screens are the pages about what a transaction consists of.
type Screens struct {
	*kit.Kit
	documents *document.Service
}

// New makes the screens.
func New(k *kit.Kit, documents *document.Service) *Screens {
	return &Screens{Kit: k, documents: documents}
}

// UploadsPath is where uploads that can be continued begin.
const UploadsPath = "/uploads"

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	raw := func(method, path string, h fiber.Handler) kit.Route {
		return kit.Route{Method: method, Path: path, Audience: kit.Person, Handler: h, Takes: kit.RawBody}
	}
	return []kit.Route{
		raw(fiber.MethodOptions, UploadsPath, s.describeUploads),
		raw(fiber.MethodPost, UploadsPath, s.beginUpload),
		raw(fiber.MethodOptions, UploadsPath+"/:id", s.describeUploads),
		raw(fiber.MethodHead, UploadsPath+"/:id", s.askUpload),
		raw(fiber.MethodPatch, UploadsPath+"/:id", s.continueUpload),
		raw(fiber.MethodDelete, UploadsPath+"/:id", s.endUpload),
		kit.Post("/transactions/:id/documents", kit.Person, s.uploadForm).Taking(kit.PartsBody),
		kit.Get("/transactions/:id/elements/new", kit.Person, s.newElement),
		kit.Post("/transactions/:id/elements", kit.Person, s.addElement),
		kit.Get("/transactions/:id/trash", kit.Person, s.showTrash),
		kit.Get("/documents/:id", kit.Person, s.show),
		kit.Get("/documents/:id/content", kit.Person, s.content),
		kit.Post("/documents/:id/versions", kit.Person, s.restoreVersion),
		kit.Post("/elements/:id", kit.Person, s.edit),
		kit.Post("/elements/:id/answer", kit.Person, s.answer),
		kit.Post("/elements/:id/accept", kit.Person, s.accept),
		kit.Post("/elements/:id/reject", kit.Person, s.reject),
		kit.Post("/elements/:id/comments", kit.Person, s.comment),
		kit.Post("/elements/:id/move", kit.Person, s.move),
		kit.Post("/elements/:id/duplicate", kit.Person, s.onElement(func(ctx context.Context, c account.Caller, id uuid.UUID) (document.Element, error) {
			copied, err := s.documents.Duplicate(ctx, c, id)
			if err != nil {
				return document.Element{}, err
			}
			_, e, err := s.documents.ElementOf(ctx, c, copied)
			return e, err
		}, "toast.element_duplicated")),
		kit.Post("/elements/:id/delete", kit.Person, s.trash),
		kit.Post("/elements/:id/restore", kit.Person, s.onElement(s.documents.Restore, "toast.element_restored")),
	}
}

// home is the address of a transaction's page for the caller: the firm's, or the portal's.
func home(c *fiber.Ctx, transactionID uuid.UUID) string {
	if kit.Signed(c).Account.Specialist {
		return "/transactions/" + transactionID.String()
	}
	return "/portal/transactions/" + transactionID.String()
}

// placeOf is where an element stands on the page of its transaction.
func placeOf(c *fiber.Ctx, e document.Element) string {
	return home(c, e.TransactionID) + "#e-" + e.ID.String()
}

// onElement makes the handler of a button that does one thing with an element.
func (s *Screens) onElement(do func(ctx context.Context, c account.Caller, id uuid.UUID) (document.Element, error), done string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		id, err := kit.Param(c, "id")
		if err != nil {
			return err
		}
		e, err := do(s.Ctx(c), s.Caller(c), id)
		if err != nil {
			return err
		}
		return s.Redirect(c, placeOf(c, e), done, "name", e.Name)
	}
}

func (s *Screens) trash(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	e, err := s.documents.Trash(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return err
	}
	return s.RedirectWith(c, home(c, e.TransactionID), kit.Toast{
		Text: "toast.element_trashed", Args: map[string]any{"name": e.Name},
		Undo: "/elements/" + e.ID.String() + "/restore",
	})
}
