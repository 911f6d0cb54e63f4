package kit

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/fault"
)

// ApprovalsPath is the page of what waits for a second person, DraftPath that of the draft of a policy.
const (
	ApprovalsPath = "/approvals"
	DraftPath     = "/policies/draft"
)

// query writes an address with a query, leaving out what is empty, in the order of adding.
type query struct {
	path  string
	parts []string
}

// NewQuery begins an address.
func NewQuery(path string) *query { return &query{path: path} }

// Add adds a value, unless it is empty.
func (q *query) Add(name, value string) {
	if value != "" {
		q.parts = append(q.parts, name+"="+url.QueryEscape(value))
	}
}

// String is the address.
func (q *query) String() string {
	if len(q.parts) == 0 {
		return q.path
	}
	return q.path + "?" + strings.Join(q.parts, "&")
}

// CustomerPath is where the pages of a customer begin.
func CustomerPath(id uuid.UUID) string { return "/customers/" + id.String() }

// SpecialistPath is the page of a specialist user.
func SpecialistPath(id uuid.UUID) string { return "/specialists/" + id.String() }

// LocalPath returns next if it is a path of this site, else fallback: "//evil", "/\evil", "https:…" are not (S42).
func LocalPath(next, fallback string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return fallback
	}
	return next
}

// Param reads an id from the address; what is not one does not exist.
func Param(c *fiber.Ctx, name string) (uuid.UUID, error) {
	id, err := uuid.FromString(c.Params(name))
	if err != nil {
		return uuid.Nil, fault.New(fault.NotFound, "page")
	}
	return id, nil
}
