package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/customer"
	"kontor/app/internal/web/kit"
	"kontor/app/lang"
)

// customerFields are the names of all fields of a customer.
func customerFields() (names []string) {
	for _, f := range customer.Fields() {
		names = append(names, f.Name)
	}
	return names
}

// takes are two values of each field that does not take just any text.
var takes = map[string][2]string{
	"vat_id": {"DE136695976", "ATU13585627"}, "salutation": {"ms", "mr"}, "date_of_birth": {"1964-08-12", "1970-01-02"},
	"postal_code": {"50667", "75001"}, "country": {"DE", "FR"}, "phone": {"+49 221 1234567", "+33 1 42685300"}, "locale": {"de", "en"},
}

// fieldValue is the first or second value of a field.
func fieldValue(f customer.Field, n int) string {
	if values, there := takes[f.Name]; there {
		return values[n]
	}
	return fmt.Sprintf("%s %d", f.Name, n)
}

// customerForm is a form in which each field of a type is filled in.
func customerForm(t customer.Type, n int, more ...string) (pairs []string) {
	for _, f := range customer.FieldsOf(t) {
		pairs = append(pairs, f.Name, fieldValue(f, n))
	}
	return append(pairs, more...)
}

// TestCustomerFields: each field of a customer has its texts in both languages. It is in the form, on the read-only page,
// in conflicts and in the log, and not in the form of the other type.
func TestCustomerFields(t *testing.T) {
	for _, typ := range customer.Types {
		for _, locale := range lang.All {
			t.Run(string(typ)+" "+locale, func(t *testing.T) { checkFields(t, typ, locale) })
		}
	}
}

func checkFields(t *testing.T, typ customer.Type, locale string) {
	w := newWorld(t)
	b := w.signedIn()
	b.language = locale
	words := w.TextsIn(locale)
	label := func(f customer.Field) string {
		id := "field." + f.Name
		said := words.Say(id)
		assert.NotEqual(t, id, said, "has no words")
		return said
	}
	added := b.send("/customers", customerForm(typ, 0, "type", string(typ), "email", "new@kunde.example")...)
	require.Equal(t, http.StatusSeeOther, added.StatusCode, "added: %s", added.text())
	path := strings.TrimSuffix(added.Header.Get("Location"), "/authorisations")

	form := b.get(path + "/data")
	form.want(t, http.StatusOK)
	checkInputs(t, form.doc(t), typ, label)

	changed := b.send(path+"/data", customerForm(typ, 1, "version", "1")...)
	changed.goesTo(t, path+"/data")
	log, late := b.get(path+"/log"), b.send(path+"/data", customerForm(typ, 0, "version", "1")...)
	late.want(t, http.StatusConflict)
	conflicts := late.doc(t)
	for _, f := range customer.FieldsOf(typ) {
		old, now := words.InWords(f.Name, fieldValue(f, 0)), words.InWords(f.Name, fieldValue(f, 1))
		log.want(t, http.StatusOK, label(f)+": "+old+" → "+now)
		choice := conflicts.Find(".conflicts #keep-" + f.Name)
		assert.Equal(t, label(f), choice.Find("legend").Text(), "is among the conflicts as")
		var values []string
		choice.Find(".value").Each(func(_ int, v *goquery.Selection) { values = append(values, v.Text()) })
		want := []string{old, now}
		assert.Equal(t, want, values, "of %s %q are to be chosen from", f.Name, values)
	}

	w.publish(readOnly)
	facts := b.get(path + "/data").doc(t).Find("main dl.facts")
	var got, want []string
	facts.Find("dt, dd").Each(func(_ int, s *goquery.Selection) { got = append(got, s.Text()) })
	for _, f := range customer.FieldsOf(typ) {
		want = append(want, label(f), words.InWords(f.Name, fieldValue(f, 1)))
	}
	assert.Equal(t, want, got, "who may only read finds")
}

// checkInputs compares a form, in which the first values are stored, with the table.
func checkInputs(t *testing.T, doc *goquery.Document, typ customer.Type, label func(customer.Field) string) {
	t.Helper()
	var order []string
	doc.Find("form .fields [name]").Each(func(_ int, s *goquery.Selection) { order = append(order, s.AttrOr("name", "")) })
	var want []string
	for _, f := range customer.FormOf(typ) {
		want = append(want, f.Name)
		in := doc.Find("#f-" + f.Name)
		element, kind, value := goquery.NodeName(in), in.AttrOr("type", ""), in.AttrOr("value", in.Text())
		switch f.Kind {
		case customer.Choice:
			kind, value = element, in.Find("[selected]").AttrOr("value", "")
			n := in.Find("option").Length()
			assert.GreaterOrEqual(t, n, 2, "%s has %d options", f.Name, n)
		case customer.Lines:
			kind = element
		}
		kinds := map[customer.Kind]string{
			customer.Line: "text", customer.Lines: "textarea", customer.Choice: "select", customer.Day: "date", customer.Telephone: "tel",
		}
		assert.Equal(t, kinds[f.Kind], kind, "the kind of element")
		assert.Equal(t, fieldValue(f, 0), value, "%s holds", f.Name)
		if f.Kind == customer.Line || f.Kind == customer.Lines || f.Kind == customer.Telephone {
			got := in.AttrOr("maxlength", "")
			assert.Equal(t, strconv.Itoa(f.Max), got, "%s takes %q characters", f.Name, got)
		}
		if _, must := in.Attr("required"); must != f.Required {
			t.Errorf("%s is mandatory: %v, want %v", f.Name, must, f.Required)
		}
		said := strings.Fields(strings.TrimSuffix(doc.Find(`label[for="f-`+f.Name+`"]`).Text(), "*"))
		assert.Equal(t, strings.Fields(label(f)), said, "is called")
	}
	assert.Equal(t, want, order, "the form has")
}

// TestCustomerFieldsAgain: the page that says that nothing could be saved shows the typed values of all fields of a
// customer.
func TestCustomerFieldsAgain(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	token := b.token()
	w.DB.SetMaxOpenConns(1)
	exec(t, w.DB, "PRAGMA query_only = 1")
	defer exec(t, w.DB, "PRAGMA query_only = 0")
	for _, typ := range customer.Types {
		form := url.Values{kit.CSRFField: {token}, "type": {string(typ)}, "email": {"new@kunde.example"}}
		for _, f := range customer.FieldsOf(typ) {
			form.Set(f.Name, fieldValue(f, 0))
		}
		a := b.do(http.MethodPost, "/customers", form)
		a.want(t, http.StatusServiceUnavailable)
		got := shown(t, a)
		assert.True(t, sameForm(got.form, form), "the page has %v, want %v", got.form, form)
		for _, f := range customer.FieldsOf(typ) {
			seen := a.doc(t).Find("#f-"+f.Name).Length() == 1
			assert.Equal(t, f.Kind != customer.Choice, seen)
		}
	}
}
