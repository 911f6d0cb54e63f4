package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

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
		if said == id {
			t.Errorf("%s has no words", id)
		}
		return said
	}
	added := b.send("/customers", customerForm(typ, 0, "type", string(typ), "email", "new@kunde.example")...)
	if added.StatusCode != http.StatusSeeOther {
		t.Fatalf("added: %d %s", added.StatusCode, added.text())
	}
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
		if got := choice.Find("legend").Text(); got != label(f) {
			t.Errorf("%s is among the conflicts as %q", f.Name, got)
		}
		var values []string
		choice.Find(".value").Each(func(_ int, v *goquery.Selection) { values = append(values, v.Text()) })
		if want := []string{old, now}; !slices.Equal(values, want) {
			t.Errorf("of %s %q are to be chosen from, want %q", f.Name, values, want)
		}
	}

	w.publish(readOnly)
	facts := b.get(path + "/data").doc(t).Find("main dl.facts")
	var got, want []string
	facts.Find("dt, dd").Each(func(_ int, s *goquery.Selection) { got = append(got, s.Text()) })
	for _, f := range customer.FieldsOf(typ) {
		want = append(want, label(f), words.InWords(f.Name, fieldValue(f, 1)))
	}
	if !slices.Equal(got, want) {
		t.Errorf("who may only read finds %q, want %q", got, want)
	}
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
			if n := in.Find("option").Length(); n < 2 {
				t.Errorf("%s has %d options", f.Name, n)
			}
		case customer.Lines:
			kind = element
		}
		if kinds := map[customer.Kind]string{
			customer.Line: "text", customer.Lines: "textarea", customer.Choice: "select", customer.Day: "date", customer.Telephone: "tel",
		}; kind != kinds[f.Kind] {
			t.Errorf("%s is a %s, want %s", f.Name, kind, kinds[f.Kind])
		}
		if stored := fieldValue(f, 0); value != stored {
			t.Errorf("%s holds %q, want %q", f.Name, value, stored)
		}
		if f.Kind == customer.Line || f.Kind == customer.Lines || f.Kind == customer.Telephone {
			if got := in.AttrOr("maxlength", ""); got != strconv.Itoa(f.Max) {
				t.Errorf("%s takes %q characters, want %d", f.Name, got, f.Max)
			}
		}
		if _, must := in.Attr("required"); must != f.Required {
			t.Errorf("%s is mandatory: %v, want %v", f.Name, must, f.Required)
		}
		said := strings.Fields(strings.TrimSuffix(doc.Find(`label[for="f-`+f.Name+`"]`).Text(), "*"))
		if !slices.Equal(said, strings.Fields(label(f))) {
			t.Errorf("%s is called %q", f.Name, said)
		}
	}
	if !slices.Equal(order, want) {
		t.Errorf("the form has %v, want %v", order, want)
	}
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
		if got := shown(t, a); !sameForm(got.form, form) {
			t.Errorf("the page has %v, want %v", got.form, form)
		}
		for _, f := range customer.FieldsOf(typ) {
			if seen := a.doc(t).Find("#f-"+f.Name).Length() == 1; seen != (f.Kind != customer.Choice) {
				t.Errorf("%s is seen: %v", f.Name, seen)
			}
		}
	}
}
