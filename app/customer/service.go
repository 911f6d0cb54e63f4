package customer

import (
	"context"
	"errors"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/erasure"
	"kontor/app/fault"
	"kontor/app/job"
	"kontor/app/sample"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/policies"
)

// Courier is what this package needs of the outbox, because a customer's messages are deleted with the customer.
type Courier interface {
	CountOfCustomer(ctx context.Context, db bun.IDB, customer uuid.UUID) (int64, error)
	EraseOfCustomer(ctx context.Context, tx bun.IDB, customer uuid.UUID, limit int) (gone int64, err error)
}

// Accounts is what this package needs of the accounts.
type Accounts interface {
	// NameOf returns the name of an account, "" when it does not exist.
	NameOf(ctx context.Context, db bun.IDB, id uuid.UUID) (string, error)
	OnSwitched(f account.Switched)
}

// Erasures records, outside the database, who was permanently deleted.
type Erasures interface {
	Record(ctx context.Context, subjects ...erasure.Subject) error
}

// Options are the dependencies of a Service. All are required except the last three. Without Courier and Accounts no
// customer can be deleted.
type Options struct {
	DB       *store.DB
	Now      store.Clock
	Decider  *policies.Decider
	Audit    *audit.Log
	Courier  Courier
	Accounts Accounts
	// Reminder is how long an invitation may stay unanswered; 0: the constant Reminder.
	Reminder time.Duration
	// Erasures records each deletion before anything is erased; nil: nothing is recorded.
	Erasures Erasures
	// Jobs runs what takes longer than a request.
	Jobs *job.Service
}

// Service manages customers. Its methods authorise the caller: for what the caller may not see they return ErrNotFound,
// for what the caller may see but not do policies.ErrForbidden.
type Service struct {
	db       *store.DB
	now      store.Clock
	decider  *policies.Decider
	audit    *audit.Log
	accounts Accounts
	erased   Erasures
	jobs     *job.Service
	limits   limits
	texts    *sample.Kept[sampledText]
	opened   opened
	// dependents says how each part is deleted with a customer.
	dependents map[Part]Dependent
	twice      []Part // parts that were registered more than once
	// reminder is Options.Reminder.
	reminder time.Duration
	renamed  []Renamed
	// deletionChunk is the number of rows that one tx of a deletion deletes. switchChunk is the number of customers
	// that one tx checks after their administrator was deactivated or reactivated.
	deletionChunk, switchChunk int
	// step is called after each tx of a deletion. An error stops the deletion there, like a kill of the process. Tests
	// set it.
	step func() error
}

// New makes the service. It registers job handlers and a callback for specialist users who are deactivated or
// reactivated.
func New(o Options) *Service {
	if o.Reminder <= 0 {
		o.Reminder = Reminder
	}
	if o.Erasures == nil {
		o.Erasures = erasure.New("", o.DB, o.Now)
	}
	s := &Service{
		db: o.DB, now: o.Now, decider: o.Decider, audit: o.Audit, accounts: o.Accounts, erased: o.Erasures, jobs: o.Jobs,
		limits: limitsOf(o.DB), reminder: o.Reminder, deletionChunk: deletionChunk, switchChunk: switchChunk,
		step: func() error { return nil },
		dependents: map[Part]Dependent{
			Links:          {Erase: secret.EraseOfCustomer},
			Administrators: {Erase: assignment.EraseOfCustomer},
			LogEntries:     {Count: audit.CountOfCustomer, Erase: audit.EraseOfCustomer},
			Jobs:           {LockOut: o.Jobs.CancelOfCustomer},
		},
	}
	s.texts = sample.Keep(s.sampled())
	s.jobs.Handle(job.CustomerDeletion, job.Handler{Step: s.deletionStep})
	s.jobs.Handle(job.AdministratorSwitch, job.Handler{Step: s.switchStep})
	if o.Courier != nil {
		s.AddDependent(Messages, Dependent{Count: o.Courier.CountOfCustomer, Erase: o.Courier.EraseOfCustomer})
	}
	if o.Accounts != nil {
		o.Accounts.OnSwitched(s.administratorSwitched)
	}
	return s
}

// --- permissions ------------------------------------------------------------------------------------------------

func (s *Service) allows(c account.Caller, r policies.Relation, t Type, w policies.Permission) (bool, error) {
	return s.decider.Allows(policies.Request{
		Roles: c.Roles, Relation: r, Object: w.Object, Kind: string(t), Action: w.Action,
	})
}

// scope selects the customers with which a caller may do an action, as a condition on the table customer.
type scope struct {
	where   store.Condition // nil: all of them
	nothing bool
}

// scopeOf turns the policy's decisions into a condition for a query.
func (s *Service) scopeOf(c account.Caller, w policies.Permission) (scope, error) {
	compiled, err := s.decider.Scope(c.Roles, w.Object, w.Action)
	if err != nil || compiled.Nothing() {
		return scope{nothing: true}, err
	}
	if compiled.Everything() {
		return scope{}, nil
	}
	condition, kinds := compiled.SQL("related.mask", "customer.type")
	return scope{where: bun.SafeQuery(`EXISTS (SELECT 1 FROM (SELECT ? AS mask) AS related WHERE ?)`,
		relationTo(c, compiled.Matters()), bun.SafeQuery(condition, kinds...))}, nil
}

// Within returns the condition that the caller has the permission w for the customer in a row of the table customer. It
// is nil when the caller has it for all. nothing says that no row can match.
func (s *Service) Within(c account.Caller, w policies.Permission) (where store.Condition, nothing bool, err error) {
	sc, err := s.scopeOf(c, w)
	if err != nil || sc.nothing {
		return store.Any(), true, err
	}
	return sc.where, false, nil
}

// Authorise loads a customer and requires the permission w; other packages use it. db may be a tx. ErrNotFound if there
// is no such customer or the caller may not read it, policies.ErrForbidden if the caller may read it but lacks w.
func (s *Service) Authorise(ctx context.Context, db bun.IDB, c account.Caller, id uuid.UUID, w policies.Permission) (Customer, error) {
	r, err := s.authorise(ctx, db, c, id, w)
	return r.customer(), err
}

func (s *Service) authorise(ctx context.Context, db bun.IDB, c account.Caller, id uuid.UUID, w policies.Permission) (record, error) {
	r, related, err := s.find(ctx, db, id, c)
	if err != nil {
		return record{}, err
	}
	read := policies.Permission{Object: policies.ObjectCustomer, Action: policies.Read}
	if ok, err := s.allows(c, related, r.Type, read); err != nil {
		return record{}, err
	} else if !ok {
		return record{}, ErrNotFound
	}
	if w == read {
		return r, nil
	}
	if ok, err := s.allows(c, related, r.Type, w); err != nil {
		return record{}, err
	} else if !ok {
		return record{}, policies.ErrForbidden
	}
	return r, nil
}

// Relation returns all relations of the caller to a customer. Call it after Authorise, for decisions about what belongs
// to the customer. db may be a tx. ErrNotFound if there is no such customer.
func (s *Service) Relation(ctx context.Context, db bun.IDB, c account.Caller, id uuid.UUID) (policies.Relation, error) {
	return s.relation(ctx, db, id, c)
}

// RelationTo is Relation outside a tx.
func (s *Service) RelationTo(ctx context.Context, c account.Caller, id uuid.UUID) (policies.Relation, error) {
	return s.relation(ctx, s.db, id, c)
}

// Renamed is called inside the tx in which a customer's name changes, with the customer after the change.
type Renamed func(ctx context.Context, tx bun.IDB, cu Customer) error

// OnRenamed registers f to be called for each change of a name. Other packages call it in their constructors.
func (s *Service) OnRenamed(f Renamed) { s.renamed = append(s.renamed, f) }

func (s *Service) tellRenamed(ctx context.Context, tx bun.IDB, cu Customer) error {
	for _, f := range s.renamed {
		if err := f(ctx, tx, cu); err != nil {
			return err
		}
	}
	return nil
}

// May says which of the permissions the caller has for the customer, for buttons. It reads the relation once.
func (s *Service) May(ctx context.Context, c account.Caller, cu Customer, permissions ...policies.Permission) (map[policies.Permission]bool, error) {
	related, err := s.relation(ctx, s.db, cu.ID, c)
	if err != nil {
		return nil, err
	}
	may := make(map[policies.Permission]bool, len(permissions))
	for _, w := range permissions {
		if may[w], err = s.allows(c, related, cu.Type, w); err != nil {
			return nil, err
		}
	}
	return may, nil
}

// Readable is Within for reading customers, for packages that show names of customers.
func (s *Service) Readable(c account.Caller) (where store.Condition, nothing bool, err error) {
	return s.Within(c, policies.Permission{Object: policies.ObjectCustomer, Action: policies.Read})
}

// Get loads a customer. It returns ErrNotFound also while the customer is being deleted.
func (s *Service) Get(ctx context.Context, c account.Caller, id uuid.UUID) (Customer, error) {
	return s.Authorise(ctx, s.db, c, id, policies.Permission{Object: policies.ObjectCustomer, Action: policies.Read})
}

// --- finding ----------------------------------------------------------------------------------------------------

// maxDuplicates is the maximum number of hints.
const maxDuplicates = 5

// Duplicates finds customers that may be the same as a new one: same e-mail address of an access, same name and date of
// birth, or same company name and city. It returns at most 5, only customers that the caller may read.
func (s *Service) Duplicates(ctx context.Context, c account.Caller, t Type, d Data, email string) ([]Duplicate, error) {
	sc, err := s.scopeOf(c, policies.Permission{Object: policies.ObjectCustomer, Action: policies.Read})
	if err != nil || sc.nothing {
		return nil, err
	}
	d, _ = validate(t, d, s.now()) // Add reports the complaints; the normalised part is enough to compare
	return s.duplicates(ctx, sc, storable(store.FoldEmail(email)), storable(identity(t, d)), maxDuplicates)
}

// storable returns v, or "" when v contains characters that no customer has and that a database may reject, such as
// NUL.
func storable(v string) string {
	if _, complaint := clean(v, false); complaint != "" {
		return ""
	}
	return v
}

// --- changing ---------------------------------------------------------------------------------------------------

// Add creates a customer with the caller as its first administrator, and writes the log. Inside the same tx it calls
// first, which adds the first access. If d.Access says what is added, first refreshes the customer only if it adds
// something else. repeated says that the same caller sent the same submission before: then nothing happens, and cu is the
// customer of the first submission. Errors: policies.ErrForbidden; Invalid as Validate, and with ErrReference; errors of
// first.
func (s *Service) Add(ctx context.Context, c account.Caller, d Draft, first func(ctx context.Context, tx bun.Tx, cu Customer) error) (cu Customer, repeated bool, err error) {
	r, err := s.addition(c, d)
	if err != nil {
		return Customer{}, false, err
	}
	if d.IdempotencyKey != "" {
		// the caller's id makes the key unique among callers: guessing a key does not lead to another caller's customer
		r.Submission.String, r.Submission.Valid = c.ID.String()+"/"+d.IdempotencyKey, true
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		cu, repeated, err = s.add(ctx, tx, c, r, first)
		return err
	})
	if store.IsUnique(err, "customer.submission") { // a concurrent request sent the same form
		var id uuid.UUID
		if id, repeated, err = s.submitted(ctx, s.db, r.Submission.String); err == nil && repeated {
			cu, err = s.Get(ctx, c, id)
		}
	}
	return cu, repeated, referenced(err)
}

// referenced turns a violated unique constraint for references into ErrReference.
func referenced(err error) error {
	if store.IsUnique(err, "customer.reference") {
		var form fault.Form
		form.AddError(ErrReference)
		return form.Err()
	}
	return err
}

// AddAll is Add for many customers inside the caller's tx. It calls first once, with all of them. The drafts have no
// IdempotencyKey, and d.Access says what first adds to each. Errors as from Add, of the first draft with a mistake.
func (s *Service) AddAll(
	ctx context.Context, tx bun.Tx, c account.Caller, drafts []Draft, first func(ctx context.Context, tx bun.Tx, added []Customer) error,
) ([]Customer, error) {
	list := make([]addition, len(drafts))
	for i, d := range drafts {
		var err error
		if list[i], err = s.addition(c, d); err != nil {
			return nil, err
		}
	}
	added, err := s.enter(ctx, tx, c, list)
	if err != nil {
		return nil, referenced(err)
	}
	return added, first(ctx, tx, added)
}

// addition is a customer that is being added.
type addition struct {
	record
	access *FirstAccess
	texts  texts
}

// addition checks a draft, and that the caller may add it.
func (s *Service) addition(c account.Caller, d Draft) (addition, error) {
	data, err := d.Data, error(nil)
	if d.valid == nil || *d.valid != data {
		data, err = validate(d.Type, data, s.now())
	}
	if !d.Type.Known() {
		return addition{}, err
	}
	if ok, aerr := s.allows(c, policies.None, d.Type, policies.Permission{Object: policies.ObjectCustomer, Action: policies.Create}); aerr != nil {
		return addition{}, aerr
	} else if !ok {
		return addition{}, policies.ErrForbidden
	}
	if err != nil {
		return addition{}, err
	}
	r := addition{record: record{Type: d.Type, Version: 1}, access: d.Access, texts: d.texts(data)}
	r.set(data)
	return r, nil
}

func (s *Service) add(
	ctx context.Context, tx bun.Tx, c account.Caller, r addition, first func(ctx context.Context, tx bun.Tx, cu Customer) error,
) (cu Customer, repeated bool, err error) {
	if r.Submission.Valid {
		if id, found, err := s.submitted(ctx, tx, r.Submission.String); err != nil {
			return Customer{}, false, err
		} else if found {
			cu, err = s.Authorise(ctx, tx, c, id, policies.Permission{Object: policies.ObjectCustomer, Action: policies.Read})
			return cu, true, err
		}
	}
	added, err := s.enter(ctx, tx, c, []addition{r})
	if err != nil {
		return Customer{}, false, err
	}
	if cu = added[0]; first == nil {
		return cu, false, nil
	}
	if err := first(ctx, tx, cu); err != nil || r.access != nil {
		return cu, false, err
	}
	return cu, false, s.Refresh(ctx, tx, cu.ID)
}

// enter writes customers with the caller as their administrator, and the log.
func (s *Service) enter(ctx context.Context, tx bun.Tx, c account.Caller, list []addition) ([]Customer, error) {
	now := s.now()
	administrators, err := s.countActive(ctx, tx, c.ID)
	if err != nil {
		return nil, err
	}
	records := make([]record, len(list))
	for i, a := range list {
		r := a.record
		if r.ID, err = uuid.NewV7(); err != nil {
			return nil, err
		}
		r.CreatedAt, r.UpdatedAt, r.CreatedBy = now, now, store.NullID(c.ID)
		s.sumUp(&r, a.access.states(now), administrators)
		records[i] = r
	}
	if err := s.insert(ctx, tx, records, list); err != nil {
		return nil, err
	}
	added, entries := make([]Customer, len(records)), make([]audit.Record, len(records))
	var firsts []assignment.Administrator
	for i, r := range records {
		added[i] = r.customer()
		entries[i] = audit.Record{
			Action: audit.CustomerCreated, CustomerID: r.ID, SubjectID: r.ID, Subject: added[i].Label() + " " + added[i].Name(),
		}
		if c.ID != uuid.Nil {
			firsts = append(firsts, assignment.Administrator{CustomerID: r.ID, SpecialistID: c.ID, CreatedAt: now, CreatedBy: c.ID})
		}
	}
	if err := assignment.FirstAdministrators(ctx, tx, firsts...); err != nil {
		return nil, err
	}
	return added, s.audit.Write(ctx, tx, c.Actor(), entries...)
}

// Update saves data if the customer still has the version that was edited. Errors: ErrNotFound, policies.ErrForbidden,
// Invalid as Validate, and with ErrReference; ErrVersion when somebody else changed it first: then the current customer is returned. Unchanged
// data create no version and no log entry.
func (s *Service) Update(ctx context.Context, c account.Caller, id uuid.UUID, version int, d Data) (cu Customer, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		r, err := s.authorise(ctx, tx, c, id, policies.Permission{Object: policies.ObjectCustomer, Action: policies.Update})
		if err != nil {
			return err
		}
		d, err := validate(r.Type, d, s.now())
		if err != nil {
			return err
		}
		if r.Version != version {
			cu = r.customer()
			return ErrVersion
		}
		cu, err = s.save(ctx, tx, c, r, d)
		return err
	})
	if err != nil && !errors.Is(err, ErrVersion) {
		return Customer{}, referenced(err)
	}
	return cu, err
}

// save saves validated data in a customer that was read in the same tx, and writes the log.
func (s *Service) save(ctx context.Context, tx bun.Tx, c account.Caller, r record, d Data) (Customer, error) {
	old := r.customer()
	changes := changes(old.Data, d)
	if len(changes) == 0 {
		return old, nil
	}
	r.set(d)
	r.UpdatedAt = s.now()
	done, err := s.update(ctx, tx, &r, old.Version)
	if err != nil {
		return Customer{}, err
	}
	if !done { // changed or deleted since it was read
		r, err := s.authorise(ctx, tx, c, old.ID, policies.Permission{Object: policies.ObjectCustomer, Action: policies.Update})
		if err != nil {
			return Customer{}, err
		}
		return r.customer(), ErrVersion
	}
	r.Version++
	cu := r.customer()
	record := audit.Record{
		Action: audit.CustomerUpdated, CustomerID: cu.ID, SubjectID: cu.ID, Subject: cu.Label() + " " + cu.Name(), Detail: changes,
	}
	if err := s.audit.Write(ctx, tx, c.Actor(), record); err != nil {
		return Customer{}, err
	}
	if err := s.Refresh(ctx, tx, cu.ID); err != nil || cu.Name() == old.Name() {
		return cu, err
	}
	return cu, s.tellRenamed(ctx, tx, cu)
}

// changes returns the fields in which old and new differ.
func changes(old, new Data) audit.Changes {
	c := audit.Changes{}
	for _, f := range fields {
		if was, is := f.Value(old), f.Value(new); was != is {
			c[f.Name] = [2]string{was, is}
		}
	}
	return c
}

// Refresh recomputes what is derived from a customer and its accesses: the search texts, the summary of its accesses,
// and from when on it needs attention. Call it inside the tx of a change to one of them. A customer needs attention at
// once if it has no access or no active administrator, or if the mail or SMS of an invitation failed. It needs attention
// for an unanswered invitation when the link expires or the reminder period ends, whichever is earlier. Deactivated and
// registered accesses need no attention, nor do those whose person was not invited. ErrNotFound when there is no such customer.
func (s *Service) Refresh(ctx context.Context, tx bun.IDB, id uuid.UUID) error {
	r, err := s.lock(ctx, tx, id)
	if err != nil {
		return err
	}
	accesses, err := s.accessStates(ctx, tx, []uuid.UUID{id})
	if err != nil {
		return err
	}
	administrators, err := s.countAdministrators(ctx, tx, []uuid.UUID{id})
	if err != nil {
		return err
	}
	changed := r
	s.derive(&changed, accesses, administrators[id])
	return s.saveDerived(ctx, tx, r, changed)
}

// derive computes what depends on a customer's accesses and the number of its active administrators.
func (s *Service) derive(r *record, accesses []accessState, administrators int) {
	contacts := make([]Contact, len(accesses))
	for i, a := range accesses {
		contacts[i] = a.contact()
	}
	r.setTexts(textsOf(r.Type, r.Data, contacts))
	s.sumUp(r, accesses, administrators)
}

// setTexts sets the texts in which a customer with a number is searched.
func (r *record) setTexts(x texts) {
	r.Details.Valid = true
	r.Search, r.Details.String = x.numbered(r.Number)
}

// sumUp computes the summary of a customer's accesses, and from when on it needs attention.
func (s *Service) sumUp(r *record, accesses []accessState, administrators int) {
	r.accessColumns = sumUp(accesses)
	r.needs = needsOf(accesses, administrators, r.needs, s.now(), s.reminder)
}

// MergeSearchIndex maintains the search index; the worker calls it.
func (s *Service) MergeSearchIndex(ctx context.Context) error {
	return s.db.MergeSearchIndex(ctx, "customer_search")
}
