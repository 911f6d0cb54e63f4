// Package history serves the history of a customer, and the pages on which notes about the customer are written.
package history

import (
	"kontor/app/history"
	"kontor/app/internal/web/audit"
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/kit"
	"kontor/app/note"
)

// Screens are the pages of a customer's history.
type Screens struct {
	*kit.Kit
	histories *history.Service
	notes     *note.Service
	heads     *customerpage.Heads
	log       *audit.Screens
}

// New makes the screens.
func New(k *kit.Kit, histories *history.Service, heads *customerpage.Heads, log *audit.Screens) *Screens {
	return &Screens{Kit: k, histories: histories, notes: histories.Notes, heads: heads, log: log}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{
		kit.Get("/customers/:id/history", kit.Firm, s.show),
		kit.Post("/customers/:id/notes", kit.Firm, s.writeNote),
		kit.Get("/customers/:id/notes/:nid", kit.Firm, s.editNote),
		kit.Post("/customers/:id/notes/:nid", kit.Firm, s.saveNote),
		kit.Post("/customers/:id/notes/:nid/remove", kit.Firm, s.removeNote),
		kit.Post("/customers/:id/notes/:nid/restore", kit.Firm, s.restoreNote),
	}
}
