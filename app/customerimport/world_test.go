package customerimport

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/require"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/customer"
	"kontor/app/job"
	"kontor/app/spreadsheet"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/policies"
)

// world is a firm with the service. Dora keeps the data, Anna may not import.
type world struct {
	*Service
	*accounttest.Firm
	customers *customer.Service
	accesses  *access.Service

	dora, uta, anna account.Caller
}

func each(t *testing.T, test func(w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(newWorld(t, db)) })
}

func newWorld(t testing.TB, db *store.DB) *world {
	t.Helper()
	w := &world{Firm: accounttest.NewFirm(t, db, time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC))}
	w.customers = customer.New(customer.Options{
		DB: db, Now: w.Now, Decider: w.Decider, Audit: w.Audit, Courier: w.Post, Accounts: w.Accounts, Jobs: w.Jobs,
	})
	w.accesses = access.New(access.Options{
		DB: db, Now: w.Now, Key: w.Key, Decider: w.Decider, Accounts: w.Accounts, Courier: w.Post, Audit: w.Audit, Approvals: w.Approvals,
		Customers: w.customers, BaseURL: accounttest.BaseURL,
	})
	w.Service = New(Options{
		DB: db, Now: w.Now, Key: w.Key, Decider: w.Decider, Customers: w.customers, Accesses: w.accesses, Accounts: w.Accounts,
		Audit: w.Audit, Jobs: w.Jobs,
	})
	w.chunk = 3
	w.dora = w.Specialist("Dora Daten", policies.DataAdministrator)
	w.uta = w.Specialist("Uta Amt", policies.UserAdministrator)
	w.anna = w.Specialist("Anna Berg")
	return w
}

// file is a CSV file with the headers of most tests.
func file(rows ...string) []byte {
	return []byte("Referenz;Vorname;Nachname;Firma;PLZ;Ort;Geburtsdatum;Mail;Handy\r\n" + strings.Join(rows, "\r\n") + "\r\n")
}

// upload uploads a file and maps its columns as they are understood.
func (w *world) upload(c account.Caller, file []byte) uuid.UUID {
	w.Helper()
	imp, err := w.Upload(w.Ctx, c, file)
	w.Must(err)
	return imp.ID
}

// check uploads and checks a file.
func (w *world) check(c account.Caller, file []byte) Import {
	w.Helper()
	id := w.upload(c, file)
	imp, err := w.Get(w.Ctx, c, id)
	w.Must(err)
	w.Must(w.Check(w.Ctx, c, id, chosen(imp.Columns)))
	w.Must(w.work(job.ImportCheck, id))
	imp, err = w.Get(w.Ctx, c, id)
	w.Must(err)
	return imp
}

func chosen(columns []Column) (fields []string) {
	for _, c := range columns {
		fields = append(fields, c.Field)
	}
	return fields
}

// run adds the rows of a checked file.
func (w *world) run(c account.Caller, imp Import, d Decision) Import {
	w.Helper()
	w.Must(w.Start(w.Ctx, c, imp.ID, d))
	w.Must(w.work(job.ImportRun, imp.ID))
	imp, err := w.Get(w.Ctx, c, imp.ID)
	w.Must(err)
	return imp
}

// work is the worker's part.
func (w *world) work(k job.Kind, id uuid.UUID) error {
	w.Helper()
	j, err := w.Jobs.Of(w.Ctx, k, id)
	w.Must(err)
	_, err = w.Jobs.Run(w.Ctx, j.ID, nil)
	return err
}

// said has the verdicts of all rows: "number verdict", with the complaints, or the row above.
func (w *world) said(c account.Caller, id uuid.UUID) (said []string) {
	w.Helper()
	w.Must(w.Each(w.Ctx, c, id, func(_ []Column, l Line) error {
		s := fmt.Sprintf("%d %s", l.Row, l.Verdict)
		for _, wrong := range l.Wrong {
			s += " " + strings.TrimSpace(wrong.Field+" "+wrong.Message)
		}
		for _, known := range l.Known {
			s += " " + known.Label()
		}
		if l.Above > 0 {
			s += fmt.Sprintf(" %d", l.Above)
		}
		said = append(said, s)
		return nil
	}))
	return said
}

// customersCount is how many customers there are.
func (w *world) customersCount() int { return w.Number("SELECT count(*) FROM customer") }

// messages is how many messages there are for end users.
func (w *world) messages() int {
	return w.Number("SELECT count(*) FROM message WHERE access_id IS NOT NULL")
}

// table writes rows as a workbook.
func workbook(t testing.TB, rows [][]string) []byte {
	t.Helper()
	var b strings.Builder
	w, err := spreadsheet.WriteWorkbook(&b, "x")
	require.NoError(t, err)
	for _, r := range rows {
		require.NoError(t, w.Write(r))
	}
	require.NoError(t, w.Close())
	return []byte(b.String())
}

// cellsOf reads CSV.
func cellsOf(t testing.TB, file []byte) (rows [][]string) {
	t.Helper()
	r, _, err := spreadsheet.Open(file)
	require.NoError(t, err)
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return rows
		}
		require.NoError(t, err)
		rows = append(rows, row.Cells)
	}
}

// one reads an id.
func (w *world) one(query string) (id uuid.UUID) {
	w.Helper()
	w.Must(w.DB.NewRaw(query).Scan(w.Ctx, &id))
	return id
}
