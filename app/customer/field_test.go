package customer

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestFieldTable: each field of Data has one row in the table, under the name of its column, and each row a field.
func TestFieldTable(t *testing.T) {
	data := reflect.TypeFor[Data]()
	assert.Len(t, fields, data.NumField(), "rows, but %d fields of Data", data.NumField())
	for i := range data.NumField() {
		d := Data{}
		reflect.ValueOf(&d).Elem().Field(i).SetString("x")
		var rows []string
		for _, f := range fields {
			if f.Value(d) == "x" {
				rows = append(rows, f.Name)
			}
		}
		column := data.Field(i).Tag.Get("bun")
		assert.Equal(t, []string{column}, rows, "Data.%s in the column %s has the rows %q", data.Field(i).Name, column, rows)
	}
}

// TestFieldColumns: each field is a column of the table customer, on both databases.
func TestFieldColumns(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		model := w.db.Table(reflect.TypeFor[record]())
		for _, f := range fields {
			assert.True(t, model.HasField(f.Name), "the model has no column %s", f.Name)
			_, err := w.db.NewSelect().Table("customer").Column(f.Name).Exec(t.Context())
			assert.NoError(t, err, f.Name)
		}
	})
}

// TestFieldRows: the settings of each row are valid.
func TestFieldRows(t *testing.T) {
	for _, f := range fields {
		assert.Greater(t, f.Max, 0)
		assert.Contains(t, []Kind{Line, Lines, Choice, Day, Telephone}, f.Kind, "is of the kind")
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
