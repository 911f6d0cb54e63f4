package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/bulk"
	"kontor/app/customer"
	"kontor/app/customerimport"
	"kontor/app/document"
	"kontor/app/handover"
	"kontor/app/job"
	"kontor/app/policy"
	"kontor/app/savedview"
	"kontor/app/store"
	"kontor/app/template"
	"kontor/app/transaction"
	"kontor/policies"
)

// Services are what the people of the demo firm act with.
type Services struct {
	DB           *store.DB
	Now          store.Clock
	Zone         *time.Location
	Accounts     *account.Service
	Customers    *customer.Service
	Transactions *transaction.Service
	Documents    *document.Service
	Templates    *template.Service
	Views        *savedview.Service
	Imports      *customerimport.Service
	Bulk         *bulk.Service
	Handovers    *handover.Service
	Policies     *policy.Service
	Jobs         *job.Service
}

// people are callers by the first part of their address; "" is who looks around in the demo.
type people map[string]account.Caller

// Tell lets the people of the firm that Firm has made do what only a service can do: each act is the one that somebody
// would do on the screens, with its rights and its log entry. If it fails in between, the rest of the story is missing and
// everything that is there works.
func Tell(ctx context.Context, s Services) error {
	who, err := s.people(ctx)
	if err != nil {
		return err
	}
	for _, act := range []struct {
		what string
		do   func(context.Context, people) error
	}{
		{"views", s.nameViews}, {"deputy", s.nameDeputy}, {"deletion", s.delete}, {"import", s.importFile}, {"bulk act", s.actInBulk},
		{"exchange", s.exchange}, {"role", s.askForRole}, {"draft", s.draftPolicy},
	} {
		if err := act.do(ctx, who); err != nil {
			return fmt.Errorf("demo %s: %w", act.what, err)
		}
	}
	return nil
}

// people finds who acts in the story.
func (s Services) people(ctx context.Context) (people, error) {
	who := people{}
	visitor, err := s.first(ctx)
	if err != nil {
		return nil, err
	}
	ids := map[string]uuid.UUID{"": visitor}
	for _, p := range staff {
		name, _, _ := strings.Cut(p.email, "@")
		a, there, err := s.Accounts.ByEmail(ctx, s.DB, p.email)
		if err != nil {
			return nil, err
		}
		if there && a.Active && a.PasswordHash != "" {
			ids[name] = a.ID
		}
	}
	for name, id := range ids {
		c, err := s.Accounts.PresentCaller(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("demo: %q: %w", name, err)
		}
		c.Locale, c.Address = "de", office
		who[name] = c
	}
	return who, nil
}

// first is the specialist user who was there before the firm.
func (s Services) first(ctx context.Context) (id uuid.UUID, err error) {
	err = s.DB.NewSelect().Model((*account.Account)(nil)).Column("id").Where("specialist").Order("created_at", "id").
		Where("email NOT LIKE ?", "%@"+domain).Limit(1).Scan(ctx, &id)
	return id, err
}

// nameViews names filters of lists: some for the visitor, some for everybody.
func (s Services) nameViews(ctx context.Context, who people) error {
	for _, v := range []struct {
		by   string
		list savedview.List
		view savedview.View
	}{
		{"", savedview.Transactions, savedview.View{Name: "Meine, diese Woche", Query: "responsible=me&due=week"}},
		{"lindner", savedview.Transactions, savedview.View{Name: "Überfällig", Query: "due=overdue", Shared: true}},
		{"lindner", savedview.Transactions, savedview.View{Name: "Ohne Verantwortliche", Query: "responsible=none", Shared: true}},
		{"", savedview.Customers, savedview.View{Name: "Link abgelaufen", Query: "status=expired"}},
		{"lindner", savedview.Customers, savedview.View{Name: "Unzustellbar", Query: "status=undeliverable", Shared: true}},
	} {
		if err := s.Views.Save(ctx, who[v.by], v.list, v.view); err != nil {
			return err
		}
	}
	return nil
}

// nameDeputy lets Jürgen Groß, who goes on holiday, name Thomas Brandt.
func (s Services) nameDeputy(ctx context.Context, who people) error {
	today := s.Now().In(s.Zone)
	err := s.Handovers.AddDeputy(ctx, who["gross"], who["gross"].ID, handover.DeputyForm{
		Deputy: who["brandt"].ID.String(), From: today.Format(time.DateOnly), Until: today.AddDate(0, 0, 12).Format(time.DateOnly),
	})
	if errors.Is(err, approval.ErrAsked) { // somebody else must agree first
		return nil
	}
	return err
}

// delete deletes a customer who has given up the business. The receipt remains.
func (s Services) delete(ctx context.Context, who people) error {
	id, number, err := s.find(ctx, who["lindner"], leaving)
	if err != nil || id == uuid.Nil {
		return err
	}
	_, err = s.Customers.Delete(ctx, who["lindner"], id, customer.Label(number))
	return err
}

// find finds a customer of the story; uuid.Nil if it is not there any more.
func (s Services) find(ctx context.Context, c account.Caller, name string) (id uuid.UUID, number int64, err error) {
	page, err := s.Customers.First(ctx, c, customer.Filter{Query: name}, 1)
	if err != nil || len(page.Rows) == 0 {
		return uuid.Nil, 0, err
	}
	return page.Rows[0].ID, page.Rows[0].Number, nil
}

// imported is a file with new customers, two that are known, one twice and one with a mistake.
const imported = "Referenz;Anrede;Vorname;Nachname;Firma;PLZ;Ort;E-Mail\r\n" +
	"M-2041;Frau;Hilde;Feddersen;;24937;Flensburg;hilde.feddersen@example.net\r\n" +
	"M-2042;;Ole;Brodersen;Brodersen Yachtbau GmbH;24103;Kiel;ole.brodersen@example.net\r\n" +
	"M-2043;Herr;Nils;Carstens;;25813;Husum;nils.carstens@example.net\r\n" +
	"M-2044;Frau;Anna;Berg;;20457;Hamburg;anna.berg@example.org\r\n" +
	"M-2045;;Elif;Öztürk;Bäckerei Öztürk e. K.;20095;Hamburg;elif.ozturk@example.org\r\n" +
	"M-2041;Frau;Hilde;Feddersen;;24937;Flensburg;hilde.feddersen@example.net\r\n" +
	"M-2046;Herr;Jens;Paulsen;;2493;Flensburg;jens.paulsen(at)example.net\r\n"

// importFile imports a file, as the visitor: imports are seen by who made them. Nobody is invited.
func (s Services) importFile(ctx context.Context, who people) error {
	c := who[""]
	i, err := s.Imports.Upload(ctx, c, []byte(imported))
	if err != nil {
		return err
	}
	var fields []string
	for _, column := range i.Columns {
		fields = append(fields, column.Field)
	}
	if err := s.Imports.Check(ctx, c, i.ID, fields); err != nil {
		return err
	}
	if err := s.work(ctx, job.ImportCheck, i.ID); err != nil {
		return err
	}
	if err := s.Imports.Start(ctx, c, i.ID, customerimport.Decision{}); err != nil {
		return err
	}
	return s.work(ctx, job.ImportRun, i.ID)
}

// work does a job now that a worker would do in a moment.
func (s Services) work(ctx context.Context, k job.Kind, subject uuid.UUID) error {
	j, err := s.Jobs.Of(ctx, k, subject)
	if err != nil {
		return err
	}
	_, err = s.Jobs.Run(ctx, j.ID, nil)
	return err
}

// actInBulk makes the visitor responsible for what nobody answers for, as far as it is theirs.
func (s Services) actInBulk(ctx context.Context, who people) error {
	c := who[""]
	page, err := s.Transactions.List(ctx, c, transaction.Filter{Responsible: transaction.Nobody, Status: transaction.Open})
	if err != nil {
		return err
	}
	var ids []uuid.UUID
	for _, t := range page.Rows[:min(len(page.Rows), 4)] {
		ids = append(ids, t.ID)
	}
	if len(ids) == 0 {
		return nil
	}
	act, err := s.Bulk.Begin(ctx, c, bulk.Order{Kind: bulk.Responsible, Value: c.ID.String(), IDs: ids})
	if err != nil {
		return err
	}
	return s.Bulk.Start(ctx, c, act.ID)
}

// askForRole lets Katharina Lindner give a colleague a role that a second person must agree to.
func (s Services) askForRole(ctx context.Context, who people) error {
	by := who["lindner"]
	a, err := s.Accounts.Specialist(ctx, by, who["nowak"].ID)
	if err != nil {
		return err
	}
	return s.Accounts.UpdateSpecialist(ctx, by, a.ID, account.SpecialistForm{
		Name: a.Name, Locale: a.Locale, Version: a.Version, Roles: append(slices.Clone(a.Roles), policies.DataAdministrator),
		Why: "Übernimmt ab nächstem Monat die Importe.",
	})
}

// draftPolicy lets Florian Österreicher begin a draft: a rule that makes sense, and one that is odd.
func (s Services) draftPolicy(ctx context.Context, who people) error {
	by := who["oesterreicher"]
	for _, r := range []policies.Rule{
		{Role: policies.Specialist, Relation: "administrator", Object: policies.ObjectTransaction, Kind: policies.Anything, Action: policies.Export, Effect: policies.Allow},
		{Role: policies.Auditor, Relation: policies.Anything, Object: policies.ObjectCustomer, Kind: policies.Anything, Action: policies.Import, Effect: policies.Allow},
	} {
		d, err := s.Policies.Draft(ctx, by)
		if err != nil {
			return err
		}
		if err := s.Policies.AddRule(ctx, by, d.Edit, r); err != nil {
			return err
		}
	}
	return nil
}
