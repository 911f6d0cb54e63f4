package web

import (
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/authorisation"
	"kontor/policies"
)

// matrix is the data of the page Matrix.
type matrix struct {
	authorisation.Matrix
	Customer customerContext
	Rows     []matrixRow
	Filter   authorisation.MatrixFilter
	CSV      string // address of the same as a file
	Empty    empty
}

// matrixRow is a row of it in words.
type matrixRow struct {
	ID       uuid.UUID
	Name, Is string
	Whole    matrixCell
	Cells    []matrixCell
}

// matrixCell says what somebody may do, and by what: "sees and processes", "administrator". Both are "" for nothing.
type matrixCell struct {
	Level        authorisation.Level
	Does, Source string
}

func (m matrixCell) said() string {
	if m.Does == "" {
		return ""
	}
	return m.Does + " (" + m.Source + ")"
}

func (t *texts) matrixRow(r authorisation.MatrixRow) matrixRow {
	row := matrixRow{ID: r.ID, Name: r.Name, Is: t.kindOfPerson(r.Person), Whole: t.matrixCell(r.Whole)}
	for _, cell := range r.Cells {
		row.Cells = append(row.Cells, t.matrixCell(cell))
	}
	return row
}

func (t *texts) matrixCell(c authorisation.Cell) matrixCell {
	if c.Level == authorisation.Nothing {
		return matrixCell{}
	}
	return matrixCell{Level: c.Level, Does: t.level(c.Level), Source: t.sources(c)}
}

// csvColumns bounds the file: more than the screen shows, and still one answer.
const csvColumns = 2000

func (s *Server) matrixOf(c *fiber.Ctx, columns int) (d matrix, err error) {
	if d.Customer, err = s.customerOf(c, "authorisations"); err != nil {
		return d, err
	}
	d.Filter = authorisation.MatrixFilter{Name: queryTerm(c, "q"), Transaction: queryTerm(c, "t"), Transactions: columns}
	d.Matrix, err = s.authorisations.Matrix(s.ctx(c), s.caller(c), d.Customer.ID, d.Filter)
	for _, r := range d.Matrix.Rows {
		d.Rows = append(d.Rows, s.text(c).matrixRow(r))
	}
	q := newQuery(d.Customer.Path + "/authorisations/matrix.csv")
	q.add("q", d.Filter.Name)
	q.add("t", d.Filter.Transaction)
	d.CSV = q.String()
	d.Empty = empty{List: "people", Why: emptinessOf(d.Filter.Name != "", false), Clear: d.Customer.Path + "/authorisations/matrix"}
	return d, err
}

func (s *Server) showMatrix(c *fiber.Ctx) error {
	d, err := s.matrixOf(c, authorisation.MatrixColumns)
	if err != nil {
		return err
	}
	return s.render(c, view{
		Page: "authorisations/matrix", Fragment: "authorisations/cells", Nav: "customers", Data: d,
		Title: d.Customer.Name() + " · " + s.say(c, "matrix.title"),
	})
}

func (s *Server) downloadMatrix(c *fiber.Ctx) error {
	d, err := s.matrixOf(c, csvColumns)
	if err != nil {
		return err
	}
	t := s.text(c)
	head := []string{t.say("matrix.person"), t.say("matrix.is"), t.say("matrix.whole")}
	for _, column := range d.Columns {
		head = append(head, column.Label()+" "+column.Name)
	}
	rows := [][]string{head}
	for _, r := range d.Rows {
		line := []string{r.Name, r.Is, r.Whole.said()}
		for _, cell := range r.Cells {
			line = append(line, cell.said())
		}
		rows = append(rows, line)
	}
	return s.sendCSV(c, fileOf{CustomerID: d.Customer.ID, Subject: d.Customer.Label()}, d.Customer.Label()+"-"+t.say("matrix.file"), rows)
}

// kindOfPerson is what somebody is at first glance.
func (t *texts) kindOfPerson(p authorisation.Person) string {
	switch {
	case !p.Active && p.Specialist:
		return t.say("specialist.deactivated")
	case !p.Active:
		return t.say("matrix.not_registered")
	case p.Specialist:
		return t.say("role.specialist")
	}
	return t.say("role.end_user")
}

func (t *texts) level(l authorisation.Level) string {
	if l == authorisation.Works {
		return t.say("matrix.works")
	}
	return t.say("matrix.sees")
}

// sources says by what: "administrator, additional processor for Petra Lindner".
func (t *texts) sources(c authorisation.Cell) string {
	var parts []string
	for _, s := range c.Sources {
		id := map[policies.Relation]string{
			policies.None: "role", policies.Administrator: "administrator", policies.Processor: "processor", policies.Access: "access",
		}[s.Relation]
		said := t.say("source." + id)
		if s.For != "" {
			said = t.say("source.for", "Is", said, "Name", s.For)
		}
		parts = append(parts, said)
	}
	return strings.Join(parts, ", ")
}
