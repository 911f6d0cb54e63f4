package customer

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"kontor/app/fault"
	"kontor/app/store"
)

var testNow = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func anna() Data {
	return Data{FirstName: "Anna", LastName: "Berg", DateOfBirth: "1980-02-29", City: "Köln", PostalCode: "50667"}
}

func acme() Data {
	return Data{CompanyName: "Müller & Söhne GmbH", FirstName: "Jürgen", LastName: "Müller", City: "Bonn", VATID: "DE136695976"}
}

// complaints are "field message" of an Invalid fault, by comma.
func complaints(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) {
		return ""
	}
	var list []string
	for _, c := range f.Fields {
		list = append(list, c.Field+" "+c.Message)
	}
	return strings.Join(list, ", ")
}

func TestValidateComplaints(t *testing.T) {
	for name, c := range map[string]struct {
		t    Type
		edit func(*Data)
		want string
	}{
		"person":                     {Person, func(*Data) {}, ""},
		"company":                    {Company, func(*Data) {}, ""},
		"unknown type":               {"robot", func(*Data) {}, "type type.unknown"},
		"nothing of a person":        {Person, func(d *Data) { *d = Data{} }, "first_name required, last_name required"},
		"nothing of a company":       {Company, func(d *Data) { *d = Data{} }, "company_name required, first_name required, last_name required"},
		"only blanks":                {Person, func(d *Data) { d.LastName = " \u00a0 " }, "last_name required"},
		"100 characters":             {Person, func(d *Data) { d.LastName = strings.Repeat("ä", 100) }, ""},
		"101 characters":             {Person, func(d *Data) { d.LastName = strings.Repeat("ä", 101) }, "last_name too_long"},
		"line break in a name":       {Person, func(d *Data) { d.LastName = "Berg\r\nBcc: x@example.org" }, "last_name control_characters"},
		"line break in the note":     {Person, func(d *Data) { d.Note = "a\r\nb\tc" }, ""},
		"NUL":                        {Person, func(d *Data) { d.City = "Kö\x00ln" }, "city control_characters"},
		"NUL in the note":            {Person, func(d *Data) { d.Note = "\x00" }, "note control_characters"},
		"not UTF-8":                  {Person, func(d *Data) { d.City = "K\xf6ln" }, "city control_characters"},
		"text turned around":         {Person, func(d *Data) { d.City = "a\u202eb" }, "city control_characters"},
		"date":                       {Person, func(d *Data) { d.DateOfBirth = "29.02.1980" }, "date_of_birth date.malformed"},
		"no such day":                {Person, func(d *Data) { d.DateOfBirth = "1981-02-29" }, "date_of_birth date.malformed"},
		"before 1900":                {Person, func(d *Data) { d.DateOfBirth = "1899-12-31" }, "date_of_birth date.malformed"},
		"1900":                       {Person, func(d *Data) { d.DateOfBirth = "1900-01-01" }, ""},
		"born today":                 {Person, func(d *Data) { d.DateOfBirth = "2026-11-24" }, ""},
		"born in two days":           {Person, func(d *Data) { d.DateOfBirth = "2026-11-26" }, "date_of_birth date.future"},
		"VAT ID checksum":            {Company, func(d *Data) { d.VATID = "DE136695975" }, "vat_id vat.checksum"},
		"VAT ID too short":           {Company, func(d *Data) { d.VATID = "DE13669597" }, "vat_id vat.malformed"},
		"VAT ID of nowhere":          {Company, func(d *Data) { d.VATID = "XX136695976" }, "vat_id vat.malformed"},
		"Austrian VAT ID":            {Company, func(d *Data) { d.VATID = "ATU13585627" }, ""},
		"Austrian VAT ID checksum":   {Company, func(d *Data) { d.VATID = "ATU13585626" }, "vat_id vat.checksum"},
		"a person's VAT ID":          {Person, func(d *Data) { d.VATID = "nonsense" }, ""},
		"a company's birthday":       {Company, func(d *Data) { d.DateOfBirth = "nonsense" }, ""},
		"phone":                      {Person, func(d *Data) { d.Phone = "0221 / 12" }, "phone phone.malformed"},
		"phone is text":              {Person, func(d *Data) { d.Phone = "call me" }, "phone phone.malformed"},
		"phone with extension":       {Person, func(d *Data) { d.Phone = "+49 221 1234567 ext. 5" }, "phone phone.malformed"},
		"country":                    {Person, func(d *Data) { d.Country = "ZZ" }, "country country.unknown"},
		"country by name":            {Person, func(d *Data) { d.Country = "Germany" }, "country country.unknown"},
		"postal code of Germany":     {Person, func(d *Data) { d.PostalCode = "5066" }, "postal_code postal_code.malformed"},
		"postal code of Austria":     {Person, func(d *Data) { d.Country, d.PostalCode = "AT", "1010" }, ""},
		"Austria with a German one":  {Person, func(d *Data) { d.Country, d.PostalCode = "AT", "50667" }, "postal_code postal_code.malformed"},
		"Switzerland":                {Person, func(d *Data) { d.Country, d.PostalCode = "ch", "8001" }, ""},
		"postal code of the UK":      {Person, func(d *Data) { d.Country, d.PostalCode = "GB", "SW1A 1AA" }, ""},
		"language":                   {Person, func(d *Data) { d.Locale = "fr" }, "locale locale.unknown"},
		"several, in the form's way": {Company, func(d *Data) { d.CompanyName, d.VATID, d.Country = "", "x", "?" }, "company_name required, vat_id vat.malformed, country country.unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			d := anna()
			if c.t == Company {
				d = acme()
			}
			c.edit(&d)
			if _, err := validate(c.t, d, testNow); complaints(err) != c.want || (err == nil) != (c.want == "") {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestValidateNormalises(t *testing.T) {
	d := Data{
		Salutation: " Frau ", FirstName: "A\u0308nne", LastName: "  von   der\tHeide ", CompanyName: "dropped", LegalForm: "GmbH",
		Phone: "0221 1234567", Country: " de ", Note: " a\r\nb ", VATID: "dropped",
	}
	d.LastName = strings.ReplaceAll(d.LastName, "\t", " ")
	got, err := Validate(Person, d)
	want := Data{
		Salutation: "Frau", FirstName: "Änne", LastName: "von der Heide", Phone: "+492211234567", Country: "DE", Locale: "de", Note: "a\nb",
	}
	if err != nil || got != want {
		t.Errorf("person: %+v, %v; want %+v", got, err, want)
	}
	c := acme()
	c.VATID, c.Country, c.Phone, c.Salutation = "de 136.695.976", "at", "01 5880012", "Herr"
	got, err = Validate(Company, c)
	if err != nil || got.VATID != "DE136695976" || got.Phone != "+4315880012" || got.Salutation != "" || got.Country != "AT" {
		t.Errorf("company: %+v, %v", got, err)
	}
	if again, err := Validate(Company, got); err != nil || again != got {
		t.Errorf("a second time: %+v, %v; want no change of %+v", again, err, got)
	}
}

// TestVATID: valid numbers of each country, from VIES's description and published examples.
func TestVATID(t *testing.T) {
	for _, id := range strings.Fields(`DE136695976 DE129273398 ATU13585627 ATU33803408 BE0428759497 BG175074752 CY10259033P CZ25123891
		DK13585628 EE100931558 EL094259216 ESX2482300W FI20774740 FR40303265045 HR33392005961 HU12892312 IE6433435F IT00743110157
		LT119511515 LU15027442 LV40003521600 MT11679112 NL004495445B01 PL8567346215 PT501964843 RO18547290 SE123456789701
		SI50223054 SK2022749619 XI123456789 CHE123456789MWST`) {
		if got, complaint := checkVATID(id, nil); complaint != "" || got != id {
			t.Errorf("%s: %s", id, complaint)
		}
	}
	// MOD 11,10 finds every single wrong digit
	valid := "136695976"
	for i := range valid {
		for d := '0'; d <= '9'; d++ {
			if wrong := valid[:i] + string(d) + valid[i+1:]; checkDE(wrong) != (wrong == valid) {
				t.Errorf("DE%s counts as valid: %v", wrong, checkDE(wrong))
			}
		}
	}
}

func TestCountries(t *testing.T) {
	if n := len(Countries()); n != 249 {
		t.Errorf("%d countries, ISO 3166-1 has 249", n)
	}
	last := ""
	for _, c := range Countries() {
		if c <= last || len(c) != 2 || !knownCountry(c) {
			t.Errorf("%q behind %q", c, last)
		}
		last = c
	}
}

func TestParseNumber(t *testing.T) {
	for s, want := range map[string]int64{
		"K-10001": 10001, " k-10001\n": 10001, "K-00007": 7, "K-1000000": 1000000, "K-100": 0, "K-0010001": 0, "10001": 0, "K10001": 0,
		"K-10001x": 0, "K- 10001": 0, "": 0, "K-99999999999": 0, "K-00000": 0, "K--0001": 0, "K-+0001": 0, "K-١٢٣٤٥": 0,
	} {
		if n, ok := ParseNumber(s); n != want || ok != (want != 0) {
			t.Errorf("ParseNumber(%q) = %d, %v; want %d", s, n, ok, want)
		}
	}
}

func TestAttentionAt(t *testing.T) {
	at := func(d time.Duration) *time.Time { w := testNow.Add(d); return &w }
	const day = 24 * time.Hour
	invited := standing{InvitedAt: testNow.Add(-day), LinkExpiresAt: testNow.Add(day)}
	longLink := standing{InvitedAt: testNow.Add(-day), LinkExpiresAt: testNow.Add(30 * day)}
	with := func(s standing, edit func(*standing)) standing { edit(&s); return s }
	registered := with(invited, func(s *standing) { s.RegisteredAt = at(0) })
	bounced := with(invited, func(s *standing) { s.Undeliverable = "mail.unknown" })
	deactivated := with(bounced, func(s *standing) { s.DeactivatedAt = at(0) })
	for name, c := range map[string]struct {
		accesses       []standing
		administrators int
		before         *time.Time
		want           *time.Time
	}{
		"no access":                    {nil, 1, nil, at(0)},
		"no administrator":             {[]standing{registered}, 0, nil, at(0)},
		"registered":                   {[]standing{registered}, 1, at(-day), nil},
		"deactivated, though bounced":  {[]standing{deactivated}, 1, nil, nil},
		"bounced":                      {[]standing{bounced}, 1, nil, at(0)},
		"the code's SMS failed":        {[]standing{with(invited, func(s *standing) { s.CodeFailed = true })}, 1, nil, at(0)},
		"bounced, known for an hour":   {[]standing{bounced}, 1, at(-time.Hour), at(-time.Hour)},
		"bounced, was due later":       {[]standing{bounced}, 1, at(time.Hour), at(0)},
		"invited, link ends":           {[]standing{invited}, 1, nil, at(day)},
		"invited, a week":              {[]standing{longLink}, 1, nil, at(6 * day)},
		"several: the earliest":        {[]standing{registered, longLink, invited}, 2, nil, at(day)},
		"one bounced of several":       {[]standing{registered, bounced, invited}, 2, nil, at(0)},
		"expired before, no administr": {[]standing{with(invited, func(s *standing) { s.LinkExpiresAt = *at(-day) })}, 0, nil, at(-day)},
	} {
		got := attentionAt(c.accesses, c.administrators, c.before, testNow, Reminder)
		if (got == nil) != (c.want == nil) || got != nil && !got.Equal(*c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestIdentity(t *testing.T) {
	d := anna()
	umlaut, written := d, d
	umlaut.LastName, written.LastName = "Müller", "MUELLER"
	if identity(Person, umlaut) != identity(Person, written) {
		t.Error("Müller and MUELLER born on the same day are not taken for the same")
	}
	d.DateOfBirth = ""
	if identity(Person, d) != "" || identity(Company, Data{CompanyName: "A GmbH"}) != "" || identity(Company, Data{City: "Bonn"}) != "" {
		t.Error("a name alone, or a city, makes an identity")
	}
}

func FuzzValidate(f *testing.F) {
	f.Add("person", "Anna", "Berg", "1980-01-01", "DE136695976", "0221 1234567", "DE", "50667", "note")
	f.Add("company", "ß", "\u202e", "0000-00-00", "ATU", "+", "??", "\x00", "\r\n")
	f.Fuzz(func(t *testing.T, typ, first, last, birth, vat, phone, country, postal, note string) {
		d := Data{FirstName: first, LastName: last, DateOfBirth: birth, VATID: vat, Phone: phone, Country: country, PostalCode: postal, Note: note, CompanyName: last, City: first}
		got, err := validate(Type(typ), d, testNow)
		if err != nil {
			if fault.CodeOf(err) != fault.Invalid {
				t.Fatalf("%v is no Invalid fault", err)
			}
			return
		}
		for _, v := range got.Fields() {
			if !utf8.ValidString(v.Value) || strings.ContainsAny(v.Value, "\x00\r") {
				t.Errorf("%s = %q was let through", v.Name, v.Value)
			}
		}
		if again, err := validate(Type(typ), got, testNow); err != nil || again != got {
			t.Errorf("what was valid is %+v, %v the second time; want %+v", again, err, got)
		}
	})
}

func FuzzParseNumber(f *testing.F) {
	f.Add("K-10001")
	f.Add(" k-0000000001 ")
	f.Fuzz(func(t *testing.T, s string) {
		if n, ok := ParseNumber(s); ok && !strings.EqualFold(Label(n), strings.TrimSpace(s)) {
			t.Errorf("ParseNumber(%q) = %d, whose label is %s", s, n, Label(n))
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add(position{phaseRest, "berg anna", 10001}.encode(order{}), byte(0))
	f.Add(position{phasePrefix, "", 1}.encode(order{descending: true}), byte(2))
	f.Add("AQAC", byte(0))
	f.Fuzz(func(t *testing.T, s string, mark byte) {
		o := order{number: mark&1 != 0, descending: mark&2 != 0}
		p, ok := decode(s, o)
		if !ok {
			return
		}
		if p.encode(o) != s || p.number <= 0 || p.phase > phaseRest || p.phase < 0 || strings.ContainsRune(p.name, 0) || !utf8.ValidString(p.name) {
			t.Errorf("decode(%q) = %+v", s, p)
		}
		other := order{number: !o.number, descending: o.descending}
		if _, ok := decode(s, other); ok {
			t.Errorf("%q is a cursor of two orders", s)
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("Berg Anna", "Anna", "Berg")
	f.Add("müller", "Jürgen", "Mueller")
	f.Add("%_\\'\"?*", "a%b", "c_d")
	f.Fuzz(func(t *testing.T, q, first, last string) {
		terms, ok := parseQuery(q)
		if ok != (len(terms.Needles) > 0) || ok && len(terms.Trigrams) == 0 || len(terms.Needles) > store.MaxTerms {
			t.Fatalf("parseQuery(%q) = %+v, %v", q, terms, ok)
		}
		for _, g := range terms.Trigrams {
			if utf8.RuneCountInString(g) != 3 {
				t.Errorf("%q of %q is no trigram", g, q)
			}
		}
		for _, n := range terms.Needles {
			if strings.ContainsAny(n, `%_\'"`) {
				t.Errorf("needle %q of %q holds what SQL reads", n, q)
			}
		}
		// whoever types the name as it is recorded finds it, and so does the index
		d := Data{FirstName: first, LastName: last}
		text := searchText(Person, 10001, d, nil)
		own, ok := parseQuery(last + " " + first)
		if ok && own.number == 0 && utf8.RuneCountInString(last+" "+first) <= maxRunes {
			for _, n := range own.Needles {
				if !strings.Contains(text, n) {
					t.Errorf("%q is not in %q", n, text)
				}
			}
			for _, g := range own.Trigrams {
				if !strings.Contains(store.TrigramText(text), g) {
					t.Errorf("trigram %q is not in %q", g, store.TrigramText(text))
				}
			}
			if !strings.HasPrefix(store.SortKey(last+" "+first), own.prefix) {
				t.Errorf("%q is not the beginning of the sort name", own.prefix)
			}
		}
	})
}
