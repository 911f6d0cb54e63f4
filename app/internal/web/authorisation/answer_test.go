package authorisation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/authorisation"
	"kontor/app/internal/web/kit/kittest"
	"kontor/app/transaction"
	"kontor/policies"
)

// TestAnswerFirst: the answer about a row is a complete sentence in both languages, for everybody who can be in a row.
func TestAnswerFirst(t *testing.T) {
	since, until := time.Date(2026, 11, 12, 9, 0, 0, 0, time.UTC), time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	maria := authorisation.Person{Name: "Maria Kern", Specialist: true, Active: true}
	off := authorisation.Person{Name: "Maria Kern", Specialist: true}
	berta, invited := authorisation.Person{Name: "Berta Kühn", Active: true}, authorisation.Person{Name: "Berta Kühn"}
	taxes := &transaction.Transaction{Number: 10009, Name: "Steuer 2025"}
	administrator := authorisation.Fact{Relation: policies.Administrator, Since: &since, By: "Anna Berg"}
	processor := authorisation.Fact{Relation: policies.Processor, Since: &since, By: "Anna Berg", Number: 10009, Transaction: "Steuer 2025"}
	second, third := processor, processor
	second.Number, second.Transaction = 10010, "Vertrag"
	third.Number, third.Transaction, third.By = 10011, "Bilanz", "Ben Büro"
	access := authorisation.Fact{Relation: policies.Access, Since: &since}
	deputy := administrator
	deputy.For, deputy.Until = "Ben Büro", &until
	works := func(facts ...authorisation.Fact) authorisation.Grant {
		return authorisation.Grant{Level: authorisation.Works, Facts: facts}
	}
	all := func(g authorisation.Grant) authorisation.Grant { g.All = true; return g }
	rule := policies.Rule{Role: policies.Specialist, Relation: "processor", Object: policies.ObjectTransaction, Kind: "*", Action: policies.Read, Effect: policies.Deny}
	for name, c := range map[string]struct {
		e      authorisation.Explanation
		en, de string
	}{
		"an additional processor": {authorisation.Explanation{Person: maria, Transaction: taxes, Grants: []authorisation.Grant{works(processor)}},
			"Maria Kern may see and process V-10009 Steuer 2025 as an additional processor of it (since 12 November 2026, by Anna Berg).",
			"Maria Kern darf V-10009 Steuer 2025 als zusätzlicher Bearbeiter sehen und bearbeiten (seit 12. November 2026, durch Anna Berg)."},
		"the row of an additional processor": {authorisation.Explanation{Person: maria, Grants: []authorisation.Grant{works(processor, second)}},
			"Maria Kern may see and process V-10009 Steuer 2025 and V-10010 Vertrag as an additional processor of them (since 12 November 2026, by Anna Berg).",
			"Maria Kern darf V-10009 Steuer 2025 und V-10010 Vertrag als zusätzlicher Bearbeiter sehen und bearbeiten (seit 12. November 2026, durch Anna Berg)."},
		"assigned by different people": {authorisation.Explanation{Person: maria, Grants: []authorisation.Grant{works(processor, second, third)}},
			"Maria Kern may see and process V-10009 Steuer 2025, V-10010 Vertrag and V-10011 Bilanz as an additional processor of them.",
			"Maria Kern darf V-10009 Steuer 2025, V-10010 Vertrag und V-10011 Bilanz als zusätzlicher Bearbeiter sehen und bearbeiten."},
		"of many": {authorisation.Explanation{Person: maria, Grants: []authorisation.Grant{works(processor, processor, processor, processor, processor, second, third)}},
			"Maria Kern may see and process V-10009 Steuer 2025, V-10009 Steuer 2025, V-10009 Steuer 2025, V-10009 Steuer 2025, V-10009 Steuer 2025 and 2 more as an additional processor of them.",
			"Maria Kern darf V-10009 Steuer 2025, V-10009 Steuer 2025, V-10009 Steuer 2025, V-10009 Steuer 2025, V-10009 Steuer 2025 und 2 weitere als zusätzlicher Bearbeiter sehen und bearbeiten."},
		"an administrator": {authorisation.Explanation{Person: maria, Grants: []authorisation.Grant{all(works(administrator))}},
			"Maria Kern may see and process all business transactions of this customer as an administrator of the customer (since 12 November 2026, by Anna Berg).",
			"Maria Kern darf alle Geschäftsvorfälle dieses Kunden als Administrator des Kunden sehen und bearbeiten (seit 12. November 2026, durch Anna Berg)."},
		"an end user": {authorisation.Explanation{Person: berta, Grants: []authorisation.Grant{all(authorisation.Grant{Level: authorisation.Sees, Facts: []authorisation.Fact{access}})}},
			"Berta Kühn may see all business transactions of this customer as an end user with access to the customer (since 12 November 2026).",
			"Berta Kühn darf alle Geschäftsvorfälle dieses Kunden als Endanwender mit Zugang zum Kunden sehen (seit 12. November 2026)."},
		"a deputy": {authorisation.Explanation{Person: maria, Transaction: taxes, Grants: []authorisation.Grant{works(deputy)}},
			"Maria Kern may see and process V-10009 Steuer 2025 until 1 December 2026, 00:00, standing in for Ben Büro, an administrator of the customer (since 12 November 2026, by Anna Berg).",
			"Maria Kern darf V-10009 Steuer 2025 bis 1. Dezember 2026, 00:00 in Vertretung von Ben Büro sehen und bearbeiten; Ben Büro ist Administrator des Kunden (seit 12. November 2026, durch Anna Berg)."},
		"by role": {authorisation.Explanation{Person: maria, Grants: []authorisation.Grant{{Level: authorisation.Sees, All: true, Via: []policies.Role{policies.Auditor}}}},
			"Maria Kern may see all business transactions of this customer, because the role Auditor allows it.",
			"Maria Kern darf alle Geschäftsvorfälle dieses Kunden sehen, weil die Rolle Revision es erlaubt."},
		"nobody of the customer's": {authorisation.Explanation{Person: maria, Transaction: taxes, Grants: []authorisation.Grant{{}}, Needed: []policies.Relation{policies.Administrator, policies.Processor}},
			"Maria Kern may not see V-10009 Steuer 2025, because no assignment or role allows it. It would take the assignment as an administrator of the customer or an additional processor of it.",
			"Maria Kern darf V-10009 Steuer 2025 nicht sehen, weil keine Zuordnung und keine Rolle es erlaubt. Nötig wäre die Zuordnung als Administrator des Kunden oder zusätzlicher Bearbeiter."},
		"nobody, of the whole": {authorisation.Explanation{Person: maria, Grants: []authorisation.Grant{{All: true}}},
			"Maria Kern may see none of this customer's business transactions that you see yourself, because no assignment or role allows it. Only another role or other policies could allow it.",
			"Maria Kern darf keinen der Geschäftsvorfälle dieses Kunden sehen, die Sie selbst sehen, weil keine Zuordnung und keine Rolle es erlaubt. Nur eine andere Rolle oder andere Richtlinien könnten es erlauben."},
		"deactivated": {authorisation.Explanation{Person: off, Transaction: taxes, Grants: []authorisation.Grant{{Facts: []authorisation.Fact{processor}}}},
			"Maria Kern may not see V-10009 Steuer 2025, because the account is deactivated. It would have to be reactivated first.",
			"Maria Kern darf V-10009 Steuer 2025 nicht sehen, weil das Konto deaktiviert ist. Es müsste erst reaktiviert werden."},
		"invited": {authorisation.Explanation{Person: invited, Grants: []authorisation.Grant{{All: true}}},
			"Berta Kühn may see none of this customer's business transactions that you see yourself as long as the registration is missing or the account is shut.",
			"Berta Kühn darf keinen der Geschäftsvorfälle dieses Kunden sehen, die Sie selbst sehen, solange die Registrierung fehlt oder das Konto gesperrt ist."},
		"forbidden": {authorisation.Explanation{Person: maria, Transaction: taxes, Grants: []authorisation.Grant{{Facts: []authorisation.Fact{processor}, Rule: &rule}}},
			"Maria Kern may not see V-10009 Steuer 2025, because a rule forbids it: “Specialist users who are additional processors of the business transaction may not see business transactions of any kind”.",
			"Maria Kern darf V-10009 Steuer 2025 nicht sehen, weil eine Regel es verbietet: „Fachanwender, die zusätzlicher Bearbeiter des Geschäftsvorfalls sind, dürfen Geschäftsvorfälle jeder Art nicht sehen“."},
	} {
		for locale, want := range map[string]string{"en": c.en, "de": c.de} {
			got := first(kittest.New(t).TextsIn(locale), c.e, nil)
			require.Len(t, got, 1, name)
			assert.Equal(t, want, got[0].Text, name)
			assert.Equal(t, c.e.Grants[0].Level != authorisation.Nothing, got[0].Allowed, name)
		}
	}
}
