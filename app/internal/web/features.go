package web

import (
	"kontor/app/internal/web/access"
	"kontor/app/internal/web/account"
	"kontor/app/internal/web/approval"
	"kontor/app/internal/web/attention"
	"kontor/app/internal/web/audit"
	"kontor/app/internal/web/authorisation"
	"kontor/app/internal/web/bulk"
	"kontor/app/internal/web/customer"
	"kontor/app/internal/web/customerimport"
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/document"
	"kontor/app/internal/web/firm"
	"kontor/app/internal/web/handover"
	"kontor/app/internal/web/history"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/operation"
	"kontor/app/internal/web/policy"
	"kontor/app/internal/web/portal"
	"kontor/app/internal/web/registration"
	"kontor/app/internal/web/savedview"
	"kontor/app/internal/web/search"
	"kontor/app/internal/web/signin"
	"kontor/app/internal/web/specialist"
	"kontor/app/internal/web/template"
	"kontor/app/internal/web/tour"
	"kontor/app/internal/web/transaction"
)

// feature is a package of screens.
type feature interface{ Routes() []kit.Route }

// compose makes the screens of all features and sets the entries of the navigation.
func (s *Server) compose(o Options) {
	k := s.Kit
	s.signin = signin.New(k, o.Accounts)
	heads := customerpage.New(k, customerpage.Options{
		Customers: o.Customers, Transactions: o.Transactions, Authorisations: o.Authorisations, Notes: o.Histories.Notes,
	})
	accounts := account.New(k, o.Accounts, o.Handovers, s.signin)
	views := savedview.New(k, o.Views)
	documents := document.New(k, o.Documents)
	transactions := transaction.New(k, transaction.Options{
		Transactions: o.Transactions, Customers: o.Customers, Heads: heads, Views: views, Acts: o.Bulk, Documents: documents, Templates: o.Templates,
	})
	customers := customer.New(k, customer.Options{
		Customers: o.Customers, Accounts: o.Accounts, Accesses: o.Accesses, Transactions: o.Transactions, Heads: heads, TransactionPages: transactions,
		Mailbox: o.Mailbox, Views: views, Acts: o.Bulk,
	})
	accesses := access.New(k, o.Accesses, heads)
	policies := policy.New(k, o.Policies, o.Transactions)
	approvals := approval.New(k, o.Approvals, policies)
	specialists := specialist.New(k, specialist.Options{
		Accounts: o.Accounts, Approvals: o.Approvals, Courier: o.Courier, Handovers: o.Handovers,
		AccountPages: accounts, ApprovalPages: approvals, TransactionPages: transactions,
	})
	log := audit.New(k, audit.Options{
		Accounts: o.Accounts, Customers: o.Customers, Accesses: o.Accesses, Transactions: o.Transactions, Handovers: o.Handovers, Notes: o.Histories.Notes,
		Heads: heads, TransactionPages: transactions,
	})
	attentions := attention.New(k, o.Attention)
	operations := operation.New(k, operation.Options{
		Queue: o.Queue, Courier: o.Courier, Jobs: o.Jobs, Accounts: o.Accounts, Accesses: o.Accesses, Policies: o.Policies, DB: o.DB, Schema: o.Schema,
		Processes: o.Processes, Draining: s.serving.draining.Load, Mailbox: o.Mailbox, HookSecret: o.HookSecret,
	})
	firms := firm.New(k, o.Firm)
	templates := template.New(k, o.Templates, o.Transactions)
	tours := tour.New(k, o.Tour)
	s.features = []feature{
		search.New(k, search.Options{
			Customers: o.Customers, Accounts: o.Accounts, TransactionPages: transactions,
			Actions: []kit.Action{customers.AddAction(), specialists.AddAction(), templates.AddAction()},
		}), customerimport.New(k, o.Imports, o.Customers, o.ImportMax), customers, accesses, s.signin, accounts, specialists,
		registration.New(k, o.Accesses, s.signin), portal.New(k, o.Accesses, o.Transactions, documents), operations, log, transactions, documents,
		authorisation.New(k, o.Authorisations, heads, accesses, transactions), handover.New(k, o.Handovers, o.Customers),
		attentions, policies, approvals, views, firms, history.New(k, o.Histories, heads, log), bulk.New(k, o.Bulk), templates, tours,
	}
	k.Show(append(
		tours.Places(), customers.Place(), transactions.Place(), attentions.Place(), approvals.Place(), specialists.Place(), firms.Place(), policies.Place(),
		templates.Place(), transactions.KindPlace(), operations.QueuePlace(), log.Place(), operations.MailboxPlace(),
	)...)
	k.ShowAgain(customers.TextFields()...)
}
