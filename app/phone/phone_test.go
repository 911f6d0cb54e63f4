package phone

import (
	"regexp"
	"strconv"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ typed, country, e164, any, mobile string }{
		{"079 123 45 67", "CH", "+41791234567", "", ""},
		{"0664 1234567", "AT", "+436641234567", "", ""},
		{"151 1234 5678", "CN", "+8615112345678", "", ""},
		{"0172 1234567", "DE", "+491721234567", "", ""},
		{"0172 1234567", "", "+491721234567", "", ""},
		{"660 123 456", "LI", "+423660123456", "", ""},
		{"612 34 56 78", "ES", "+34612345678", "", ""},
		{"(212) 555-0123", "US", "+12125550123", "", ""},
		{"07400 123456", "GB", "+447400123456", "", ""},

		// A number with another country's code belongs to that country, wherever the customer is.
		{"+43 664 1234567", "CN", "+436641234567", "", ""},
		{"0043 664 1234567", "DE", "+436641234567", "", ""},
		{"0043 664 1234567", "US", "+436641234567", "", ""}, // there it is 011
		{"011 43 664 1234567", "US", "+436641234567", "", ""},

		// People write these characters between the digits.
		{"0711/123456", "DE", "+49711123456", "", "not_mobile"},
		{"(0711) 123456-12", "DE", "+4971112345612", "", "not_mobile"},
		{"0711.12.34.56", "DE", "+49711123456", "", "not_mobile"},
		{"+49 (0) 711 123456", "DE", "+49711123456", "", "not_mobile"},
		{"+49 (0)172 1234567", "CH", "+491721234567", "", ""},
		{"0049 (0) 172 1234567", "US", "+491721234567", "", ""},
		{"+34 (0) 612 345 678", "DE", "+34612345678", "", ""}, // there is no 0 in Spain
		{"+39 (0)6 12345678", "DE", "+390612345678", "", "not_mobile"},
		{"(+49) 172 1234567", "DE", "+491721234567", "", ""},
		{"+ 49 172 1234567", "DE", "+491721234567", "", ""},

		// These come from the clipboard or another keyboard.
		{"\u202a+49\u00a0172\u202f1234567\u202c", "DE", "+491721234567", "", ""},
		{"0172\u20111234\u2013567", "DE", "+491721234567", "", ""},
		{"０１７２　１２３４５６７", "DE", "+491721234567", "", ""},
		{"＋４９（０）１７２／１２３４５６７", "DE", "+491721234567", "", ""},
		{"٠١٧٢١٢٣٤٥٦٧", "DE", "+491721234567", "", ""},
		{"०१७२१२३४५६७", "DE", "+491721234567", "", ""},
		{"0172\u200b1234\u00ad567\ufeff", "DE", "+491721234567", "", ""},

		{"03ー1234ー5678", "JP", "+81312345678", "", "not_mobile"}, // the sign that makes a vowel long, on the same key
		{"０９０ー１２３４ー５６７８", "JP", "+819012345678", "", ""},
		{"0711 · 12 34 56", "DE", "+49711123456", "", "not_mobile"},
		{"0711⁄123456", "DE", "+49711123456", "", "not_mobile"},
		{`0711\123_456`, "DE", "+49711123456", "", "not_mobile"},
		{"079'123'45'67", "CH", "+41791234567", "", ""},
		{"+49 [0] 711 123456", "DE", "+49711123456", "", "not_mobile"},
		{"[0711] 123456", "DE", "+49711123456", "", "not_mobile"},
		{"(0049) 172 1234567", "US", "+491721234567", "", ""},
		{"49 (0)172 1234567", "DE", "+491721234567", "", ""},
		{"49(0)711 123456", "CH", "+49711123456", "", "not_mobile"},

		// Premium and free numbers get no SMS.
		{"0900 1234567", "DE", "+499001234567", "", "not_mobile"},
		{"0800 1234567", "DE", "+498001234567", "", "not_mobile"},

		{"0711 123456 privat", "DE", "", "letters", "letters"},
		{"0800 FLOWERS", "US", "", "letters", "letters"},
		{"Tel. 0711 123456", "DE", "", "letters", "letters"},
		{"0711 123456 ext. 12", "DE", "", "letters", "letters"},
		{"0711 123456 x12", "DE", "", "letters", "letters"},
		{"0711 12345б", "DE", "", "letters", "letters"},
		{"0711 123456#12", "DE", "", "extension", "extension"},
		{"0711 123456, 12", "DE", "", "extension", "extension"},
		{"0711 123456,,12", "DE", "", "extension", "extension"},
		{"+49711123456;12=3", "DE", "", "extension", "extension"},
		{"*31#0172 1234567", "DE", "", "extension", "extension"},
		{"0172 1234567 / 0173 1234567", "DE", "", "two", "two"},
		{"0172 1234567, 0173 1234567", "DE", "", "two", "two"},
		{"0172 1234567;0173 1234567", "DE", "", "two", "two"},
		{"+49 172 1234567 / +49 173 1234567", "DE", "", "two", "two"},
		{"0049 172 1234567 0173 1234567", "DE", "", "two", "two"},
		{"+1 212 555 0123 / +1 212 555 0124", "DE", "", "two", "two"},
		{"0711 1234 / 0711 5678", "DE", "", "two", "two"},
		{"030 1234 030 4321", "DE", "", "two", "two"},
		{"030 1234\n(030) 4321", "DE", "", "two", "two"},
		{"01 58800 / 01 58801", "AT", "", "two", "two"},
		{"0711/123456/123457", "DE", "", "malformed", "malformed"}, // 17 digits
		{"0711 123 0456", "DE", "+497111230456", "", "not_mobile"},
		{"++49 172 1234567", "DE", "", "malformed", "malformed"},
		{"0172+1234567", "DE", "", "malformed", "malformed"},
		{"☎ 0172 1234567", "DE", "", "malformed", "malformed"},
		{"0172 123456789012345", "DE", "", "malformed", "malformed"},
		{"+49 711 12", "DE", "", "malformed", "malformed"},
		{"0172 1234567", "CN", "", "malformed", "malformed"},
		// It could be the country's code, or a number without its 0.
		{"49 711 123456", "DE", "", "malformed", "malformed"},
		{"0081 90 1234 5678", "KR", "", "malformed", "malformed"}, // or +1 901 234 5678 with Korea's prefix 008
		{"00212 5288 12345", "SG", "", "malformed", "malformed"},
		{"0049 172 1234567", "KR", "+491721234567", "", ""},
		{"001 49 172 1234567", "SG", "+491721234567", "", ""},
		// These have a single meaning.
		{"711 123456", "DE", "+49711123456", "", "not_mobile"},
		{"43 664 1234567", "AT", "+436641234567", "", ""},
		{"41 79 123 45 67", "CH", "+41791234567", "", ""},
		{"393 123 4567", "IT", "+393931234567", "", ""},
		{"04961 123456", "DE", "+494961123456", "", "not_mobile"},
		{"1 212 555 0123", "US", "+12125550123", "", ""},
		{"0172 1234567", "AQ", "", "malformed", "malformed"},
		{"+49 172 1234567", "AQ", "+491721234567", "", ""},
		{"110", "DE", "", "malformed", "malformed"},
		{"()-/", "DE", "", "malformed", "malformed"},
		{"", "DE", "", "malformed", "malformed"},
	} {
		key := func(of, complaint string) string {
			if complaint == "" {
				return ""
			}
			return of + "." + complaint
		}
		e164, complaint := Parse(c.typed, c.country)
		assert.Equal(t, c.e164, e164, "Parse(%q, %s)", c.typed, c.country)
		assert.Equal(t, key("phone", c.any), complaint, "Parse(%q", c.typed)
		want := c.e164
		if c.mobile != "" {
			want = ""
		}
		e164, complaint = ParseMobile(c.typed, c.country)
		assert.Equal(t, want, e164, "ParseMobile(%q, %s)", c.typed, c.country)
		assert.Equal(t, key("mobile", c.mobile), complaint, "ParseMobile(%q", c.typed)
	}
}

func TestShow(t *testing.T) {
	for e164, want := range map[string]string{
		"+436641234567": "+43 664 1234567", "+41791234567": "+41 79 123 45 67", "+8615112345678": "+86 151 1234 5678",
		"": "", "0172": "0172", "+": "+",
	} {
		assert.Equal(t, want, Show(e164), "Show(%q)", e164)
	}
}

// TestParsed: a number that Parse returned is the same number as the library reads in it, for the examples of every country and
// kind of number, and for their neighbours.
func TestParsed(t *testing.T) {
	numbers := 0
	for region := range phonenumbers.GetSupportedRegions() {
		for kind := phonenumbers.FIXED_LINE; kind <= phonenumbers.VOICEMAIL; kind++ {
			example := phonenumbers.GetExampleNumberForType(region, kind)
			if example == nil {
				continue
			}
			e164 := phonenumbers.Format(example, phonenumbers.E164)
			for last := range 10 {
				typed := e164[:len(e164)-1] + strconv.Itoa(last)
				number, complaint := Parse(typed, region)
				if complaint != "" {
					continue
				}
				numbers++
				sameNumber(t, number)
			}
		}
	}
	assert.Greater(t, numbers, 5_000)
}

// sameNumber requires that the library reads the same in a number that Parse returned.
func sameNumber(t *testing.T, e164 string) {
	t.Helper()
	want, err := phonenumbers.Parse(e164, "")
	require.NoError(t, err, "%q", e164)
	got, ok := parsed(e164)
	require.True(t, ok, "%q", e164)
	for _, form := range []phonenumbers.PhoneNumberFormat{phonenumbers.E164, phonenumbers.INTERNATIONAL, phonenumbers.NATIONAL} {
		assert.Equal(t, phonenumbers.Format(want, form), phonenumbers.Format(got, form), "%q", e164)
	}
}

var e164Form = regexp.MustCompile(`^\+[1-9]\d{5,14}$`)

// FuzzParse: the result is E.164, and means the same number in every country and after it is displayed and typed again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"079 123 45 67", "+49 (0) 711 123456", "0711 123456 privat", "００４９１７２", "+1 212 555 0123;ext=4"} {
		f.Add(s, "CH")
		f.Add(s, "US")
	}
	f.Fuzz(func(t *testing.T, typed, country string) {
		e164, complaint := Parse(typed, country)
		require.NotEqual(t, complaint == "", e164 == "", "%q", typed)
		if complaint != "" {
			return
		}
		require.True(t, e164Form.MatchString(e164), "%q became %q", typed, e164)
		sameNumber(t, e164)
		for _, again := range []string{e164, Show(e164)} {
			for _, in := range []string{country, "US", "IT"} {
				got, complaint := Parse(again, in)
				require.Equal(t, e164, got, "%q became, and %q in %s became, %q", typed, again, in, complaint)
			}
		}
	})
}
