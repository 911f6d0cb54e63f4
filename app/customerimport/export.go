package customerimport

import (
	"kontor/app/customer"
)

// Headers are the headers of an export in a language. An import understands them.
func Headers(locale string) []string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.headers[locale]
	}
	return list
}

// Cells is a customer as a row of an export. types and salutations have words for what is stored, which an import
// understands as well.
func Cells(e customer.Exported, types map[customer.Type]string, salutation func(string) string) []string {
	values := map[string]string{
		fieldNumber: e.Label(), fieldType: types[e.Type], fieldEmail: e.Access.Email, fieldMobile: e.Access.Mobile,
	}
	for _, f := range customer.Fields() {
		values[f.Name] = f.Value(e.Data)
	}
	values["salutation"] = salutation(e.Salutation)
	cells := make([]string, len(fields))
	for i, f := range fields {
		cells[i] = values[f.Name]
	}
	return cells
}
