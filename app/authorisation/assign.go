package authorisation

import (
	"context"
	"slices"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/fault"
	"kontor/policies"
)

// AppointAdministrators makes specialist users administrators of the customer: all of them, or none. out.Already counts
// those who are administrators already. Errors: NotFound, Forbidden; Invalid at specialist:
// "authorisation.nobody_chosen", "authorisation.twice", "authorisation.not_active", "authorisation.self" (people can't
// give themselves rights), "authorisation.too_many"; approval.ErrAsked when a second person is needed and was asked.
func (s *Service) AppointAdministrators(ctx context.Context, c account.Caller, customerID uuid.UUID, specialists []uuid.UUID) (out Outcome, err error) {
	asked := false
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		out, asked, err = s.appoint(ctx, tx, c, customerID, specialists, false)
		return err
	})
	if err == nil && asked {
		err = approval.ErrAsked
	}
	return out, err
}

// appoint is AppointAdministrators inside a tx. asked says that it made a proposal instead. With approved it makes no
// proposal.
func (s *Service) appoint(ctx context.Context, tx bun.Tx, c account.Caller, customerID uuid.UUID, specialists []uuid.UUID, approved bool) (out Outcome, asked bool, err error) {
	if _, err := s.customers.Authorise(ctx, tx, c, customerID, permission(policies.Manage)); err != nil {
		return out, false, err
	}
	var form fault.Form
	people, err := s.choosePeople(ctx, tx, &form, specialists)
	if err != nil {
		return out, false, err
	}
	if err := form.Err(); err != nil {
		return out, false, err
	}
	already, err := administering(ctx, tx, customerID, c.Persons())
	if err != nil {
		return out, false, err
	}
	raises := func(id uuid.UUID) bool { return slices.Contains(specialists, id) && !already[id] }
	if !already[c.ID] && slices.ContainsFunc(c.Persons(), raises) {
		return out, false, invalid("specialist", complaintSelf)
	}
	if !approved {
		if asked, err := s.ask(ctx, tx, c, customerID, people, assigned{Specialists: specialists}); err != nil || asked {
			return out, asked, err
		}
	}
	for _, p := range people {
		fresh, err := assignment.AddAdministrator(ctx, tx, assignment.Administrator{
			CustomerID: customerID, SpecialistID: p.ID, CreatedAt: s.now(), CreatedBy: c.ID,
		})
		if err != nil {
			return out, false, err
		}
		if !fresh {
			out.Already++
			continue
		}
		out.Fresh++
		out.Names = append(out.Names, p.Name)
		if err := s.log(ctx, tx, c, audit.AdministratorAppointed, customerID, p, nil); err != nil {
			return out, false, err
		}
	}
	return out, false, s.customers.Refresh(ctx, tx, customerID)
}

// EntrustProcessors makes specialist users additional processors of transactions of the customer: each of the people
// gets each of the transactions, or nothing happens. out.Already counts the assignments that existed before. Errors: as
// AppointAdministrators, and Invalid at transaction: "authorisation.none_chosen", "authorisation.twice",
// "authorisation.no_transaction" (unknown, another customer's, or not visible to the caller), "authorisation.too_many".
func (s *Service) EntrustProcessors(ctx context.Context, c account.Caller, customerID uuid.UUID, specialists, transactions []uuid.UUID) (out Outcome, err error) {
	asked := false
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		out, asked, err = s.entrustAll(ctx, tx, c, customerID, specialists, transactions, false)
		return err
	})
	if err == nil && asked {
		err = approval.ErrAsked
	}
	return out, err
}

// entrustAll is EntrustProcessors inside a tx. asked says that it made a proposal instead. With approved it makes no
// proposal.
func (s *Service) entrustAll(
	ctx context.Context, tx bun.Tx, c account.Caller, customerID uuid.UUID, specialists, transactions []uuid.UUID, approved bool,
) (out Outcome, asked bool, err error) {
	if _, err := s.customers.Authorise(ctx, tx, c, customerID, permission(policies.Manage)); err != nil {
		return out, false, err
	}
	var form fault.Form
	people, err := s.choosePeople(ctx, tx, &form, specialists)
	if err != nil {
		return out, false, err
	}
	chosen, err := s.chooseTransactions(ctx, tx, &form, c, customerID, transactions)
	if err != nil {
		return out, false, err
	}
	if len(specialists)*len(transactions) > maxAssignments {
		form.AddError(fault.At("transaction", complaintTooMany).With("max", maxAssignments))
	}
	if err := form.Err(); err != nil {
		return out, false, err
	}
	if raises, err := s.raisesOwn(ctx, tx, c, customerID, specialists, transactions); err != nil {
		return out, false, err
	} else if raises {
		return out, false, invalid("specialist", complaintSelf)
	}
	if !approved {
		if asked, err := s.ask(ctx, tx, c, customerID, people, assigned{specialists, transactions}); err != nil || asked {
			return out, asked, err
		}
	}
	for _, p := range people {
		fresh, err := s.entrust(ctx, tx, c, customerID, p, chosen)
		if err != nil {
			return out, false, err
		}
		out.Fresh += fresh
		out.Already += len(chosen) - fresh
		if fresh > 0 {
			out.Names = append(out.Names, p.Name)
		}
	}
	return out, false, s.customers.Refresh(ctx, tx, customerID)
}

func (s *Service) entrust(ctx context.Context, tx bun.Tx, c account.Caller, customerID uuid.UUID, p person, chosen []visibleTransaction) (n int, err error) {
	for _, t := range chosen {
		fresh, err := assignment.AddProcessor(ctx, tx, assignment.Processor{
			TransactionID: t.ID, SpecialistID: p.ID, CustomerID: customerID, CreatedAt: s.now(), CreatedBy: c.ID,
		})
		if err != nil {
			return 0, err
		}
		if !fresh {
			continue
		}
		n++
		if err := s.log(ctx, tx, c, audit.ProcessorEntrusted, customerID, p, &t); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// raisesOwn says whether the assignment would give the caller a transaction that they do not process yet, themselves or
// as a deputy, although they are no administrator of the customer.
func (s *Service) raisesOwn(ctx context.Context, tx bun.Tx, c account.Caller, customerID uuid.UUID, specialists, transactions []uuid.UUID) (bool, error) {
	var own []uuid.UUID
	for _, id := range c.Persons() {
		if slices.Contains(specialists, id) {
			own = append(own, id)
		}
	}
	if len(own) == 0 {
		return false, nil
	}
	if mine, err := administering(ctx, tx, customerID, []uuid.UUID{c.ID}); err != nil || mine[c.ID] {
		return false, err
	}
	n, err := countProcessing(ctx, tx, own, transactions)
	return n < len(own)*len(transactions), err
}

// choosePeople loads the chosen specialist users, ordered by name, and adds complaints about the choice to the form.
// The people stay active until the tx ends.
func (s *Service) choosePeople(ctx context.Context, tx bun.Tx, form *fault.Form, ids []uuid.UUID) ([]person, error) {
	if !countable(form, "specialist", complaintNobody, ids, maxPeople) {
		return nil, nil
	}
	people, err := lockActive(ctx, tx, ids)
	if err == nil && len(people) < len(ids) {
		form.Add("specialist", complaintPerson)
	}
	return people, err
}

// chooseTransactions does the same for transactions. They must belong to the customer and be visible to the caller.
func (s *Service) chooseTransactions(ctx context.Context, tx bun.Tx, form *fault.Form, c account.Caller, customerID uuid.UUID, ids []uuid.UUID) ([]visibleTransaction, error) {
	if !countable(form, "transaction", complaintNone, ids, maxAssignments) {
		return nil, nil
	}
	visible, _, err := s.transactions.Within(c, policies.Read, "t")
	if err != nil {
		return nil, err
	}
	list, err := transactionsOf(ctx, tx, customerID, visible, ids)
	if err == nil && len(list) < len(ids) {
		form.Add("transaction", complaintTransac)
	}
	return list, err
}

// countable adds a complaint to the field when nothing is chosen (with the message none), when an id occurs twice, or
// when there are more than most ids; ok is false then.
func countable(form *fault.Form, field, none string, ids []uuid.UUID, most int) (ok bool) {
	switch {
	case len(ids) == 0:
		form.Add(field, none)
	case twice(ids):
		form.Add(field, complaintTwice)
	case len(ids) > most:
		form.AddError(fault.At(field, complaintTooMany).With("max", most))
	default:
		return true
	}
	return false
}

func twice(ids []uuid.UUID) bool {
	seen := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		if seen[id] {
			return true
		}
		seen[id] = true
	}
	return false
}

// invalid returns an error with a complaint about one field of a form.
func invalid(field, message string) error {
	var form fault.Form
	form.Add(field, message)
	return form.Err()
}
