package web

import (
	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/customer"
	"kontor/app/transaction"
	"kontor/policies"
)

// emptiness is why a list has no rows. It follows from the filter and from what the viewer may see, never from what is
// there: whoever may not see all is told the same whether there is something that they may not see or not.
type emptiness string

const (
	nothingYet     emptiness = "yet"     // there is nothing: said only to who would see all of it
	nothingVisible emptiness = "visible" // nothing that the viewer may see
	nothingMatches emptiness = "matches" // nothing that the search and the filters let through
)

func emptinessOf(narrowed, seesAll bool) emptiness {
	switch {
	case narrowed:
		return nothingMatches
	case seesAll:
		return nothingYet
	}
	return nothingVisible
}

// empty is what stands in the place of a list's rows. Its texts are those of the list's name: "empty.<list>.yet" and
// "empty.<list>.visible".
type empty struct {
	List  string
	Why   emptiness
	Hint  string // text id of a sentence below, "" for none
	Clear string // address without search and filters
	Next  string // address of the next step, where the viewer may take it
	Do    string // text id of its button
	Icon  string
	Bare  bool              // it stands in a sheet already
	Found *transaction.Page // what else was found: a screen reader hears it with the sentence
}

// Title is the text id of the sentence.
func (e empty) Title() string {
	if e.Why == nothingMatches {
		return "empty.nothing_matches"
	}
	return "empty." + e.List + "." + string(e.Why)
}

// seesAllTransactions says whether somebody sees every business transaction, whatever their relation to it.
func (s *Server) seesAllTransactions(c account.Caller) (bool, error) {
	scope, err := s.policy.Scope(c.Roles, policies.Transaction, policies.Read)
	return err == nil && scope.Everything(), err
}

// seesAllOf says the same of the transactions of one customer.
func (s *Server) seesAllOf(c *fiber.Ctx, cu customerContext) (bool, error) {
	related, err := s.customers.RelationTo(s.ctx(c), s.caller(c), cu.ID)
	if err != nil {
		return false, err
	}
	scope, err := s.policy.Scope(s.caller(c).Roles, policies.Transaction, policies.Read)
	return err == nil && fullFor(scope, related), err
}

// fullFor says whether somebody who is related to a customer sees all of its transactions, be they an additional processor
// of one or not.
func fullFor(scope policies.Scope, related policies.Relation) bool {
	return scope.For(related&^policies.Processor).Full() && scope.For(related|policies.Processor).Full()
}

// seesAllCustomers says whether somebody finds every customer in the overview.
func (s *Server) seesAllCustomers(c account.Caller) (bool, error) {
	clause, nothing, err := s.customers.Within(c, customer.Want{Object: policies.Customer, Action: policies.List})
	return err == nil && !nothing && clause.SQL == "", err
}
