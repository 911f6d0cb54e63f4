package authorisation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/listing"
	"kontor/app/transaction"
	"kontor/policies"
)

// said is an explanation in short: the facts, then each answer with the rule that decided.
func said(e Explanation) string {
	var parts []string
	for _, f := range e.Facts {
		part := map[policies.Relation]string{policies.Administrator: "administrator", policies.Processor: "processor of " + f.Transaction, policies.Access: "access"}[f.Relation]
		if f.By != "" {
			part += " by " + f.By
		}
		if f.For != "" {
			part += " for " + f.For
		}
		parts = append(parts, part)
	}
	for _, a := range e.Answers {
		part := fmt.Sprintf("%s %s=%v", a.Action, a.Object, a.Allowed)
		if a.Partly {
			part += " partly"
		}
		if a.Rule != nil {
			part += fmt.Sprintf(" (%s %s %s %s", a.Rule.Effect, a.Rule.Role, a.Rule.Relation, a.Rule.Kind)
			if len(a.Via) > 1 {
				part += fmt.Sprintf(" via %v", a.Via)
			}
			part += ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

// TestWhy explains what people see: A administers the customer, B processes one transaction, C has no relation to it,
// and others.
func TestWhy(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := w.invite(w.customer, "berta@kunde.example")
		w.register("berta@kunde.example")
		pending := w.invite(w.customer, "otto@kunde.example")
		dora := w.deputy(w.Specialist("Dora Deputy"), w.ben)
		off := w.Specialist("Olaf Off")
		_, err := w.AddAdministrators(w.Ctx, w.anna, w.customer, ids(off.ID))
		w.Must(err)
		w.Exec(`UPDATE account SET active = FALSE WHERE id = ?`, off.ID)
		both := "read transaction=true (allow specialist %[1]s *); process transaction=true (allow specialist %[1]s *)"
		for name, c := range map[string]struct {
			who, what uuid.UUID
			want      string
		}{
			"A, one":       {w.anna.ID, w.taxes.ID, "administrator by Anna Amt; " + fmt.Sprintf(both, "administrator")},
			"B, theirs":    {w.ben.ID, w.contract.ID, "processor of Vertrag by Anna Amt; " + fmt.Sprintf(both, "processor")},
			"B, the other": {w.ben.ID, w.taxes.ID, "read transaction=false; process transaction=false"},
			"C":            {w.clara.ID, w.contract.ID, "read transaction=false; process transaction=false"},
			"auditor":      {w.rita.ID, w.contract.ID, "read transaction=true (allow auditor * *); process transaction=false"},
			"deputy":       {dora.ID, w.contract.ID, "processor of Vertrag by Anna Amt for Ben Büro; " + fmt.Sprintf(both, "processor")},
			"deactivated":  {off.ID, w.contract.ID, "administrator by Anna Amt; read transaction=false; process transaction=false"},
			"end user":     {a.ID, w.contract.ID, "access; read transaction=true (allow end_user access *); process transaction=false"},
			"invited":      {pending.ID, w.contract.ID, "read transaction=false; process transaction=false"},
			"A, whole": {w.anna.ID, uuid.Nil, "administrator by Anna Amt; read customer=true (allow specialist * *); update customer=true (allow specialist * *); read note=true (allow specialist * *); " +
				"create note=true (allow specialist * *); " +
				"manage authorisation=true (allow specialist administrator *); " + fmt.Sprintf(both, "administrator")},
			"B, whole": {w.ben.ID, uuid.Nil, "processor of Vertrag by Anna Amt; read customer=true (allow specialist * *); update customer=true (allow specialist * *); read note=true (allow specialist * *); " +
				"create note=true (allow specialist * *); " +
				"manage authorisation=false; read transaction=false; process transaction=false"},
			"user administrator, whole": {w.uwe.ID, uuid.Nil, "read customer=true (allow specialist * * via [user_administrator specialist]); " +
				"update customer=true (allow specialist * * via [user_administrator specialist]); read note=true (allow specialist * * via [user_administrator specialist]); create note=true (allow specialist * * via [user_administrator specialist]); manage authorisation=true (allow user_administrator * *); " +
				"read transaction=false; process transaction=false"},
		} {
			e, err := w.Why(w.Ctx, w.anna, w.customer, c.who, c.what)
			w.Must(err)
			got := strings.ReplaceAll(core(e), "allow specialist * * via [specialist]", "allow specialist * *")
			if c.who == w.uwe.ID { // either of the roles is a way
				got = strings.ReplaceAll(got, "(allow specialist * *)", "(allow specialist * * via [user_administrator specialist])")
			}
			assert.Equal(t, c.want, got, "%s:\n got", name)
			assert.False(t, c.what != uuid.Nil && (e.Transaction == nil || e.Transaction.ID != c.what), "%s: %+v", name, e)
			assert.NotEmpty(t, e.Person.Name, name)
		}
		// A rule that denies overrides, also for one kind.
		w.policyIs("\np, specialist, processor, transaction, contract, process, deny\np, auditor, *, transaction, tax_return, read, deny\n")
		e, err := w.Why(w.Ctx, w.anna, w.customer, w.ben.ID, w.contract.ID)
		want := "processor of Vertrag by Anna Amt; read transaction=true (allow specialist processor *); process transaction=false (deny specialist processor contract)"
		require.NoError(t, err, "denied")
		assert.Equal(t, want, core(e), "denied")
		e, err = w.Why(w.Ctx, w.anna, w.customer, w.rita.ID, uuid.Nil)
		require.NoError(t, err, "some kinds")
		assert.Contains(t, core(e), "read transaction=false partly", "some kinds")
	})
}

// core is what said says, without the rights to the contents of one transaction.
func core(e Explanation) string {
	e.Answers = slices.DeleteFunc(slices.Clone(e.Answers), func(a Answer) bool {
		return e.Transaction != nil && (a.Object != policies.ObjectTransaction || a.Action != policies.Read && a.Action != policies.Process)
	})
	return said(e)
}

// TestWhyContents: of one transaction it is told who may do what with its contents.
func TestWhyContents(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := w.invite(w.customer, "berta@kunde.example")
		w.register("berta@kunde.example")
		for name, c := range map[string]struct {
			who  uuid.UUID
			want string // upload, answer, review, comment; read documents, read what is internal
		}{
			"an administrator": {w.anna.ID, "yyyyyy"}, "an additional processor": {w.ben.ID, "yyyyyy"}, "an end user": {a.ID, "yynyyn"},
			"an auditor": {w.rita.ID, "nnnnny"}, "nobody": {w.clara.ID, "nnnnnn"},
		} {
			e, err := w.Why(w.Ctx, w.anna, w.customer, c.who, w.contract.ID)
			require.NoError(t, err, name)
			got := ""
			for _, a := range e.Answers[2:] {
				got += map[bool]string{true: "y", false: "n"}[a.Allowed]
			}
			assert.Equal(t, c.want, got, name)
		}
	})
}

// TestWhyRefuses: what the caller may not see is not shown and does not count.
func TestWhyRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		other := w.addCustomer("Fremd")
		foreign, foreignAccess := w.transaction(other, "Fremdes", ""), w.invite(other, "fremd@kunde.example")
		for name, c := range map[string]struct {
			by        account.Caller
			who, what uuid.UUID
			want      string
		}{
			"a transaction one does not see":    {w.ben, w.ben.ID, w.taxes.ID, "not_found: transaction.not_found"},
			"another customer's transaction":    {w.anna, w.ben.ID, foreign.ID, "not_found: transaction.not_found"},
			"another customer's access":         {w.anna, foreignAccess.ID, uuid.Nil, "not_found: authorisation.unknown_person"},
			"nobody":                            {w.anna, newID(), uuid.Nil, "not_found: authorisation.unknown_person"},
			"somebody without a relation":       {w.ben, w.clara.ID, w.contract.ID, "not_found: authorisation.unknown_person"},
			"a relation that one does not see":  {w.clara, w.ben.ID, uuid.Nil, "not_found: authorisation.unknown_person"},
			"oneself":                           {w.clara, w.clara.ID, uuid.Nil, "<nil>"},
			"without a relation, by an auditor": {w.rita, w.clara.ID, w.contract.ID, "<nil>"},
			"who sees by role alone":            {w.ben, w.rita.ID, w.contract.ID, "<nil>"},
			"without signing in":                {account.Caller{}, w.anna.ID, uuid.Nil, "not_found: customer.not_found"},
		} {
			_, err := w.Why(w.Ctx, c.by, w.customer, c.who, c.what)
			assert.Equal(t, c.want, complaint(err), name)
		}
		w.addProcessor(w.contract, w.clara)
		w.addProcessor(w.taxes, w.clara)
		e, err := w.Why(w.Ctx, w.ben, w.customer, w.clara.ID, uuid.Nil)
		require.NoError(t, err, "facts about what the caller does not see")
		require.Len(t, e.Facts, 1, "facts about what the caller does not see")
		assert.Equal(t, w.contract.ID, e.Facts[0].TransactionID, "facts about what the caller does not see")
	})
}

// grid writes a matrix: a line each, "name|whole|cells", n for nothing, s sees, w works, with the sources.
func grid(m Matrix) (lines []string) {
	cell := func(c Cell) string {
		s := "nsw"[c.Level : c.Level+1]
		for _, x := range c.Sources {
			s += map[policies.Relation]string{policies.None: " role", policies.Administrator: " adm", policies.Processor: " proc", policies.Access: " acc"}[x.Relation]
			if x.For != "" {
				s += " for " + x.For
			}
		}
		return s
	}
	for _, r := range m.Rows {
		line := r.Name + "|" + cell(r.Whole)
		for _, c := range r.Cells {
			line += "|" + cell(c)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestMatrix(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.Tick(time.Minute)
		w.transaction(w.customer, "Später", "")
		w.invite(w.customer, "berta@kunde.example")
		w.register("berta@kunde.example")
		w.deputy(w.Specialist("Dora Deputy"), w.ben)
		w.deputy(w.clara, w.anna)
		want := []string{
			"Anna Amt|w adm|w adm|w adm|w adm", "Ben Büro|n|n|n|w proc", "Berta Kühn|s acc|s acc|s acc|s acc",
			"Clara Cron|w adm for Anna Amt|w adm for Anna Amt|w adm for Anna Amt|w adm for Anna Amt",
			"Dora Deputy|n|n|n|w proc for Ben Büro", "Rita Revision|s role|s role|s role|s role",
		}
		m, err := w.Matrix(w.Ctx, w.anna, w.customer, MatrixFilter{})
		w.Must(err)
		assert.Equal(t, "Später", m.Columns[0].Name, "columns")
		assert.Len(t, m.Columns, 3)
		assert.False(t, m.MoreColumns)
		assert.False(t, m.MoreByRole)
		slices.SortFunc(m.Columns[1:], func(a, b Column) int { return int(b.Number - a.Number) })
		assert.Equal(t, want, grid(m))
		m, err = w.Matrix(w.Ctx, w.anna, w.customer, MatrixFilter{Name: "büro ben", Transaction: "vertr"})
		got := grid(m)
		require.NoError(t, err, "filtered")
		assert.Equal(t, []string{"Ben Büro|n|w proc"}, got, "filtered")
		m, err = w.Matrix(w.Ctx, w.anna, w.customer, MatrixFilter{Transactions: 1, Transaction: w.taxes.Label()})
		require.NoError(t, err, "by number")
		require.Len(t, m.Columns, 1, "by number")
		assert.Equal(t, w.taxes.ID, m.Columns[0].ID, "by number")
		assert.False(t, m.MoreColumns, "by number")
		m, err = w.Matrix(w.Ctx, w.anna, w.customer, MatrixFilter{Transactions: 2})
		require.NoError(t, err, "the newest")
		assert.Len(t, m.Columns, 2, "the newest")
		assert.True(t, m.MoreColumns, "the newest")
		// Ben sees one transaction and so one column. What others have in the rest is not shown.
		m, err = w.Matrix(w.Ctx, w.ben, w.customer, MatrixFilter{})
		require.NoError(t, err, "B")
		require.Len(t, m.Columns, 1, "B")
		assert.Equal(t, w.contract.ID, m.Columns[0].ID, "B")
		// A rule that denies leaves no level and no source.
		w.policyIs("\np, specialist, processor, transaction, *, read, deny\n")
		m, err = w.Matrix(w.Ctx, w.anna, w.customer, MatrixFilter{Name: "Ben"})
		got = grid(m)
		require.NoError(t, err, "denied")
		assert.Equal(t, []string{"Ben Büro|n|n|n|n"}, got, "denied")
		w.policyIs("\np, specialist, *, transaction, contract, read, allow\n")
		m, err = w.Matrix(w.Ctx, w.anna, w.customer, MatrixFilter{Name: "Uwe", Transaction: "Vertrag"})
		got = grid(m)
		require.NoError(t, err, "everybody sees contracts")
		assert.Equal(t, []string{"Uwe User|n|s role"}, got, "everybody sees contracts")
	})
}

// TestMatrixIsDecisions: every cell equals the decision for a request of that person.
func TestMatrixIsDecisions(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.addProcessor(w.taxes, w.anna)
		people := []account.Caller{w.anna, w.ben, w.clara, w.uwe, w.rita, w.deputy(w.Specialist("Dora Deputy"), w.ben)}
		for _, policy := range []string{
			"", "\np, specialist, processor, transaction, *, process, deny\n", "\np, auditor, processor, transaction, tax_return, process, allow\n",
			"\np, specialist, *, transaction, contract, read, allow\np, auditor, *, transaction, contract, read, deny\n",
		} {
			w.policyIs(policy)
			m, err := w.Matrix(w.Ctx, w.anna, w.customer, MatrixFilter{})
			w.Must(err)
			for _, c := range people {
				for j, column := range m.Columns {
					want := Nothing
					tr, err := w.transactions.Get(w.Ctx, c, column.ID)
					if err == nil {
						want = Sees
						if ok, err := w.transactions.Allows(c, tr, policies.Process); err == nil && ok {
							want = Works
						}
					} else if complaint(err) != complaint(transaction.ErrNotFound) {
						t.Fatal(err)
					}
					got := Nothing
					if i := slices.IndexFunc(m.Rows, func(r MatrixRow) bool { return r.ID == c.ID }); i >= 0 {
						got = m.Rows[i].Cells[j].Level
					}
					assert.Equal(t, want, got, "%q: %s and %s: in the matrix, in a decision", policy, c.Name, column.Name)
				}
			}
		}
	})
}

func TestSeenBy(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		names := func(c account.Caller, id uuid.UUID) (list []string) {
			seers, _, err := w.SeenBy(w.Ctx, c, id)
			w.Must(err)
			for _, s := range seers {
				list = append(list, fmt.Sprintf("%s %d %d", s.Name, s.Level, len(s.Facts)))
			}
			return list
		}
		assert.Equal(t, []string{"Anna Amt 2 1", "Ben Büro 2 1", "Rita Revision 1 0"}, names(w.anna, w.contract.ID), "the contract")
		assert.Equal(t, []string{"Anna Amt 2 1", "Rita Revision 1 0"}, names(w.anna, w.taxes.ID), "the tax return")
		for _, c := range []account.Caller{w.clara, w.uwe, {}} {
			_, _, err := w.SeenBy(w.Ctx, c, w.contract.ID)
			assert.Equal(t, "not_found: transaction.not_found", complaint(err), c.Name)
		}
	})
}

// TestSeesOf: lists and counts contain only what the caller may see too.
func TestSeesOf(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		other := w.addCustomer("Fremd")
		w.addProcessor(w.taxes, w.ben)
		w.addProcessor(w.transaction(other, "Fremdes", ""), w.ben)
		w.deputy(w.ben, w.clara)
		r, err := w.SeesOf(w.Ctx, w.rita, w.ben.ID, SeesFilter{})
		require.NoError(t, err, "by an auditor")
		assert.Equal(t, 3, r.Processes, "by an auditor")
		assert.Equal(t, 0, r.Administers, "by an auditor")
		require.Len(t, r.Transactions, 3, "by an auditor")
		assert.Equal(t, "Fremdes", r.Transactions[2].Name, "by an auditor")
		assert.Equal(t, "Fremd, Berta", r.Transactions[2].Customer.Name, "by an auditor")
		assert.Len(t, r.StandsInFor, 1, "by an auditor")
		assert.Equal(t, Nothing, r.All, "by an auditor")
		r, err = w.SeesOf(w.Ctx, w.uwe, w.ben.ID, SeesFilter{})
		require.NoError(t, err, "by who sees none of them")
		assert.Equal(t, 0, r.Processes, "by who sees none of them")
		assert.Empty(t, r.Transactions, "by who sees none of them")
		r, err = w.SeesOf(w.Ctx, w.uwe, w.anna.ID, SeesFilter{})
		require.NoError(t, err, "customers, which everybody sees")
		assert.Equal(t, 2, r.Administers, "customers, which everybody sees")
		assert.Equal(t, "Kühn, Berta", r.Customers[0].Customer.Name, "customers, which everybody sees")
		r, err = w.SeesOf(w.Ctx, w.uwe, w.rita.ID, SeesFilter{})
		require.NoError(t, err, "an auditor sees all")
		assert.Equal(t, Sees, r.All, "an auditor sees all")
		_, err = w.SeesOf(w.Ctx, w.anna, w.ben.ID, SeesFilter{})
		assert.Equal(t, "forbidden: forbidden", complaint(err), "who may not read specialist users")
		_, err = w.SeesOf(w.Ctx, w.rita, newID(), SeesFilter{})
		assert.Equal(t, "not_found: account.unknown", complaint(err), "nobody")
		w.Must(w.db.RunInTx(w.Ctx, nil, manyOf(w, listing.PageSize+3)))
		seen := map[uuid.UUID]bool{}
		f := SeesFilter{}
		for range 5 {
			r, err := w.SeesOf(w.Ctx, w.rita, w.ben.ID, f)
			w.Must(err)
			for _, x := range r.Transactions {
				assert.False(t, seen[x.TransactionID], "a transaction comes twice")
				seen[x.TransactionID] = true
			}
			if f.Transactions = r.NextTransact; f.Transactions == "" {
				break
			}
		}
		assert.Len(t, seen, listing.PageSize+6, "on all pages")
		for _, broken := range []string{"x", "AAAA", strings.Repeat("A", 100)} {
			r, err := w.SeesOf(w.Ctx, w.rita, w.ben.ID, SeesFilter{Customers: broken, Transactions: broken})
			require.NoError(t, err, "%q", broken)
			assert.Len(t, r.Transactions, listing.PageSize, "%q", broken)
		}
	})
}

func FuzzPlace(f *testing.F) {
	f.Add(place{newID(), newID()}.String())
	f.Add("000000000000000\r0000000000000000000000000000")
	f.Fuzz(func(t *testing.T, s string) {
		if p := readPlace(s); p != (place{}) && p.String() != s {
			t.Errorf("%q is read as %v, which is written %q", s, p, p.String())
		}
	})
}
