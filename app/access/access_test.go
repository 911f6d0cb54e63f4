package access

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/fault"
)

func TestValidate(t *testing.T) {
	ok := Form{"Berta", "Kühn", "berta@example.org", "0171 2345678", "de"}
	with := func(change func(*Form)) Form { f := ok; change(&f); return f }
	for name, c := range map[string]struct {
		in   Form
		want string // "field: message", "" when all is well
	}{
		"all is well":            {ok, ""},
		"no mobile":              {with(func(f *Form) { f.Mobile = "" }), ""},
		"no first name":          {with(func(f *Form) { f.FirstName = "  " }), "first_name: required"},
		"no last name":           {with(func(f *Form) { f.LastName = "" }), "last_name: required"},
		"long name":              {with(func(f *Form) { f.LastName = strings.Repeat("ü", 101) }), "last_name: too_long"},
		"longest name":           {with(func(f *Form) { f.LastName = strings.Repeat("ü", 100) }), ""},
		"S39 line break":         {with(func(f *Form) { f.FirstName = "A\r\nBcc: x@y.de" }), ""}, // a blank, see TestValidateNormalises
		"S39 control character":  {with(func(f *Form) { f.FirstName = "A\x1bB" }), "first_name: control_characters"},
		"S39 break in e-mail":    {with(func(f *Form) { f.Email = "a@b.de\r\nBcc: x@y.de" }), "email: email.malformed"},
		"nothing to be seen":     {with(func(f *Form) { f.FirstName = "\u202e\u3164\u00ad" }), "first_name: required"},
		"a lone accent":          {with(func(f *Form) { f.LastName = "\u0301" }), "last_name: required"},
		"no letter":              {with(func(f *Form) { f.LastName = "-" }), "last_name: required"},
		"bytes that are no text": {with(func(f *Form) { f.FirstName = "A\xff" }), "first_name: control_characters"},
		"S37 script is text":     {with(func(f *Form) { f.FirstName = "<script>alert(1)</script>" }), ""},
		"no e-mail":              {with(func(f *Form) { f.Email = "" }), "email: required"},
		"e-mail without @":       {with(func(f *Form) { f.Email = "berta" }), "email: email.malformed"},
		"two e-mails":            {with(func(f *Form) { f.Email = "a@example.org,b@example.org" }), "email: email.malformed"},
		"e-mail with a name":     {with(func(f *Form) { f.Email = "Berta <a@example.org>" }), "email: email.malformed"},
		"e-mail with umlaut":     {with(func(f *Form) { f.Email = "a@bücher.example" }), ""},
		"long e-mail":            {with(func(f *Form) { f.Email = strings.Repeat("a", 64) + "@" + strings.Repeat("b.", 100) + "example" }), "email: too_long"},
		"no number":              {with(func(f *Form) { f.Mobile = "later" }), "mobile: mobile.letters"},
		"letters of a telephone": {with(func(f *Form) { f.Mobile = "0171 CALLME1" }), "mobile: mobile.letters"},
		"too short":              {with(func(f *Form) { f.Mobile = "0171 23" }), "mobile: mobile.malformed"},
		"two numbers":            {with(func(f *Form) { f.Mobile = "01712345678, 01722345678" }), "mobile: mobile.two"},
		"fixed line":             {with(func(f *Form) { f.Mobile = "030 123456" }), "mobile: mobile.not_mobile"},
		"premium rate":           {with(func(f *Form) { f.Mobile = "0900 1234567" }), "mobile: mobile.not_mobile"},
		"Austrian mobile":        {with(func(f *Form) { f.Mobile = "+43 664 1234567" }), ""},
		"S39 break in number":    {with(func(f *Form) { f.Mobile = "0171\n2345678" }), ""},
		"from the contacts":      {with(func(f *Form) { f.Mobile = "\u202a+49 171 2345678\u202c" }), ""},
		"no language":            {with(func(f *Form) { f.Locale = "" }), "locale: locale.unknown"},
		"unknown language":       {with(func(f *Form) { f.Locale = "fr" }), "locale: locale.unknown"},
	} {
		_, err := Validate(c.in, "DE")
		assert.Equal(t, c.want, complaint(err), name)
	}
}

func TestValidateNormalises(t *testing.T) {
	got, err := Validate(Form{" Berta ", "Ku\u0308hn", " Berta@Example.ORG ", "0171 / 23 45-678", "de"}, "DE")
	must(t, err)
	if want := (Form{"Berta", "Kühn", "Berta@example.org", "+491712345678", "de"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	got, err = Validate(Form{"A\r\nBcc: x@y.de", "K\u00fchn\u200b\u202e \u00adMeyer\u2011Gro\u00df", "be\u200brta@example\u2011shop.org\ufeff", "", "de"}, "DE")
	must(t, err)
	if want := (Form{"A Bcc: x@y.de", "Kühn Meyer-Groß", "berta@example-shop.org", "", "de"}); got != want {
		t.Errorf("%+q, want %+q", got, want)
	}
}

// TestMobileIsReadInTheCustomersCountry: the same digits are a different number in another country.
func TestMobileIsReadInTheCustomersCountry(t *testing.T) {
	for _, c := range []struct{ typed, country, want string }{
		{"079 123 45 67", "CH", "+41791234567"}, {"0664 1234567", "AT", "+436641234567"},
		{"151 1234 5678", "CN", "+8615112345678"}, {"+49 171 2345678", "CN", "+491712345678"},
		{"0171 2345678", "DE", "+491712345678"},
		{"079 123 45 67", "XX", "079 123 45 67"}, // the country is wrong as well, so nothing is guessed
	} {
		got, err := Validate(Form{"Berta", "Kühn", "b@example.org", c.typed, "de"}, c.country)
		require.NoError(t, err, "%s in %s", c.typed, c.country)
		assert.Equal(t, c.want, got.Mobile, "%s in %s", c.typed, c.country)
	}
}

func TestValidateNamesEveryField(t *testing.T) {
	_, err := Validate(Form{}, "DE")
	var e *fault.Error
	e, _ = err.(*fault.Error)
	var fields []string
	for _, f := range e.Fields {
		fields = append(fields, f.Field)
	}
	assert.Equal(t, "first_name last_name email locale", strings.Join(fields, " "))
}

func FuzzValidate(f *testing.F) {
	f.Add("Berta", "Kühn", "berta@example.org", "0171 2345678", "de")
	f.Add("\u202e", "\x00", "a@b\r\n.de", "+49 171 2345678 ext. 5", "xx")
	f.Add("", "ﬁ", "ſ@ﬀ.example", "٠١٧١٢٣٤٥٦٧٨", "en")
	f.Fuzz(func(t *testing.T, first, last, email, mobile, locale string) {
		got, err := Validate(Form{first, last, email, mobile, locale}, "DE")
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "is not an Invalid fault")
			return
		}
		again, err := Validate(got, "DE")
		require.NoError(t, err)
		require.Equal(t, got, again, "is not stable")
		for _, s := range []string{got.FirstName, got.LastName, got.Email, got.Mobile} {
			require.True(t, utf8.ValidString(s), "%q", s)
			require.False(t, strings.ContainsAny(s, "\r\n\x00"))
		}
		require.Equal(t, 1, strings.Count(got.Email, "@"), "e-mail")
		require.False(t, strings.ContainsAny(got.Email, " ,;<>\""))
		if got.Mobile != "" && (got.Mobile[0] != '+' || strings.Trim(got.Mobile[1:], "0123456789") != "" || len(got.Mobile) > 16) {
			t.Fatalf("mobile %q", got.Mobile)
		}
	})
}

func TestStatus(t *testing.T) {
	now := at(12, 0, 0)
	fresh := Access{LinkExpiresAt: now.Add(time.Second)}
	with := func(change func(*Access)) Access { a := fresh; change(&a); return a }
	for name, c := range map[string]struct {
		a    Access
		want Status
	}{
		"waiting":                      {fresh, Invited},
		"at the end of the link":       {with(func(a *Access) { a.LinkExpiresAt = now }), LinkExpired},
		"mail failed":                  {with(func(a *Access) { a.Undeliverable = "refused" }), Undeliverable},
		"mail failed, link expired":    {with(func(a *Access) { a.Undeliverable = "expired"; a.LinkExpiresAt = now }), Undeliverable},
		"registered":                   {with(func(a *Access) { a.RegisteredAt = &now; a.LinkExpiresAt = now }), Registered},
		"registered, then deactivated": {with(func(a *Access) { a.RegisteredAt = &now; a.DeactivatedAt = &now }), Deactivated},
		"deactivated":                  {with(func(a *Access) { a.DeactivatedAt = &now }), Deactivated},
	} {
		assert.Equal(t, c.want, c.a.status(now), name)
	}
}
