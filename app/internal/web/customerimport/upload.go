package customerimport

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"kontor/app/customerimport"
	"kontor/app/fault"
	"kontor/app/internal/web/kit"
)

// uploadTime is how long it may take to store the rows of a file that has arrived.
const uploadTime = 5 * time.Minute

// uploadPage is the data of the page that takes a file.
type uploadPage struct {
	Form   *kit.Form
	Max    int64 // MB
	Recent []recent
}

// recent is one of the last imports.
type recent struct {
	customerimport.Import
	Path  string
	Added int64
}

func (s *Screens) askFile(c *fiber.Ctx) error {
	return s.renderUpload(c, kit.NewForm(map[string]string{}), fiber.StatusOK)
}

func (s *Screens) renderUpload(c *fiber.Ctx, f *kit.Form, status int) error {
	list, err := s.imports.List(s.Ctx(c), s.Caller(c))
	if err != nil {
		return err
	}
	d := uploadPage{Form: f, Max: s.max >> 20}
	for _, i := range list {
		d.Recent = append(d.Recent, recent{Import: i, Path: pathOf(i), Added: addedBy(i)})
	}
	title := s.Say(c, "import.title")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "customerimport/upload", Title: title, Nav: "customers", Status: status, Data: d})
}

// addedBy is how many customers an import has added.
func addedBy(i customerimport.Import) int64 {
	n := i.Counts[customerimport.Added]
	if i.State != customerimport.Checking && i.State != customerimport.Checked && i.State != customerimport.Mapping {
		n += i.Counts[customerimport.Waits]
	}
	return n
}

// errFile is the complaint about a form without a file.
var errFile = fault.At("file", "import.file")

func (s *Screens) upload(c *fiber.Ctx) error {
	file := kit.SentFile(c)
	switch {
	case len(file) == 0:
		return s.refuse(c, errFile)
	case int64(len(file)) > s.max:
		return s.refuse(c, fault.At("file", "import.too_large").With("max", s.max>>20))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.Ctx(c)), uploadTime)
	defer cancel()
	imp, err := s.imports.Upload(ctx, s.Caller(c), file)
	if err != nil {
		return s.refuse(c, err)
	}
	return s.Redirect(c, pathOf(imp), "")
}

// refuse shows the form again.
func (s *Screens) refuse(c *fiber.Ctx, err error) error {
	f := kit.NewForm(map[string]string{})
	status, ok := s.Complain(c, f, err)
	if !ok {
		return err
	}
	return s.renderUpload(c, f, status)
}
