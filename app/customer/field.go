package customer

import "slices"

// Field is a row of the table of a customer's data. Checks, forms, pages, the log and the search use this table.
type Field struct {
	Name     string // name of the column, also used in forms, complaints, the log and text ids
	Only     Type   // "": both types; a field of the other type is cleared
	Required bool   // a field in bold in R6
	Max      int    // in characters
	Kind     Kind

	// layout in the form
	Width     int    // number of the form's twelve columns; 0: all
	Narrow    int    // the same for narrow screens
	Blank     int    // number of empty columns after it
	Before    string // the field before which it is placed; "": after the field above it in the table
	Suggested bool   // the browser may suggest earlier inputs

	of    func(*Data) *string
	check func(value string, d *Data) (normal, complaint string)
	code  bool // the search finds it word by word and as one word: "HRB 1234 B", "hrb1234b"
}

// Kind is the kind of value of a field, which determines its input element.
type Kind string

// The kinds.
const (
	Line      Kind = ""
	Lines     Kind = "lines" // line breaks and tabs are allowed
	Choice    Kind = "choice"
	Day       Kind = "day"
	Telephone Kind = "telephone"
)

// fields is the table, in the order of complaints and of the page that shows the data.
var fields = []Field{
	{Name: "company_name", of: func(d *Data) *string { return &d.CompanyName }, Max: 200, Only: Company, Required: true, Width: 8},
	{Name: "legal_form", of: func(d *Data) *string { return &d.LegalForm }, Max: 50, Only: Company, Width: 4},
	{Name: "register_court", of: func(d *Data) *string { return &d.RegisterCourt }, Max: 100, Only: Company, Width: 4},
	{Name: "register_number", of: func(d *Data) *string { return &d.RegisterNumber }, Max: 50, Only: Company, Width: 4, code: true},
	{Name: "vat_id", of: func(d *Data) *string { return &d.VATID }, Max: 60, Only: Company, Width: 4, check: checkVATID, code: true},
	{Name: "salutation", of: func(d *Data) *string { return &d.Salutation }, Kind: Choice, Max: 50, Only: Person, Width: 3, Narrow: 6, check: checkSalutation},
	{Name: "title", of: func(d *Data) *string { return &d.Title }, Max: 50, Only: Person, Width: 3, Narrow: 6, Suggested: true},
	{Name: "first_name", of: func(d *Data) *string { return &d.FirstName }, Max: 100, Required: true, Width: 6},
	{Name: "last_name", of: func(d *Data) *string { return &d.LastName }, Max: 100, Required: true, Width: 6},
	{Name: "date_of_birth", of: func(d *Data) *string { return &d.DateOfBirth }, Kind: Day, Max: 10, Only: Person, Width: 3, Blank: 3, Before: "first_name", check: checkBirth},
	{Name: "street", of: func(d *Data) *string { return &d.Street }, Max: 200, Width: 5},
	{Name: "postal_code", of: func(d *Data) *string { return &d.PostalCode }, Max: 20, Width: 3, Narrow: 5, check: checkPostalCode},
	{Name: "city", of: func(d *Data) *string { return &d.City }, Max: 100, Width: 4, Narrow: 7},
	{Name: "country", of: func(d *Data) *string { return &d.Country }, Kind: Choice, Max: 60, Width: 4, check: checkCountry},
	{Name: "phone", of: func(d *Data) *string { return &d.Phone }, Kind: Telephone, Max: 50, Width: 4, check: checkPhone},
	{Name: "note", of: func(d *Data) *string { return &d.Note }, Kind: Lines, Max: 4000},
	{Name: "locale", of: func(d *Data) *string { return &d.Locale }, Kind: Choice, Max: 60, Width: 4, Before: "note", check: checkLocale},
	{Name: "reference", of: func(d *Data) *string { return &d.Reference }, Max: 60, Width: 4, Before: "note", code: true},
}

// Fields returns the fields of both types, in the table's order.
func Fields() []Field { return slices.Clone(fields) }

// FieldsOf returns the fields of a type, in the table's order.
func FieldsOf(t Type) []Field {
	return slices.DeleteFunc(Fields(), func(f Field) bool { return !f.belongs(t) })
}

// FormOf returns the fields of a type in the order of its form.
func FormOf(t Type) []Field {
	var form []Field
	for _, f := range FieldsOf(t) {
		at := len(form)
		if f.Before != "" {
			at = slices.IndexFunc(form, func(other Field) bool { return other.Name == f.Before })
		}
		form = slices.Insert(form, at, f)
	}
	return form
}

// belongs says whether customers of a type have the field.
func (f Field) belongs(t Type) bool { return f.Only == "" || f.Only == t }

// Value returns the value of the field.
func (f Field) Value(d Data) string { return *f.of(&d) }

// Set sets the value of the field.
func (f Field) Set(d *Data, value string) { *f.of(d) = value }
