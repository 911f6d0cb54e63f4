package handover

import (
	"context"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/audit"
)

// TestOutlasting: what a deputy arranged in somebody's name is listed after the deputyship, as long as it is in effect.
func TestOutlasting(t *testing.T) {
	each(t, func(w *world) {
		weg, transactions := w.customer(w.anna, "Weg GmbH", 1)
		eigen, _ := w.customer(w.ben, "Eigen GmbH", 0)
		w.Exec(`INSERT INTO customer_administrator (customer_id, specialist_id, created_at, created_by) VALUES (?, ?, ?, ?)`, eigen, w.anna.ID, w.Now(), w.ben.ID)
		w.Must(w.AddDeputy(w.Ctx, w.anna, w.anna.ID, DeputyForm{Deputy: w.ben.ID.String(), From: "2026-11-24", Until: "2026-11-24"}))
		log := func(action audit.Action, customerID, subject uuid.UUID, name string, transaction uuid.UUID) {
			w.Must(w.o.DB.InTx(w.Ctx, func(ctx context.Context, tx bun.Tx) error {
				return w.o.Audit.Write(ctx, tx, w.ben.Actor(), audit.Record{Action: action, CustomerID: customerID, SubjectID: subject, Subject: name, TransactionID: transaction})
			}))
		}
		addAdministrator := func(customerID uuid.UUID, who account.Caller) {
			w.Must(w.o.DB.InTx(w.Ctx, func(ctx context.Context, tx bun.Tx) error {
				_, err := assignment.AddAdministrator(ctx, tx, assignment.Administrator{CustomerID: customerID, SpecialistID: who.ID, CreatedAt: w.Now(), CreatedBy: w.ben.ID})
				return err
			}))
			log(audit.AdministratorAdded, customerID, who.ID, who.Name, uuid.Nil)
		}
		w.Set(w.Now().Add(time.Hour))
		addAdministrator(weg, w.cora)
		addAdministrator(eigen, w.cora) // at a customer of the deputy's own
		var access uuid.UUID
		w.Must(w.o.DB.NewRaw(`SELECT id FROM access WHERE customer_id = ?`, weg).Scan(w.Ctx, &access))
		log(audit.AccessCreated, weg, access, "Eva Ende", uuid.Nil)
		log(audit.AccessCreated, weg, newID(), "gone again", uuid.Nil)
		w.addProcessor(w.cora, weg, transactions[0])
		log(audit.ProcessorAdded, weg, w.cora.ID, "Cora Dorn: V", transactions[0])
		log(audit.CustomerUpdated, weg, weg, "not a right", uuid.Nil)

		names := func(c account.Caller) (list []string) {
			w.Helper()
			found, err := w.Outlasts(w.Ctx, c)
			w.Must(err)
			for _, o := range found {
				assert.Equal(w, weg, o.CustomerID)
				assert.Equal(w, "Ben Bach", o.Deputy)
				assert.NotEmpty(w, o.Label())
				list = append(list, o.Subject)
			}
			return list
		}
		assert.Empty(w, names(w.anna), "while it lasts")
		w.Set(w.Now().Add(24 * time.Hour))
		log(audit.AccessCreated, weg, access, "afterwards", uuid.Nil)
		want := []string{"Cora Dorn: V", "Eva Ende", "Cora Dorn"}
		assert.Equal(w, want, names(w.anna))
		for _, c := range []account.Caller{w.ben, w.cora, w.admin} {
			assert.Empty(w, names(c), "%s sees", c.Name)
		}
		w.Exec(`DELETE FROM customer_administrator WHERE customer_id = ? AND specialist_id = ?`, weg, w.cora.ID)
		w.Exec(`DELETE FROM transaction_processor`)
		assert.Equal(w, want[1:2], names(w.anna), "after removing")
		w.Set(w.Now().Add(lookBack))
		assert.Empty(w, names(w.anna), "30 days later")
	})
}
