package kit

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/fault"
)

// ApprovalsPath is the page of the requests that wait for a second person. DraftPath is the page of a policy's draft.
const (
	ApprovalsPath = "/approvals"
	DraftPath     = "/policies/draft"
)

// Query builds an address with a query. It keeps the order of the values and leaves out empty ones.
type Query struct {
	path  string
	parts []string
}

// NewQuery makes an address without parameters.
func NewQuery(path string) *Query { return &Query{path: path} }

// Add adds a value, unless it is empty.
func (q *Query) Add(name, value string) {
	if value != "" {
		q.parts = append(q.parts, name+"="+url.QueryEscape(value))
	}
}

// String is the address.
func (q *Query) String() string {
	if len(q.parts) == 0 {
		return q.path
	}
	return q.path + "?" + strings.Join(q.parts, "&")
}

// CustomerPath is the beginning of the addresses of a customer's pages.
func CustomerPath(id uuid.UUID) string { return "/customers/" + id.String() }

// SpecialistPath is the page of a specialist user.
func SpecialistPath(id uuid.UUID) string { return "/specialists/" + id.String() }

// LocalPath returns next if it is a path of this site, otherwise fallback. "//evil", "/\evil" and "https:…" are not paths
// of this site (S42).
func LocalPath(next, fallback string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return fallback
	}
	return next
}

// Param reads an id from the address. A value that is not an id gives fault.NotFound.
func Param(c *fiber.Ctx, name string) (uuid.UUID, error) {
	id, err := uuid.FromString(c.Params(name))
	if err != nil {
		return uuid.Nil, fault.New(fault.NotFound, "page")
	}
	return id, nil
}
