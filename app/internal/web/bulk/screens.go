// Package bulk serves the pages of acts on many customers or transactions: what is asked, what it would do, and what it did.
package bulk

import (
	"kontor/app/bulk"
	"kontor/app/internal/web/kit"
)

// Path is the list of a person's acts.
const Path = "/bulk"

// Screens are the pages about bulk acts.
type Screens struct {
	*kit.Kit
	acts *bulk.Service
}

// New makes the screens.
func New(k *kit.Kit, acts *bulk.Service) *Screens { return &Screens{Kit: k, acts: acts} }

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{
		kit.Get(Path, kit.Firm, s.list),
		kit.Get(Path+"/new", kit.Firm, s.ask),
		kit.Post(Path, kit.Firm, s.begin),
		kit.Get(Path+"/:id", kit.Firm, s.show),
		kit.Get(Path+"/:id/rows.csv", kit.Firm, s.download),
		kit.Post(Path+"/:id/start", kit.Firm, s.start),
		kit.Post(Path+"/:id/give-up", kit.Firm, s.giveUp),
		kit.Post(Path+"/:id/stop", kit.Firm, s.stop),
		kit.Post(Path+"/:id/take-back", kit.Firm, s.takeBack),
	}
}

// pathOf is the page of an act.
func pathOf(a bulk.Act) string { return Path + "/" + a.ID.String() }
