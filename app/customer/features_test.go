package customer_test

import (
	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/store"
	"kontor/app/transaction"
)

func init() {
	customer.AddFeatures = func(
		db *store.DB, now store.Clock, customers *customer.Service, people *account.Service, post *courier.Service,
	) {
		access.New(access.Options{DB: db, Now: now, Customers: customers, Accounts: people, Courier: post})
		transaction.New(transaction.Options{DB: db, Now: now, Customers: customers})
	}
}
