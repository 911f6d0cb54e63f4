package web

import (
	"context"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/assignment"
	"kontor/app/bulk"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/document"
	"kontor/app/handover"
	"kontor/app/job"
	"kontor/app/listing"
	"kontor/app/template"
	"kontor/app/transaction"
	"kontor/policies"
)

// specialist adds a specialist user with roles, who can sign in with the password of all.
func (w *world) specialist(email string, roles ...policies.Role) account.Caller {
	w.Helper()
	ctx := context.Background()
	if !slices.Equal(roles, []policies.Role{policies.Auditor}) { // auditors change nothing
		roles = append([]policies.Role{policies.Specialist}, roles...)
	}
	token, err := w.Accounts.AddByCommand(ctx, account.SpecialistForm{Name: strings.ToUpper(email[:1]) + email[1:], Email: email, Roles: roles})
	must(w.TB, err)
	a, err := w.Accounts.SetPassword(ctx, token, strong, strong, account.Browser{})
	must(w.TB, err)
	return account.Caller{ID: a.ID, Name: a.Name, Roles: roles}
}

// agree approves all that waits, as somebody who held a guarding role before.
func (w *world) agree(by account.Caller) {
	w.Helper()
	open, _, err := w.Approvals.List(context.Background(), by.Actor(), true)
	must(w.TB, err)
	for _, a := range open {
		_, err := w.Approvals.Approve(context.Background(), by.Actor(), a.ID)
		must(w.TB, err)
	}
}

// guardAll gives somebody every guarding role.
func (w *world) guardAll(email string) {
	w.Helper()
	for _, r := range approval.Guarding {
		_, err := w.DB.NewRaw(`INSERT INTO account_role (account_id, role) VALUES (?, ?) ON CONFLICT DO NOTHING`, w.idOf(email), r).Exec(context.Background())
		must(w.TB, err)
	}
}

// things are what the placeholders in addresses stand for.
type things struct {
	customer, access, deletion, specialist, mail, transaction uuid.UUID
	handover, deputy                                          uuid.UUID // of the specialist
	register, reset, confirm                                  string    // tokens
	task                                                      string
	job                                                       uuid.UUID // that waits and can be cancelled
	imported                                                  uuid.UUID // a file of the admin
	note                                                      uuid.UUID // of the admin
	act                                                       uuid.UUID // a bulk act of the admin
	phrase, template                                          uuid.UUID // the template has one version and one element
	element, upload                                           uuid.UUID // a slot that the admin has answered; an upload of the admin
}

// furnish makes one of everything: a customer with an open invitation, a running deletion, a colleague, links.
func (w *world) furnish() things {
	w.Helper()
	ctx := context.Background()
	x := things{customer: w.customer, task: w.tasks.task.ID}
	x.register, _ = w.invite("offen@kunde.example", "+4915123456789")
	rows, err := w.accesses.OfCustomer(ctx, w.admin, w.customer)
	must(w.TB, err)
	x.access = rows[0].ID
	for _, m := range w.box() {
		if m.Channel == courier.Email {
			x.mail = m.ID
		}
	}
	x.transaction = w.transaction("Einkommensteuer 2025").ID
	x.element, x.upload = w.asked(x.transaction)
	x.note = w.noted(w.admin, "Ruft gern zurück")
	must(w.TB, w.firm.AddPhrase(ctx, w.admin, "Um Rückruf gebeten.", "Asked to call back."))
	x.phrase = w.firm.Profile().Phrases[0].ID
	x.template = w.published("Steuererklärung")
	if w.processor != uuid.Nil {
		w.addProcessor(x.transaction, w.processor)
	}
	gone, _, err := w.customers.Add(ctx, w.admin, customer.Draft{
		Type: customer.Company, Data: customer.Data{CompanyName: "Weg GmbH", FirstName: "W", LastName: "Eg", Locale: "de"},
	}, nil)
	must(w.TB, err)
	d, err := w.customers.Delete(ctx, w.admin, gone.ID, gone.Label())
	must(w.TB, err)
	x.deletion = d.ID
	x.specialist = w.specialist("kollegin@kanzlei.example").ID
	x.job = w.dreamt(w.admin.ID)
	x.act = w.tried(x.transaction)
	x.imported = w.uploaded("Vorname;Nachname;Mail\nEva;Ende;eva@neu.example")
	x.handover, x.deputy = w.handedOver(x.specialist), w.deputyOf(x.specialist)
	must(w.TB, w.Accounts.ForgotPassword(ctx, "kollegin@kanzlei.example", account.Browser{Address: "192.0.2.9"}))
	must(w.TB, w.Accounts.AskEmail(ctx, w.admin, "anna.neu@kanzlei.example", strong))
	w.deliver()
	for _, m := range w.box() {
		if token := linkTo("password/reset", m.Text); token != "" {
			x.reset = token
		}
		if token := linkTo("account/email", m.Text); token != "" {
			x.confirm = token
		}
	}
	require.NotEmpty(w, x.reset, "links are missing")
	require.NotEmpty(w, x.confirm, "links are missing")
	return x
}

// asked is a slot of a transaction that the admin has answered with a document, and an upload that the admin has begun.
func (w *world) asked(transactionID uuid.UUID) (slot, upload uuid.UUID) {
	w.Helper()
	ctx := context.Background()
	slot, err := w.documents.Add(ctx, w.admin, document.Place{TransactionID: transactionID}, document.Slot, document.Form{
		Name: "Lohnsteuerbescheinigung", Help: "Alle Seiten", Answer: document.AnswerDocument, Required: true,
	})
	must(w.TB, err)
	file := document.Announced{Target: document.Target{ElementID: slot}, File: "lohn.pdf", Size: int64(len(onePage))}
	_, err = w.documents.Upload(ctx, w.admin, file, strings.NewReader(onePage))
	must(w.TB, err)
	u, err := w.documents.Announce(ctx, w.admin, file)
	must(w.TB, err)
	return slot, u.ID
}

// onePage is a PDF file with one empty page.
const onePage = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj " +
	"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"

// published is a template in its first version, with one slot, and another one that is not published yet.
func (w *world) published(name string) uuid.UUID {
	w.Helper()
	ctx := context.Background()
	tpl, err := w.templates.Add(ctx, w.admin, template.Settings{Name: name, Kind: "tax_return"}, "")
	must(w.TB, err)
	slot := document.Planned{Type: document.Slot, Name: "Belege", Answer: document.AnswerDocument}
	done, err := w.templates.Act(ctx, w.admin, tpl.ID, template.Add{Planned: slot}, 0)
	must(w.TB, err)
	_, err = w.templates.Publish(ctx, w.admin, tpl.ID, template.Publication{Seen: template.Seen(done.Template.Revision)})
	must(w.TB, err)
	slot.Name = "Bescheid"
	_, err = w.templates.Act(ctx, w.admin, tpl.ID, template.Add{Planned: slot}, 0)
	must(w.TB, err)
	return tpl.ID
}

// noted is a note about the customer.
func (w *world) noted(by account.Caller, text string) uuid.UUID {
	w.Helper()
	must(w.TB, w.notes.Write(context.Background(), by, w.customer, text, ""))
	found, err := w.notes.Find(context.Background(), w.customer, "", listing.Reading[listing.Moment]{Limit: 1})
	must(w.TB, err)
	return found.Hits[0].ID
}

// uploaded is a file of customers that the admin has uploaded.
func (w *world) uploaded(file string) uuid.UUID {
	w.Helper()
	imp, err := w.imports.Upload(context.Background(), w.admin, []byte(file))
	must(w.TB, err)
	return imp.ID
}

// tried is a bulk act of the admin that was tried.
func (w *world) tried(id uuid.UUID) uuid.UUID {
	w.Helper()
	a, err := w.bulk.Begin(context.Background(), w.admin, bulk.Order{Kind: bulk.Due, Value: "2026-12-24", IDs: []uuid.UUID{id}})
	must(w.TB, err)
	return a.ID
}

// transaction adds one to the customer, by the admin, who administers it then.
func (w *world) transaction(name string) transaction.Transaction {
	w.Helper()
	must(w.TB, w.DB.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error {
		_, err := assignment.AddAdministrator(ctx, tx, assignment.Administrator{
			CustomerID: w.customer, SpecialistID: w.admin.ID, CreatedAt: w.Clock.Now(), CreatedBy: w.admin.ID,
		})
		return err
	}))
	t, _, err := w.transactions.Create(context.Background(), w.admin, w.customer, transaction.Form{Name: name, Kind: "tax_return", Due: "2026-11-20"})
	must(w.TB, err)
	return t
}

// addProcessor makes a specialist user an additional processor of a transaction.
func (w *world) addProcessor(id, specialist uuid.UUID) {
	w.Helper()
	must(w.TB, w.DB.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error {
		_, err := assignment.AddProcessor(ctx, tx, assignment.Processor{
			TransactionID: id, SpecialistID: specialist, CustomerID: w.customer, CreatedAt: w.Clock.Now(), CreatedBy: w.admin.ID,
		})
		return err
	}))
}

// dreamt is a job that waits and can be cancelled.
func (w *world) dreamt(by uuid.UUID) (id uuid.UUID) {
	w.Helper()
	must(w.TB, w.DB.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) (err error) {
		id, err = w.jobs.Add(ctx, tx, job.Order{Kind: dream, SubjectID: uuid.Must(uuid.NewV7()), Total: 1200, By: by})
		return err
	}))
	return id
}

// handedOver is a finished handover from a specialist user to the admin.
func (w *world) handedOver(from uuid.UUID) uuid.UUID {
	w.Helper()
	at := w.Clock.Now()
	h := handover.Handover{
		ID: uuid.Must(uuid.NewV7()), FromID: from, Move: true, Done: 3, Total: 3, RequestedBy: w.admin.ID, RequestedAt: at, FinishedAt: &at,
	}
	_, err := w.DB.NewInsert().Model(&h).Exec(context.Background())
	must(w.TB, err)
	_, err = w.DB.NewRaw(`INSERT INTO handover_target (handover_id, specialist_id, position) VALUES (?, ?, 0)`, h.ID, w.admin.ID).Exec(context.Background())
	must(w.TB, err)
	return h.ID
}

// deputyOf is a deputyship of the day, with a deputy of its own.
func (w *world) deputyOf(specialist uuid.UUID) uuid.UUID {
	w.Helper()
	ctx, day := context.Background(), w.Clock.Now().Format(time.DateOnly)
	deputy := w.specialist("vertretung@kanzlei.example")
	must(w.TB, w.handovers.AddDeputy(ctx, w.admin, specialist, handover.DeputyForm{Deputy: deputy.ID.String(), From: day, Until: day}))
	list, _, err := w.handovers.Deputies(ctx, w.admin, specialist)
	must(w.TB, err)
	return list[0].ID
}

// address fills the placeholders of a route.
func (x things) address(t *testing.T, path string) string {
	t.Helper()
	id := x.customer.String()
	token := x.register
	switch {
	case strings.HasPrefix(path, "/specialists/"):
		id = x.specialist.String()
	case strings.HasPrefix(path, "/firm/phrases/"):
		id = x.phrase.String()
	case strings.HasPrefix(path, "/templates/"):
		id = x.template.String()
	case strings.HasPrefix(path, "/transactions/"), strings.HasPrefix(path, "/portal/transactions/"):
		id = x.transaction.String()
	case strings.HasPrefix(path, "/documents/"), strings.HasPrefix(path, "/elements/"):
		id = x.element.String()
	case strings.HasPrefix(path, "/uploads/"):
		id = x.upload.String()
	case strings.HasPrefix(path, "/mailbox/"):
		id = x.mail.String()
	case strings.HasPrefix(path, "/customers/deletions/"):
		id = x.deletion.String()
	case strings.HasPrefix(path, "/bulk/"):
		id = x.act.String()
	case strings.HasPrefix(path, "/customers/imports/"):
		id = x.imported.String()
	case strings.HasPrefix(path, "/password/reset/"):
		token = x.reset
	case strings.HasPrefix(path, "/account/email/"):
		token = x.confirm
	}
	path = strings.NewReplacer(":version", "1", ":number", "1", ":element", "1", ":revision", "1", ":language", "de", ":ready", "tax_income_return", ":file", "0.png", ":hid", x.handover.String(), ":did", x.deputy.String(), ":nid", x.note.String(), ":aid", x.access.String(), ":id", id, ":removal", x.access.String(), ":session", strings.Repeat("0", 32), ":token", token, ":queue", "mail", ":key", "contract", ":task", x.task, ":job", x.job.String()).Replace(path)
	if path == "/bulk" || path == "/bulk/new" {
		path += "?act=due&transaction=" + x.transaction.String()
	}
	if strings.HasSuffix(path, "/authorisations/why") {
		path += "?person=" + x.specialist.String()
	}
	if strings.Contains(path, ":") && !strings.Contains(path, x.task) {
		t.Fatalf("nothing stands for a placeholder in %s", path)
	}
	return path
}

// allTables are the names of all tables, those of the search index excepted.
func (w *world) allTables() []string {
	w.Helper()
	var names []string
	must(w.TB, w.DB.NewSelect().Table("sqlite_master").Column("name").
		Where("type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '%_search_%'").
		Order("name").Scan(context.Background(), &names))
	require.GreaterOrEqual(w, len(names), 12, "only")
	return names
}

// textLog writes everything down.
func textLog(to io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func mustRead(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(name)
	must(t, err)
	return raw
}
