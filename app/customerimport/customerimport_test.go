package customerimport

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/charmap"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/job"
	"kontor/app/spreadsheet"
	"kontor/policies"
)

// The rows of most tests.
const (
	eva   = "1;Eva;Ende;;50667;Köln;24.12.1980;eva@kunde.example;0171 39200001"
	bauer = ";Max;Bauer;Bauer GmbH;50667;Köln;;max@bauer.example;"
	jörg  = ";Jörg;Müßig;;80331;München;;joerg@kunde.example;"
)

// TestVerdicts: each row gets its verdict, and a broken row in the middle costs only itself. Nothing is added by a check.
func TestVerdicts(t *testing.T) {
	each(t, func(w *world) {
		first := w.run(w.dora, w.check(w.dora, file(eva, bauer)), Decision{})
		assert.Equal(w, map[Verdict]int64{Added: 2}, first.Counts)

		imp := w.check(w.dora, file(
			jörg,
			"1;Evi;Anders;;;;;evi@kunde.example;", // the reference is there
			";Max;Bauer;Bauer GmbH;50667;Köln;;MAX@bauer.example;",     // the same type, name and address
			"7;Otto;Ohne;;;;;otto;12",                                  // two mistakes
			";;;;;;;;",                                                 // empty
			";Max;\"Broken;;;;;x@y.example;",                           // a quotation mark
			";Jörg;Müßig;;;;;joerg@kunde.example;",                     // as above
			";Eva;Ende;;;;24.12.1980;eva@anderswo.example;",            // name and day of birth of a customer
			";Anna;Berg;;;;;anna.berg@kanzlei.example;",                // the address of a specialist user
			"BEISPIEL-EXAMPLE-1;Erika;M;;;;;erika@example.org;",        // the example
			"8;Vera;Vorn;Vorn AG;1;Bonn;31.02.1980;vera@vorn.example;", // a company has no day of birth; its postal code
			"9;;;;;;3/4/1980;;",
			strings.Repeat(";", 300)+"x",
		))
		assert.Equal(w, Checked, imp.State)
		assert.Equal(w, []string{
			"2 good", "3 there K-10001", "4 there K-10002", "5 wrong email email.malformed mobile mobile.malformed",
			"7 wrong import.row_quotes", "8 repeated 2", "9 duplicate K-10001", "10 waits", "11 example", "12 wrong postal_code postal_code.malformed",
			"13 wrong first_name required last_name required date_of_birth date.malformed email required", "14 wrong import.row_columns",
		}, w.said(w.dora, imp.ID))
		assert.Equal(w, map[Verdict]int64{Good: 1, There: 2, Wrong: 5, Repeated: 1, Duplicate: 1, Waits: 1, Example: 1}, imp.Counts)
		assert.Equal(w, 2, w.customersCount(), "a check adds nothing")

		done := w.run(w.dora, imp, Decision{})
		assert.Equal(w, Done, done.State)
		assert.Equal(w, map[Verdict]int64{Added: 1, Waits: 1, There: 2, Wrong: 5, Repeated: 1, Duplicate: 1, Example: 1}, done.Counts)
		assert.Equal(w, 4, w.customersCount())
		assert.Zero(w, w.messages(), "nobody is mailed unasked")
		assert.Equal(w, 1, w.Number("SELECT count(*) FROM approval WHERE kind = 'access' AND state = 'waiting'"), "what waits")
		corrected, err := w.customers.CorrectAccessSummaries(w.Ctx)
		w.Must(err)
		assert.Zero(w, corrected, "rows sum up their accesses")

		page, err := w.Audit.Page(w.Ctx, audit.Filter{})
		w.Must(err)
		assert.Equal(w, audit.CustomersImported, page.Entries[0].Action)
		assert.EqualValues(w, 1, page.Entries[0].Counts()["added"])
		assert.Equal(w, 4, w.Number("SELECT count(*) FROM audit WHERE action = ? AND actor_id = ?", audit.CustomerCreated, w.dora.ID))
		assert.Equal(w, 4, w.Number("SELECT count(*) FROM customer_administrator WHERE specialist_id = ?", w.dora.ID), "who imports is administrator")
	})
}

// TestEqualToForm: an imported customer equals one that was added with the form.
func TestEqualToForm(t *testing.T) {
	each(t, func(w *world) {
		w.run(w.dora, w.check(w.dora, file(eva)), Decision{Invite: true})
		d := customer.Draft{Type: customer.Person, Data: customer.Data{
			Reference: "2", FirstName: "Eva", LastName: "Ende", PostalCode: "50667", City: "Köln", DateOfBirth: "1980-12-24", Locale: "de",
		}}
		_, _, err := w.accesses.AddCustomer(w.Ctx, w.dora, d, "eva@kunde.example", "0171 39200001")
		w.Must(err)
		for _, q := range []string{
			`SELECT count(DISTINCT type || first_name || last_name || date_of_birth || street || postal_code || city || country || locale || name_sort || identity) FROM customer`,
			`SELECT count(DISTINCT replace(replace(search, 'k10001', ''), 'k10002', '')) FROM customer`,
			`SELECT count(DISTINCT access_worst || access_count || access_registered) FROM customer`,
			`SELECT count(DISTINCT first_name || last_name || email || email_folded || mobile || locale || generation || version) FROM access`,
			`SELECT count(DISTINCT kind) - 1 FROM message WHERE access_id IS NOT NULL`,
		} {
			assert.Equal(w, 1, w.Number(q), q)
		}
		assert.Equal(w, 4, w.messages(), "a mail and an SMS each")
	})
}

// TestInvitations: people are invited only if asked, at Pace, and their links are valid as long as those of others. Those
// who were not can be invited later.
func TestInvitations(t *testing.T) {
	each(t, func(w *world) {
		w.run(w.dora, w.check(w.dora, file(eva)), Decision{})
		assert.Zero(w, w.messages())
		var cu, id = w.one("SELECT customer_id FROM access"), w.one("SELECT id FROM access")
		row, err := w.accesses.Get(w.Ctx, w.dora, cu, id)
		w.Must(err)
		assert.Equal(w, customer.NotInvited, row.Status)
		sum, err := w.customers.Accesses(w.Ctx, cu)
		w.Must(err)
		assert.Equal(w, customer.NotInvited, sum.Worst)
		assert.Zero(w, w.Number("SELECT count(*) FROM customer WHERE attention_at IS NOT NULL"), "nothing needs attention")
		w.Must(w.accesses.Resend(w.Ctx, w.dora, cu, id))
		row, err = w.accesses.Get(w.Ctx, w.dora, cu, id)
		w.Must(err)
		assert.Equal(w, customer.Invited, row.Status)
		assert.Equal(w, 2, w.messages())

		rows := make([]string, 5)
		for i := range rows {
			rows[i] = ";A;" + string(rune('A'+i)) + ";;;;;" + string(rune('a'+i)) + "@pace.example;"
		}
		w.run(w.dora, w.check(w.dora, file(rows...)), Decision{Invite: true})
		var at []time.Time
		w.Must(w.DB.NewRaw(`SELECT relay_at FROM message WHERE recipient LIKE '%@pace.example' ORDER BY relay_at`).Scan(w.Ctx, &at))
		require.Len(w, at, 5)
		for i := range at {
			assert.Equal(w, time.Duration(i)*time.Minute/Pace, at[i].Sub(w.Now()), "the message %d", i)
		}
		assert.Zero(w, w.Number("SELECT count(*) FROM message AS m JOIN access AS a ON a.id = m.access_id WHERE m.expires_at <> a.link_expires_at"))
	})
}

// TestTwice: the same file twice adds nobody, whether one after the other or at once.
func TestTwice(t *testing.T) {
	each(t, func(w *world) {
		f := file(eva, bauer, jörg, "2;Otto;Ohne;;;;;otto@kunde.example;")
		one, two := w.check(w.dora, f), w.check(w.uta, f)
		w.Must(w.Start(w.Ctx, w.dora, one.ID, Decision{}))
		w.Must(w.Start(w.Ctx, w.uta, two.ID, Decision{}))
		var both sync.WaitGroup
		for _, imp := range []Import{one, two} {
			both.Go(func() { assert.NoError(w, w.work(job.ImportRun, imp.ID)) })
		}
		both.Wait()
		one, err := w.Get(w.Ctx, w.dora, one.ID)
		w.Must(err)
		two, err = w.Get(w.Ctx, w.uta, two.ID)
		w.Must(err)
		assert.EqualValues(w, 4, one.Counts[Added]+two.Counts[Added], "one wins")
		assert.EqualValues(w, 4, one.Counts[There]+two.Counts[There], "the other says that they are there")
		assert.Equal(w, 4, w.customersCount())

		again := w.check(w.dora, f)
		assert.Equal(w, map[Verdict]int64{There: 4}, again.Counts)
		assert.ErrorIs(w, w.Start(w.Ctx, w.dora, again.ID, Decision{}), ErrNothing)
	})
}

// TestKilled: a worker that dies between two chunks, or within one, leaves nothing half-done, and nobody is added twice.
func TestKilled(t *testing.T) {
	each(t, func(w *world) {
		rows := make([]string, 10)
		for i := range rows {
			rows[i] = ";A;" + string(rune('A'+i)) + ";;;;;" + string(rune('a'+i)) + "@kunde.example;"
		}
		imp := w.check(w.dora, file(rows...))
		w.Must(w.Start(w.Ctx, w.dora, imp.ID, Decision{}))
		killed := errors.New("killed")
		w.step = func() error { return killed }
		for n := 3; n <= 9; n += 3 {
			require.ErrorIs(w, w.work(job.ImportRun, imp.ID), killed)
			assert.Equal(w, n, w.customersCount())
			assert.Equal(w, n, w.Number("SELECT count(*) FROM access"))
			w.Tick(time.Hour)
		}
		w.step = func() error { return nil }
		w.Must(w.work(job.ImportRun, imp.ID))
		assert.Equal(w, 10, w.customersCount())
		imp, err := w.Get(w.Ctx, w.dora, imp.ID)
		w.Must(err)
		assert.Equal(w, map[Verdict]int64{Added: 10}, imp.Counts)
	})
}

// TestPanicAhead: a panic while rows are read ahead is an error of the job, not the end of the process.
func TestPanicAhead(t *testing.T) {
	next := <-(&Service{}).prepare(t.Context(), account.Caller{}, record{Chunks: 1})
	assert.ErrorContains(t, next.err, "panic")
}

// TestCheckGoesOn: a check that goes on in another process knows the rows above.
func TestCheckGoesOn(t *testing.T) {
	each(t, func(w *world) {
		rows := []string{}
		for i := range 4 * 3 * checkChunks {
			rows = append(rows, ";A;B;;;;;a"+strings.Repeat("x", i%7)+"@kunde.example;")
		}
		id := w.upload(w.dora, file(rows...))
		imp, err := w.Get(w.Ctx, w.dora, id)
		w.Must(err)
		w.Must(w.Check(w.Ctx, w.dora, id, chosen(imp.Columns)))
		j, err := w.Jobs.Of(w.Ctx, job.ImportCheck, id)
		w.Must(err)
		for {
			p, err := w.checkStep(w.Ctx, j)
			w.Must(err)
			w.seen.forget(id)
			if p.Finished {
				break
			}
		}
		imp, err = w.Get(w.Ctx, w.dora, id)
		w.Must(err)
		assert.Equal(w, map[Verdict]int64{Good: 7, Repeated: int64(len(rows) - 7)}, imp.Counts)
	})
}

// TestCancel: an import that was given up adds no more, what was added stays, and its rows are erased.
func TestCancel(t *testing.T) {
	each(t, func(w *world) {
		imp := w.check(w.dora, file(eva, bauer, jörg, ";Otto;Ohne;;;;;otto@kunde.example;"))
		w.Must(w.Start(w.Ctx, w.dora, imp.ID, Decision{}))
		w.step = func() error { return errors.New("stop") }
		require.Error(w, w.work(job.ImportRun, imp.ID))
		w.Must(w.Cancel(w.Ctx, w.dora, imp.ID))
		w.Must(w.work(job.ImportRun, imp.ID))
		imp, err := w.Get(w.Ctx, w.dora, imp.ID)
		w.Must(err)
		assert.Equal(w, Cancelled, imp.State)
		assert.Equal(w, map[Verdict]int64{Added: 3}, imp.Counts)
		assert.Equal(w, 3, w.customersCount())
		assert.Zero(w, w.Number("SELECT count(*) FROM customer_import_chunk"))
		assert.ErrorIs(w, w.Cancel(w.Ctx, w.dora, imp.ID), ErrState)
		assert.True(w, imp.Erased)
	})
}

// TestErased: what stood in a file is in no table in clear, and is erased with the import's end, or after a day.
func TestErased(t *testing.T) {
	each(t, func(w *world) {
		id := w.upload(w.dora, file(eva))
		var stored string
		for _, q := range []string{`SELECT cells FROM customer_import_chunk`, `SELECT columns FROM customer_import`} {
			var sealed []byte
			w.Must(w.DB.NewRaw(q).Scan(w.Ctx, &sealed))
			require.NotEmpty(w, sealed)
			stored += string(sealed)
		}
		assert.NotContains(w, stored, "Ende")
		assert.NotContains(w, stored, "Nachname")
		w.Tick(Life - time.Second)
		w.Must(w.Erase(w.Ctx))
		assert.Equal(w, 1, w.Number("SELECT count(*) FROM customer_import_chunk"))
		w.Tick(time.Second)
		w.Must(w.Erase(w.Ctx))
		assert.Zero(w, w.Number("SELECT count(*) FROM customer_import_chunk"))
		imp, err := w.Get(w.Ctx, w.dora, id)
		w.Must(err)
		assert.Equal(w, Cancelled, imp.State)
		assert.Empty(w, imp.Columns)

		done := w.run(w.dora, w.check(w.dora, file(eva)), Decision{})
		assert.Zero(w, w.Number("SELECT count(*) FROM customer_import_chunk WHERE cells IS NOT NULL"), "erased with the end")
		assert.Equal(w, []string{"2 added K-10001"}, w.said(w.dora, done.ID), "the verdicts stay")
		w.Tick(Life)
		w.Must(w.Erase(w.Ctx))
		done, err = w.Get(w.Ctx, w.dora, done.ID)
		w.Must(err)
		assert.Equal(w, Done, done.State)
		assert.Equal(w, map[Verdict]int64{Added: 1}, done.Counts, "the import remains")

		w.upload(w.dora, file(eva))
		w.upload(w.dora, file(bauer))
		assert.Equal(w, 1, w.Number("SELECT count(*) FROM customer_import_chunk"), "a new file takes the place of one that waits")
	})
}

// TestBadFiles: what can't be imported is refused with what is wrong, and leaves nothing.
func TestBadFiles(t *testing.T) {
	each(t, func(w *world) {
		for name, c := range map[string]struct {
			file []byte
			want error
		}{
			"empty":        {nil, ErrEmpty},
			"only headers": {file(), ErrEmpty},
			"blank lines":  {[]byte("\n\n;;\n"), ErrEmpty},
			"300 columns":  {[]byte(strings.Repeat("a;", 300) + "b\n1"), spreadsheet.ErrColumns},
			"broken":       {[]byte("Vorname;\"Nachname\nEva;Ende"), ErrHeaders},
			"an image":     {[]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\x01"), spreadsheet.ErrText},
			"a bad zip":    {[]byte("PK\x03\x04 and so on"), spreadsheet.ErrBroken},
		} {
			_, err := w.Upload(w.Ctx, w.dora, c.file)
			require.ErrorIs(w, err, c.want, name)
		}
		assert.Zero(w, w.Number("SELECT count(*) FROM customer_import"))
		assert.Zero(w, w.Number("SELECT count(*) FROM customer_import_chunk"))
	})
}

// TestEncodings: the same rows are read from CSV in any encoding, with mixed line ends, and from a workbook.
func TestEncodings(t *testing.T) {
	each(t, func(w *world) {
		windows, err := charmap.Windows1252.NewEncoder().Bytes(file(jörg, bauer))
		w.Must(err)
		for name, f := range map[string][]byte{
			"UTF-8":        file(jörg, bauer),
			"BOM":          append([]byte("\xef\xbb\xbf"), file(jörg, bauer)...),
			"Windows-1252": windows,
			"line ends":    []byte(strings.Replace(strings.Replace(string(file(jörg, bauer)), "\r\n", "\r", 1), "\r\n", "\n", 1)),
			"workbook":     workbook(w, cellsOf(w, file(jörg, bauer))),
		} {
			imp := w.check(w.dora, f)
			assert.Equal(w, map[Verdict]int64{Good: 2}, imp.Counts, name)
			page, err := w.Verdicts(w.Ctx, w.dora, imp.ID, "", 0)
			w.Must(err)
			assert.Equal(w, "Jörg Müßig", page.Lines[0].Name, name)
			assert.Equal(w, "Bauer GmbH", page.Lines[1].Name, name)
		}
	})
}

// TestFormulas: what a spreadsheet would run is stored as it was typed.
func TestFormulas(t *testing.T) {
	each(t, func(w *world) {
		w.run(w.dora, w.check(w.dora, file(`;=1+1;'@SUM(A1);;;-3;;x@kunde.example;'+49 171 39200001`)), Decision{})
		var got struct{ FirstName, LastName, City string }
		w.Must(w.DB.NewRaw("SELECT first_name, last_name, city FROM customer").Scan(w.Ctx, &got))
		assert.Equal(w, struct{ FirstName, LastName, City string }{"=1+1", "@SUM(A1)", "-3"}, got)
		assert.Equal(w, 1, w.Number("SELECT count(*) FROM access WHERE mobile = '+4917139200001'"))
	})
}

// TestWhoMay: it takes the right to import, and an import is its importer's. Who loses the right stops.
func TestWhoMay(t *testing.T) {
	each(t, func(w *world) {
		_, err := w.Upload(w.Ctx, w.anna, file(eva))
		w.Want("upload", err, policies.ErrForbidden)
		imp := w.check(w.dora, file(eva))
		for _, c := range []struct {
			who  account.Caller
			want error
		}{{w.anna, policies.ErrForbidden}, {w.uta, ErrNotFound}} {
			_, err := w.Get(w.Ctx, c.who, imp.ID)
			w.Want("get", err, c.want)
			_, err = w.Verdicts(w.Ctx, c.who, imp.ID, "", 0)
			w.Want("verdicts", err, c.want)
			w.Want("check", w.Check(w.Ctx, c.who, imp.ID, nil), c.want)
			w.Want("again", w.Again(w.Ctx, c.who, imp.ID), c.want)
			w.Want("start", w.Start(w.Ctx, c.who, imp.ID, Decision{}), c.want)
			w.Want("cancel", w.Cancel(w.Ctx, c.who, imp.ID), c.want)
			w.Want("each", w.Each(w.Ctx, c.who, imp.ID, nil), c.want)
		}
		w.Must(w.Start(w.Ctx, w.dora, imp.ID, Decision{}))
		w.Exec("DELETE FROM account_role WHERE account_id = ? AND role = ?", w.dora.ID, policies.DataAdministrator)
		w.Must(w.work(job.ImportRun, imp.ID))
		assert.Zero(w, w.customersCount())
		assert.Equal(w, 1, w.Number("SELECT count(*) FROM customer_import WHERE state = ?", Cancelled))
	})
}

// TestStates: what doesn't fit the state of an import is refused.
func TestStates(t *testing.T) {
	each(t, func(w *world) {
		id := w.upload(w.dora, file(eva))
		w.Want("start", w.Start(w.Ctx, w.dora, id, Decision{}), ErrState)
		w.Want("again", w.Again(w.Ctx, w.dora, id), ErrState)
		imp := w.check(w.dora, file(eva))
		w.Must(w.Again(w.Ctx, w.dora, imp.ID))
		w.Must(w.Check(w.Ctx, w.dora, imp.ID, chosen(imp.Columns)))
		w.Want("check", w.Check(w.Ctx, w.dora, imp.ID, chosen(imp.Columns)), ErrState)
		w.Must(w.work(job.ImportCheck, imp.ID))
		imp = w.run(w.dora, imp, Decision{})
		w.Want("start", w.Start(w.Ctx, w.dora, imp.ID, Decision{}), ErrState)
		w.Want("cancel", w.Cancel(w.Ctx, w.dora, imp.ID), ErrState)
	})
}

// TestMapping: headers in both languages are known, and a mapping must be complete.
func TestMapping(t *testing.T) {
	for _, f := range fields {
		for locale, header := range f.headers {
			got := guess([]string{header})[0].Field
			if want := f.Name; f.ours {
				assert.Empty(t, got, header)
			} else {
				assert.Equal(t, want, got, "%s: %s", locale, header)
			}
		}
	}
	for header, want := range map[string]string{
		"VORNAME ": "first_name", "E-mail": "email", "strasse": "street", "Straße": "street", "last_name": "last_name", "Mobile Phone": "mobile",
		"Lieblingsfarbe": "", "": "", "Geb.": "date_of_birth",
	} {
		assert.Equal(t, want, guess([]string{header})[0].Field, header)
	}
	columns := guess([]string{"Vorname", "Nachname", "Name", "Mail"})
	assert.Equal(t, []string{"first_name", "last_name", "", "email"}, chosen(columns), "the first of two")
	for _, c := range []struct {
		chosen []string
		want   *fault.Error
	}{
		{[]string{"first_name", "last_name", "", "email"}, nil},
		{[]string{"first_name", "last_name", "last_name", "email"}, fault.At("columns", "import.twice")},
		{[]string{"first_name", "last_name", "", "number"}, fault.At("columns", "import.required")},
		{nil, fault.At("columns", "import.required")},
	} {
		_, err := mapped(columns, c.chosen)
		if c.want == nil {
			assert.NoError(t, err)
		} else {
			assert.ErrorIs(t, err, c.want, "%v", c.chosen)
		}
	}
	for _, f := range customer.Fields() {
		_, known := byHeader[normal(f.Name)]
		assert.True(t, known, "the field %s has no column", f.Name)
	}
}

// TestWords: words of people become what is stored, and what is not sure stays.
func TestWords(t *testing.T) {
	r := reader{guess([]string{"Typ", "Land", "Sprache", "Geburtsdatum", "Firma"})}
	for _, c := range []struct {
		cells                          []string
		kind                           customer.Type
		country, locale, birth, compla string
	}{
		{[]string{"Privatperson", "Österreich", "Englisch", "1.2.1980"}, customer.Person, "AT", "en", "1980-02-01", ""},
		{[]string{"Company", "germany", "DE", "1980-02-01 00:00:00", "X"}, customer.Company, "DE", "de", "1980-02-01", ""},
		{[]string{"", "fr", "", "3/4/1980", "X"}, customer.Company, "fr", "", "3/4/1980", ""},
		{[]string{"", "", "", "", " "}, customer.Person, "", "", "", ""},
		{[]string{"Verein", "", "", "", ""}, "verein", "", "", "", ""},
		{[]string{"Person", "", "", "", "X"}, customer.Person, "", "", "", "company_name"},
	} {
		got := r.read(c.cells)
		complaint := ""
		if len(got.complaints) > 0 {
			complaint = got.complaints[0].Field
		}
		assert.Equal(t, []string{string(c.kind), c.country, c.locale, c.birth, c.compla},
			[]string{string(got.draft.Type), got.draft.Data.Country, got.draft.Data.Locale, got.draft.Data.DateOfBirth, complaint}, "%v", c.cells)
	}
}

// TestTemplate: the template can be uploaded as it is, and says that its rows are examples.
func TestTemplate(t *testing.T) {
	each(t, func(w *world) {
		for _, locale := range []string{"de", "en"} {
			rows := Template(locale, map[customer.Type]string{customer.Person: "Person", customer.Company: "Company"})
			imp := w.check(w.dora, workbook(w, rows))
			assert.Equal(w, map[Verdict]int64{Example: 2}, imp.Counts)
			for _, c := range imp.Columns {
				assert.NotEmpty(w, c.Field, c.Header)
			}
		}
	})
}

// TestPages: a page shows the rows of a verdict in their order, whatever chunks they are in.
func TestPages(t *testing.T) {
	each(t, func(w *world) {
		var rows []string
		for i := range 130 {
			mail := "mail"
			if i%2 == 0 {
				mail = fmt.Sprintf("a%d@b.example", i)
			}
			rows = append(rows, ";A;B;;;;;"+mail+";")
		}
		imp := w.check(w.dora, file(rows...))
		for _, c := range []struct {
			only              Verdict
			from              int64
			lines, first, end int
			total             int64
			more              bool
		}{
			{"", 0, 50, 2, 51, 130, true}, {"", 100, 30, 102, 131, 130, false}, {Wrong, 0, 50, 3, 101, 65, true}, {Wrong, 50, 15, 103, 131, 65, false},
			{Good, 50, 15, 102, 130, 65, false}, {There, 0, 0, 0, 0, 0, false},
		} {
			p, err := w.Verdicts(w.Ctx, w.dora, imp.ID, c.only, c.from)
			w.Must(err)
			assert.Equal(w, c.total, p.Total, "%+v", c)
			require.Len(w, p.Lines, c.lines, "%+v", c)
			assert.Equal(w, c.more, p.More, "%+v", c)
			if c.first > 0 {
				assert.Equal(w, c.first, p.Lines[0].Row, "%+v", c)
			}
			if c.end > 0 {
				assert.Equal(w, c.end, p.Lines[len(p.Lines)-1].Row, "%+v", c)
			}
		}
	})
}
