package customerimport

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"kontor/app/customer"
	"kontor/app/customerimport"
	"kontor/app/fault"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
)

// importPage is the data of the page of an import.
type importPage struct {
	customerimport.Import
	Path    string
	Form    *kit.Form
	Mapping []mappedColumn
	Fields  []text.Option
	Chips   []chip
	Only    customerimport.Verdict
	Lines   []line
	From    int64
	To      int64
	Total   int64
	Prev    string
	Next    string
	Adds    int64
	Alike   int64 // possible duplicates
}

// mappedColumn is a column of the file with what it is mapped to.
type mappedColumn struct {
	customerimport.Column
	Name string // of its field in the form
	Text string // its header
}

// chip narrows the list to a verdict.
type chip struct {
	Text, Href string
	Count      int64
	Current    bool
}

// line is a row of the file with its verdict in words.
type line struct {
	Row     int
	Verdict customerimport.Verdict
	Name    string
	Wrong   []complaint
	Known   []customer.Row
	Hidden  int // further customers, whom the person may not see
	Above   int
}

// complaint is a mistake in words.
type complaint struct{ Field, Value, Message string }

// Running says whether a job works on the import.
func (p importPage) Running() bool {
	return p.State == customerimport.Checking || p.State == customerimport.Importing
}

// Ended says whether nothing more will happen.
func (p importPage) Ended() bool {
	return p.State == customerimport.Done || p.State == customerimport.Cancelled
}

// Judged says whether there are verdicts.
func (p importPage) Judged() bool {
	return p.State == customerimport.Checked || p.State == customerimport.Done && !p.Erased
}

func (s *Screens) show(c *fiber.Ctx) error {
	return s.render(c, kit.NewForm(map[string]string{}), fiber.StatusOK)
}

func (s *Screens) render(c *fiber.Ctx, f *kit.Form, status int) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	imp, err := s.imports.Get(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return err
	}
	d := importPage{Import: imp, Path: pathOf(imp), Form: f, Adds: imp.Adds(), Alike: imp.Counts[customerimport.Duplicate]}
	switch {
	case imp.State == customerimport.Mapping:
		s.offerFields(c, &d)
	case d.Judged():
		if err := s.listVerdicts(c, &d); err != nil {
			return err
		}
	}
	title := s.Say(c, "import.title")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "customerimport/import", Fragment: "customerimport/state", Title: title, Nav: "customers", Status: status, Data: d})
}

// offerFields adds the columns of the file and what they can mean.
func (s *Screens) offerFields(c *fiber.Ctx, d *importPage) {
	d.Fields = []text.Option{{Value: "", Text: s.Say(c, "import.ignore")}}
	for _, f := range customerimport.Fields() {
		d.Fields = append(d.Fields, text.Option{Value: f.Name, Text: f.Header(s.Text(c).Locale)})
	}
	for i, column := range d.Columns {
		m := mappedColumn{Column: column, Name: "column." + strconv.Itoa(i), Text: column.Header}
		if m.Text == "" {
			m.Text = s.Say(c, "import.column_without")
		}
		if chosen, sent := d.Form.Values[m.Name]; sent {
			m.Field = chosen
		}
		d.Mapping = append(d.Mapping, m)
	}
}

// listVerdicts adds a page of the rows with their verdicts.
func (s *Screens) listVerdicts(c *fiber.Ctx, d *importPage) error {
	d.Only = customerimport.Verdict(c.Query("verdict"))
	from, _ := strconv.ParseInt(c.Query("from"), 10, 64)
	page, err := s.imports.Verdicts(s.Ctx(c), s.Caller(c), d.ID, d.Only, max(from, 0))
	if err != nil {
		return err
	}
	d.From, d.To, d.Total = page.From, page.From-1+int64(len(page.Lines)), page.Total
	if page.More {
		d.Next = d.at(page.From - 1 + customerimport.PageSize)
	}
	if page.From > 1 {
		d.Prev = d.at(max(page.From-1-customerimport.PageSize, 0))
	}
	all := int64(0)
	for _, v := range customerimport.Verdicts {
		if n := d.Counts[v]; n > 0 {
			all += n
			d.Chips = append(d.Chips, chip{s.Say(c, "import_verdict."+string(v)), d.Path + "?verdict=" + string(v), n, d.Only == v})
		}
	}
	d.Chips = append([]chip{{s.Say(c, "import.all"), d.Path, all, d.Only == ""}}, d.Chips...)
	for _, l := range page.Lines {
		d.Lines = append(d.Lines, s.inWords(c, l))
	}
	return nil
}

// at is the address of the page that begins with a row.
func (p importPage) at(from int64) string {
	q := kit.NewQuery(p.Path)
	q.Add("verdict", string(p.Only))
	if from > 0 {
		q.Add("from", strconv.FormatInt(from, 10))
	}
	return q.String()
}

func (s *Screens) inWords(c *fiber.Ctx, l customerimport.Line) line {
	words := line{Row: l.Row, Verdict: l.Verdict, Name: l.Name, Known: l.Known, Hidden: len(l.Customers) - len(l.Known), Above: l.Above}
	for _, w := range l.Wrong {
		words.Wrong = append(words.Wrong, s.complaint(c, w, l.Values[w.Field]))
	}
	return words
}

// complaint says what the form would say.
func (s *Screens) complaint(c *fiber.Ctx, w customerimport.Complaint, value string) complaint {
	said := complaint{Value: value}
	if w.Field != "" {
		said.Field = s.Say(c, "field."+w.Field)
	}
	if w.Message == "required" {
		said.Message = s.Say(c, "required."+w.Field)
	} else {
		said.Message = s.Say(c, "fault."+w.Message, s.WaitArgs(c, w.Fault()))
	}
	return said
}

func (s *Screens) check(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	imp, err := s.imports.Get(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return err
	}
	names := make([]string, len(imp.Columns))
	for i := range names {
		names[i] = "column." + strconv.Itoa(i)
	}
	f := kit.ReadForm(c, names...)
	chosen := make([]string, len(names))
	for i, name := range names {
		chosen[i] = f.Values[name]
	}
	if err := s.imports.Check(s.Ctx(c), s.Caller(c), id, chosen); err != nil {
		return s.shownAgain(c, f, s.named(c, err))
	}
	return s.Redirect(c, pathOf(imp), "")
}

// named replaces the name of a field in a complaint about the mapping by its header.
func (s *Screens) named(c *fiber.Ctx, err error) error {
	e, ok := err.(*fault.Error) //nolint:errorlint // as the service returns it
	if !ok || e.Args["field"] == nil {
		return err
	}
	for _, f := range customerimport.Fields() {
		if f.Name == e.Args["field"] {
			return e.With("field", f.Header(s.Text(c).Locale))
		}
	}
	return err
}

// shownAgain shows the page with a complaint.
func (s *Screens) shownAgain(c *fiber.Ctx, f *kit.Form, err error) error {
	status, ok := s.Complain(c, f, err)
	if !ok {
		return err
	}
	return s.render(c, f, status)
}

func (s *Screens) again(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	if err := s.imports.Again(s.Ctx(c), s.Caller(c), id); err != nil {
		return s.shownAgain(c, kit.NewForm(map[string]string{}), err)
	}
	return s.Redirect(c, "/customers/imports/"+id.String(), "")
}

func (s *Screens) start(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	f := kit.ReadForm(c, "invite", "duplicates")
	d := customerimport.Decision{Invite: f.Values["invite"] == kit.On, Duplicates: f.Values["duplicates"] == kit.On}
	if err := s.imports.Start(s.Ctx(c), s.Caller(c), id, d); err != nil {
		return s.shownAgain(c, f, err)
	}
	return s.Redirect(c, "/customers/imports/"+id.String(), "")
}

func (s *Screens) cancel(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	if err := s.imports.Cancel(s.Ctx(c), s.Caller(c), id); err != nil {
		return s.shownAgain(c, kit.NewForm(map[string]string{}), err)
	}
	return s.Redirect(c, Path, "toast.import_cancelled")
}

// download answers with the verdicts of all rows, and what stands in them, as CSV.
func (s *Screens) download(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	imp, err := s.imports.Get(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return err
	}
	head := []string{s.Say(c, "import.row"), s.Say(c, "import.verdict"), s.Say(c, "import.why")}
	for _, column := range imp.Columns {
		head = append(head, column.Header)
	}
	rows := [][]string{head}
	err = s.imports.Each(s.Ctx(c), s.Caller(c), id, func(_ []customerimport.Column, l customerimport.Line) error {
		rows = append(rows, append([]string{strconv.Itoa(l.Row), s.Say(c, "import_verdict."+string(l.Verdict)), s.why(c, s.inWords(c, l))}, l.Cells...))
		return nil
	})
	if err != nil {
		return err
	}
	return s.SendCSV(c, kit.Download{}, s.Say(c, "import.verdicts_file"), rows)
}

// why is what a verdict says besides, in one cell.
func (s *Screens) why(c *fiber.Ctx, l line) string {
	var parts []string
	for _, w := range l.Wrong {
		part := w.Message
		if w.Field != "" {
			part = w.Field + ": " + part
		}
		parts = append(parts, part)
	}
	for _, k := range l.Known {
		parts = append(parts, k.Label()+" "+k.Name)
	}
	if l.Hidden > 0 {
		parts = append(parts, s.Say(c, "import.hidden"))
	}
	if l.Above > 0 {
		parts = append(parts, s.Say(c, "import.above", "row", l.Above))
	}
	return strings.Join(parts, "; ")
}
