package customer_test

import (
	"kontor/app/access"
	"kontor/app/account/accounttest"
	"kontor/app/customer"
	"kontor/app/document/documenttest"
	"kontor/app/note"
	"kontor/app/transaction"
)

func init() {
	customer.AddFeatures = func(f *accounttest.Firm, customers *customer.Service) {
		access.New(access.Options{
			DB: f.DB, Now: f.Now, Customers: customers, Accounts: f.Accounts, Courier: f.Post, Approvals: f.Approvals,
		})
		documenttest.New(f, f, customers, transaction.New(transaction.Options{DB: f.DB, Now: f.Now, Customers: customers}))
		note.New(note.Options{DB: f.DB, Now: f.Now, Customers: customers})
	}
}
