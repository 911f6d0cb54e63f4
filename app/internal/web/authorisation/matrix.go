package authorisation

import (
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/authorisation"
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	"kontor/policies"
)

// matrix is the data of the page Matrix.
type matrix struct {
	authorisation.Matrix
	Customer customerpage.Head
	Rows     []matrixRow
	Filter   authorisation.MatrixFilter
	CSV      string // address of the matrix as a CSV file
	Empty    kit.Empty
}

// matrixRow is a row of the matrix in words.
type matrixRow struct {
	ID       uuid.UUID
	Name, Is string
	Whole    matrixCell
	Cells    []matrixCell
}

// matrixCell says what a person may do, and the source of the permission: "sees and processes", "administrator". Both are
// "" for no permission.
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

func matrixRowOf(t *text.Texts, r authorisation.MatrixRow) matrixRow {
	row := matrixRow{ID: r.ID, Name: r.Name, Is: kindOfPerson(t, r.Person), Whole: matrixCellOf(t, r.Whole)}
	for _, cell := range r.Cells {
		row.Cells = append(row.Cells, matrixCellOf(t, cell))
	}
	return row
}

func matrixCellOf(t *text.Texts, c authorisation.Cell) matrixCell {
	if c.Level == authorisation.Nothing {
		return matrixCell{}
	}
	return matrixCell{Level: c.Level, Does: level(t, c.Level), Source: sources(t, c)}
}

// csvColumns limits the columns of the file. They are more than the screen shows.
const csvColumns = 2000

func (s *Screens) matrixOf(c *fiber.Ctx, columns int) (d matrix, err error) {
	of := s.heads.Of
	if columns == csvColumns { // a file has no head
		of = s.heads.BareOf
	}
	if d.Customer, err = of(c, "authorisations"); err != nil {
		return d, err
	}
	d.Filter = authorisation.MatrixFilter{Name: kit.QueryTerm(c, "q"), Transaction: kit.QueryTerm(c, "t"), Transactions: columns}
	d.Matrix, err = s.authorisations.Matrix(s.Ctx(c), s.Caller(c), d.Customer.ID, d.Filter)
	for _, r := range d.Matrix.Rows {
		d.Rows = append(d.Rows, matrixRowOf(s.Text(c), r))
	}
	q := kit.NewQuery(d.Customer.Path + "/authorisations/matrix.csv")
	q.Add("q", d.Filter.Name)
	q.Add("t", d.Filter.Transaction)
	d.CSV = q.String()
	d.Empty = kit.Empty{List: "people", Why: kit.EmptinessOf(d.Filter.Name != "", false), Clear: d.Customer.Path + "/authorisations/matrix"}
	return d, err
}

func (s *Screens) showMatrix(c *fiber.Ctx) error {
	d, err := s.matrixOf(c, authorisation.MatrixColumns)
	if err != nil {
		return err
	}
	return s.Render(c, kit.View{
		Page: "authorisation/matrix", Fragment: "authorisation/cells", Nav: "customers", Data: d,
		Title: d.Customer.Name() + " · " + s.Say(c, "matrix.title"),
	})
}

func (s *Screens) downloadMatrix(c *fiber.Ctx) error {
	d, err := s.matrixOf(c, csvColumns)
	if err != nil {
		return err
	}
	t := s.Text(c)
	head := []string{t.Say("matrix.person"), t.Say("matrix.is"), t.Say("matrix.whole")}
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
	return s.SendCSV(c, kit.Download{CustomerID: d.Customer.ID, Subject: d.Customer.Label()}, d.Customer.Label()+"-"+t.Say("matrix.file"), rows)
}

// kindOfPerson is a short description of a person.
func kindOfPerson(t *text.Texts, p authorisation.Person) string {
	switch {
	case !p.Active && p.Specialist:
		return t.Say("specialist.deactivated")
	case !p.Active:
		return t.Say("matrix.not_registered")
	case p.Specialist:
		return t.Say("role.specialist")
	}
	return t.Say("role.end_user")
}

func level(t *text.Texts, l authorisation.Level) string {
	if l == authorisation.Works {
		return t.Say("matrix.works")
	}
	return t.Say("matrix.sees")
}

// sources are the sources of a permission: "administrator, additional processor for Petra Lindner".
func sources(t *text.Texts, c authorisation.Cell) string {
	var parts []string
	for _, s := range c.Sources {
		id := map[policies.Relation]string{
			policies.None: "role", policies.Administrator: "administrator", policies.Processor: "processor", policies.Access: "access",
		}[s.Relation]
		said := t.Say("source." + id)
		if s.For != "" {
			said = t.Say("source.for", "Is", said, "Name", s.For)
		}
		parts = append(parts, said)
	}
	return strings.Join(parts, ", ")
}
