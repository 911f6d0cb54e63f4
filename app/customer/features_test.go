package customer_test

import (
	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/store"
	"kontor/app/transaction"
)

func init() {
	customer.AddFeatures = func(
		db *store.DB, now store.Clock, customers *customer.Service, people *account.Service, post *courier.Service,
		approvals *approval.Service,
	) {
		access.New(access.Options{DB: db, Now: now, Customers: customers, Accounts: people, Courier: post, Approvals: approvals})
		transaction.New(transaction.Options{DB: db, Now: now, Customers: customers})
	}
}
