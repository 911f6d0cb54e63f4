package attention

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/listing"
	"kontor/app/store"
	"kontor/policies"
)

// query is the query of a section, before it is read or counted.
type query struct {
	columns string
	rows    *bun.SelectQuery // without columns and without order
	key     []string         // the columns of the sort order, which are unique together
}

// first selects columns of the first rows of a section, or of those after the row with the given key.
func (q query) first(columns string, most int, key ...any) *bun.SelectQuery {
	return listing.By(false, q.key...).First(q.rows.ColumnExpr(columns), most, key...)
}

// needs are the sections that list customers, or their invitations, by one kind of reason why these need attention.
var needs = map[Section]customer.Need{
	Invitations: customer.OpenInvitation, Administrators: customer.NoAdministrator, Accesses: customer.NoAccess,
}

const ownerColumns = `customer.number, customer.id AS customer_id, customer.type, customer.first_name, customer.last_name, customer.company_name`

// query makes the query of a section. nothing says that the section can't have entries for the caller.
//
// The customers come from customer.Attending, which decides whether to start from the caller's own customers or from
// the index of all that have this need. The index has only customers that the section lists, so a page of it is found
// after a page of rows by somebody who may act on all. CROSS JOIN fixes the join order in SQLite, which has no statistics; PostgreSQL treats it as
// a normal join.
func (s *Service) query(ctx context.Context, c account.Caller, section Section) (q query, nothing bool, err error) {
	if section == Overdue {
		return s.overdue(ctx, c)
	}
	if section == Administrators {
		if some, err := s.orphans(c); err != nil || !some {
			return query{}, true, err
		}
	}
	attending, err := s.o.Customers.Attending(ctx, c, needs[section], permissions[section])
	if err != nil || attending.Nothing {
		return query{}, true, err
	}
	q = query{
		columns: ownerColumns + `, customer.since`, key: []string{`customer.since`, `customer.number`},
		rows: s.o.DB.NewSelect().TableExpr(`(?) AS customer`, attending.Table),
	}
	if section == Invitations {
		now, failure := s.o.Now(), courier.SMSFailure("a.id", "a.generation")
		q.columns += `, a.id, a.first_name AS end_first, a.last_name AS end_last, a.email, a.mobile, a.invited_at, a.link_expires_at,
			a.undeliverable, ` + failure + ` AS code_failure`
		q.rows.Join(`CROSS JOIN access AS a`).Where(`a.customer_id = customer.id`).
			Where(`a.registered_at IS NULL`).Where(`a.deactivated_at IS NULL`).Where(`NOT a.uninvited`).
			Where(`a.undeliverable <> '' OR a.link_expires_at <= ? OR a.invited_at <= ? OR `+failure+` <> ''`, now, now.Add(-s.o.Reminder))
		q.key = append(q.key, `a.id`)
	}
	return q, false, nil
}

// fewVisible is the maximum number of visible transactions with which the overdue ones are searched among these.
const fewVisible = 1000

func (s *Service) overdue(ctx context.Context, c account.Caller) (q query, nothing bool, err error) {
	within, nothing, err := s.o.Transactions.Within(c, policies.Process, "t")
	if err != nil || nothing {
		return query{}, true, err
	}
	scope, err := s.scope(c, Overdue)
	if err != nil {
		return query{}, true, err
	}
	few := false
	if !scope.Unrelated() && scope.Matters()&policies.Access == 0 {
		if few, err = s.seesFew(ctx, c); err != nil {
			return query{}, true, err
		}
	}
	rows := s.o.DB.NewSelect()
	switch {
	case few:
		rows.TableExpr(`(SELECT DISTINCT v.transaction_id FROM transaction_visible AS v WHERE v.specialist_id IN (?)) AS mine`, bun.List(c.Persons())).
			Join(`CROSS JOIN transactions AS t`).Where(`t.id = mine.transaction_id`)
	case s.o.DB.IsPostgres():
		rows.TableExpr(`transactions AS t`)
	default:
		rows.TableExpr(`transactions AS t INDEXED BY transactions_due`)
	}
	today := s.o.Now().In(s.o.Zone).Format(time.DateOnly)
	rows.Join(`CROSS JOIN customer`).Where(`t.due <> ''`).Where(`t.status <> 'closed'`).Where(`t.due < ?`, today).
		Where(`customer.id = t.customer_id`).Where(`NOT customer.deleting`).Where(`?`, store.All(within))
	return query{
		columns: ownerColumns + `, t.id, t.number AS transaction_number, t.name, t.due`, key: []string{`t.due`, `t.number`}, rows: rows,
	}, false, nil
}

func (s *Service) seesFew(ctx context.Context, c account.Caller) (bool, error) {
	some := s.o.DB.NewSelect().TableExpr(`transaction_visible`).ColumnExpr(`1`).Where(`specialist_id IN (?)`, bun.List(c.Persons())).Limit(int64(s.few) + 1)
	var n int
	err := s.o.DB.NewSelect().TableExpr(`(?) AS seen`, some).ColumnExpr(`count(*)`).Scan(ctx, &n)
	return n <= s.few, err
}

func (s *Service) count(ctx context.Context, q query, most int) (n int, err error) {
	if most <= 0 { // 0 would mean no limit to Bun
		return 0, nil
	}
	// in the order of the section, so that the plan is that of a page
	err = s.o.DB.NewSelect().TableExpr(`(?) AS counted`, q.first(`1`, most)).ColumnExpr(`count(*)`).Scan(ctx, &n)
	return n, err
}

// row is a row of any section.
type row struct {
	Number        int64         `bun:"number"`
	CustomerID    uuid.UUID     `bun:"customer_id"`
	Type          customer.Type `bun:"type"`
	FirstName     string        `bun:"first_name"`
	LastName      string        `bun:"last_name"`
	CompanyName   string        `bun:"company_name"`
	Since         time.Time     `bun:"since"`
	ID            uuid.UUID     `bun:"id"`
	EndFirst      string        `bun:"end_first"`
	EndLast       string        `bun:"end_last"`
	Email         string        `bun:"email"`
	Mobile        string        `bun:"mobile"`
	InvitedAt     time.Time     `bun:"invited_at"`
	LinkExpiresAt time.Time     `bun:"link_expires_at"`
	Undeliverable string        `bun:"undeliverable"`
	CodeFailure   string        `bun:"code_failure"`
	Transaction   int64         `bun:"transaction_number"`
	Name          string        `bun:"name"`
	Due           string        `bun:"due"`
}

func (r row) owner() Owner {
	o := Owner{ID: r.CustomerID, Number: r.Number, Type: r.Type, Name: r.CompanyName}
	if r.Type == customer.Person {
		o.Name = r.LastName
		if r.FirstName != "" {
			o.Name += ", " + r.FirstName
		}
	}
	return o
}

func (s *Service) invitation(r row) Invitation {
	i := Invitation{
		ID: r.ID, Name: r.EndFirst + " " + r.EndLast, Email: r.Email, Mobile: r.Mobile, InvitedAt: r.InvitedAt,
		LinkExpiresAt: r.LinkExpiresAt, Customer: r.owner(), Reason: Expired,
	}
	switch {
	case r.Undeliverable != "":
		i.Reason, i.Detail = MailFailed, r.Undeliverable
	case r.CodeFailure != "":
		i.Reason, i.Detail = CodeFailed, r.CodeFailure
	case !s.o.Now().Before(r.InvitedAt.Add(s.o.Reminder)):
		i.Reason = Unanswered
	}
	return i
}

// position returns the place of a row in its section's order.
func (r row) position(section Section) position {
	if section != Overdue {
		return position{r.Since, r.Number, r.ID}
	}
	due, _ := time.Parse(time.DateOnly, r.Due) // the date was checked when it was written
	return position{due, r.Transaction, r.ID}
}

// part reads up to most entries of a section. Sections that are always short are read whole.
func (s *Service) part(ctx context.Context, c account.Caller, section Section, after string, most int) (Part, error) {
	if section == Sending {
		return s.sending(c)
	}
	if section == Channels {
		return s.channels(ctx, c)
	}
	p := Part{Section: section}
	if section == Approvals {
		waits, err := s.o.Approvals.Awaiting(ctx, c.ID)
		p.Approvals = waits
		return p, err
	}
	if section == Deputies {
		list, err := s.deputies(ctx, c)
		p.Deputies = list
		return p, err
	}
	if section == Rights {
		n, err := s.o.Offers.Waiting(ctx, c)
		p.Rights = n
		return p, err
	}
	q, nothing, err := s.query(ctx, c, section)
	if err == nil && section == Invitations {
		p.Corrects, err = s.corrects(c)
	}
	if err != nil || nothing {
		return p, err
	}
	var key []any
	if from, ok := readPosition(after); ok {
		key = []any{from.at, from.number, from.id}[:len(q.key)]
		if section == Overdue {
			key[0] = from.at.Format(time.DateOnly)
		}
	}
	var rows []row
	if err := q.first(q.columns, most+1, key...).Scan(ctx, &rows); err != nil {
		return p, err
	}
	if p.More = len(rows) > most; p.More {
		rows = rows[:most]
		p.Next = rows[len(rows)-1].position(section).String()
	}
	for _, r := range rows {
		switch section {
		case Invitations:
			p.Invitations = append(p.Invitations, s.invitation(r))
		case Overdue:
			p.Overdue = append(p.Overdue, OverdueTransaction{ID: r.ID, Number: r.Transaction, Name: r.Name, Due: r.Due, Customer: r.owner()})
		default:
			p.Customers = append(p.Customers, r.owner())
		}
	}
	return p, nil
}

// ownership says to which customer an access belongs.
type ownership struct {
	ID         uuid.UUID `bun:"id"`
	CustomerID uuid.UUID `bun:"customer_id"`
	FirstName  string    `bun:"first_name"`
	LastName   string    `bun:"last_name"`
}

func (s *Service) owners(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]ownership, error) {
	var list []ownership
	err := s.o.DB.NewSelect().TableExpr(`access`).Column("id", "customer_id", "first_name", "last_name").
		Where(`id IN (?)`, bun.List(ids)).Scan(ctx, &list)
	found := make(map[uuid.UUID]ownership, len(list))
	for _, o := range list {
		found[o.ID] = o
	}
	return found, err
}
