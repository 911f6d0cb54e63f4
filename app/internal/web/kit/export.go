package kit

import (
	"context"
	"strings"

	"github.com/gofiber/fiber/v2"

	"kontor/app/spreadsheet"
)

// exportEndings are those of fileTypes that each list is exported to.
var exportEndings = []string{"csv", "xlsx"}

// Export is what the filter of a list shows, as the rows of a file.
type Export struct {
	Name  string // of the file
	Sheet string // of a workbook
	Head  []string
	// Rows writes all rows but the head. It is called while the file is sent and after the request has returned, so it may
	// use nothing of the request.
	Rows func(ctx context.Context, write func(cells []string) error) error
}

// ExportRoutes are the routes of a list as a file: its address with each of the endings. open checks the rights and reads
// the filter. The limits of requests must give the list ExportTime.
func (k *Kit) ExportRoutes(list string, open func(c *fiber.Ctx) (Export, error)) (routes []Route) {
	for _, ending := range exportEndings {
		routes = append(routes, Get(list+"."+ending, Firm, func(c *fiber.Ctx) error {
			e, err := open(c)
			if err != nil {
				return err
			}
			return k.Stream(c, Download{}, Table{Name: e.Name, Ending: ending, Sheet: e.Sheet}, func(ctx context.Context, w spreadsheet.Writer) error {
				if err := w.Write(e.Head); err != nil {
					return err
				}
				return e.Rows(ctx, w.Write)
			})
		}))
	}
	return routes
}

// ExportedList returns the address of the list that a file has at this address; "" if it is no address of ExportRoutes.
func ExportedList(address string) string {
	for _, ending := range exportEndings {
		if list, found := strings.CutSuffix(address, "."+ending); found {
			return list
		}
	}
	return ""
}
