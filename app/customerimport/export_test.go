package customerimport

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/customer"
	"kontor/app/lang"
	"kontor/app/spreadsheet"
	"kontor/app/store/storetest"
	"kontor/policies"
)

// exported is an export of all customers.
func (w *world) exported(c account.Caller, f customer.Filter, table func(io.Writer) (spreadsheet.Writer, error), locale string) []byte {
	w.Helper()
	var b bytes.Buffer
	t, err := table(&b)
	w.Must(err)
	w.Must(t.Write(Headers(locale)))
	types := map[customer.Type]string{customer.Person: "Person", customer.Company: "Unternehmen"}
	words := map[string]string{"ms": "Frau", "mr": "Mr"}
	w.Must(w.customers.Export(w.Ctx, c, f, func(e customer.Exported) error {
		return t.Write(Cells(e, types, func(s string) string { return words[s] }))
	}))
	w.Must(t.Close())
	return b.Bytes()
}

// data are all customers with their accesses, without what each firm gives them itself.
func (w *world) data() (rows []string) {
	w.Helper()
	w.Must(w.customers.Export(w.Ctx, w.dora, customer.Filter{Sort: "number"}, func(e customer.Exported) error {
		rows = append(rows, fmt.Sprintf("%s %+v %+v", e.Type, e.Data, e.Access))
		return nil
	}))
	return rows
}

// TestOwnExport: an export can be imported unchanged. In the same firm everybody is there already; an empty firm then has
// equal data.
func TestOwnExport(t *testing.T) {
	each(t, func(w *world) {
		hard := []string{
			`;Evä;"Ende; ""die"" Zweite";;;Köln;24.12.1980;eva@kunde.example;0171 39200001`, `;=1+1;'-Bindestrich;;;;;x@kunde.example;`,
			`R-1;Max;Bauer;'@Bauer GmbH;50667;Köln;;max@bauer.example;`, `01234;Max;Null;;;;;null@bauer.example;`,
			";\"A\nB\";Zeile;;;;;zeile@kunde.example;",
		}
		w.run(w.dora, w.check(w.dora, file(hard...)), Decision{})
		w.Exec(`UPDATE customer SET salutation = 'ms', note = ?, street = '=Straße 1', phone = '+49301234567' WHERE number = 10001`,
			"eine\nNotiz")
		n := int64(w.customersCount())
		require.EqualValues(w, len(hard), n)
		for name, c := range map[string]struct {
			table  func(io.Writer) (spreadsheet.Writer, error)
			locale string
		}{
			"csv":          {func(to io.Writer) (spreadsheet.Writer, error) { return spreadsheet.WriteCSV(to, ';') }, lang.German},
			"csv, English": {func(to io.Writer) (spreadsheet.Writer, error) { return spreadsheet.WriteCSV(to, ',') }, lang.English},
			"workbook":     {func(to io.Writer) (spreadsheet.Writer, error) { return spreadsheet.WriteWorkbook(to, "Kunden") }, lang.German},
		} {
			out := w.exported(w.dora, customer.Filter{Sort: "number"}, c.table, c.locale)
			again := w.check(w.dora, out)
			assert.Equal(w, map[Verdict]int64{There: n}, again.Counts, name)
			empty := newWorld(t, storetest.SQLite(t))
			done := empty.run(empty.dora, empty.check(empty.dora, out), Decision{})
			assert.Equal(w, map[Verdict]int64{Added: n}, done.Counts, name)
			assert.Equal(w, w.data(), empty.data(), name)
		}
	})
}

// TestExport: an export has what the filter shows, in its order, page by page, and takes the right to export. What the
// caller may not read is not in it.
func TestExport(t *testing.T) {
	each(t, func(w *world) {
		var rows []string
		for i := range 1100 {
			rows = append(rows, fmt.Sprintf(";Eva;Ende %04d;;;%s;;e%d@kunde.example;", i, []string{"Köln", "Bonn"}[i%2], i))
		}
		w.chunk = chunkRows
		w.run(w.dora, w.check(w.dora, file(rows...)), Decision{})
		names := func(f customer.Filter) (names []string) {
			w.Must(w.customers.Export(w.Ctx, w.dora, f, func(e customer.Exported) error {
				names = append(names, e.LastName)
				return nil
			}))
			return names
		}
		all := names(customer.Filter{})
		assert.Len(w, all, 1100)
		assert.Equal(w, "Ende 0000", all[0])
		assert.Equal(w, "Ende 1099", all[1099])
		assert.Equal(w, "Ende 1099", names(customer.Filter{Sort: "-name"})[0])
		assert.Len(w, names(customer.Filter{Query: "Köln"}), 550)
		assert.Len(w, names(customer.Filter{Type: customer.Company}), 0)
		err := w.customers.Export(w.Ctx, w.anna, customer.Filter{}, func(customer.Exported) error { return nil })
		assert.ErrorIs(w, err, policies.ErrForbidden)
		stop := fmt.Errorf("stop")
		assert.ErrorIs(w, w.customers.Export(w.Ctx, w.dora, customer.Filter{}, func(customer.Exported) error { return stop }), stop)

		policy, err := policies.New(strings.ReplaceAll(policies.Default, "p, specialist, *, access, *, read, allow\n", ""))
		w.Must(err)
		w.Decider.Adopt(2, policy)
		w.Must(w.customers.Export(w.Ctx, w.dora, customer.Filter{Query: "0001"}, func(e customer.Exported) error {
			assert.Empty(w, e.Access.Email, "an access that may not be read")
			return nil
		}))
	})
}
