// Package documenttest gives tests of other packages the documents of transactions, in a folder that is deleted at the end.
package documenttest

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"kontor/app/account/accounttest"
	"kontor/app/blob"
	"kontor/app/customer"
	"kontor/app/document"
	"kontor/app/filetype"
	"kontor/app/transaction"
)

// New makes the service on a firm's database. It registers the deletion of documents with their customer.
func New(tb testing.TB, f *accounttest.Firm, customers *customer.Service, transactions *transaction.Service) *document.Service {
	tb.Helper()
	objects, err := blob.OpenFolder(tb.TempDir())
	require.NoError(tb, err)
	types, err := filetype.ParseAllowed(filetype.Safe)
	require.NoError(tb, err)
	log := slog.New(slog.DiscardHandler)
	return document.New(document.Dependencies{
		DB: f.DB, Now: f.Now, Decider: f.Decider, Audit: f.Audit, Customers: customers, Transactions: transactions, Types: types, Log: log,
		Blobs: blob.New(blob.Options{DB: f.DB, Now: f.Now, Key: f.Key, Store: objects, Log: log, Escrow: nil, FileMax: 0, Quota: 0, Scanner: nil}),
	})
}
