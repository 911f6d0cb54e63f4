package document

import (
	"context"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/blob"
	"kontor/app/document"
	"kontor/app/filetype"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
)

// page is the data of an element's page: what was given, the review, comments, and its form.
type page struct {
	Row
	Of             string // name of the transaction
	Back           string // where it stands on the page of the transaction
	Upload         string // where a file is sent
	Firm           bool
	Preview        string // address of what can be shown here; "" for nothing
	Image          bool   // the preview is an image
	Waiting        bool   // there is nothing to look at yet, since it is being scanned
	All            []document.Version
	Comments       []document.Comment
	MayComment     bool
	MayInternal    bool
	MayMove        bool
	MayDuplicate   bool
	Previous, Next string // pages of the documents before and behind
	Form           *kit.Form
	Answers        []text.Option
	Types          []text.Option
	Folders        []text.Option
}

func (s *Screens) show(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	return s.render(c, id, kit.NewForm(nil), fiber.StatusOK)
}

// render shows the page of an element. f has complaints about one of its forms.
func (s *Screens) render(c *fiber.Ctx, id uuid.UUID, f *kit.Form, status int) error {
	tree, e, err := s.documents.ElementOf(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return err
	}
	d := page{
		Row: s.row(c, tree, e, s.documents.Transactions.Today()), Of: tree.Transaction.Name, Back: placeOf(c, e),
		Upload: "/transactions/" + e.TransactionID.String() + "/documents", Firm: tree.Rights.Firm,
		MayComment: tree.Rights.Comment && !tree.Rights.Closed, MayInternal: tree.Rights.Internal,
		MayMove: tree.Rights.Process && !tree.Rights.Closed, MayDuplicate: tree.MayDuplicate(e), Form: f,
		Answers: s.answers(c), Types: s.fileGroups(c), Folders: s.folders(c, tree, e),
	}
	if d.All, err = s.documents.Versions(s.Ctx(c), tree, e); err != nil {
		return err
	}
	if d.Comments, err = s.documents.Comments(s.Ctx(c), tree, e); err != nil {
		return err
	}
	if e.Latest != nil && e.Latest.IsDocument() && tree.Rights.Contents && e.Latest.Given() && filetype.IsInline(e.Latest.Type) {
		d.Preview, d.Image = d.Page+"/content?version="+strconv.Itoa(e.Latest.Number), filetype.IsImage(e.Latest.Type)
	}
	d.Waiting = e.Latest != nil && e.Latest.Scan == blob.ScanWaiting
	d.Previous, d.Next = neighbours(tree, e)
	fill(f, e)
	title := e.Name + " · " + tree.Transaction.Name
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	kit.AllowFrames(c)
	return s.Render(c, kit.View{Page: "document/show", Title: title, Nav: "transactions", Status: status, SingleColumn: !tree.Rights.Firm, Data: d})
}

// fill puts the stored values into a form that was not sent.
func fill(f *kit.Form, e document.Element) {
	if f.Values["version"] != "" {
		return
	}
	if f.Values == nil {
		f.Values = map[string]string{}
	}
	stored := map[string]string{
		"version": strconv.Itoa(e.Version), "name": e.Name, "help": e.Help, "due": e.Due, "answer": string(e.Answer), "parent": parentValue(e),
		"position": strconv.Itoa(e.Position + 1), "required": ticked(e.Required), "internal": ticked(e.OwnInternal),
	}
	for _, t := range e.Types {
		stored["type_"+t] = ticked(true)
	}
	for name, value := range stored {
		if _, sent := f.Values[name]; !sent { // another form of the page was sent
			f.Values[name] = value
		}
	}
}

// ticked is the value of a box that is ticked, or not.
func ticked(is bool) string {
	if is {
		return "yes"
	}
	return ""
}

func parentValue(e document.Element) string {
	if e.ParentID == uuid.Nil {
		return ""
	}
	return e.ParentID.String()
}

// neighbours are the pages of the elements before and behind that have something to look at.
func neighbours(tree document.Tree, e document.Element) (previous, next string) {
	behind := false
	for _, other := range tree.Elements {
		switch {
		case other.ID == e.ID:
			behind = true
		case other.Latest == nil:
		case !behind:
			previous = "/documents/" + other.ID.String()
		default:
			return previous, "/documents/" + other.ID.String()
		}
	}
	return previous, ""
}

func (s *Screens) answers(c *fiber.Ctx) (list []text.Option) {
	for _, a := range document.Answers {
		list = append(list, text.Option{Value: string(a), Text: s.Say(c, "answer."+string(a))})
	}
	return list
}

func (s *Screens) fileGroups(c *fiber.Ctx) (list []text.Option) {
	for _, g := range filetype.Groups {
		list = append(list, text.Option{Value: g, Text: s.Say(c, "file_group."+g)})
	}
	return list
}

// folders are the folders into which an element can move, and where it is.
func (s *Screens) folders(c *fiber.Ctx, tree document.Tree, e document.Element) []text.Option {
	list := []text.Option{{Value: "", Text: s.Say(c, "element.root")}}
	for _, f := range tree.Elements {
		if f.Type == document.Folder && f.ID != e.ID && (f.ID == e.ParentID || tree.MayStructure(f.ID) && !e.Planned) {
			list = append(list, text.Option{Value: f.ID.String(), Text: f.Name})
		}
	}
	return list
}

// --- what is done with an element ---------------------------------------------------------------------------------

// on does something with the element of the address, with a form that is shown again when it is wrong.
func (s *Screens) on(c *fiber.Ctx, f *kit.Form, done string, do func(ctx context.Context, id uuid.UUID) (document.Element, error)) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	e, err := do(s.Ctx(c), id)
	if err == nil {
		to := placeOf(c, e)
		if back := kit.LocalPath(kit.Posted(c, "back"), ""); back != "" {
			to = back
		}
		return s.Redirect(c, to, done, "name", e.Name)
	}
	status, ok := s.Complain(c, f, err)
	if !ok {
		return err
	}
	return s.render(c, id, f, status)
}

func (s *Screens) answer(c *fiber.Ctx) error {
	f := kit.ReadForm(c, "value", "not_applicable", "comment")
	return s.on(c, f, "toast.answered", func(ctx context.Context, id uuid.UUID) (document.Element, error) {
		return s.documents.Answer(ctx, s.Caller(c), id, document.Given{
			Value: f.Values["value"], NotApplicable: f.Values["not_applicable"] != "", Comment: f.Values["comment"],
		})
	})
}

// number is the number of the version that was looked at.
func number(f *kit.Form) int {
	n, _ := strconv.Atoi(f.Values["number"]) // 0 is no version
	return n
}

func (s *Screens) accept(c *fiber.Ctx) error {
	f := kit.ReadForm(c, "number")
	return s.on(c, f, "toast.accepted", func(ctx context.Context, id uuid.UUID) (document.Element, error) {
		return s.documents.Accept(ctx, s.Caller(c), id, number(f))
	})
}

func (s *Screens) reject(c *fiber.Ctx) error {
	f := kit.ReadForm(c, "number", "reason")
	return s.on(c, f, "toast.rejected", func(ctx context.Context, id uuid.UUID) (document.Element, error) {
		return s.documents.Reject(ctx, s.Caller(c), id, number(f), f.Values["reason"])
	})
}

func (s *Screens) comment(c *fiber.Ctx) error {
	f := kit.ReadForm(c, "comment", "internal_comment")
	return s.on(c, f, "toast.commented", func(ctx context.Context, id uuid.UUID) (document.Element, error) {
		return s.documents.Comment(ctx, s.Caller(c), id, document.Remark{Text: f.Values["comment"], Internal: f.Values["internal_comment"] != ""})
	})
}

func (s *Screens) restoreVersion(c *fiber.Ctx) error {
	f := kit.ReadForm(c, "number")
	return s.on(c, f, "toast.version_restored", func(ctx context.Context, id uuid.UUID) (document.Element, error) {
		return s.documents.RestoreVersion(ctx, s.Caller(c), id, number(f))
	})
}

// elementFields are the fields of the form of an element.
var elementFields = []string{"name", "help", "answer", "due", "required", "internal", "version"}

func readElement(c *fiber.Ctx) (*kit.Form, document.Form) {
	fields := elementFields
	for _, g := range filetype.Groups {
		fields = append(fields[:len(fields):len(fields)], "type_"+g)
	}
	f := kit.ReadForm(c, fields...)
	e := document.Form{
		Name: f.Values["name"], Help: f.Values["help"], Due: f.Values["due"], Answer: document.Answer(f.Values["answer"]),
		Required: f.Values["required"] != "", Internal: f.Values["internal"] != "",
	}
	for _, g := range filetype.Groups {
		if f.Values["type_"+g] != "" {
			e.Types = append(e.Types, g)
		}
	}
	return f, e
}

func (s *Screens) edit(c *fiber.Ctx) error {
	f, form := readElement(c)
	version, _ := strconv.Atoi(f.Values["version"]) // 0 is no version
	return s.on(c, f, "toast.saved", func(ctx context.Context, id uuid.UUID) (document.Element, error) {
		return s.documents.Edit(ctx, s.Caller(c), id, version, form)
	})
}

func (s *Screens) move(c *fiber.Ctx) error {
	f := kit.ReadForm(c, "parent", "position")
	return s.on(c, f, "", func(ctx context.Context, id uuid.UUID) (e document.Element, err error) {
		position, err := strconv.Atoi(f.Values["position"])
		if err != nil {
			position = 0 // no position
		}
		parent := uuid.Nil
		if f.Values["parent"] != "" {
			if parent, err = uuid.FromString(f.Values["parent"]); err != nil {
				return e, document.ErrNotFound
			}
		}
		if err := s.documents.Move(ctx, s.Caller(c), id, parent, position-1); err != nil {
			return e, err
		}
		_, e, err = s.documents.ElementOf(ctx, s.Caller(c), id)
		return e, err
	})
}

// --- what is added ------------------------------------------------------------------------------------------------

// addPage is the data of the form for a new folder or slot.
type addPage struct {
	Action, Back string
	Of           string // name of the transaction
	In           string // name of the folder; "" for the root
	Parent       string
	Type         document.Type
	MayInternal  bool
	Form         *kit.Form
	Answers      []text.Option
	Types        []text.Option
}

func (s *Screens) newElement(c *fiber.Ctx) error {
	f := kit.NewForm(map[string]string{"answer": string(document.AnswerDocument), "required": "yes"})
	return s.renderAdd(c, f, document.Place{ParentID: uuid.FromStringOrNil(c.Query("parent"))}, document.Type(c.Query("type")), fiber.StatusOK)
}

func (s *Screens) renderAdd(c *fiber.Ctx, f *kit.Form, at document.Place, of document.Type, status int) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	tree, err := s.documents.Tree(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return err
	}
	if of != document.Folder {
		of = document.Slot
	}
	d := addPage{
		Action: "/transactions/" + id.String() + "/elements", Back: home(c, id), Of: tree.Transaction.Name, Type: of, MayInternal: tree.Rights.Internal,
		Form: f, Answers: s.answers(c), Types: s.fileGroups(c),
	}
	if at.ParentID != uuid.Nil {
		e, err := tree.Find(at.ParentID)
		if err != nil {
			return err
		}
		d.In, d.Parent = e.Name, e.ID.String()
	}
	if !tree.Rights.Process {
		return kit.OrForbidden(nil)
	}
	title := s.Say(c, "element.add_"+string(of)) + " · " + tree.Transaction.Name
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "document/add", Title: title, Nav: "transactions", Status: status, Data: d})
}

func (s *Screens) addElement(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	f, form := readElement(c)
	at := document.Place{TransactionID: id, ParentID: uuid.FromStringOrNil(kit.Posted(c, "parent"))}
	of := document.Type(kit.Posted(c, "type"))
	if of != document.Folder {
		of = document.Slot
	}
	added, err := s.documents.Add(s.Ctx(c), s.Caller(c), at, of, form)
	if err == nil {
		return s.Redirect(c, home(c, id)+"#e-"+added.String(), "toast.element_added", "name", form.Name)
	}
	status, ok := s.Complain(c, f, err)
	if !ok {
		return err
	}
	return s.renderAdd(c, f, at, of, status)
}

// trashPage is the data of the trash of a transaction.
type trashPage struct {
	Of, Back string
	Rows     []document.Element
	Days     int
}

func (s *Screens) showTrash(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	tree, err := s.documents.Tree(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return err
	}
	list, err := s.documents.TrashOf(s.Ctx(c), s.Caller(c), tree)
	if err != nil {
		return err
	}
	return s.Render(c, kit.View{
		Page: "document/trash", Title: s.Say(c, "element.trash") + " · " + tree.Transaction.Name, Nav: "transactions", SingleColumn: !tree.Rights.Firm,
		Data: trashPage{Of: tree.Transaction.Name, Back: home(c, id), Rows: list, Days: int(document.TrashLife.Hours() / 24)},
	})
}
