package text

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/lang"
	"kontor/policies"
	"kontor/views"
)

// TestRuleInWords: rules as sentences, in both languages.
func TestRuleInWords(t *testing.T) {
	said := map[string]*Texts{}
	for _, locale := range lang.All {
		tx, err := Load(views.Locales(), locale, time.UTC)
		must(t, err)
		said[locale] = tx
	}
	kinds := map[string]map[string]string{"en": {"contract": "Contract"}, "de": {"contract": "Vertrag"}}
	for line, want := range map[string][2]string{
		"specialist, processor, transaction, *, process, allow": {
			"Specialist users who are additional processors of the business transaction may process business transactions of any kind",
			"Fachanwender, die zusätzlicher Bearbeiter des Geschäftsvorfalls sind, dürfen Geschäftsvorfälle jeder Art bearbeiten",
		},
		"specialist, processor, transaction, contract, process, deny": {
			"Specialist users who are additional processors of the business transaction may not process business transactions of the kind “Contract”",
			"Fachanwender, die zusätzlicher Bearbeiter des Geschäftsvorfalls sind, dürfen Geschäftsvorfälle der Art „Vertrag“ nicht bearbeiten",
		},
		"auditor, *, transaction, old_kind, read, allow": {
			"Auditors may see business transactions of the kind “old_kind”", "Mitglieder der Revision dürfen Geschäftsvorfälle der Art „old_kind“ sehen",
		},
		"specialist, processor, customer, person, update, deny": {
			"Specialist users who are additional processors of one of the customer's business transactions may not change customers that are persons",
			"Fachanwender, die zusätzlicher Bearbeiter eines Geschäftsvorfalls des Kunden sind, dürfen Kunden, die Personen sind, nicht ändern",
		},
		"end_user, access, portal, *, read, allow": {
			"End users who have an access to the customer may see the portal",
			"Endanwender, die einen Zugang zum Kunden haben, dürfen das Portal sehen",
		},
	} {
		f := strings.Split(line, ", ")
		r := policies.Rule{Role: policies.Role(f[0]), Relation: f[1], Object: policies.Object(f[2]), Kind: f[3], Action: policies.Action(f[4]), Effect: f[5]}
		for i, locale := range lang.All {
			assert.Equal(t, want[i], said[locale].Rule(r, kinds[locale]), line)
		}
	}
}

// textID finds the name of a text where its words should stand.
var textID = regexp.MustCompile(`\b(?:rule|action|object|relation|role)\.[a-z_]+`)

// TestEveryRuleHasWords: everything that a rule can name has a text in both languages.
func TestEveryRuleHasWords(t *testing.T) {
	for _, locale := range lang.All {
		tx, err := Load(views.Locales(), locale, time.UTC)
		must(t, err)
		for _, role := range policies.Roles {
			for o, actions := range policies.Objects {
				relations := []string{policies.Anything}
				if len(policies.Related[o]) > 0 {
					relations = append(relations, "administrator", "processor", "access")
				}
				for _, relation := range relations {
					for _, a := range actions {
						for _, kind := range append([]string{policies.Anything}, policies.Kinds[o]...) {
							for _, effect := range []string{policies.Allow, policies.Deny} {
								r := policies.Rule{Role: role, Relation: relation, Object: o, Kind: kind, Action: a, Effect: effect}
								got := tx.Rule(r, nil)
								assert.False(t, textID.MatchString(got), "%s %v: %q", locale, r, got)
								assert.NotContains(t, got, "<no value>", "%s %v", locale, r)
								assert.NotContains(t, got, "  ", "%s %v", locale, r)
							}
						}
					}
				}
			}
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	require.NoError(t, err)
}
