package document

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/entry"
	"kontor/app/fault"
	"kontor/app/filetype"
	"kontor/app/store"
)

// Form is the input for a folder or a slot: fields name, help, internal, answer, required, due, types.
type Form struct {
	Name, Help, Due    string
	Answer             Answer
	Types              []string
	Internal, Required bool
}

// check cleans a form for an element of a type. Errors: Invalid at name, help, answer, due ("date.malformed"), types.
func (f *Form) check(of Type) error {
	var form fault.Form
	var err error
	var wrong *fault.Error
	if f.Name, err = CheckName(f.Name, "name"); errors.As(err, &wrong) {
		form.AddError(wrong)
	}
	f.Help = entry.Text(f.Help)
	switch {
	case !entry.IsText(f.Help, true):
		form.Add("help", "control_characters")
	case utf8.RuneCountInString(f.Help) > MaxHelp:
		form.AddError(fault.At("help", "too_long").With("max", MaxHelp))
	}
	if of != Slot {
		f.Answer, f.Required, f.Due, f.Types = "", false, "", nil
		return form.Err()
	}
	if !slices.Contains(Answers, f.Answer) {
		form.Add("answer", "element.answer_unknown")
	}
	if f.Due = entry.Key(f.Due); f.Due != "" {
		if day, err := time.Parse(time.DateOnly, f.Due); err != nil || day.Year() < 1900 {
			form.Add("due", "date.malformed")
		}
	}
	if f.Answer != AnswerDocument {
		f.Types = nil
	}
	for _, t := range f.Types {
		if !slices.Contains(filetype.Groups, t) {
			form.Add("types", "element.file_types")
			break
		}
	}
	return form.Err()
}

// Place is a place in a transaction: a folder, or the root.
type Place struct {
	TransactionID uuid.UUID
	ParentID      uuid.UUID // Nil: the root
}

// mayAdd says whether the structure allows that elements are added in a folder, or at the root.
func (t Tree) mayAdd(parent uuid.UUID) bool {
	if parent == uuid.Nil {
		return t.Transaction.Extensible
	}
	e, err := t.Find(parent)
	return err == nil && e.Type == Folder && e.Extensible
}

// MayAdd says whether the caller may add a document in a folder, or at the root.
func (t Tree) MayAdd(parent uuid.UUID) bool {
	return t.Rights.Upload && !t.Rights.Closed && t.mayAdd(parent)
}

// MayStructure says whether the caller may add a folder or a slot there.
func (t Tree) MayStructure(parent uuid.UUID) bool {
	return t.Rights.Process && !t.Rights.Closed && t.mayAdd(parent)
}

// MayRemove says whether the caller may move an element to the trash. What came with a template goes only if its folder is
// optional. End users remove documents of their own.
func (t Tree) MayRemove(c account.Caller, e Element) bool {
	switch {
	case t.Rights.Closed:
		return false
	case t.Rights.Process:
		return !e.Planned || e.Type == Folder && e.Optional
	}
	return e.Type == File && !e.Planned && e.Latest != nil && e.Latest.ByID == c.ID && t.Rights.Upload
}

// MayEdit says whether the caller may rename an element and change what it asks for.
func (t Tree) MayEdit(c account.Caller, e Element) bool {
	switch {
	case t.Rights.Closed:
		return false
	case t.Rights.Process:
		return !e.Planned || e.Type == Slot
	}
	return e.Type == File && t.MayRemove(c, e)
}

// MayGive says whether the caller may upload a document for an element: into a slot that asks for one, or as a new version of a
// document that did not come with a template.
func (t Tree) MayGive(c account.Caller, e Element) bool {
	if t.Rights.Closed || !t.Rights.Upload {
		return false
	}
	switch e.Type {
	case Slot:
		return e.Answer == AnswerDocument && (t.Rights.Firm || e.State != Accepted)
	case File:
		return !e.Planned && (t.Rights.Firm || e.Latest != nil && e.Latest.ByID == c.ID)
	}
	return false
}

// MayAnswer says whether the caller may answer a slot without a document.
func (t Tree) MayAnswer(e Element) bool {
	return e.Type == Slot && t.Rights.Answer && !t.Rights.Closed && (t.Rights.Firm || e.State != Accepted)
}

// MayReview says whether the caller may accept or reject what was given for a slot. What is infected was rejected by Kontor.
func (t Tree) MayReview(e Element) bool {
	return e.Type == Slot && !e.Infected() && t.Rights.Review && !t.Rights.Closed && e.State != Open
}

// Add adds a folder or a slot. Errors: policies.ErrForbidden, ErrFixed, ErrNameTaken, Invalid as Form, "element.too_deep" and
// "element.too_many".
func (s *Service) Add(ctx context.Context, c account.Caller, at Place, of Type, f Form) (id uuid.UUID, err error) {
	if err := f.check(of); err != nil {
		return id, err
	}
	err = s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		tree, err := s.hold(ctx, tx, c, at.TransactionID)
		if err != nil {
			return err
		}
		if err := tree.allow(tree.Rights.Process); err != nil {
			return err
		}
		if id, err = s.add(ctx, tx, c, tree, record{
			ParentID: store.NullID(at.ParentID), Type: of, Name: f.Name, Help: f.Help, Internal: f.Internal && tree.Rights.Internal,
			Extensible: of == Folder, Optional: of == Folder, Duplicable: of == Folder,
			Answer: f.Answer, Required: f.Required, Due: f.Due, Types: strings.Join(f.Types, " "),
		}); err != nil {
			return err
		}
		e := Element{ID: id, Name: f.Name, TransactionID: at.TransactionID, CustomerID: tree.Transaction.CustomerID}
		return s.changed(ctx, tx, c, e.record(audit.ElementAdded, audit.Changes{"element": {"", string(of)}}))
	})
	return id, err
}

// add adds an element to a held transaction where its structure allows it.
func (s *Service) add(ctx context.Context, tx bun.Tx, c account.Caller, tree Tree, r record) (uuid.UUID, error) {
	if err := tree.checkPlace(r.ParentID.UUID); err != nil {
		return uuid.Nil, err
	}
	r.TransactionID, r.CustomerID, r.CreatedBy = tree.Transaction.ID, tree.Transaction.CustomerID, store.NullID(c.ID)
	r.Position = tree.behind(r.ParentID.UUID)
	return s.insertElement(ctx, tx, r)
}

// checkPlace says whether an element can be added in a folder, or at the root.
func (t Tree) checkPlace(parent uuid.UUID) error {
	if parent != uuid.Nil {
		e, err := t.Find(parent)
		switch {
		case err != nil:
			return err
		case e.Type != Folder:
			return ErrFixed
		case e.Depth+1 >= MaxDepth:
			return fault.New(fault.Conflict, "element.too_deep").With("max", MaxDepth)
		}
	}
	switch {
	case !t.mayAdd(parent):
		return ErrFixed
	case len(t.Elements) >= maxInTransaction:
		return fault.New(fault.Conflict, "element.too_many").With("max", maxInTransaction)
	}
	return nil
}

// behind is the position behind all elements that have the parent.
func (t Tree) behind(parent uuid.UUID) (position int) {
	for _, e := range t.In(parent) {
		position = max(position, e.Position+1)
	}
	return position
}

// Edit renames an element and changes what it asks for, if it still has the version that was edited. Errors: policies.ErrForbidden,
// ErrFixed, ErrNameTaken, ErrVersion, Invalid as Form.
func (s *Service) Edit(ctx context.Context, c account.Caller, id uuid.UUID, version int, f Form) (e Element, err error) {
	err = s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var tree Tree
		if tree, e, err = s.holdElement(ctx, tx, c, id); err != nil {
			return err
		}
		if err := tree.allow(tree.Rights.Process || tree.MayEdit(c, e)); err != nil {
			return err
		}
		switch {
		case !tree.MayEdit(c, e):
			return ErrFixed
		case e.Version != version:
			return ErrVersion
		}
		if e.Planned { // what a template has named keeps its name; only the dates of this transaction may change
			f.Name, f.Help, f.Answer, f.Types, f.Internal = e.Name, e.Help, e.Answer, e.Types, e.OwnInternal
		}
		if e.Latest != nil && e.Type == Slot {
			f.Answer = e.Answer // what was given stays an answer of its kind
		}
		if err := f.check(e.Type); err != nil {
			return err
		}
		if !tree.Rights.Internal {
			f.Internal = e.OwnInternal
		}
		return s.edit(ctx, tx, c, &e, f)
	})
	return e, err
}

func (s *Service) edit(ctx context.Context, tx bun.Tx, c account.Caller, e *Element, f Form) error {
	changes := audit.Changes{}
	for field, values := range map[string][2]string{
		"name": {e.Name, f.Name}, "due": {e.Due, f.Due}, "help": {e.Help, f.Help}, "internal": {yes(e.OwnInternal), yes(f.Internal)},
		"required": {yes(e.Required), yes(f.Required)}, "answer": {string(e.Answer), string(f.Answer)},
		"types": {strings.Join(e.Types, " "), strings.Join(f.Types, " ")},
	} {
		if values[0] != values[1] {
			changes[field] = values
		}
	}
	if len(changes) == 0 {
		return nil
	}
	r := record{ID: e.ID, TransactionID: e.TransactionID, ParentID: store.NullID(e.ParentID), Name: f.Name, NameFolded: store.FoldName(f.Name)}
	if err := nameFree(ctx, tx, r); err != nil {
		return err
	}
	if err := updateElement(ctx, tx, e.ID, map[string]any{
		"name": f.Name, "name_folded": r.NameFolded, "help": f.Help, "internal": f.Internal, "answer": f.Answer, "required": f.Required,
		"due": f.Due, "types": strings.Join(f.Types, " "),
	}); err != nil {
		return err
	}
	if f.Name != e.Name {
		if err := s.unwritten(ctx, tx, e.TransactionID); err != nil {
			return err
		}
	}
	e.Name, e.Help, e.OwnInternal, e.Answer, e.Required, e.Due, e.Types = f.Name, f.Help, f.Internal, f.Answer, f.Required, f.Due, f.Types
	e.Version++
	return s.changed(ctx, tx, c, e.record(audit.ElementChanged, changes))
}

// yes writes a flag for the log.
func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// Move moves an element into a folder (Nil: to the root), to a position among what is there: 0 is before the first. Errors:
// policies.ErrForbidden, ErrFixed (also into itself), ErrNameTaken, Invalid at position ("element.position").
func (s *Service) Move(ctx context.Context, c account.Caller, id, parent uuid.UUID, position int) error {
	return s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		tree, e, err := s.holdElement(ctx, tx, c, id)
		if err != nil {
			return err
		}
		if err := tree.allow(tree.Rights.Process); err != nil {
			return err
		}
		if position < 0 {
			return fault.At("position", "element.position")
		}
		if parent != e.ParentID {
			if err := tree.checkMove(e, parent); err != nil {
				return err
			}
			r := record{ID: e.ID, TransactionID: e.TransactionID, ParentID: store.NullID(parent), Name: e.Name, NameFolded: store.FoldName(e.Name)}
			if err := nameFree(ctx, tx, r); err != nil {
				return err
			}
			if err := updateElement(ctx, tx, e.ID, map[string]any{"parent_id": store.NullID(parent)}); err != nil {
				return err
			}
			if err := s.unwritten(ctx, tx, e.TransactionID); err != nil {
				return err
			}
		}
		if err := reorder(ctx, tx, tree.ordered(e, parent, position), parent); err != nil {
			return err
		}
		return s.changed(ctx, tx, c, e.record(audit.ElementMoved, nil))
	})
}

// checkMove says whether an element can move into another folder.
func (t Tree) checkMove(e Element, parent uuid.UUID) error {
	if e.Planned {
		return ErrFixed
	}
	deepest := 0
	for _, inside := range t.Inside(e.ID) {
		if inside.ID == parent {
			return ErrFixed // into itself
		}
		deepest = max(deepest, inside.Depth-e.Depth)
	}
	if e.ID == parent {
		return ErrFixed
	}
	if err := t.checkPlace(parent); err != nil {
		return err
	}
	depth := 0
	if parent != uuid.Nil {
		f, err := t.Find(parent)
		if err != nil {
			return err
		}
		depth = f.Depth + 1
	}
	if depth+deepest >= MaxDepth {
		return fault.New(fault.Conflict, "element.too_deep").With("max", MaxDepth)
	}
	return nil
}

// Inside returns everything in a folder, at any depth, in the order of the tree.
func (t Tree) Inside(id uuid.UUID) (list []Element) {
	in := map[uuid.UUID]bool{id: true}
	for _, e := range t.Elements {
		if in[e.ParentID] && e.ParentID != uuid.Nil {
			in[e.ID] = true
			list = append(list, e)
		}
	}
	return list
}

// ordered returns the elements of a folder with e at a position.
func (t Tree) ordered(e Element, parent uuid.UUID, position int) []Element {
	order := slices.DeleteFunc(t.In(parent), func(other Element) bool { return other.ID == e.ID })
	return slices.Insert(order, max(0, min(position, len(order))), e)
}

// reorder gives the elements of a folder their positions.
func reorder(ctx context.Context, tx bun.Tx, order []Element, parent uuid.UUID) error {
	for i, other := range order {
		if other.Position == i && other.ParentID == parent {
			continue
		}
		if _, err := tx.NewUpdate().Table("element").Set(`position = ?`, i).Where(`id = ?`, other.ID).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Trash moves an element, with all that is in it, to the trash, from which it can be put back for TrashLife. Errors:
// policies.ErrForbidden, ErrFixed.
func (s *Service) Trash(ctx context.Context, c account.Caller, id uuid.UUID) (e Element, err error) {
	err = s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var tree Tree
		if tree, e, err = s.holdElement(ctx, tx, c, id); err != nil {
			return err
		}
		if err := tree.allow(tree.Rights.Process || tree.MayRemove(c, e)); err != nil {
			return err
		}
		if !tree.MayRemove(c, e) {
			return ErrFixed
		}
		ids := []uuid.UUID{e.ID}
		for _, inside := range tree.Inside(e.ID) {
			ids = append(ids, inside.ID)
		}
		if _, err := tx.NewUpdate().Table("element").Set(`trashed_at = ?`, s.Now()).Set(`trashed_with = ?`, e.ID).Set(`trashed_by = ?`, c.ID).
			Where(`id IN (?)`, bun.List(ids)).Where(`trashed_at IS NULL`).Exec(ctx); err != nil {
			return err
		}
		return s.changed(ctx, tx, c, e.record(audit.ElementTrashed, nil))
	})
	return e, err
}

// TrashOf returns what the caller may put back in a transaction, the latest first.
func (s *Service) TrashOf(ctx context.Context, c account.Caller, tree Tree) ([]Element, error) {
	list, err := scanned(ctx, s.trashed(s.DB, tree.Transaction.ID).OrderExpr(`e.trashed_at DESC, e.id DESC`))
	return slices.DeleteFunc(list, func(e Element) bool { return !tree.mayRestore(c, e) }), err
}

// trashed selects the elements that were moved to the trash themselves and can be put back.
func (s *Service) trashed(db bun.IDB, transactionID uuid.UUID) *bun.SelectQuery {
	return rows(db).Where(`e.transaction_id = ?`, transactionID).Where(`e.trashed_at > ?`, s.Now().Add(-TrashLife)).Where(`e.trashed_with = e.id`)
}

// mayRestore says whether the caller may put something back: the firm everything that it may see, end users what was theirs.
func (t Tree) mayRestore(c account.Caller, e Element) bool {
	if t.Rights.Process {
		return t.Rights.Internal || !e.OwnInternal
	}
	return t.Rights.Upload && e.Type == File && !e.OwnInternal && e.Latest != nil && e.Latest.ByID == c.ID
}

// Restore puts an element back, with all that was moved to the trash with it. If its folder is gone, it comes to the root; if its
// name was taken meanwhile, it gets a number. Errors: ErrNotFound when it is too late.
func (s *Service) Restore(ctx context.Context, c account.Caller, id uuid.UUID) (e Element, err error) {
	err = s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		transactionID, err := transactionOf(ctx, tx, id)
		if err != nil {
			return err
		}
		tree, err := s.hold(ctx, tx, c, transactionID)
		if err != nil {
			return err
		}
		list, err := scanned(ctx, s.trashed(tx, transactionID).Where(`e.id = ?`, id))
		if err != nil || len(list) == 0 || !tree.mayRestore(c, list[0]) {
			return orNotFound(err)
		}
		if e = list[0]; tree.Rights.Closed {
			return ErrClosed
		}
		if _, err := tree.Find(e.ParentID); err != nil {
			e.ParentID = uuid.Nil
		}
		if e.Name, err = freeName(ctx, tx, transactionID, e.ParentID, e.Name); err != nil {
			return err
		}
		if err := updateElement(ctx, tx, e.ID, map[string]any{
			"parent_id": store.NullID(e.ParentID), "name": e.Name, "name_folded": store.FoldName(e.Name), "position": tree.behind(e.ParentID),
		}); err != nil {
			return err
		}
		if _, err := tx.NewUpdate().Table("element").Set(`trashed_at = NULL`).Set(`trashed_with = NULL`).Set(`trashed_by = NULL`).
			Where(`trashed_with = ?`, e.ID).Where(`transaction_id = ?`, transactionID).Exec(ctx); err != nil {
			return err
		}
		return s.changed(ctx, tx, c, e.record(audit.ElementRestored, nil))
	})
	return e, err
}

func orNotFound(err error) error {
	if err != nil {
		return err
	}
	return ErrNotFound
}

// freeName returns a name that no element with the same parent has: the name, or the name with a number.
func freeName(ctx context.Context, tx bun.Tx, transactionID, parent uuid.UUID, name string) (string, error) {
	for n := 1; ; n++ {
		r := record{TransactionID: transactionID, ParentID: store.NullID(parent), Name: numbered(name, n)}
		r.NameFolded = store.FoldName(r.Name)
		err := nameFree(ctx, tx, r)
		if !errors.Is(err, ErrNameTaken) {
			return r.Name, err
		}
	}
}

// numbered is a name with a number before its extension, as in "Scan (2).pdf"; 1 leaves it as it is.
func numbered(name string, n int) string {
	if n == 1 {
		return name
	}
	number := " (" + strconv.Itoa(n) + ")"
	stem, extension := name, ""
	if i := strings.LastIndexByte(name, '.'); i > 0 && len(name)-i <= 6 {
		stem, extension = name[:i], name[i:]
	}
	runes := []rune(stem)
	if most := MaxName - len([]rune(number+extension)); len(runes) > most {
		runes = runes[:most]
	}
	return string(runes) + number + extension
}
