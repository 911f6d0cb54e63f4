package customer

import (
	"reflect"
	"slices"
	"testing"
)

// TestFieldTable: each field of Data has one row in the table, under the name of its column, and each row a field.
func TestFieldTable(t *testing.T) {
	data := reflect.TypeFor[Data]()
	if len(fields) != data.NumField() {
		t.Errorf("%d rows, but %d fields of Data", len(fields), data.NumField())
	}
	for i := range data.NumField() {
		d := Data{}
		reflect.ValueOf(&d).Elem().Field(i).SetString("x")
		var rows []string
		for _, f := range fields {
			if f.Value(d) == "x" {
				rows = append(rows, f.Name)
			}
		}
		if column := data.Field(i).Tag.Get("bun"); !slices.Equal(rows, []string{column}) {
			t.Errorf("Data.%s in the column %s has the rows %q", data.Field(i).Name, column, rows)
		}
	}
}

// TestFieldColumns: each field is a column of the table customer, on both databases.
func TestFieldColumns(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		model := w.db.Table(reflect.TypeFor[record]())
		for _, f := range fields {
			if !model.HasField(f.Name) {
				t.Errorf("the model has no column %s", f.Name)
			}
			if _, err := w.db.NewSelect().Table("customer").Column(f.Name).Exec(t.Context()); err != nil {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
	})
}

// TestFieldRows: the settings of each row are valid.
func TestFieldRows(t *testing.T) {
	for _, f := range fields {
		if f.Max <= 0 {
			t.Errorf("%s may hold nothing", f.Name)
		}
		if !slices.Contains([]Kind{Line, Lines, Choice, Day, Telephone}, f.Kind) {
			t.Errorf("%s is of the kind %q", f.Name, f.Kind)
		}
	}
	for _, typ := range Types {
		above := map[string]bool{}
		for _, f := range FieldsOf(typ) {
			if f.Before != "" && !above[f.Before] {
				t.Errorf("%s can't stand before %s, which is not above it for a %s", f.Name, f.Before, typ)
			}
			above[f.Name] = true
		}
	}
}
