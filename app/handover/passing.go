package handover

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/transaction"
)

// passing is one step of a handover, in one tx.
type passing struct {
	*Service
	Handover

	tx  bun.Tx
	now time.Time
	by  Person // who requested the handover: the log names them as the actor, whichever process does it
}

func (p *passing) actor() audit.Actor { return audit.Actor{ID: p.by.ID, Name: p.by.Name} }

// steps returns the phases of a handover. Each processes up to chunk assignments and returns how many it found; fewer
// than chunk end the phase.
func (p *passing) steps() []func(ctx context.Context, chunk int) (int, error) {
	steps := []func(context.Context, int) (int, error){p.customers, p.transactions}
	if p.Move {
		steps = append(steps, p.responsible)
	}
	return steps
}

// stop ends a handover early, because a recipient is no longer active. Assignments that were passed on stay so. The
// rest stay where they are and can be handed over to others.
func (p *passing) stop(ctx context.Context, because uuid.UUID) error {
	p.FinishedAt, p.StoppedFor = &p.now, &because
	record := audit.Record{Action: audit.HandoverStopped, SubjectID: p.FromID, Subject: p.From.Name + " → " + p.names()}
	if err := p.o.Audit.Write(ctx, p.tx, p.actor(), record); err != nil {
		return err
	}
	return p.save(ctx, p.tx, p.Handover)
}

// note writes a log entry about one assignment. It says that the change was a handover, from whom and to whom.
func (p *passing) note(ctx context.Context, action audit.Action, customerID uuid.UUID, whom Person, of *held) error {
	to := whom.Name
	if whom.ID == p.FromID {
		to = p.names()
	}
	r := audit.Record{
		Action: action, CustomerID: customerID, SubjectID: whom.ID, Subject: whom.Name,
		Detail: audit.Changes{"handover": {p.From.Name, to}},
	}
	if of != nil {
		r.TransactionID, r.Subject = of.TransactionID, whom.Name+": "+transaction.Label(of.Number)+" "+of.Name
	}
	return p.o.Audit.Write(ctx, p.tx, p.actor(), r)
}

// customers passes on administrations. A copy continues after the last customer; a move takes the assignments that are
// left.
func (p *passing) customers(ctx context.Context, chunk int) (int, error) {
	ids, err := p.heldCustomers(ctx, p.tx, p.Handover, chunk)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		for _, t := range p.Targets {
			a := assignment.Administrator{CustomerID: id, SpecialistID: t.ID, CreatedAt: p.now, CreatedBy: p.by.ID}
			fresh, err := assignment.AddAdministrator(ctx, p.tx, a)
			if err != nil {
				return 0, err
			}
			if !fresh {
				continue
			}
			if err := p.note(ctx, audit.AdministratorAdded, id, t, nil); err != nil {
				return 0, err
			}
		}
		if p.Move {
			if _, had, err := assignment.RemoveAdministrator(ctx, p.tx, id, p.FromID); err != nil {
				return 0, err
			} else if had {
				if err := p.note(ctx, audit.AdministratorRemoved, id, p.From, nil); err != nil {
					return 0, err
				}
			}
		}
		if err := p.o.Customers.Refresh(ctx, p.tx, id); err != nil {
			return 0, err
		}
		if !p.Move {
			p.AtCustomer = id
		}
	}
	return len(ids), nil
}

// transactions passes on the transactions for which the person is an additional processor.
func (p *passing) transactions(ctx context.Context, chunk int) (int, error) {
	list, err := p.heldTransactions(ctx, p.tx, p.Handover, chunk)
	if err != nil {
		return 0, err
	}
	for i, h := range list {
		for _, t := range p.Targets {
			fresh, err := assignment.AddProcessor(ctx, p.tx, assignment.Processor{
				TransactionID: h.TransactionID, SpecialistID: t.ID, CustomerID: h.CustomerID, CreatedAt: p.now, CreatedBy: p.by.ID,
			})
			if err != nil {
				return 0, err
			}
			if !fresh {
				continue
			}
			if err := p.note(ctx, audit.ProcessorAdded, h.CustomerID, t, &list[i]); err != nil {
				return 0, err
			}
		}
		if p.Move {
			if _, had, err := assignment.RemoveProcessor(ctx, p.tx, h.CustomerID, p.FromID, h.TransactionID); err != nil {
				return 0, err
			} else if had {
				if err := p.note(ctx, audit.ProcessorRemoved, h.CustomerID, p.From, &list[i]); err != nil {
					return 0, err
				}
			}
		} else {
			p.AtCustomer, p.AtTransaction = h.CustomerID, h.TransactionID
		}
	}
	return len(list), nil
}

// responsible makes the first recipient responsible for the person's transactions.
func (p *passing) responsible(ctx context.Context, chunk int) (int, error) {
	list, err := p.answersFor(ctx, p.tx, p.FromID, chunk)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	heir := p.Targets[0]
	ids := make([]uuid.UUID, len(list))
	for i, h := range list {
		ids[i] = h.TransactionID
	}
	if err := p.o.Transactions.SetResponsible(ctx, p.tx, ids, heir.ID); err != nil {
		return 0, err
	}
	for _, h := range list {
		r := audit.Record{
			Action: audit.TransactionUpdated, CustomerID: h.CustomerID, TransactionID: h.TransactionID, SubjectID: h.TransactionID,
			Subject: transaction.Label(h.Number) + " " + h.Name,
			Detail:  audit.Changes{"responsible": {p.From.Name, heir.Name}},
		}
		if err := p.o.Audit.Write(ctx, p.tx, p.actor(), r); err != nil {
			return 0, err
		}
	}
	return len(list), nil
}
