package history

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	logged "kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/history"
	"kontor/app/internal/web/audit"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/kit/kittest"
	"kontor/app/note"
)

// TestPagesRender: each page, filled and empty.
func TestPagesRender(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 12, 0, 0, time.UTC)
	id := uuid.Must(uuid.NewV7())
	n := note.Note{ID: id, Author: "Anna", Text: "Ruft an:\nhttps://kontor.example/a", CreatedAt: at}
	changed := n
	changed.ChangedAt = &at
	message := func(kind courier.Kind, c courier.Channel, s courier.State, reason string) *delivery {
		return &delivery{history.Delivery{Message: courier.Message{
			ID: id, Kind: kind, Channel: c, State: s, Reason: reason, Recipient: "+4915123456789", CreatedAt: at, SettledAt: &at,
		}, Person: "Eva"}, "/customers/x/deliveries#d-x"}
	}
	form := kit.NewForm(map[string]string{"note": "a", "version": "1"})
	filled := page{
		Path: "/customers/x/history", Form: form, Phrases: []string{"Bitte <zurückrufen>."}, Next: "/customers/x/history?after=x", Prev: "/customers/x/history?before=x",
		Page:  history.Page{SeesDeliveries: true, SeesNotes: true, MayWrite: true},
		Chips: []chip{{"history.all", "/customers/x/history", true}, {"history.notes", "/customers/x/history?sort=notes", false}},
		Rows: []row{
			{Log: &audit.Row{Entry: logged.Entry{ID: id, At: at, Actor: "Anna", Action: logged.CustomerUpdated, Detail: `{"city":["Kiel",""]}`}, WhoHref: "/audit"}},
			{Log: &audit.Row{Entry: logged.Entry{ID: id, At: at, Action: logged.NoteRemoved}}},
			{Delivery: message(courier.Registration, courier.Email, courier.Failed, "recipient_unknown")},
			{Delivery: message(courier.RegistrationCode, courier.SMS, courier.Queued, "")},
			{Delivery: message(courier.JoinCustomer, courier.Email, courier.Delivered, "")},
			{Note: &noted{n, "/customers/x/notes/y"}}, {Note: &noted{changed, ""}},
		},
	}
	stopped, none, beyond := filled, page{Form: form, Empty: kit.Empty{List: "history", Why: kit.NothingVisible}}, page{Form: form, Beyond: true}
	stopped.Until = at
	noNotes, noDeliveries := none, none
	noNotes.Empty, noDeliveries.Empty = kit.Empty{List: "notes", Why: kit.NothingYet}, kit.Empty{List: "deliveries", Why: kit.NothingYet}
	kittest.Render(t, "history", map[string][]any{
		"history/index":    {filled, stopped, none, beyond, noNotes, noDeliveries},
		"history/entries":  {filled},
		"history/note":     {noteForm{Note: n, Form: form, Path: "/customers/x/notes/y", Back: "/customers/x/history"}},
		"history/delivery": {},
		"history/noted":    {},
	})
}
