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

// AddAdministrators makes specialist users administrators of the customer: all of them, or none. out.Already counts
// those who are administrators already. Errors: NotFound, Forbidden; Invalid at specialist:
// "authorisation.nobody_chosen", "authorisation.twice", "authorisation.not_active", "authorisation.self" (people can't
// give themselves rights), "authorisation.too_many"; approval.ErrAsked when a second person is needed and was asked.
func (s *Service) AddAdministrators(ctx context.Context, c account.Caller, customerID uuid.UUID, specialists []uuid.UUID) (out Outcome, err error) {
	var made appointed
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		made, err = change{s, tx, c, customerID}.addAdministrators(ctx, specialists, false)
		return err
	})
	if err == nil && made.proposal != uuid.Nil {
		err = approval.ErrAsked
	}
	return made.Outcome, err
}

// appointed is the result of addAdministrators.
type appointed struct {
	Outcome
	fresh    []assignment.Administrator
	proposal uuid.UUID // that was made instead; Nil: none
}

// addAdministrators is AddAdministrators inside a tx. With approved it makes no proposal.
func (ch change) addAdministrators(ctx context.Context, specialists []uuid.UUID, approved bool) (out appointed, err error) {
	if err := ch.authorise(ctx, wantManage); err != nil {
		return out, err
	}
	var form fault.Form
	people, err := ch.choosePeople(ctx, &form, specialists)
	if err != nil {
		return out, err
	}
	if err := form.Err(); err != nil {
		return out, err
	}
	already, err := administering(ctx, ch.tx, ch.customerID, ch.caller.Persons())
	if err != nil {
		return out, err
	}
	raises := func(id uuid.UUID) bool { return slices.Contains(specialists, id) && !already[id] }
	if !already[ch.caller.ID] && slices.ContainsFunc(ch.caller.Persons(), raises) {
		return out, invalid("specialist", complaintSelf)
	}
	if !approved {
		if out.proposal, err = ch.ask(ctx, people, assigned{Specialists: specialists}); err != nil || out.proposal != uuid.Nil {
			return out, err
		}
	}
	for _, p := range people {
		a := assignment.Administrator{CustomerID: ch.customerID, SpecialistID: p.ID, CreatedAt: ch.now(), CreatedBy: ch.caller.ID}
		fresh, err := assignment.AddAdministrator(ctx, ch.tx, a)
		if err != nil {
			return out, err
		}
		if !fresh {
			out.Already++
			continue
		}
		out.Fresh++
		out.Names, out.fresh = append(out.Names, p.Name), append(out.fresh, a)
		if err := ch.log(ctx, audit.AdministratorAdded, p, nil); err != nil {
			return out, err
		}
	}
	return out, ch.customers.Refresh(ctx, ch.tx, ch.customerID)
}

// AddProcessors makes specialist users additional processors of transactions of the customer: each of the people gets
// each of the transactions, or nothing happens. out.Already counts the assignments that existed before. Errors: as
// AddAdministrators, and Invalid at transaction: "authorisation.none_chosen", "authorisation.twice",
// "authorisation.no_transaction" (unknown, another customer's, or not visible to the caller), "authorisation.too_many".
func (s *Service) AddProcessors(ctx context.Context, c account.Caller, customerID uuid.UUID, specialists, transactions []uuid.UUID) (out Outcome, err error) {
	asked := false
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		ch := change{s, tx, c, customerID}
		out, asked, err = ch.addProcessors(ctx, assigned{specialists, transactions}, false)
		return err
	})
	if err == nil && asked {
		err = approval.ErrAsked
	}
	return out, err
}

// addProcessors is AddProcessors inside a tx. asked says that it made a proposal instead. With approved it makes no
// proposal.
func (ch change) addProcessors(ctx context.Context, a assigned, approved bool) (out Outcome, asked bool, err error) {
	if err := ch.authorise(ctx, wantManage); err != nil {
		return out, false, err
	}
	var form fault.Form
	people, err := ch.choosePeople(ctx, &form, a.Specialists)
	if err != nil {
		return out, false, err
	}
	transactions, err := ch.chooseTransactions(ctx, &form, a.Transactions)
	if err != nil {
		return out, false, err
	}
	if len(a.Specialists)*len(a.Transactions) > maxAssignments {
		form.AddError(fault.At("transaction", complaintTooMany).With("max", maxAssignments))
	}
	if err := form.Err(); err != nil {
		return out, false, err
	}
	if raises, err := ch.raisesOwn(ctx, a); err != nil {
		return out, false, err
	} else if raises {
		return out, false, invalid("specialist", complaintSelf)
	}
	if !approved {
		if proposal, err := ch.ask(ctx, people, a); err != nil || proposal != uuid.Nil {
			return out, err == nil, err
		}
	}
	for _, p := range people {
		fresh, err := ch.addProcessor(ctx, p, transactions)
		if err != nil {
			return out, false, err
		}
		out.Fresh += fresh
		out.Already += len(transactions) - fresh
		if fresh > 0 {
			out.Names = append(out.Names, p.Name)
		}
	}
	return out, false, ch.customers.Refresh(ctx, ch.tx, ch.customerID)
}

// addProcessor makes a person an additional processor of the transactions. fresh counts the new assignments.
func (ch change) addProcessor(ctx context.Context, p person, transactions []visibleTransaction) (fresh int, err error) {
	for _, t := range transactions {
		added, err := assignment.AddProcessor(ctx, ch.tx, assignment.Processor{
			TransactionID: t.ID, SpecialistID: p.ID, CustomerID: ch.customerID, CreatedAt: ch.now(), CreatedBy: ch.caller.ID,
		})
		if err != nil {
			return 0, err
		}
		if !added {
			continue
		}
		fresh++
		if err := ch.log(ctx, audit.ProcessorAdded, p, &t); err != nil {
			return 0, err
		}
	}
	return fresh, nil
}

// raisesOwn says whether the assignment would give the caller a transaction that they do not process yet, themselves or
// as a deputy, although they are no administrator of the customer.
func (ch change) raisesOwn(ctx context.Context, a assigned) (bool, error) {
	var own []uuid.UUID
	for _, id := range ch.caller.Persons() {
		if slices.Contains(a.Specialists, id) {
			own = append(own, id)
		}
	}
	if len(own) == 0 {
		return false, nil
	}
	if administers, err := ch.callerAdministers(ctx); err != nil || administers {
		return false, err
	}
	n, err := countProcessing(ctx, ch.tx, own, a.Transactions)
	return n < len(own)*len(a.Transactions), err
}

// choosePeople loads the chosen specialist users, ordered by name, and adds complaints about the choice to the form.
// The people stay active until the tx ends.
func (ch change) choosePeople(ctx context.Context, form *fault.Form, ids []uuid.UUID) ([]person, error) {
	if !countable(form, "specialist", complaintNobody, ids, maxPeople) {
		return nil, nil
	}
	people, err := lockActive(ctx, ch.tx, ids)
	if err == nil && len(people) < len(ids) {
		form.Add("specialist", complaintPerson)
	}
	return people, err
}

// chooseTransactions does the same for transactions. They must belong to the customer and be visible to the caller.
func (ch change) chooseTransactions(ctx context.Context, form *fault.Form, ids []uuid.UUID) ([]visibleTransaction, error) {
	if !countable(form, "transaction", complaintNone, ids, maxAssignments) {
		return nil, nil
	}
	visible, _, err := ch.transactions.Within(ch.caller, policies.Read, "t")
	if err != nil {
		return nil, err
	}
	list, err := transactionsOf(ctx, ch.tx, ch.customerID, visible, ids)
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
