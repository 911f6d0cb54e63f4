package customer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/sample"
	"kontor/app/store"
	"kontor/policies"
	"kontor/policies/policytest"
)

// found is the names that a search finds, in order.
func (w *world) found(query string) (names []string, p Page) {
	w.Helper()
	p, err := w.List(context.Background(), w.anna, Filter{Query: query})
	require.NoError(w, err, "%q", query)
	for _, r := range p.Rows {
		names = append(names, r.Name)
	}
	return names, p
}

// withAccess adds a customer with one access of a person.
func (w *world) withAccess(t Type, d Data, a Contact) Customer {
	w.Helper()
	if a.Email == "" {
		a.Email = wordOf(newID()) + "@example.org" // no digits: they would be found
	}
	cu, _, err := w.Add(context.Background(), w.anna, Draft{Type: t, Data: d}, func(ctx context.Context, tx bun.Tx, cu Customer) error {
		id, err := w.access(ctx, tx, cu.ID, a.Email, uuid.NullUUID{})
		if err == nil {
			_, err = tx.ExecContext(ctx, `UPDATE access SET first_name = ?, last_name = ?, mobile = ? WHERE id = ?`, a.FirstName, a.LastName, a.Mobile, id)
		}
		return err
	})
	require.NoError(w, err)
	return cu
}

// TestSearchFindsEverySpelling: the value of a field is found in every usual spelling, and nothing else is found.
func TestSearchFindsEverySpelling(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		person := func(last string, d Data, a Contact) {
			d.FirstName, d.LastName = "Z", last
			w.withAccess(Person, d, a)
		}
		company := func(name string, d Data) {
			d.FirstName, d.LastName, d.CompanyName = "Z", "Z", name
			w.withAccess(Company, d, Contact{})
		}
		person("Telefon", Data{Phone: "+49711123456", PostalCode: "20355", Street: "Hauptstraße 5a"}, Contact{})
		person("Mobil", Data{PostalCode: "01067", Street: "Haupt Str. 7"}, Contact{FirstName: "Petra", LastName: "Kontakt", Mobile: "+491713920042"})
		person("Wien", Data{Country: "AT", Phone: "+436641234567", PostalCode: "1010", Street: "Karl-Marx-Str. 12-14"}, Contact{})
		person("Bern", Data{Country: "CH", Phone: "+41791234567", PostalCode: "8001", Street: "Am Marktpl. 3"}, Contact{})
		person("Kopenhagen", Data{Country: "DK", PostalCode: "1050"}, Contact{})
		person("Vaduz", Data{Country: "LI", PostalCode: "9490"}, Contact{})
		company("Zeta", Data{Country: "NO", VATID: "NO123456789MVA"})
		person("London", Data{Country: "GB", PostalCode: "SW1A 1AA", Street: "Downing Street 10"}, Contact{})
		person("Georg", Data{Street: "Sankt-Georg-Straße 123-125"}, Contact{})
		person("Verlag", Data{}, Contact{Email: store.FoldEmail("info@bücher.example")})
		company("Alpha", Data{VATID: "DE136695976", RegisterNumber: "HRB 1234 B"})
		company("Beta", Data{VATID: "ATU13585627", RegisterNumber: "HRA-Nr. 77123", Country: "AT"})
		company("Gamma", Data{VATID: "EL123456789", Country: "GR", RegisterNumber: "GnR 555666"})
		company("Delta", Data{VATID: "FRXX123456782", Country: "FR"})
		company("Eta", Data{VATID: "GB999888777", Country: "GB"})
		person("Boston", Data{Country: "US", PostalCode: "02101"}, Contact{})
		person("Meier-Schmidt", Data{Country: "NL", PostalCode: "1012 AB", Street: "Lange Gasse 5 a"}, Contact{FirstName: "Karl-Heinz", LastName: "Kontakt"})
		person("山田", Data{Country: "JP", Phone: "+81355556666"}, Contact{})
		company("Berg & Tal", Data{Country: "BE", VATID: "BE0428759497", RegisterCourt: "Amtsgericht Stuttgart", RegisterNumber: "HRB 99887"})
		company("Epsilon", Data{VATID: "CHE-123.456.788 MWST", Country: "CH"})
		for want, queries := range map[string][]string{
			"Telefon, Z": {
				"0711 123456", "0711/123456", "0711-12 34 56", "(0711) 123456", "+49711123456", "+49 711 123456", "+49 (0)711 123456", "0049 711 123456",
				"0049711123456", "+49 0711 123456", "711123456", "Tel. 0711 123456", "Telefon: 0711 123456", "Telefonnummer: 0711 123456", "49(0)711 123456", "0711123", "０７１１ １２３４５６",
				"20355", "D-20355", "D 20355", "DE-20355", "d20355", "PLZ 20355", "Hauptstr. 5a", "Hauptstraße 5a", "hauptstrasse 5 a", "HAUPTSTR.5A", "Haupt-Str. 5a",
				"Haupt Straße 5a", "Hauptstra 5", "Hauptstraße5a", "Hauptstr. 5, 20355", "Hauptstr. 5, D-20355", "Hauptstr. 5 20355", "Telefon Hauptstr", "Telefon 0711 123456",
				"Z Telefon 20355", "20355, Telefon",
			},
			"Mobil, Z": {
				"+49 171 3920042", "0171/3920042", "0171 39 200 42", "01713920042", "Handy 0171 3920042", "Petra", "Kontakt", "petra kontakt", "01067", "D-01067",
				"Hauptstraße 7", "Hauptstr. 7", "Haupt Str 7", "Mobil 0171 3920042", "Mob. 0171 3920042", "Handynummer 0171 3920042",
			},
			"Wien, Z": {"0664 1234567", "+43 664 1234567", "0043 664/1234567", "A-1010", "AT-1010", "Karl-Marx-Straße 12", "Karl Marx Str. 12-14", "Karl-Marxstraße", "Karlmarxstr", "Marxstr"},
			"Bern, Z": {"079 123 45 67", "+41 79 123 45 67", "CH-8001", "8001", "Am Marktplatz 3", "marktpl. 3", "Markt Platz"},
			"London, Z": {
				"SW1A 1AA", "sw1a1aa", "SW1A", "10 Downing Street", "Downing",
			},
			"Verlag, Z": {
				"info@bücher.example", "INFO@BÜCHER.EXAMPLE", "info@xn--bcher-kva.example", "bücher.example", "buecher", "info@büch", "xn--bcher", "Verlag bücher",
			},
			"Georg, Z": {"St. Georg Str. 123", "Sankt Georg", "St.-Georg-Str. 123-125", "georgstr"},
			"Alpha":    {"DE136695976", "DE 136 695 976", "de136.695.976", "136695976", "136 695 976", "USt-IdNr. DE136695976", "USt-ID: DE 136 695 976", "VAT DE136695976", "Umsatzsteuer-Identifikationsnummer: DE136695976", "HRB 1234", "HRB1234", "hrb 1234 b", "HR B 1234", "HRB Nr. 1234", "HRB-Nr. 1234 B", "Alpha DE 136 695 976"},
			"Beta":     {"ATU13585627", "ATU 1358 5627", "atu13585627", "HRA 77123", "HRA77123", "HRA Nr. 77 123", "77123"},
			"Gamma":    {"EL123456789", "EL 123 456 789", "GR123456789", "GnR 555666", "gnr555666"},
			"Meier-Schmidt, Z": {
				"meierschmidt", "Meier Schmidt", "karlheinz", "Karl Heinz", "NL-1012 AB", "1012AB", "Lange Gasse 5a", "Lange Gasse 5 a", "lange gasse 5A",
			},
			"山田, Z":      {"03ー5555ー6666", "０３ー５５５５ー６６６６", "03-5555-6666"},
			"Berg & Tal": {"Berg und Tal", "berg & tal", "Berg and Tal", "BE 428.759.497", "TVA BE 0428.759.497", "Amtsgericht Stuttgart, HRB 99887", "AG Stuttgart HRB 99887", "Handelsregister: HRB 99887"},
			"Delta":      {"FRXX123456782", "FR XX 123 456 782", "FR XX123456782", "fr xx 123456782"},
			"Epsilon":    {"CHE-123.456.788 MWST", "CHE123456788", "CHE-123.456.788", "che 123 456 788 mwst", "123.456.788", "CHE-123.456.788 TVA"},
		} {
			for _, q := range queries {
				names, p := w.found(q)
				assert.Contains(t, names, want, "%q finds, want %s among them", q, want)
				assert.False(t, p.Similar, "similar %v", p.Similar)
				if len(store.Digits(q)) >= 6 && len(names) > 1 {
					t.Errorf("%q finds %q; want %s alone", q, names, want)
				}
			}
		}
		for want, queries := range map[string][]string{
			"Kopenhagen, Z": {"DK-1050", "DK 1050", "1050"},
			"Vaduz, Z":      {"FL-9490", "LI-9490", "9490"},
			"Eta":           {"GB 999 8887 77", "UK999888777", "UK 999 8887 77"},
			"Boston, Z":     {"USA-02101", "US 02101", "USA 02101", "02101"},
			"Zeta":          {"NO 123 456 789 MVA", "NO123456789", "123456789MVA"},
		} {
			for _, q := range queries {
				names, p := w.found(q)
				assert.Contains(t, names, want, "%q finds", q)
				assert.False(t, p.Similar)
			}
		}
		for _, q := range []string{
			"0711 20355", "711 123 457", "203551234", "123456 20355", "+43 711 123456", "0171 3920043", "A-20355", "CH-1010", "DE 136 695 977", "136 976 695", "HRA 1234",
			"HRB 77123", "ATU 136695976", "5620355", "Hauptstr. 9", "1234 695976", "20355 01067",
		} {
			names, _ := w.found(q)
			assert.Empty(t, names, "%q finds", q)
		}
	})
}

// TestSearchFindsNumbersOfCountries: a telephone number is found as dialled in its country, as dialled from abroad, and
// in mixtures of the two.
func TestSearchFindsNumbersOfCountries(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for name, c := range map[string]struct {
			country, phone, mobile string
			queries                []string
		}{
			"Wien":     {"AT", "+4312345678", "+436641234567", []string{"01 2345678", "01/234 56 78", "+43 1 2345678", "+43 (0)1 2345678", "0043 1 2345678", "0664 1234567", "0664/12 34 567", "+43 664 1234567", "+43 (0) 664 1234567", "00436641234567", "436641234567"}},
			"Zürich":   {"CH", "+41446681800", "+41791234567", []string{"044 668 18 00", "+41 44 668 18 00", "+41 (0)44 668 18 00", "0041 44 668 18 00", "079 123 45 67", "079/123.45.67", "+41 079 123 45 67", "+41791234567"}},
			"Peking":   {"CN", "+861065529988", "+8615112345678", []string{"010 6552 9988", "010-65529988", "+86 10 6552 9988", "+86 (0)10 6552 9988", "0086 10 6552 9988", "151 1234 5678", "15112345678", "+86 151 1234 5678", "+86-151-1234-5678", "0086 15112345678"}},
			"Paris":    {"FR", "+33140205050", "+33612345678", []string{"01 40 20 50 50", "06 12 34 56 78", "06.12.34.56.78", "+33 6 12 34 56 78", "+33 (0)6 12 34 56 78", "0033 6 12 34 56 78"}},
			"Rom":      {"IT", "+390669812345", "+393312345678", []string{"06 6981 2345", "+39 06 6981 2345", "0039 06 69812345", "331 234 5678", "+39 331 2345678"}},
			"New York": {"US", "+12125550123", "", []string{"(212) 555-0123", "212-555-0123", "+1 212 555 0123", "001 212 555 0123", "1 212 555 0123", "2125550123"}},
			"Moskau":   {"RU", "+74951234567", "", []string{"8 495 123-45-67", "8 (495) 123-45-67", "+7 495 123-45-67", "007 495 1234567", "495 123-45-67"}},
			"Budapest": {"HU", "+3612345678", "", []string{"06 1 234 5678", "1 234 5678", "+36 1 234 5678", "0036 1 234 5678"}},
		} {
			w.withAccess(Person, Data{FirstName: "Z", LastName: name, Country: c.country, Phone: c.phone}, Contact{Mobile: c.mobile})
			for _, q := range c.queries {
				names, p := w.found(q)
				assert.Contains(t, names, name+", Z", "%q finds", q)
				assert.False(t, p.Similar)
			}
		}
	})
}

// TestUnseenOfBefore: a name that an earlier version stored with invisible characters is found and sorted correctly in
// lists. The next saved form stores it without them.
func TestUnseenOfBefore(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		cu := w.add(w.anna, Person, Data{FirstName: "Berta", LastName: "Kühn"}, "berta@kunde.example")
		w.Exec("UPDATE customer SET last_name = ?, street = ? WHERE id = ?", "Ku\u200b\u0308\u00adhn", "Kai\u202e 1", cu.ID)
		w.touch(cu.ID)
		for _, query := range []string{"kühn", "Kuehn", "Ku\u00adhn", "Kai 1"} {
			names, _ := w.found(query)
			assert.Len(t, names, 1, "%q finds", query)
		}
		stored, err := w.Get(context.Background(), w.anna, cu.ID)
		require.NoError(t, err)
		require.Equal(t, "kuhn berta", sortName(Person, stored.Data))
		now, err := w.Update(context.Background(), w.anna, cu.ID, stored.Version, stored.Data)
		require.NoError(t, err)
		assert.Equal(t, "Kühn", now.LastName, "saved as")
		assert.Equal(t, "Kai 1", now.Street)
	})
}

// TestSearchInsideOfNames: one or two characters inside a Chinese, Japanese or Korean name are enough, and the whole
// name is found without a blank.
func TestSearchInsideOfNames(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.withAccess(Person, Data{LastName: "张", FirstName: "伟明"}, Contact{})
		w.withAccess(Person, Data{LastName: "张伟明", FirstName: "Zhang"}, Contact{})
		w.withAccess(Person, Data{LastName: "山田", FirstName: "太郎"}, Contact{})
		w.withAccess(Person, Data{LastName: "さとう", FirstName: "はなこ"}, Contact{})
		w.withAccess(Person, Data{LastName: "김", FirstName: "민수"}, Contact{})
		w.withAccess(Company, Data{LastName: "Z", FirstName: "Z", CompanyName: "株式会社東京ガス"}, Contact{})
		w.withAccess(Person, Data{LastName: "Berg", FirstName: "Anna", Street: "北京西路 5", City: "上海市"}, Contact{FirstName: "小龙", LastName: "李"})
		for query, want := range map[string]int{
			"伟明": 2, "张伟": 2, "张伟明": 2, "明": 2, "伟": 2, "伟明张": 1, "山田太郎": 1, "田太": 1, "太郎": 1, "郎": 1, "山田 太郎": 1, "さとうはなこ": 1, "とう": 1, "なこ": 1,
			"김민수": 1, "민수": 1, "수": 1, "김민": 1, "東京": 1, "京ガ": 1, "会社": 1, "ガス": 1, "ｶﾞｽ": 1, "海市": 1, "海": 1, "京西": 1, "李小龙": 1, "小龙": 1,
			"明伟": 0, "张明": 0, "郎太": 0, "수민": 0, "京东": 0,
		} {
			names, p := w.found(query)
			assert.Len(t, names, want, "%q finds", query)
			assert.False(t, p.Similar, "similar %v", p.Similar)
		}
	})
}

// TestSearchForgivesTypos: a search without matches finds words of similar spelling and says so; a search with matches
// finds only these.
func TestSearchForgivesTypos(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for last, d := range map[string]Data{
			"Müller": {}, "Steinmann": {City: "Hamburg"}, "Hafenmeister": {}, "Mayer": {}, "Meyer": {}, "Łukaszewski": {}, "Иванов": {}, "Kühn": {Street: "Lindenallee 3"},
			"Schmidt-Rottluff": {}, "Bergmann": {}, "Berg": {PostalCode: "20355"}, "Nguyễn": {}, "Leon": {},
		} {
			d.LastName, d.FirstName = last, "Zoë"
			w.withAccess(Person, d, Contact{Email: "zoe@example.org"})
		}
		for query, want := range map[string]string{
			"mulelr": "Müller", "Mülelr": "Müller", "muler": "Müller", "Müllerr": "Müller", "Mütler": "Müller", "ümller": "Müller", "Meuller": "Müller", "Mullre": "Müller",
			"hafne": "Hafenmeister", "haffen": "Hafenmeister", "hafenmiester": "Hafenmeister", "stienmann": "Steinmann", "Stienman": "Steinmann", "Stienmnan": "Steinmann",
			"Lukasewski": "Łukaszewski", "ивонов": "Иванов", "Lindneallee": "Kühn", "Hambrug": "Steinmann", "Zoë Mulelr": "Müller", "Steinmann Hambrug": "Steinmann",
			"Schimdt": "Schmidt-Rottluff", "Rotluff": "Schmidt-Rottluff", "Bregmann": "Bergmann", "Breg 20355": "Berg", "Kuhm": "Kühn", "Ngyuen": "Nguyễn", "Loen": "Leon",
		} {
			names, p := w.found(query)
			assert.Equal(t, []string{want + ", Zoë"}, names, "%q finds", query)
			assert.True(t, p.Similar, "similar %v", p.Similar)
			assert.Equal(t, 1, p.Count, "count")
		}
		for query, want := range map[string][]string{"Maier": {"Mayer, Zoë"}, "Mejer": {"Meyer, Zoë"}, "Mxyer": {"Mayer, Zoë", "Meyer, Zoë"}} {
			names, p := w.found(query)
			assert.Equal(t, want, names, "%q finds", query)
			assert.True(t, p.Similar, "similar %v", p.Similar)
		}
		for _, query := range []string{"Mlulre", "xyz", "Qwertzuiop", "20356", "0711123", "Stien", "Bx", "Brg", "Mülelr 99999", "ab\x00cd", "K-99999"} {
			if names, p := w.found(query); len(names) > 0 || p.Similar {
				if query == "Stien" { // the beginning of Steinmann
					continue
				}
				t.Errorf("%q finds %q, similar %v; want nothing", query, names, p.Similar)
			}
		}
		for query, want := range map[string]int{"Meyer": 1, "Berg": 2, "bergmann": 1, "stein": 1, "müll": 1} {
			names, p := w.found(query)
			assert.Len(t, names, want, "%q finds", query)
			assert.False(t, p.Similar, "similar %v; as typed", p.Similar)
		}
	})
}

// TestSimilarPages: results of similar spelling are read page by page, in every order, and contain only customers that
// the caller may see.
func TestSimilarPages(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range 120 {
			by := w.anna
			if i%3 == 0 {
				by = w.ben
			}
			w.add(by, []Type{Person, Company}[i%2], Data{FirstName: fmt.Sprintf("N%03d", i), LastName: "Müller", CompanyName: "Müller", Street: "Bergstr. 1"}, "a@example.org")
		}
		for _, l := range []limits{w.limits, {rare: 1, walk: 1000}, {rare: 1, frequent: 1 << 30, walk: 60}} {
			w.limits = l
			for policy, want := range map[string][2]int{"*": {120, 60}, "administrator": {80, 40}} {
				require.NoError(t, policytest.Publish(w.decider, 1, "p, specialist, "+policy+", customer, *, list, allow"))
				for _, sort := range []string{"", "-name", "number", "-number"} {
					for i, typ := range []Type{"", Company} {
						for _, query := range []string{"Mulelr", "Bregstraße"} {
							f := Filter{Query: query, Sort: sort, Type: typ}
							assert.Len(t, w.all(f), want[i], "%+v, %s: rows", f, policy)
						}
					}
				}
			}
			require.NoError(t, policytest.Publish(w.decider, 1, "p, specialist, administrator, customer, *, list, allow"))
			p, err := w.List(context.Background(), w.data, Filter{Query: "Mulelr"})
			require.NoError(t, err, "somebody who may see none")
			assert.Empty(t, p.Rows, "somebody who may see none")
			assert.Equal(t, 0, p.Count, "somebody who may see none")
			assert.False(t, p.Similar, "somebody who may see none")
		}
	})
}

// all reads a list to its end, and says what is wrong with it.
func (w *world) all(f Filter) (ids []uuid.UUID) {
	w.Helper()
	for {
		p, err := w.List(context.Background(), w.anna, f)
		require.NoError(w, err, "%+v", f)
		require.True(w, p.Similar, "%+v: similar %v", f, p.Similar)
		for _, r := range p.Rows {
			require.NotContains(w, ids, r.ID, "%+v: %s twice", f, r.Label())
			ids = append(ids, r.ID)
		}
		if p.Next == "" {
			return ids
		}
		f.After = p.Next
	}
}

// words is the vocabulary.
func (w *world) words() (list []string) {
	w.Helper()
	require.NoError(w, w.db.NewRaw(`SELECT word FROM search_word ORDER BY word`).Scan(context.Background(), &list))
	return list
}

// TestVocabulary: a word is in the vocabulary as long as a customer has it, after any change of the customers.
func TestVocabulary(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		check := func(when string) {
			t.Helper()
			var rows []record
			require.NoError(t, w.db.NewRaw(`SELECT search, details FROM customer`).Scan(ctx, &rows))
			var want []string
			for _, r := range rows {
				want = append(want, r.vocabulary()...)
			}
			slices.Sort(want)
			assert.Equal(t, slices.Compact(want), w.words(), "%s: the vocabulary", when)
		}
		a := w.add(w.anna, Person, Data{FirstName: "Anna", LastName: "Einmalig", Street: "Seltener Weg 1", City: "Köln"}, "anna@example.org")
		b := w.add(w.anna, Person, Data{FirstName: "Anna", LastName: "Doppelt", City: "Köln", Phone: "0711 123456"}, "doppelt@example.org")
		check("added")
		a.LastName, a.Street = "Neuer", ""
		_, err := w.Update(ctx, w.anna, a.ID, a.Version, a.Data)
		require.NoError(t, err)
		check("renamed")
		words := w.words()
		assert.NotContains(t, words, "einmalig", "after a name was changed")
		assert.NotContains(t, words, "seltener", "after a name was changed")
		assert.Contains(t, words, "anna", "after a name was changed")
		w.Exec(`DELETE FROM access WHERE customer_id = ?`, b.ID)
		w.touch(b.ID)
		check("an access less")
		_, err = w.Delete(ctx, w.anna, b.ID, b.Label())
		require.NoError(t, err)
		check("deleted")
		words = w.words()
		assert.NotContains(t, words, "doppelt", "after one of two was deleted")
		assert.Contains(t, words, "anna", "after one of two was deleted")
		_, err = w.Delete(ctx, w.anna, a.ID, a.Label())
		require.NoError(t, err)
		assert.Empty(t, w.words(), "left of nobody")
	})
}

// TestPrepared: a customer gets the same texts, whether they were prepared before the tx or not; and never those of data that
// a draft had when it was prepared and has no more. A word that is also the customer's number stands in its texts once.
func TestPrepared(t *testing.T) {
	anna := Contact{FirstName: "Anna", LastName: "Beispiel-Muster", Email: "anna@beispiel.example", Mobile: "+491713920000"}
	for _, c := range []struct {
		kind   Type
		data   Data
		number int64
		search string
	}{
		{Person, Data{LastName: "Ende", FirstName: "Eva", City: "Köln"}, 10001, " ende eva koln k10001 anna beispiel example"},
		{Company, Data{CompanyName: "K-10001 GmbH", RegisterNumber: "K10001", Phone: "+49711123456"}, 10001, " k 10001 gmbh k10001 anna beispiel example"},
		{Company, Data{RegisterNumber: "K10001 B", Street: "Hof 5"}, 10001, " k10001 anna beispiel example"},
		{Company, Data{RegisterNumber: "K100017"}, 10001, " k10001 anna beispiel example"},
		{Person, Data{}, 1, " k00001 anna beispiel example"},
	} {
		draft := Draft{Type: c.kind, Data: c.data, Access: &FirstAccess{Contact: anna}}
		search, details := draft.texts(c.data).numbered(c.number)
		assert.Equal(t, c.search, search)
		words := strings.Fields(search + details)
		slices.Sort(words)
		assert.Equal(t, slices.Compact(slices.Clone(words)), words, "%q %q", search, details)

		preparedSearch, preparedDetails := draft.Prepared().texts(c.data).numbered(c.number)
		assert.Equal(t, []string{search, details}, []string{preparedSearch, preparedDetails})

		changed := draft.Prepared()
		changed.Data.City = "Neustadt"
		_, details = changed.texts(changed.Data).numbered(c.number)
		search, _ = changed.texts(changed.Data).numbered(c.number)
		assert.Contains(t, search+details, "neustadt", "the city has changed since")
		changed = draft.Prepared()
		changed.Access = &FirstAccess{Contact: Contact{Email: "otto@neu.example"}}
		search, _ = changed.texts(changed.Data).numbered(c.number)
		assert.NotContains(t, search, "anna", "the access has changed since")
		changed.Access = nil
		search, _ = changed.texts(changed.Data).numbered(c.number)
		assert.NotContains(t, search, "anna", "there is no access any more")
	}
}

// TestContinueDetails: customers that were recorded earlier are found by their details after the worker has run, and
// until then by their search text.
func TestContinueDetails(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		for i := range 25 {
			w.withAccess(Person, Data{FirstName: "Anna", LastName: fmt.Sprintf("Alt%02d", i), Street: "Hauptstraße 5", Phone: "0711 123456"}, Contact{})
		}
		w.Exec(`UPDATE customer SET details = NULL`)
		w.Exec(`DELETE FROM search_word`)
		if !w.db.IsPostgres() {
			w.Exec(`DELETE FROM customer_search`)
			w.Exec(`INSERT INTO customer_search (rowid, text) SELECT number, replace(search, ' ', '  ') FROM customer`)
		}
		_, p := w.found("anna")
		assert.Equal(t, 25, p.Count)
		_, p = w.found("0711 123456")
		assert.Equal(t, 0, p.Count, "by telephone")
		stopped := fmt.Errorf("stopped")
		w.step = func() error { return stopped }
		require.ErrorIs(t, w.ContinueDetails(ctx, 10), stopped, "stopped")
		_, p = w.found("0711 123456")
		assert.Equal(t, 10, p.Count, "stopped after the first ten")
		w.step = func() error { return nil }
		require.NoError(t, w.ContinueDetails(ctx, 10))
		for _, q := range []string{"0711 123456", "Hauptstr 5", "anna"} {
			_, p := w.found(q)
			assert.Equal(t, 25, p.Count, "%q after", q)
			assert.False(t, p.Similar, "%q after", q)
		}
		_, p = w.found("Huaptstraße")
		assert.Equal(t, 25, p.Count, "misspelt")
		assert.True(t, p.Similar, "misspelt")
		assert.Equal(t, 0, w.Number(`SELECT count(*) FROM customer WHERE details IS NULL`), "rows without details")
	})
}

// TestLongQueries: a query with many words is limited to the maximum number of terms. A customer with all searched
// words is found, whatever follows them in the query.
func TestLongQueries(t *testing.T) {
	for _, q := range []string{
		"00 0 0 A 0 0 0 A 0",
		"a 1234 5678 b 2345 6789 c 3456 7890 d 45678",
		"12345 6 a 6 12345 a 12345 6 6 a 6 6 12345 a 6 12345 6 a 12345 12345 a 6 6 6 12345 a 6 12345 6 12345",
		"eins zwei drei vier fünf sechs sieben acht neun 12345 de 12345678",
	} {
		terms, ok := parseQuery(q)
		require.True(t, ok)
		assert.NotEmpty(t, terms.match(new(sample.Sample[sampledText]).Enough), "%q", q)
		assert.LessOrEqual(t, len(terms.all), store.MaxTerms)
		text := " " + strings.Join(terms.Needles, " ")
		assert.True(t, found(terms, text, ""), "%q: %q is not found: %+v", q, text, terms.all)
	}
}

// FuzzDetails: the recorded value of a field, typed as a query, finds the row, also by the index.
func FuzzDetails(f *testing.F) {
	f.Add("Karl-Marx-Str. 5a", "20355", "+49711123456", "DE136695976", "HRB 1234", "DE")
	f.Add("0 0 0 0 A", "0 0 0 A", "", "", "", "DE")
	f.Add("张 5", "SW1A 1AA", "0", "", "", "GB")
	f.Add("0", "0", "0", "0", "00 0 0 A 0 0 0 A 0", "0") // words again and again
	f.Fuzz(func(t *testing.T, street, postal, phone, vat, register, country string) {
		d, _ := validate(Company, Data{Street: street, PostalCode: postal, Phone: phone, VATID: vat, RegisterNumber: register, Country: country}, testNow)
		search, details := textsOf(Company, d, nil).numbered(10001)
		if details != "" && (details[0] != ' ' || strings.Contains(details, "  ") || strings.HasSuffix(details, " ")) {
			t.Fatalf("%q", details)
		}
		for _, q := range []string{street, postal, phone, vat, register, street + ", " + postal} {
			terms, ok := parseQuery(q)
			if !ok {
				continue
			}
			assert.NotEmpty(t, terms.match(new(sample.Sample[sampledText]).Enough), "%q", q)
			assert.LessOrEqual(t, len(terms.all), store.MaxTerms)
			// A customer whose search text has the words is found with the details, too.
			if everyNeedle(terms.Needles, search) && !found(terms, search, details) {
				t.Errorf("%q has the words in %q, but is not found: %+v", q, search, terms)
			}
		}
	})
}

func everyNeedle(needles []string, text string) bool {
	for _, n := range needles {
		if !strings.Contains(text, n) {
			return false
		}
	}
	return true
}

// found is what Service.matching says in SQL.
func found(t terms, search, details string) bool {
	for _, part := range t.all {
		ok := len(part.words) > 0 && everyNeedle(part.words, search)
		for _, n := range part.either {
			ok = ok || strings.Contains(search, n) || strings.Contains(details, n)
		}
		if !ok {
			return t.code != "" && strings.Contains(search+details, t.code)
		}
	}
	return true
}

// TestSearchBySecretDetails: a person who may not list a customer does not find it by a number either.
func TestSearchBySecretDetails(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.withAccess(Person, Data{FirstName: "Anna", LastName: "Geheim", Phone: "0711 123456", Street: "Hauptstr. 5"}, Contact{Mobile: "+491713920042"})
		require.NoError(t, policytest.Publish(w.decider, 1, "p, specialist, administrator, customer, *, list, allow"))
		for _, q := range []string{"0711 123456", "Hauptstr. 5", "0171 3920042", "Geheim", "Gehiem"} {
			for caller, want := range map[string]int{"anna": 1, "ben": 0} {
				c := map[string]policies.Role{"anna": policies.Specialist}[caller]
				who := w.anna
				if c == "" {
					who = w.ben
				}
				p, err := w.List(context.Background(), who, Filter{Query: q})
				require.NoError(t, err, "%q by %s", q, caller)
				assert.Equal(t, want, p.Count, "%q by %s", q, caller)
				assert.Len(t, p.Rows, want, "%q by %s", q, caller)
			}
		}
	})
}

// wordOf is an id in letters alone.
func wordOf(id uuid.UUID) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '-':
			return -1
		case r <= '9':
			return r - '0' + 'k'
		}
		return r
	}, id.String())
}
