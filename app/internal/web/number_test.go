package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestNumberIsRead: a form says how it has understood a telephone number in the chosen country, or what is wrong with it,
// in both languages. It says nothing for an empty field, and an incomplete number is no mistake while somebody types.
func TestNumberIsRead(t *testing.T) {
	w := newWorld(t)
	w.exec("UPDATE customer SET country = 'CH' WHERE id = ?", w.customer)
	of := w.path()
	for _, c := range []struct {
		language, path string
		typed          []string
		status         int
		want           string
	}{
		{"en", "/customers/numbers", []string{"mobile", "079 123 45 67", "country", "CH"}, http.StatusOK, "Will be used as +41 79 123 45 67 (Switzerland)"},
		{"de", "/customers/numbers", []string{"mobile", "079 123 45 67", "country", "CH"}, http.StatusOK, "Wird als +41 79 123 45 67 (Schweiz) verwendet"},
		{"en", "/customers/numbers", []string{"mobile", "0664 1234567", "country", "AT"}, http.StatusOK, "Will be used as +43 664 1234567 (Austria)"},
		{"en", "/customers/numbers", []string{"mobile", "151 1234 5678", "country", "CN"}, http.StatusOK, "Will be used as +86 151 1234 5678 (China)"},
		{"en", "/customers/numbers", []string{"mobile", "+43 664 1234567", "country", "DE"}, http.StatusOK, "Will be used as +43 664 1234567 (Austria)"},
		{"en", "/customers/numbers", []string{"phone", "040\u00a0/ 123\u2011456\u200b7", "country", "DE"}, http.StatusOK, "Will be used as +49 40 1234567 (Germany)"},
		{"en", "/customers/numbers", []string{"mobile", "040 1234567", "country", "DE"}, http.StatusOK, "Enter a mobile phone number: the registration code is sent by SMS"},
		{"de", "/customers/numbers", []string{"phone", "0711 123456 privat", "country", "DE"}, http.StatusOK, "Bitte ohne Buchstaben eingeben"},
		{"en", "/customers/numbers?typing=1", []string{"phone", "040", "country", "DE"}, http.StatusNoContent, ""},
		{"en", "/customers/numbers?typing=1", []string{"phone", "040 1234567", "country", "DE"}, http.StatusOK, "Will be used as +49 40 1234567 (Germany)"},
		{"en", "/customers/numbers?typing=1", []string{"phone", "", "country", "DE"}, http.StatusOK, ""},
		{"en", "/customers/numbers", []string{"phone", "\u200b ", "country", "DE"}, http.StatusOK, ""},
		{"en", "/customers/numbers", []string{"phone", "040 1234567", "country", "nowhere"}, http.StatusOK, ""},
		{"en", "/customers/numbers", []string{"country", "DE"}, http.StatusNoContent, ""},
		{"en", of + "/data/number", []string{"phone", "01 23456789", "country", "AT"}, http.StatusOK, "Will be used as +43 1 23456789 (Austria)"},
		{"en", of + "/accesses/number", []string{"mobile", "079 123 45 67", "country", "DE"}, http.StatusOK, "Will be used as +41 79 123 45 67 (Switzerland)"},
	} {
		b := w.signedIn()
		b.send("/account", "name", "Anna Berg", "username", adminEmail, "locale", c.language)
		a := b.htmx(c.path, c.typed...)
		got := strings.Join(strings.Fields(a.doc(t).Text()), " ")
		assert.Equal(t, c.status, a.StatusCode, "%s %q", c.path, c.typed)
		assert.Contains(t, got, c.want, "%s %q", c.path, c.typed)
		assert.False(t, c.want == "" && got != "", "%s %q", c.path, c.typed)
	}
}

// TestNumberOnForms: a form without JavaScript says it, too, when it is shown. After saving, the next page names the
// number that the code is sent to.
func TestNumberOnForms(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	typed := []string{"type", "person", "first_name", "Otto", "last_name", "Ort", "mobile", "0664 1234567", "phone", "01 23456789", "country", "AT", "locale", "de"}
	a := b.send("/customers", typed...)
	a.want(t, http.StatusUnprocessableEntity)
	for field, want := range map[string]string{"#r-mobile": "Will be used as +43 664 1234567 (Austria)", "#r-phone": "Will be used as +43 1 23456789 (Austria)"} {
		assert.Equal(t, want, strings.TrimSpace(a.doc(t).Find(field).Text()), "%s says", field)
	}

	to := b.send("/customers", append(typed, "email", "otto@kunde.example")...).Header.Get("Location")
	b.get(to).want(t, http.StatusOK, "The registration link is on its way. The registration code goes to +43 664 1234567.")
	data := b.get(strings.TrimSuffix(to, "authorisations") + "data").doc(t)
	assert.Equal(t, "Will be used as +43 1 23456789 (Austria)", strings.TrimSpace(data.Find("#r-phone").Text()), "the customer's data say")
	assert.Equal(t, "+43 1 23456789", attr(data, "#f-phone", "value"), "the customer's field holds")
	accesses := strings.TrimSuffix(to, "authorisations") + "accesses"
	correct := b.get(to).doc(t).Find("#accesses a[id^=correct-]").AttrOr("href", "")
	assert.Equal(t, "Will be used as +43 664 1234567 (Austria)", strings.TrimSpace(b.get(correct).doc(t).Find("#r-mobile").Text()), "correcting says")
	assert.Equal(t, "+43 664 1234567", attr(b.get(correct).doc(t), "#f-mobile", "value"), "the access's field holds")
	person := []string{"first_name", "Otto", "last_name", "Ort", "email", "otto@kunde.example", "locale", "de"}
	for _, does := range []struct {
		path string
		form []string
		want string
	}{
		{accesses, []string{"first_name", "Eva", "last_name", "Ort", "email", "eva@kunde.example", "mobile", "0664 7654321", "locale", "de"}, "The registration code goes to +43 664 7654321."},
		{accesses, []string{"first_name", "Ida", "last_name", "Ort", "email", "ida@kunde.example", "locale", "de"}, ""},
		{correct + "/resend", nil, "The registration code goes to +43 664 1234567."},
		{correct, append(slices.Clone(person), "mobile", "+43 664 1234567", "version", ""), ""}, // as the field shows it, so no new code is sent
		{correct, append(slices.Clone(person), "mobile", "0664 5555555", "version", ""), "The registration code goes to +43 664 5555555."},
		{correct + "/deactivate", nil, ""},
		{correct + "/reactivate", nil, "The registration code goes to +43 664 5555555."},
	} {
		w.Tick(time.Minute)
		if i := slices.Index(does.form, "version"); i >= 0 {
			does.form[i+1] = b.get(correct).doc(t).Find("[name=version]").AttrOr("value", "")
		}
		b.send(does.path, does.form...).goesTo(t, to)
		got := strings.TrimSpace(b.get(to).doc(t).Find(".toast-line").Text())
		assert.True(t, strings.HasSuffix(got, does.want), "%s %q: %q", does.path, does.form, got)
		assert.False(t, does.want == "" && strings.Contains(got, "code goes to"), "%s %q", does.path, does.form)
	}
}
