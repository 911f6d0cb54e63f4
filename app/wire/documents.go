package wire

import (
	"fmt"

	"filippo.io/age"

	"kontor/app/blob"
	"kontor/app/config"
	"kontor/app/document"
)

// openDocuments opens the store of documents and builds the services on it.
func (s *Services) openDocuments(c config.Config) error {
	objects, err := blob.OpenStore(c.FilesURL)
	if err != nil {
		return fmt.Errorf("FILES_URL: %w", err)
	}
	o := blob.Options{DB: s.DB, Now: s.Now, Key: s.Key, Store: objects, Log: s.Log, FileMax: c.FileMax, Quota: c.CustomerQuota}
	if c.EscrowRecipient != "" {
		if o.Escrow, err = age.ParseX25519Recipient(c.EscrowRecipient); err != nil {
			return fmt.Errorf("ESCROW_RECIPIENT: %w", err)
		}
	}
	s.Blobs = blob.New(o)
	s.Documents = document.New(document.Dependencies{
		DB: s.DB, Now: s.Now, Decider: s.Decider, Audit: s.Audit, Customers: s.Customers, Transactions: s.Transactions, Blobs: s.Blobs,
		Types: c.FileTypes, Log: s.Log,
	})
	return nil
}
