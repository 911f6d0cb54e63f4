package audit

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/internal/web/kit"
	"kontor/policies"
)

// export has what the filter shows: all of it, because an excerpt that looks whole would mislead whoever audits. It is read
// and sent part by part, so its length costs no memory. The first part is read before the answer begins, so that a failure
// to read is answered with the page that says so.
func (s *Screens) export(c *fiber.Ctx) (kit.Export, error) {
	for _, action := range []policies.Action{policies.Read, policies.Export} {
		if err := s.Require(c, policies.ObjectAudit, action); err != nil {
			return kit.Export{}, err
		}
	}
	ctx, r := s.Ctx(c), s.reader(c)
	scope, err := r.within(ctx, audit.Filter{})
	if err != nil {
		return kit.Export{}, err
	}
	found, err := r.understand(ctx, readAsked(c, true), scope, false)
	if err != nil {
		return kit.Export{}, err
	}
	entries := s.Audit.Read(found.Filter)
	next := func(ctx context.Context) ([][]string, error) {
		some, err := entries.Next(ctx)
		if err != nil || len(some) == 0 {
			return nil, err
		}
		return r.lines(ctx, some)
	}
	first, err := next(ctx)
	if err != nil {
		return kit.Export{}, err
	}
	var head []string
	for _, column := range []string{
		"audit.at", "audit.at_utc", "audit.who", "audit.what", "audit.subject", "audit.customer", "audit.detail", "audit.number_of_times",
		"audit.last_at", "audit.address", "audit.action",
	} {
		head = append(head, r.text.Say(column))
	}
	name := r.text.Say("nav.audit")
	return kit.Export{
		Name: name + "-" + s.Now().In(s.Zone).Format(time.DateOnly), Sheet: name, Head: head,
		Rows: func(ctx context.Context, write func([]string) error) (err error) {
			for lines := first; err == nil && len(lines) > 0; lines, err = next(ctx) {
				for _, line := range lines {
					if err := write(line); err != nil {
						return err
					}
				}
			}
			return err
		},
	}, nil
}

// lines are entries as lines of a file.
func (r reader) lines(ctx context.Context, entries []audit.Entry) ([][]string, error) {
	var ids idSet
	for _, e := range entries {
		ids.add(e.CustomerID)
	}
	customers, err := r.o.Customers.Refer(ctx, r.caller, ids.list)
	if err != nil {
		return nil, err
	}
	if err := r.sayKinds(ctx, entries); err != nil {
		return nil, err
	}
	lines := make([][]string, len(entries))
	for i, e := range entries {
		who, number, last, address := e.Actor, "", "", e.Address
		if who == "" {
			who = r.text.Say("audit.nobody")
		}
		if ref, there := customers[e.CustomerID.UUID]; there {
			number = customer.Label(ref.Number)
		}
		if e.LastAt != nil {
			last = e.LastAt.In(r.Zone).Format(time.DateTime)
		}
		if e.Various() {
			address = r.text.Say("audit.various")
		}
		lines[i] = []string{
			e.At.In(r.Zone).Format(time.DateTime), e.At.UTC().Format(time.RFC3339), who, r.text.Say("audit." + string(e.Action)), e.Subject, number,
			r.detail(e), strconv.FormatInt(e.Times, 10), last, address, string(e.Action),
		}
	}
	return lines, nil
}

// detail is the detail of an entry in words.
func (r reader) detail(e audit.Entry) string {
	parts := e.Places()
	changes := e.Changes()
	for _, field := range slices.Sorted(maps.Keys(changes)) {
		was := changes[field]
		parts = append(parts, r.text.Say("field."+field)+": "+r.said(field, was[0])+" → "+r.said(field, was[1]))
	}
	if changes == nil {
		counts := e.Counts()
		for _, what := range slices.Sorted(maps.Keys(counts)) {
			parts = append(parts, r.text.Say("count."+what)+": "+r.text.Number(counts[what]))
		}
	}
	return strings.Join(parts, "; ")
}

// said is the value of a field in words.
func (r reader) said(field, value string) string {
	if value == "" {
		return "–"
	}
	return r.text.InWords(field, value)
}
