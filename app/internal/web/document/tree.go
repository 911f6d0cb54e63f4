package document

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/document"
	"kontor/app/store"
	"kontor/app/transaction"
)

// Contents is what a transaction consists of, as a page shows it.
type Contents struct {
	document.Tree
	Path   string // of the transaction's addresses
	Rows   []Row
	Root   Place
	Query  string // only elements with these words are shown
	Found  int    // how many have them
	Today  string
	Trash  bool // the caller may put things back
	Hidden bool // nothing is shown because nothing matches
}

// Row is an element as a page shows it, with what the caller may do.
type Row struct {
	document.Element
	Place
	Path                                                           string // of the element's addresses
	Page                                                           string // where it is looked at
	MayGive, MayAnswer, MayReview, MayRemove, MayEdit, MayContents bool
	Late                                                           bool
}

// Place says what may be added in a folder, or at the root.
type Place struct{ MayAdd, MayStructure bool }

// Contents makes what a page shows of a transaction.
func (s *Screens) Contents(c *fiber.Ctx, transactionID uuid.UUID) (Contents, error) {
	tree, err := s.documents.Tree(s.Ctx(c), s.Caller(c), transactionID)
	if err != nil {
		return Contents{}, err
	}
	d := Contents{
		Tree: tree, Path: "/transactions/" + tree.Transaction.ID.String(), Root: Place{tree.MayAdd(uuid.Nil), tree.MayStructure(uuid.Nil)},
		Query: strings.TrimSpace(c.Query("q")), Today: s.documents.Transactions.Today(), Trash: tree.Rights.Process || tree.Rights.Upload,
	}
	shown := matching(tree, d.Query)
	for _, e := range tree.Elements {
		if shown != nil && !shown[e.ID] {
			continue
		}
		d.Rows = append(d.Rows, s.row(c, tree, e, d.Today))
	}
	d.Found, d.Hidden = len(shown), d.Query != "" && len(d.Rows) == 0
	return d, nil
}

// row is an element with what the caller may do.
func (s *Screens) row(c *fiber.Ctx, tree document.Tree, e document.Element, today string) Row {
	caller := s.Caller(c)
	return Row{
		Element: e, Place: Place{e.Type == document.Folder && tree.MayAdd(e.ID), e.Type == document.Folder && tree.MayStructure(e.ID)},
		Path: "/elements/" + e.ID.String(), Page: "/documents/" + e.ID.String(),
		MayGive: tree.MayGive(caller, e), MayAnswer: tree.MayAnswer(e), MayReview: tree.MayReview(e) && e.Latest != nil,
		MayRemove: tree.MayRemove(caller, e), MayEdit: tree.MayEdit(caller, e), MayContents: tree.Rights.Contents,
		Late: e.Due != "" && e.Due < today && (e.State == document.Open || e.State == document.Rejected) && tree.Transaction.Status != transaction.Closed,
	}
}

// matching are the elements whose names have all words, with the folders in which they are; nil if there are no words.
func matching(tree document.Tree, query string) map[uuid.UUID]bool {
	words := strings.Fields(store.Fold(query))
	if len(words) == 0 {
		return nil
	}
	shown, parents := map[uuid.UUID]bool{}, map[uuid.UUID]uuid.UUID{}
	for _, e := range tree.Elements {
		parents[e.ID] = e.ParentID
		name := e.Name
		if e.Latest != nil {
			name += " " + e.Latest.File
		}
		if !hasAll(store.Fold(name), words) {
			continue
		}
		for id := e.ID; id != uuid.Nil; id = parents[id] {
			shown[id] = true
		}
	}
	return shown
}

func hasAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// Seen records that an end user has opened the transaction.
func (s *Screens) Seen(c *fiber.Ctx, d Contents) error {
	return s.documents.Viewed(s.Ctx(c), s.Caller(c), d.Tree)
}

// ForEndUser divides the rows into what is asked of the end user, required things first, what was answered, and documents with the
// folders in which they are.
func (d Contents) ForEndUser() (asked, done, files []Row) {
	var optional []Row
	for _, r := range d.Rows {
		switch {
		case r.Type == document.Slot && (r.State == document.Answered || r.State == document.Accepted):
			done = append(done, r)
		case r.Type == document.Slot && r.Required:
			asked = append(asked, r)
		case r.Type == document.Slot:
			optional = append(optional, r)
		case r.Type == document.File || r.MayAdd:
			files = append(files, r)
		}
	}
	slices.SortStableFunc(asked, func(a, b Row) int { return strings.Compare(last(a.Due), last(b.Due)) })
	return append(asked, optional...), done, files
}

// last puts what has no date behind what has one.
func last(due string) string {
	if due == "" {
		return "9999"
	}
	return due
}

// Start adds a transaction with the elements of an outline.
func (s *Screens) Start(c *fiber.Ctx, customerID uuid.UUID, f transaction.Form, o document.Outline) (transaction.Transaction, bool, error) {
	return s.documents.Start(s.Ctx(c), s.Caller(c), customerID, f, o)
}
