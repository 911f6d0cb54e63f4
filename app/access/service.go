package access

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/policies"
)

// Customers is what this package needs of customer.Service.
type Customers interface {
	Within(c account.Caller, w policies.Permission) (where store.Condition, nothing bool, err error)
	Authorise(ctx context.Context, db bun.IDB, c account.Caller, id uuid.UUID, w policies.Permission) (customer.Customer, error)
	Add(ctx context.Context, c account.Caller, d customer.Draft,
		first func(ctx context.Context, tx bun.Tx, cu customer.Customer) error) (customer.Customer, bool, error)
	AddAll(ctx context.Context, tx bun.Tx, c account.Caller, drafts []customer.Draft,
		first func(ctx context.Context, tx bun.Tx, added []customer.Customer) error) ([]customer.Customer, error)
	Refresh(ctx context.Context, tx bun.IDB, id uuid.UUID) error
	AddDependent(p customer.Part, d customer.Dependent)
}

// Accounts is what this package needs of account.Service.
type Accounts interface {
	ByEmail(ctx context.Context, db bun.IDB, email string) (account.Account, bool, error)
	CheckPassword(password, repeat string, personal ...string) error
	Verify(ctx context.Context, id uuid.UUID, password string, from account.Browser) error
	Hash(ctx context.Context, password string) (string, error)
	CreateEndUser(ctx context.Context, tx bun.IDB, u account.EndUser) (account.Account, error)
	OpenSession(ctx context.Context, tx bun.IDB, id uuid.UUID, from account.Browser) (token string, err error)
	RevokeOf(ctx context.Context, tx bun.IDB, ids ...uuid.UUID) error
	SpecialistAt(ctx context.Context, db bun.IDB, email string) (account.Account, bool, error)
	SpecialistsAt(ctx context.Context, db bun.IDB, emails []string) (map[string]account.Account, error)
	Erase(ctx context.Context, tx bun.IDB, ids ...uuid.UUID) ([]account.Erased, error)
	Restore(ctx context.Context, tx bun.IDB, e account.Erased) error
	Existing(ctx context.Context, tx bun.IDB, ids []uuid.UUID) (map[uuid.UUID]bool, error)
	OnAddressed(f account.Addressed)
}

// Outbox is what this package needs of courier.Service.
type Outbox interface {
	Enqueue(ctx context.Context, tx bun.IDB, p courier.Post) error
	CancelAccess(ctx context.Context, tx bun.IDB, access uuid.UUID, channels ...courier.Channel) error
	OfAccesses(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID][]courier.Message, error)
	OfAccess(ctx context.Context, tx bun.IDB, access uuid.UUID) ([]courier.Message, error)
	StatesOf(ctx context.Context, tx bun.IDB, access uuid.UUID, generation int) ([]courier.State, error)
	EraseOfAccesses(ctx context.Context, tx bun.IDB, ids []uuid.UUID) error
	PutBack(ctx context.Context, tx bun.IDB, list []courier.Message, account uuid.NullUUID) error
	Refusals(ctx context.Context, addresses []string) (map[string]courier.Refusal, error)
	Refused(ctx context.Context, tx bun.IDB, address string) (bool, error)
	Free(ctx context.Context, tx bun.IDB, address string) error
	Register(composers map[courier.Kind]courier.Composer)
	OnSettled(f func(ctx context.Context, tx bun.IDB, m courier.Message) error)
}

// Options are the parameters of New; all of them are required.
type Options struct {
	DB        *store.DB
	Now       store.Clock
	Key       secret.Key
	Decider   *policies.Decider
	Customers Customers
	Accounts  Accounts
	Courier   Outbox
	Audit     *audit.Log
	Approvals Approvals
	BaseURL   string // the beginning of links; a setting, never a request header
}

// Service manages accesses. Every tx locks rows in this order, to avoid deadlocks: messages, access, links and codes,
// customer, account.
type Service struct {
	db        *store.DB
	now       store.Clock
	key       secret.Key
	decider   *policies.Decider
	customers Customers
	accounts  Accounts
	courier   Outbox
	audit     *audit.Log
	approvals Approvals
	baseURL   string
}

// New makes a service. It registers the message composers and the callback for settled messages with the courier, the
// handlers of approvals, the callback for new addresses of accounts, and the deletion of accesses with their customer.
func New(o Options) *Service {
	s := &Service{
		db: o.DB, now: o.Now, key: o.Key, decider: o.Decider, customers: o.Customers, accounts: o.Accounts,
		courier: o.Courier, audit: o.Audit, approvals: o.Approvals, baseURL: strings.TrimRight(o.BaseURL, "/"),
	}
	s.registerDeletion(o.Customers)
	o.Courier.Register(s.composers())
	o.Courier.OnSettled(s.settled)
	o.Approvals.Handle(s.handlers())
	o.Accounts.OnAddressed(s.addressed)
	return s
}

var (
	// ErrNotFound says that an access does not exist or belongs to another customer.
	ErrNotFound = fault.New(fault.NotFound, "access.not_found")
	// ErrVersion says that somebody else has changed the access in the meantime.
	ErrVersion = fault.New(fault.Conflict, "version")
	// ErrRegistered says that a person cannot be invited because they are registered.
	ErrRegistered = fault.New(fault.Conflict, "access.registered")
	// ErrNotRegistered says that TryAddress does not apply because the person is not registered; Resend does.
	ErrNotRegistered = fault.New(fault.Conflict, "access.not_registered")
	// ErrDeactivated says that a person cannot be invited because their access is deactivated.
	ErrDeactivated = fault.New(fault.Conflict, "access.deactivated")
	// ErrJustSent says that an invitation was sent only a moment ago, and when it can be sent again.
	ErrJustSent = fault.New(fault.TooMany, "access.just_sent")
)

// resendPause is how long after an invitation Resend is refused. A request within that time is a double click.
const resendPause = 10 * time.Second

// Refold updates folded columns that an earlier version filled with different rules; see store.DB.Refold.
func (s *Service) Refold(ctx context.Context, log *slog.Logger) error {
	return s.db.Refold(ctx, log, store.Folded{Table: "access", Key: "id", Column: "email_folded", Fold: store.FoldEmail},
		store.Folded{Table: "access", Key: "id", Column: "approved", Fold: store.FoldEmail})
}

// --- adding -------------------------------------------------------------------------------------------------------

// AddCustomer creates a customer with its first administrator, first access, log entries and messages in one tx. The
// names of a person, or of a company's contact, are also the names of the access. repeated says that the form was
// already submitted; AddCustomer then returns the customer of the first submission. Errors: Forbidden; Invalid with the
// invalid fields of customer.Validate and Validate together.
func (s *Service) AddCustomer(
	ctx context.Context, c account.Caller, d customer.Draft, email, mobile string,
) (cu customer.Customer, repeated bool, err error) {
	err = s.decider.Require(policies.Request{
		Roles: c.Roles, Object: policies.ObjectCustomer, Kind: string(d.Type), Action: policies.Create,
	})
	if err != nil {
		return customer.Customer{}, false, err
	}
	d, f, err := ValidateCustomer(d, email, mobile)
	if err != nil {
		return customer.Customer{}, false, err
	}
	return s.customers.Add(ctx, c, d, func(ctx context.Context, tx bun.Tx, cu customer.Customer) error {
		r, err := s.newAccess(c, cu, f)
		if err != nil {
			return err
		}
		r.begin(cu.CreatedAt)
		if r, err = s.enter(ctx, tx, c, r); err != nil || !r.Waiting {
			return err
		}
		return s.customers.Refresh(ctx, tx, cu.ID) // an access that waits is not what was announced
	})
}

// ValidateCustomer normalises a draft and the data of its first access, which has the names of the person, or of the
// company's contact. Errors: Invalid with the invalid fields of customer.Validate and Validate together.
func ValidateCustomer(d customer.Draft, email, mobile string) (customer.Draft, Form, error) {
	d, errData := d.Valid()
	data := d.Data
	if !d.Type.Known() {
		return d, Form{}, errData // the other fields depend on the type
	}
	f, errForm := Validate(Form{
		FirstName: data.FirstName, LastName: data.LastName, Email: email, Mobile: mobile, Locale: data.Locale,
	}, data.Country)
	d.Access = &customer.FirstAccess{
		Contact:  customer.Contact{FirstName: f.FirstName, LastName: f.LastName, Email: f.Email, Mobile: f.Mobile},
		LinkLife: LinkLife,
	}
	return d, f, merge(errData, errForm)
}

// Newcomer is a customer who is added together with others.
type Newcomer struct {
	Draft     customer.Draft
	Form      Form      // both of ValidateCustomer
	Invite    bool      // false: nothing is sent to the person, who can be invited later with Resend
	InvitedAt time.Time // not before this time; zero: at once
}

// AddCustomers is AddCustomer for many customers, inside the caller's tx. It returns the customers in the same order, and
// the ids of those whose access waits for approval. Errors: Forbidden; Invalid as from AddCustomer, of the first one with a
// mistake.
func (s *Service) AddCustomers(
	ctx context.Context, tx bun.Tx, c account.Caller, list []Newcomer,
) (added []customer.Customer, waiting map[uuid.UUID]bool, err error) {
	drafts := make([]customer.Draft, len(list))
	for i, n := range list {
		drafts[i] = n.Draft
		first := *n.Draft.Access
		first.InvitedAt, first.Uninvited = n.InvitedAt, !n.Invite
		drafts[i].Access = &first
	}
	waiting = map[uuid.UUID]bool{}
	added, err = s.customers.AddAll(ctx, tx, c, drafts, func(ctx context.Context, tx bun.Tx, added []customer.Customer) error {
		rows := make([]row, len(added))
		for i, cu := range added {
			var err error
			if rows[i], err = s.newAccess(c, cu, list[i].Form); err != nil {
				return err
			}
			rows[i].begin(cu.CreatedAt)
			if rows[i].Uninvited = !list[i].Invite; !list[i].InvitedAt.IsZero() {
				rows[i].InvitedAt, rows[i].LinkExpiresAt = list[i].InvitedAt, list[i].InvitedAt.Add(LinkLife)
			}
		}
		if err := s.enterAll(ctx, tx, c, rows); err != nil {
			return err
		}
		for _, r := range rows {
			if !r.Waiting {
				continue
			}
			waiting[r.CustomerID] = true
			if err := s.customers.Refresh(ctx, tx, r.CustomerID); err != nil {
				return err
			}
		}
		return nil
	})
	return added, waiting, err
}

// Create makes a further access and invites the end user. A second Create with the same submission (a UUID; other text
// counts as none) returns the access of the first. Errors: NotFound, Forbidden; Invalid as from Validate, and
// "email.twice" when this customer already has the address.
func (s *Service) Create(ctx context.Context, c account.Caller, customerID uuid.UUID, f Form, submission string) (Access, error) {
	key := submissionKey(customerID, submission)
	var r row
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		cu, err := s.customers.Authorise(ctx, tx, c, customerID, want(policies.Create))
		if err != nil {
			return err
		}
		if key != nil {
			var done bool
			if r, done, err = accessBySubmission(ctx, tx, *key); err != nil || done {
				return err
			}
		}
		clean, err := Validate(f, cu.Country)
		if err != nil {
			return err
		}
		if r, err = s.newAccess(c, cu, clean); err != nil {
			return err
		}
		r.Submission = key
		r, err = s.create(ctx, tx, c, r)
		return err
	})
	if err != nil && key != nil && (isTwice(err) || store.IsUnique(err, "access.submission")) {
		// The same form was submitted twice at once, and the other request created the access.
		if first, ok, errFirst := accessBySubmission(ctx, s.db, *key); errFirst == nil && ok {
			return first.access(), nil
		}
	}
	return r.access(), err
}

// newAccess makes an access that begins now. f has been validated.
func (s *Service) newAccess(c account.Caller, cu customer.Customer, f Form) (row, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return row{}, err
	}
	r := row{
		ID: id, CustomerID: cu.ID, FirstName: f.FirstName, LastName: f.LastName,
		Email: f.Email, EmailFolded: store.FoldEmail(f.Email), Mobile: f.Mobile, Locale: f.Locale,
		Generation: 1, Version: 1, CreatedBy: store.NullID(c.ID),
	}
	r.begin(s.now())
	return r, nil
}

// begin sets when an access was created and its person invited.
func (r *row) begin(now time.Time) {
	r.CreatedAt, r.InvitedAt, r.LinkExpiresAt = now, now, now.Add(LinkLife)
}

// create inserts an access, invites the person, unless the access must wait for approval, and refreshes the customer.
func (s *Service) create(ctx context.Context, tx bun.IDB, c account.Caller, r row) (row, error) {
	r, err := s.enter(ctx, tx, c, r)
	if err != nil {
		return row{}, err
	}
	return r, s.customers.Refresh(ctx, tx, r.CustomerID)
}

// enter is create without what is derived for the customer.
func (s *Service) enter(ctx context.Context, tx bun.IDB, c account.Caller, r row) (row, error) {
	rows := []row{r}
	if err := s.enterAll(ctx, tx, c, rows); err != nil {
		return row{}, err
	}
	return rows[0], nil
}

// enterAll enters new accesses, whose persons have no account yet. Nothing is sent to those who are uninvited.
func (s *Service) enterAll(ctx context.Context, tx bun.IDB, c account.Caller, rows []row) error {
	owners, err := s.judgeAll(ctx, tx, c.ID, rows)
	if err != nil {
		return err
	}
	if err := insertAccess(ctx, tx, rows...); err != nil {
		return twice(err)
	}
	entries := make([]audit.Record, len(rows))
	for i, r := range rows {
		entries[i] = r.record(audit.AccessCreated, nil)
		if r.Waiting || r.Uninvited {
			continue
		}
		if err := s.invite(ctx, tx, r); err != nil {
			return err
		}
	}
	if err := s.audit.Write(ctx, tx, c.Actor(), entries...); err != nil {
		return err
	}
	for _, r := range rows {
		if !r.Waiting {
			continue
		}
		if err := s.propose(ctx, tx, c.Actor(), r, owners[r.Email]); err != nil {
			return err
		}
	}
	return nil
}

// --- looking ------------------------------------------------------------------------------------------------------

// OfCustomer lists a customer's accesses with their messages, by name. Errors: NotFound, Forbidden.
func (s *Service) OfCustomer(ctx context.Context, c account.Caller, customerID uuid.UUID) ([]Row, error) {
	if _, err := s.customers.Authorise(ctx, s.db, c, customerID, want(policies.Read)); err != nil {
		return nil, err
	}
	rows, err := accessesOf(ctx, s.db, customerID)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(
			strings.Compare(store.SortKey(a.LastName+" "+a.FirstName), store.SortKey(b.LastName+" "+b.FirstName)),
			strings.Compare(a.ID.String(), b.ID.String()),
		)
	})
	return s.withMessages(ctx, rows)
}

// Get returns one access of a customer. Errors: NotFound when the customer or access is not visible, Forbidden.
func (s *Service) Get(ctx context.Context, c account.Caller, customerID, id uuid.UUID) (Row, error) {
	if _, err := s.customers.Authorise(ctx, s.db, c, customerID, want(policies.Read)); err != nil {
		return Row{}, err
	}
	r, ok, err := accessOf(ctx, s.db, customerID, id)
	if err != nil {
		return Row{}, err
	}
	if !ok {
		return Row{}, ErrNotFound
	}
	rows, err := s.withMessages(ctx, []row{r})
	if err != nil {
		return Row{}, err
	}
	return rows[0], nil
}

func (s *Service) withMessages(ctx context.Context, rows []row) ([]Row, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	ids, addresses := make([]uuid.UUID, len(rows)), make([]string, len(rows))
	for i, r := range rows {
		ids[i], addresses[i] = r.ID, r.address()
	}
	messages, err := s.courier.OfAccesses(ctx, ids)
	if err != nil {
		return nil, err
	}
	refusals, err := s.courier.Refusals(ctx, addresses)
	if err != nil {
		return nil, err
	}
	now := s.now()
	out := make([]Row, len(rows))
	for i, r := range rows {
		a := r.access()
		out[i] = Row{Access: a, Status: a.status(now), Messages: messages[r.ID]}
		if refusal, refused := refusals[addresses[i]]; refused && out[i].Status == Registered {
			out[i].Refused = &refusal
		}
	}
	return out, nil
}

// --- parts --------------------------------------------------------------------------------------------------------

func want(a policies.Action) policies.Permission {
	return policies.Permission{Object: policies.ObjectAccess, Action: a}
}

// Among returns those of some ids that are accesses, in one query. The caller of it has asked whether their customers may
// be read.
func (s *Service) Among(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var found []uuid.UUID
	err := s.db.NewSelect().Model((*row)(nil)).Column("id").Where("id IN (?)", bun.List(ids)).Scan(ctx, &found)
	list := make(map[uuid.UUID]bool, len(found))
	for _, id := range found {
		list[id] = true
	}
	return list, err
}

// Names returns the names of the people with accesses, by the accesses' ids. The caller of it has asked whether they may be
// read.
func (s *Service) Names(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]string, error) {
	var rows []row
	err := s.db.NewSelect().Model(&rows).Column("id", "first_name", "last_name").Where("id IN (?)", bun.List(ids)).Scan(ctx)
	names := make(map[uuid.UUID]string, len(rows))
	for _, r := range rows {
		names[r.ID] = r.access().Name()
	}
	return names, err
}

// ref names an access of a customer.
type ref struct{ customerID, id uuid.UUID }

// load authorises the caller for the customer and returns the access.
func (s *Service) load(ctx context.Context, tx bun.IDB, c account.Caller, of ref, a policies.Action) (row, error) {
	if _, err := s.customers.Authorise(ctx, tx, c, of.customerID, want(a)); err != nil {
		return row{}, err
	}
	return stored(ctx, tx, of)
}

// stored is accessOf with ErrNotFound for an access that does not exist.
func stored(ctx context.Context, tx bun.IDB, of ref) (row, error) {
	r, ok, err := accessOf(ctx, tx, of.customerID, of.id)
	if err == nil && !ok {
		err = ErrNotFound
	}
	return r, err
}

// record makes the log's entry of what was done to the access.
func (r row) record(what audit.Action, changes audit.Changes) audit.Record {
	rec := audit.Record{Action: what, CustomerID: r.CustomerID, SubjectID: r.ID, Subject: r.access().Name()}
	if changes != nil {
		rec.Detail = changes
	}
	return rec
}

// submissionKey returns the stored key of a submission. It contains the customer, so it never matches another
// customer's access.
func submissionKey(customerID uuid.UUID, submission string) *string {
	id, err := uuid.FromString(submission)
	if err != nil {
		return nil
	}
	key := customerID.String() + ":" + id.String()
	return &key
}

// twice turns a violated unique constraint for the customer's addresses into an error at the field email.
func twice(err error) error {
	if store.IsUnique(err, "access.email_folded") {
		var form fault.Form
		form.Add("email", "email.twice")
		return form.Err()
	}
	return err
}

func isTwice(err error) bool {
	var e *fault.Error
	return errors.As(err, &e) && len(e.Fields) == 1 && e.Fields[0].Message == "email.twice"
}

// merge joins the invalid fields of several checks into one error. An error that is not an Invalid fault takes
// precedence.
func merge(errs ...error) error {
	var form fault.Form
	for _, err := range errs {
		var e *fault.Error
		switch {
		case err == nil:
		case !errors.As(err, &e) || e.Code != fault.Invalid:
			return err
		case len(e.Fields) > 0:
			for _, f := range e.Fields {
				form.AddError(f)
			}
		default:
			form.AddError(e)
		}
	}
	return form.Err()
}
