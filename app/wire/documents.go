package wire

import (
	"context"
	"fmt"
	"io"

	"filippo.io/age"

	"kontor/app/blob"
	"kontor/app/clamd"
	"kontor/app/config"
	"kontor/app/document"
)

// openDocuments opens the store of documents and builds the services on it.
func (s *Services) openDocuments(c config.Config) error {
	objects, err := blob.OpenStore(c.FilesURL)
	if err != nil {
		return fmt.Errorf("FILES_URL: %w", err)
	}
	o := blob.Options{DB: s.DB, Now: s.Now, Key: s.Key, Store: objects, Log: s.Log, FileMax: c.FileMax, Quota: c.CustomerQuota, Escrow: nil, Scanner: nil}
	if c.EscrowRecipient != "" {
		if o.Escrow, err = age.ParseX25519Recipient(c.EscrowRecipient); err != nil {
			return fmt.Errorf("ESCROW_RECIPIENT: %w", err)
		}
	}
	if c.ClamdURL != "" {
		client, err := clamd.New(c.ClamdURL)
		if err != nil {
			return fmt.Errorf("CLAMD_URL: %w", err)
		}
		o.Scanner = scanner{client}
	}
	s.Blobs = blob.New(o)
	s.Documents = document.New(document.Dependencies{
		DB: s.DB, Now: s.Now, Decider: s.Decider, Audit: s.Audit, Customers: s.Customers, Transactions: s.Transactions, Blobs: s.Blobs,
		Types: c.FileTypes, Log: s.Log,
	})
	return nil
}

// scanner is ClamAV's daemon as a blob.Scanner.
type scanner struct{ client *clamd.Client }

// Scan asks the daemon.
func (s scanner) Scan(ctx context.Context, all io.Reader) (blob.Verdict, error) {
	v, err := s.client.Scan(ctx, all)
	found := map[clamd.Finding]blob.Scan{clamd.Clean: blob.ScanClean, clamd.TooLarge: blob.ScanTooLarge, clamd.Infected: blob.ScanInfected}
	return blob.Verdict{Scan: found[v.Finding], Signature: v.Signature}, err
}
