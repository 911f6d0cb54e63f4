package customerimport

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"kontor/app/customer"
	"kontor/app/entry"
	"kontor/app/fault"
	"kontor/app/lang"
	"kontor/app/store"
)

// Field is what a column can be mapped to.
type Field struct {
	Name    string
	headers map[string]string // by language, as the template and the export have them
	also    []string          // other headers that mean it
	example map[customer.Type]string
	// ours says that an export has the column and an import ignores it, because Kontor gives the value.
	ours bool
}

// Header is the header of the field's column in a language.
func (f Field) Header(locale string) string { return f.headers[locale] }

func headers(german, english string) map[string]string {
	return map[string]string{lang.German: german, lang.English: english}
}

func both(example string) map[customer.Type]string {
	return map[customer.Type]string{customer.Person: example, customer.Company: example}
}

// The fields that are not of customer.Data.
const (
	fieldNumber = "number"
	fieldType   = "type"
	fieldEmail  = "email"
	fieldMobile = "mobile"
)

// fields are all fields, in the order of the template and the export.
var fields = []Field{
	{Name: fieldNumber, ours: true, headers: headers("Kundennummer", "Customer number"), also: words("Nummer|Number|Kunden-Nr|Kundennr|Customer no")},
	{Name: "reference", headers: headers("Referenz", "Reference"), also: words("Externe Nummer|Mandantennummer|Mandanten-Nr|External id|Ref"),
		example: map[customer.Type]string{customer.Person: ExampleReference + "-1", customer.Company: ExampleReference + "-2"}},
	{Name: fieldType, headers: headers("Typ", "Type"), also: words("Art|Kundentyp|Kind|Customer type")},
	{Name: "company_name", headers: headers("Unternehmensname", "Company name"), also: words("Firma|Firmenname|Unternehmen|Company|Organisation|Organization"),
		example: map[customer.Type]string{customer.Company: "Muster Bau GmbH"}},
	{Name: "legal_form", headers: headers("Rechtsform", "Legal form"), example: map[customer.Type]string{customer.Company: "GmbH"}},
	{Name: "register_court", headers: headers("Registergericht", "Register court"), example: map[customer.Type]string{customer.Company: "Amtsgericht Köln"}},
	{Name: "register_number", headers: headers("Registernummer", "Register number"), also: words("HRB|Handelsregisternummer"),
		example: map[customer.Type]string{customer.Company: "HRB 12345"}},
	{Name: "vat_id", headers: headers("USt-IdNr.", "VAT ID"), also: words("USt-ID|UID|VAT number|VAT no|Umsatzsteuer-ID|VAT")},
	{Name: "salutation", headers: headers("Anrede", "Salutation"), example: map[customer.Type]string{customer.Person: "Frau"}},
	{Name: "title", headers: headers("Titel", "Title"), example: map[customer.Type]string{customer.Person: "Dr."}},
	{Name: "first_name", headers: headers("Vorname", "First name"), also: words("Given name|Forename|Vorname Kontakt"),
		example: map[customer.Type]string{customer.Person: "Erika", customer.Company: "Max"}},
	{Name: "last_name", headers: headers("Nachname", "Last name"), also: words("Name|Surname|Family name|Familienname|Zuname"), example: both("Mustermann")},
	{Name: "date_of_birth", headers: headers("Geburtsdatum", "Date of birth"), also: words("Geburtstag|Birthday|Birth date|geb"),
		example: map[customer.Type]string{customer.Person: "1964-08-12"}},
	{Name: "street", headers: headers("Straße und Hausnummer", "Street and number"), also: words("Straße|Adresse|Anschrift|Street|Address"), example: both("Heidestraße 17")},
	{Name: "postal_code", headers: headers("PLZ", "Postal code"), also: words("Postleitzahl|Zip|Zip code|Postcode"), example: both("51147")},
	{Name: "city", headers: headers("Ort", "City"), also: words("Stadt|Town|Wohnort"), example: both("Köln")},
	{Name: "country", headers: headers("Land", "Country"), also: words("Staat"), example: both("DE")},
	{Name: "phone", headers: headers("Telefon", "Phone"), also: words("Telefonnummer|Tel|Festnetz|Telephone"), example: both("0221 1234567")},
	{Name: fieldEmail, headers: headers("E-Mail-Adresse", "E-mail address"), also: words("E-Mail|Mail|Mailadresse|Email address"),
		example: map[customer.Type]string{customer.Person: "erika@example.org", customer.Company: "max@example.org"}},
	{Name: fieldMobile, headers: headers("Mobiltelefon", "Mobile"), also: words("Mobilnummer|Mobiltelefonnummer|Handy|Mobil|Handynummer|Mobile phone|Mobile phone number|Mobile number|Cell phone"),
		example: both("0171 39200001")},
	{Name: "locale", headers: headers("Sprache", "Language"), also: words("Sprache der Nachrichten|Language of messages")},
	{Name: "note", headers: headers("Notiz", "Note"), also: words("Bemerkung|Anmerkung|Notizen|Notes|Comment|Kommentar")},
}

func words(s string) []string { return strings.Split(s, "|") }

// ExampleReference begins the references of the template's example rows, which are not imported.
const ExampleReference = "BEISPIEL-EXAMPLE"

// Fields returns what a column can be mapped to.
func Fields() []Field {
	return slices.DeleteFunc(slices.Clone(fields), func(f Field) bool { return f.ours })
}

// byHeader has the fields by what Normal makes of their headers.
var byHeader = func() map[string]Field {
	by := map[string]Field{}
	for _, f := range fields {
		names := append([]string{f.Name}, f.also...)
		for _, header := range f.headers {
			names = append(names, header)
		}
		for _, name := range names {
			by[normal(name)] = f
		}
	}
	return by
}()

var noWord = regexp.MustCompile(`[^\p{L}\p{N}]+`)

// normal is equal for headers that differ only in case, blanks, signs and the spelling of umlauts.
func normal(header string) string { return noWord.ReplaceAllString(store.Fold(header), "") }

// guess maps columns by their headers. A field is taken by the first column that is called so.
func guess(headers []string) []Column {
	columns := make([]Column, len(headers))
	taken := map[string]bool{}
	for i, h := range headers {
		columns[i].Header = entry.Line(h)
		f, known := byHeader[normal(h)]
		if known && !f.ours && !taken[f.Name] {
			columns[i].Field, taken[f.Name] = f.Name, true
		}
	}
	return columns
}

// mapped checks a mapping that was chosen by a person, and returns the columns with it. Errors: Invalid at columns:
// "import.twice" for a field that two columns are mapped to, "import.required" for a mandatory field without a column.
func mapped(columns []Column, chosen []string) ([]Column, error) {
	columns = slices.Clone(columns)
	taken := map[string]bool{}
	for i := range columns {
		columns[i].Field = ""
		if i >= len(chosen) || !slices.ContainsFunc(Fields(), func(f Field) bool { return f.Name == chosen[i] }) {
			continue
		}
		if taken[chosen[i]] {
			return nil, fault.At("columns", "import.twice").With("field", chosen[i])
		}
		columns[i].Field, taken[chosen[i]] = chosen[i], true
	}
	for _, needed := range []string{"first_name", "last_name", fieldEmail} {
		if !taken[needed] {
			return nil, fault.At("columns", "import.required").With("field", needed)
		}
	}
	return columns, nil
}

// reader reads rows by a mapping.
type reader struct{ columns []Column }

// candidate is what stands in a row.
type candidate struct {
	draft         customer.Draft
	email, mobile string
	complaints    []Complaint
}

// values returns the cells by field.
func (r reader) values(cells []string) map[string]string {
	values := map[string]string{}
	for i, c := range r.columns {
		if c.Field != "" && i < len(cells) {
			values[c.Field] = cells[i]
		}
	}
	return values
}

// read reads a row. Words are turned into what is stored: of types, countries, languages and dates.
func (r reader) read(cells []string) (c candidate) {
	v := r.values(cells)
	for _, f := range customer.Fields() {
		f.Set(&c.draft.Data, v[f.Name])
	}
	d := &c.draft.Data
	d.Country, d.Locale, d.DateOfBirth = countryOf(d.Country), localeOf(d.Locale), dayOf(d.DateOfBirth)
	c.email, c.mobile = v[fieldEmail], v[fieldMobile]
	c.draft.Type = typeOf(v[fieldType], *d)
	if c.draft.Type == customer.Person && entry.Says(d.CompanyName) {
		c.complaints = append(c.complaints, Complaint{Field: "company_name", Message: "import.person"})
	}
	return c
}

var typeWords = map[string]customer.Type{
	"person": customer.Person, "privat": customer.Person, "privatperson": customer.Person, "individual": customer.Person, "private": customer.Person,
	"company": customer.Company, "unternehmen": customer.Company, "firma": customer.Company, "organisation": customer.Company, "business": customer.Company,
}

// typeOf reads a type. Without one, whoever has a company name is a company.
func typeOf(s string, d customer.Data) customer.Type {
	switch key := normal(s); {
	case key != "":
		if t, ok := typeWords[key]; ok {
			return t
		}
		return customer.Type(key)
	case entry.Says(d.CompanyName):
		return customer.Company
	}
	return customer.Person
}

// countries has the codes of countries by their names in both languages.
var countries = func() map[string]string {
	by := map[string]string{}
	for _, locale := range lang.All {
		names := display.Regions(language.MustParse(locale))
		for _, code := range customer.Countries() {
			by[normal(names.Name(language.MustParseRegion(code)))] = code
		}
	}
	return by
}()

func countryOf(s string) string {
	if code, ok := countries[normal(s)]; ok {
		return code
	}
	return s
}

var localeWords = map[string]string{
	"deutsch": lang.German, "german": lang.German, "de": lang.German, "englisch": lang.English, "english": lang.English, "en": lang.English,
}

func localeOf(s string) string {
	if locale, ok := localeWords[normal(s)]; ok {
		return locale
	}
	return s
}

// dayOf reads a day as people and programs write it: 24.12.1980, 1980-12-24, also with a time. A day whose month could be
// its day, such as 3/4/1980, is not guessed.
func dayOf(s string) string {
	s = entry.Line(s)
	for _, layout := range []string{"2.1.2006", "2006-1-2", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02T15:04:05Z07:00"} {
		if day, err := time.Parse(layout, s); err == nil {
			return day.Format(time.DateOnly)
		}
	}
	return s
}

// Template returns the rows of the template in a language: the headers, and an example of each type.
func Template(locale string, types map[customer.Type]string) [][]string {
	rows := make([][]string, 1+len(customer.Types))
	for _, f := range Fields() {
		rows[0] = append(rows[0], f.headers[locale])
		for i, t := range customer.Types {
			value := f.example[t]
			switch f.Name {
			case fieldType:
				value = types[t]
			case "locale":
				value = locale
			}
			rows[1+i] = append(rows[1+i], value)
		}
	}
	return rows
}

// FieldOf returns the field that a header means, "" for none that is imported.
func FieldOf(header string) string { return guess([]string{header})[0].Field }
