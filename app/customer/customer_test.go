package customer

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/fault"
	"kontor/app/store"
)

var testNow = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func anna() Data {
	return Data{FirstName: "Anna", LastName: "Berg", DateOfBirth: "1980-02-29", City: "Köln", PostalCode: "50667"}
}

func acme() Data {
	return Data{CompanyName: "Müller & Söhne GmbH", FirstName: "Jürgen", LastName: "Müller", City: "Bonn", VATID: "DE136695976"}
}

// complaints are "field message" of an Invalid fault, by comma.
func complaints(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) {
		return ""
	}
	var list []string
	for _, c := range f.Fields {
		list = append(list, c.Field+" "+c.Message)
	}
	return strings.Join(list, ", ")
}

// TestAddress: an address in one line has no comma and no blank too many, whatever is missing.
func TestAddress(t *testing.T) {
	for want, d := range map[string]Data{
		"": {Country: "AT"}, "Am Markt 1": {Street: "Am Markt 1"}, "20457 Hamburg": {PostalCode: "20457", City: "Hamburg"}, "Hamburg": {City: "Hamburg"},
		"Am Markt 1, 20457": {Street: "Am Markt 1", PostalCode: "20457"}, "Am Markt 1, 20457 Hamburg": {Street: "Am Markt 1", PostalCode: "20457", City: "Hamburg"},
	} {
		assert.Equal(t, want, d.Address())
	}
}

func TestValidateComplaints(t *testing.T) {
	for name, c := range map[string]struct {
		t    Type
		edit func(*Data)
		want string
	}{
		"person":                     {Person, func(*Data) {}, ""},
		"company":                    {Company, func(*Data) {}, ""},
		"unknown type":               {"robot", func(*Data) {}, "type type.unknown"},
		"nothing of a person":        {Person, func(d *Data) { *d = Data{} }, "first_name required, last_name required"},
		"nothing of a company":       {Company, func(d *Data) { *d = Data{} }, "company_name required, first_name required, last_name required"},
		"only blanks":                {Person, func(d *Data) { d.LastName = " \u00a0 " }, "last_name required"},
		"100 characters":             {Person, func(d *Data) { d.LastName = strings.Repeat("ä", 100) }, ""},
		"101 characters":             {Person, func(d *Data) { d.LastName = strings.Repeat("ä", 101) }, "last_name too_long"},
		"line break in a name":       {Person, func(d *Data) { d.LastName = "Berg\r\nBcc: x@example.org" }, ""},
		"line break in the note":     {Person, func(d *Data) { d.Note = "a\r\nb\tc" }, ""},
		"NUL":                        {Person, func(d *Data) { d.City = "Kö\x00ln" }, "city control_characters"},
		"NUL in the note":            {Person, func(d *Data) { d.Note = "\x00" }, "note control_characters"},
		"not UTF-8":                  {Person, func(d *Data) { d.City = "K\xf6ln" }, "city control_characters"},
		"text turned around":         {Person, func(d *Data) { d.City = "a\u202eb" }, ""},
		"nothing to be seen":         {Person, func(d *Data) { d.FirstName, d.LastName = "\u3164\u200b", "\u0301" }, "first_name required, last_name required"},
		"a company of nothing":       {Company, func(d *Data) { d.CompanyName = "\u2800-\u00ad" }, "company_name required"},
		"date":                       {Person, func(d *Data) { d.DateOfBirth = "29.02.1980" }, "date_of_birth date.malformed"},
		"no such day":                {Person, func(d *Data) { d.DateOfBirth = "1981-02-29" }, "date_of_birth date.malformed"},
		"before 1900":                {Person, func(d *Data) { d.DateOfBirth = "1899-12-31" }, "date_of_birth date.malformed"},
		"1900":                       {Person, func(d *Data) { d.DateOfBirth = "1900-01-01" }, ""},
		"born today":                 {Person, func(d *Data) { d.DateOfBirth = "2026-11-24" }, ""},
		"born in two days":           {Person, func(d *Data) { d.DateOfBirth = "2026-11-26" }, "date_of_birth date.future"},
		"VAT ID checksum":            {Company, func(d *Data) { d.VATID = "DE136695975" }, "vat_id vat.checksum"},
		"VAT ID too short":           {Company, func(d *Data) { d.VATID = "DE13669597" }, "vat_id vat.malformed"},
		"VAT ID of nowhere":          {Company, func(d *Data) { d.VATID = "XX136695976" }, "vat_id vat.malformed"},
		"Austrian VAT ID":            {Company, func(d *Data) { d.VATID = "ATU13585627" }, ""},
		"Austrian VAT ID checksum":   {Company, func(d *Data) { d.VATID = "ATU13585626" }, "vat_id vat.checksum"},
		"a person's VAT ID":          {Person, func(d *Data) { d.VATID = "nonsense" }, ""},
		"a company's birthday":       {Company, func(d *Data) { d.DateOfBirth = "nonsense" }, ""},
		"phone":                      {Person, func(d *Data) { d.Phone = "0221 / 12" }, "phone phone.malformed"},
		"phone is text":              {Person, func(d *Data) { d.Phone = "call me" }, "phone phone.letters"},
		"phone with extension":       {Person, func(d *Data) { d.Phone = "+49 221 1234567 ext. 5" }, "phone phone.letters"},
		"phone with # extension":     {Person, func(d *Data) { d.Phone = "+49 221 1234567 # 5" }, "phone phone.extension"},
		"country":                    {Person, func(d *Data) { d.Country = "ZZ" }, "country country.unknown"},
		"country by name":            {Person, func(d *Data) { d.Country = "Germany" }, "country country.unknown"},
		"postal code of Germany":     {Person, func(d *Data) { d.PostalCode = "5066" }, "postal_code postal_code.malformed"},
		"postal code of Austria":     {Person, func(d *Data) { d.Country, d.PostalCode = "AT", "1010" }, ""},
		"Austria with a German one":  {Person, func(d *Data) { d.Country, d.PostalCode = "AT", "50667" }, "postal_code postal_code.malformed"},
		"Switzerland":                {Person, func(d *Data) { d.Country, d.PostalCode = "ch", "8001" }, ""},
		"postal code of the UK":      {Person, func(d *Data) { d.Country, d.PostalCode = "GB", "SW1A 1AA" }, ""},
		"language":                   {Person, func(d *Data) { d.Locale = "fr" }, "locale locale.unknown"},
		"several, in the form's way": {Company, func(d *Data) { d.CompanyName, d.VATID, d.Country = "", "x", "?" }, "company_name required, vat_id vat.malformed, country country.unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			d := anna()
			if c.t == Company {
				d = acme()
			}
			c.edit(&d)
			_, err := validate(c.t, d, testNow)
			assert.Equal(t, c.want, complaints(err))
			assert.Equal(t, c.want == "", err == nil)
		})
	}
}

func TestValidateNormalises(t *testing.T) {
	d := Data{
		Salutation: " Frau ", FirstName: "A\u0308nne", LastName: "  von   der\tHeide ", CompanyName: "dropped", LegalForm: "GmbH",
		Phone: "0221 1234567", Country: " de ", Note: " a\r\nb ", VATID: "dropped",
	}
	d.LastName = strings.ReplaceAll(d.LastName, "\t", " ")
	got, err := Validate(Person, d)
	want := Data{
		Salutation: "ms", FirstName: "Änne", LastName: "von der Heide", Phone: "+492211234567", Country: "DE", Locale: "de", Note: "a\nb",
	}
	require.NoError(t, err, "person")
	assert.Equal(t, want, got, "person")
	for said, want := range map[string]string{"Herr": "mr", "MRS.": "ms", "mx": "mx", "Frau Dr.": "Frau Dr.", "": ""} {
		d.Salutation = said
		got, err := Validate(Person, d)
		require.NoError(t, err)
		assert.Equal(t, want, got.Salutation, "%q is stored as", said)
	}
	c := acme()
	c.VATID, c.Country, c.Phone, c.Salutation = "de 136.695.976", "at", "01 5880012", "Herr"
	got, err = Validate(Company, c)
	require.NoError(t, err, "company")
	assert.Equal(t, "DE136695976", got.VATID, "company")
	assert.Equal(t, "+4315880012", got.Phone, "company")
	assert.Empty(t, got.Salutation, "company")
	assert.Equal(t, "AT", got.Country, "company")
	again, err := Validate(Company, got)
	require.NoError(t, err, "a second time")
	assert.Equal(t, got, again, "a second time")
}

// TestVATID: valid numbers of each country, from VIES's description and published examples.
func TestVATID(t *testing.T) {
	for _, id := range strings.Fields(`DE136695976 DE129273398 ATU13585627 ATU33803408 BE0428759497 BG175074752 CY10259033P CZ25123891
		DK13585628 EE100931558 EL094259216 ESX2482300W FI20774740 FR40303265045 HR33392005961 HU12892312 IE6433435F IT00743110157
		LT119511515 LU15027442 LV40003521600 MT11679112 NL004495445B01 PL8567346215 PT501964843 RO18547290 SE123456789701
		SI50223054 SK2022749619 XI123456789 CHE123456789MWST`) {
		got, complaint := checkVATID(id, nil)
		assert.Empty(t, complaint)
		assert.Equal(t, id, got)
	}
	// The check digit (ISO 7064, MOD 11,10) finds every single wrong digit.
	valid := "136695976"
	for i := range valid {
		for d := '0'; d <= '9'; d++ {
			wrong := valid[:i] + string(d) + valid[i+1:]
			assert.Equal(t, wrong == valid, checkDE(wrong), "DE%s counts as valid", wrong)
		}
	}
}

// TestVATIDAsWritten: numbers are read with labels before them, blanks and signs in them, and the endings of some
// countries.
func TestVATIDAsWritten(t *testing.T) {
	for written, want := range map[string]string{
		"GR123456789": "EL123456789", "gr 094 259 216": "EL094259216", "EL 094259216": "EL094259216",
		"USt-IdNr. DE136695976": "DE136695976", "USt.-IdNr.: DE 136 695 976": "DE136695976", "USt-ID DE136695976": "DE136695976", "UStID DE136695976": "DE136695976",
		"Ust-Id-Nr. DE-136.695.976": "DE136695976", "UStIdNr:DE136695976": "DE136695976", "Umsatzsteuer-Identifikationsnummer DE136695976": "DE136695976",
		"UID ATU13585627": "ATU13585627", "UID-Nr.: ATU 1358 5627": "ATU13585627", "UID: CHE-123.456.789 MWST": "CHE123456789MWST",
		"VAT No. GB 123 4567 89": "GB123456789", "VAT Reg. No. GB123456789": "GB123456789", "VAT registration number: GB 123 4567 89 012": "GB123456789012",
		"VAT ID: IE6433435F": "IE6433435F", "VAT NL004495445B01": "NL004495445B01", "VAT No. NO 123 456 789 MVA": "NO123456789MVA", "VAT NO123456789MVA": "NO123456789MVA",
		"VAT NO 123456789": "NO123456789", "MwSt-Nr. CHE-123.456.789 MWST": "CHE123456789MWST", "MWST-Nr. LI 50 123": "LI50123", "N° TVA FR 40 303 265 045": "FR40303265045",
		"TVA intracommunautaire : FR40303265045": "FR40303265045", "P. IVA IT00743110157": "IT00743110157", "Partita IVA: IT 00743110157": "IT00743110157",
		"BTW-nr. BE 0428.759.497": "BE0428759497", "DIČ: CZ25123891": "CZ25123891", "VAT IS123456": "IS123456", "Nr. DE136695976": "DE136695976", "IHRE USt-Id: DE136695976": "DE136695976",
		"GB123456789": "GB123456789", "GBGD123": "GBGD123", "GB HA 599": "GBHA599", "XI 123456789": "XI123456789", "NO 123 456 789 MVA": "NO123456789MVA", "NO123456789": "NO123456789",
		"123 456 789 MVA": "NO123456789MVA", "LI 50123": "LI50123", "CHE-123.456.789 MWST": "CHE123456789MWST", "che-123.456.789 tva": "CHE123456789TVA", "CHE-123.456.789 IVA": "CHE123456789IVA",
		"CHE-123.456.789 VAT": "CHE123456789VAT", "CHE-123.456.789": "CHE123456789", "CHE‑123.456.789 MWST": "CHE123456789MWST", "ＤＥ１３６６９５９７６": "DE136695976", "DE\u200b136695976": "DE136695976",
		"BE 428.759.497": "BE0428759497", "UK 123 4567 89": "GB123456789", "LI 50123 MWST": "LI50123MWST", "„DE 136·695·976“": "DE136695976", `DE136\695\976`: "DE136695976",
		"USt-IdNr. gem. § 27a UStG: DE136695976": "DE136695976", "USt-IdNr. gemäß §27 a Umsatzsteuergesetz DE 136695976": "DE136695976", "Company VAT number: DE136695976": "DE136695976", "Id.-Nr. DE136695976": "DE136695976",
		"ALV-nro FI 2077474-0": "FI20774740", "PVM mokėtojo kodas: LT119511515": "LT119511515", "PVN reģ. Nr. LV40003521600": "LV40003521600", "KMKR nr EE 100 931 558": "EE100931558", "PDV ID HR33392005961": "HR33392005961",
		"ID za DDV: SI 50223054": "SI50223054", "Adószám: HU12892312": "HU12892312", "C.U.I. RO18547290": "RO18547290", "CIF RO 18547290": "RO18547290", "CIF ESA12345674": "ESA12345674", "ΑΦΜ EL094259216": "EL094259216", "ИН по ЗДДС BG175074752": "BG175074752",
		"NIP-UE: PL 8567346215": "PL8567346215", "BTW-identificatienummer: NL004495445B01": "NL004495445B01", "C.F./P.IVA IT00743110157": "IT00743110157", "SE-nr. DK13585628": "DK13585628", "Org.nr. NO 123 456 789 MVA": "NO123456789MVA",
		"Org nr 123 456 789 MVA": "NO123456789MVA", "IDE CHE-123.456.789 TVA": "CHE123456789TVA", "vat no. no 123 456 789 mva": "NO123456789MVA", "KE P051234567A": "KEP051234567A",
		"TR 1234567890": "TR1234567890", "RS100000001": "RS100000001", "US 12-3456789": "US123456789", "UA123456789012": "UA123456789012",
	} {
		d := Data{CompanyName: "A", FirstName: "B", LastName: "C", VATID: written}
		got, err := validate(Company, d, testNow)
		require.NoError(t, err)
		assert.Equal(t, want, got.VATID, "%q", written)
		again, complaint := checkVATID(want, nil)
		assert.Equal(t, want, again)
		assert.Empty(t, complaint, "the second time")
	}
	for written, want := range map[string]string{
		"USt-IdNr. DE136695975": "vat.checksum", "UID ATU13585626": "vat.checksum", "USt-IdNr.": "vat.malformed", "USt-IdNr. 136695976": "vat.malformed", "MwSt-Nr. 136695976": "vat.malformed",
		"GR12345678": "vat.malformed", "GB12345678": "vat.malformed", "NO12345678MVA": "vat.malformed", "CHE-123.456.78 MWST": "vat.malformed", "CH123456789": "vat.malformed", "LI1234": "vat.malformed",
		"CHE-123.456.789 GmbH": "vat.malformed", "DE136695976 MWST": "vat.malformed", "QQ123456789": "vat.malformed", "HRB 12345": "vat.malformed", "USt": "vat.malformed", "USA": "vat.malformed", "TR": "vat.malformed",
		"VAT Reg No. 123 4567 89": "vat.malformed", "VAT No. 123456789": "vat.malformed", "VAT no: 123456789": "vat.malformed", "VAT NO. 123456789": "vat.malformed", // of no country
		"CUI: 18547290": "vat.malformed", "INN 7707083893": "vat.malformed", "CIF 12345678": "vat.malformed", "GnR 12345": "vat.malformed", "PR 12345": "vat.malformed", "IDE CHE-123.456.78": "vat.malformed",
		"Company VAT number: DE136695975": "vat.checksum",
		"TR12":                            "vat.malformed", "siehe oben": "vat.malformed", "Nr. 136695976": "vat.malformed", "ID DE136695975": "vat.checksum", "DE136695976 und ATU13585627": "vat.malformed",
	} {
		got, complaint := checkVATID(written, nil)
		assert.Equal(t, want, complaint, "%q is %q", written, got)
	}
}

// TestPostalCodeAsWritten: the sign or code of the customer's own country before a postal code is removed; that of
// another country is a mistake.
func TestPostalCodeAsWritten(t *testing.T) {
	const malformed, elsewhere = "!postal_code.malformed", "!postal_code.elsewhere"
	for _, c := range []struct{ country, written, want string }{
		{"DE", "D-20355", "20355"}, {"DE", "DE-20355", "20355"}, {"DE", "d 20355", "20355"}, {"DE", "D – 20355", "20355"}, {"DE", "D20355", "20355"}, {"DE", "20 355", "20355"}, {"DE", "２０３５５", "20355"},
		{"DE", "D\u201120355", "20355"}, {"DE", "A-1010", elsewhere}, {"DE", "CH-8001", elsewhere}, {"DE", "AT-10100", elsewhere}, {"DE", "D-2035", malformed}, {"DE", "X-20355", malformed}, {"DE", "D-", malformed}, {"DE", "D", malformed},
		{"AT", "A-1010", "1010"}, {"AT", "AT 1010", "1010"}, {"AT", "D-20355", elsewhere}, {"AT", "D-1010", elsewhere}, {"AT", "A-10100", malformed}, {"CH", "CH-8001", "8001"}, {"CH", "CH 8001", "8001"}, {"CH", "FL-9490", elsewhere},
		{"LI", "FL-9490", "9490"}, {"LI", "LI-9490", "9490"}, {"LI", "CH-9490", elsewhere}, {"LU", "L-1234", "1234"}, {"LU", "LU-1234", "1234"}, {"DK", "DK-1050", "1050"}, {"DK", "D-1050", elsewhere}, {"DK", "1050", "1050"},
		{"FR", "F-75001", "75001"}, {"IT", "I-00184", "00184"}, {"BE", "B-1000", "1000"}, {"ES", "E-28001", "28001"}, {"SE", "SE-111 22", "111 22"}, {"SE", "S-11122", "111 22"}, {"NO", "N-0150", "0150"}, {"FI", "FIN-00100", "00100"},
		{"PL", "PL-00-950", "00-950"}, {"PL", "00950", "00-950"}, {"CZ", "CZ-11000", "110 00"}, {"SK", "811 01", "811 01"}, {"GR", "GR-104 31", "104 31"}, {"NL", "NL-1012 ab", "1012 AB"}, {"NL", "1012ab", "1012 AB"}, {"PT", "P-1000-001", "1000-001"},
		{"GB", "sw1a1aa", "SW1A 1AA"}, {"GB", "E1 6AN", "E1 6AN"}, {"GB", "GB-E1 6AN", "E1 6AN"}, {"GB", "20355", malformed}, {"GB", "D-20355", elsewhere}, {"US", "12345-6789", "12345-6789"}, {"US", "D-20355", elsewhere}, {"US", "US-20355", "20355"},
		{"MD", "MD-2001", "MD-2001"}, {"LV", "LV-1010", "LV-1010"}, {"LV", "D-20355", elsewhere}, {"AR", "B-1636", "B-1636"}, {"MT", "VLT 1117", "VLT 1117"}, {"IE", "D02 X285", "D02 X285"}, {"KY", "KY1-1100", "KY1-1100"}, {"JP", "100-0001", "100-0001"},
		{"JP", "１００ー０００１", "100-0001"}, {"CA", "Ｋ１Ａ‑0Ｂ1", "K1A-0B1"}, {"GB", "UK SW1A 1AA", "SW1A 1AA"}, {"US", "USA-20355", "20355"},
		{"AD", "AD500", "AD500"}, {"BM", "HM 12", "HM 12"}, {"CA", "K1A 0B1", "K1A 0B1"},
	} {
		got, err := validate(Person, Data{FirstName: "A", LastName: "B", Country: c.country, PostalCode: c.written}, testNow)
		said := got.PostalCode
		if err != nil {
			said = "!" + complaints(err)
		}
		assert.Equal(t, strings.Replace(c.want, "!", "!postal_code ", 1), said, "%s %q", c.country, c.written)
	}
}

func TestCountries(t *testing.T) {
	assert.Equal(t, 249, len(Countries()), "countries, ISO 3166-1 has 249")
	last := ""
	for _, c := range Countries() {
		assert.Greater(t, c, last, "behind")
		assert.Len(t, c, 2)
		assert.True(t, knownCountry(c))
		last = c
	}
}

func TestParseNumber(t *testing.T) {
	for s, want := range map[string]int64{
		"K-10001": 10001, " k-10001\n": 10001, "K-00007": 7, "K-1000000": 1000000, "K-100": 0, "K-0010001": 0, "10001": 0, "K10001": 0,
		"K-10001x": 0, "K- 10001": 0, "": 0, "K-99999999999": 0, "K-00000": 0, "K--0001": 0, "K-+0001": 0, "K-١٢٣٤٥": 0,
	} {
		n, ok := ParseNumber(s)
		assert.Equal(t, want, n, "ParseNumber(%q)", s)
		assert.Equal(t, want != 0, ok)
	}
}

func TestIdentity(t *testing.T) {
	d := anna()
	umlaut, written := d, d
	umlaut.LastName, written.LastName = "Müller", "MUELLER"
	assert.Equal(t, identity(Person, written), identity(Person, umlaut), "Müller and MUELLER born on the same day are not taken for the same")
	d.DateOfBirth = ""
	assert.Empty(t, identity(Person, d), "a name alone, or a city, makes an identity")
	assert.Empty(t, identity(Company, Data{CompanyName: "A GmbH"}), "a name alone, or a city, makes an identity")
	assert.Empty(t, identity(Company, Data{City: "Bonn"}), "a name alone, or a city, makes an identity")
}

// TestVATIDReadAgain: whatever is accepted is accepted unchanged when it is saved again, with labels, codes and digits in
// any order.
func TestVATIDReadAgain(t *testing.T) {
	for _, written := range []string{"TVA TVA123456", "IVA TVA123456 ID", "DIČ VAT136695976GB", "NR TVA136695976MWST", "BTW BTW1XMD1366959760"} {
		_, complaint := checkVATID(written, nil)
		assert.Equal(t, "vat.malformed", complaint, "%q", written)
	}
	parts := strings.Split("DE AT U GB NO MVA CHE CH MWST VAT UID USTID NR N TVA P IVA TAX ID NI NIF IN IT BTW NL SE CVR DK DPH DIČ OIB EU IHR CODE REG No. № EL GR XI UK BE LI md §27a ſ É - . 12 345 6789 1 5 0 123456 136695976 X", " ")
	random := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	for range 200_000 {
		var written string
		for range 2 + random.IntN(5) {
			written += parts[random.IntN(len(parts))] + strings.Repeat(" ", random.IntN(2))
		}
		normal, complaint := checkVATID(written, nil)
		if complaint != "" {
			continue
		}
		accepted++
		again, complaint := checkVATID(normal, nil)
		require.Empty(t, complaint, "%q was read as %q", written, normal)
		require.Equal(t, normal, again, "%q", written)
	}
	assert.Greater(t, accepted, 500, "the parts make too few numbers to say anything")
}

func FuzzValidate(f *testing.F) {
	f.Add("person", "Anna", "Berg", "1980-01-01", "DE136695976", "0221 1234567", "DE", "50667", "note")
	f.Add("company", "A", "B", "", "USt-IdNr. DE136695976", "", "AT", "A-1010", "")
	f.Add("company", "A", "B", "", "VAT No. NO 123 456 789 MVA", "", "GB", "GB-sw1a1aa", "")
	f.Add("company", "A", "B", "", "gr123456789", "", "MD", "MD-2001", "")
	f.Add("company", "A", "B", "", "IVA TVA123456 ID", "", "DE", "", "")
	f.Add("company", "ß", "\u202e", "0000-00-00", "ATU", "+", "??", "\x00", "\r\n")
	f.Fuzz(func(t *testing.T, typ, first, last, birth, vat, phone, country, postal, note string) {
		d := Data{FirstName: first, LastName: last, DateOfBirth: birth, VATID: vat, Phone: phone, Country: country, PostalCode: postal, Note: note, CompanyName: last, City: first}
		got, err := validate(Type(typ), d, testNow)
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "is no Invalid fault")
			return
		}
		for _, field := range fields {
			v := field.Value(got)
			assert.True(t, utf8.ValidString(v), "%s = %q was let through", field.Name, v)
			assert.False(t, strings.ContainsAny(v, "\x00\r"))
		}
		again, err := validate(Type(typ), got, testNow)
		require.NoError(t, err, "the second time")
		assert.Equal(t, got, again, "what was valid")
	})
}

func FuzzParseNumber(f *testing.F) {
	f.Add("K-10001")
	f.Add(" k-0000000001 ")
	f.Fuzz(func(t *testing.T, s string) {
		if n, ok := ParseNumber(s); ok && !strings.EqualFold(Label(n), strings.TrimSpace(s)) {
			t.Errorf("ParseNumber(%q) = %d, whose label is %s", s, n, Label(n))
		}
	})
}

func FuzzCursor(f *testing.F) {
	at := time.Date(2026, 11, 30, 7, 0, 0, 1000, time.UTC)
	for _, by := range Sorts {
		for _, reversed := range []bool{false, true} {
			o := order{by, reversed}
			f.Add(position{phaseRest, "koln", "berg anna", at, 10001}.encode(o), byte(o.mark()))
		}
	}
	f.Add("AQAC", byte(0))
	f.Add("AwIAA20", byte(2)) // by number, and with a name
	f.Fuzz(func(t *testing.T, s string, mark byte) {
		o := order{Sorts[int(mark/2)%len(Sorts)], mark&1 != 0}
		p, ok := decode(s, o)
		if !ok {
			return
		}
		assert.Equal(t, s, p.encode(o), "decode")
		assert.True(t, p.Number > 0)
		assert.Less(t, p.Phase, phaseCounted)
		assert.GreaterOrEqual(t, p.Phase, 0)
		assert.False(t, strings.ContainsRune(p.Name+p.City, 0))
		assert.True(t, utf8.ValidString(p.Name+p.City))
		for _, by := range Sorts {
			if other := (order{by, o.reversed}); other != o {
				_, ok = decode(s, other)
				assert.False(t, ok, "%q is a cursor of two orders", s)
			}
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("Berg Anna", "Anna", "Berg")
	f.Add("müller", "Jürgen", "Mueller")
	f.Add("%_\\'\"?*", "a%b", "c_d")
	f.Fuzz(func(t *testing.T, q, first, last string) {
		terms, ok := parseQuery(q)
		require.Equal(t, len(terms.Needles) > 0, ok, "parseQuery(%q)", q)
		require.False(t, ok && len(terms.Trigrams) == 0)
		require.LessOrEqual(t, len(terms.Needles), store.MaxTerms)
		for _, g := range terms.Trigrams {
			assert.Equal(t, 3, utf8.RuneCountInString(g), "of %q is no trigram", q)
		}
		for _, n := range terms.Needles {
			assert.False(t, strings.ContainsAny(n, `%_\'"`), "needle %q of %q holds what SQL reads", n, q)
		}
		// The name as it is recorded is found, by this function and by the index.
		d := Data{FirstName: first, LastName: last}
		text, _ := textsOf(Person, d, nil).numbered(10001)
		own, ok := parseQuery(last + " " + first)
		if ok && own.number == 0 && utf8.RuneCountInString(last+" "+first) <= maxRunes {
			for _, n := range own.Needles {
				assert.Contains(t, text, n, "is not")
			}
			for _, g := range own.Trigrams {
				assert.Contains(t, store.TrigramText(text), g, "trigram %q is not in %q", g, store.TrigramText(text))
			}
			assert.True(t, strings.HasPrefix(store.SortKey(last+" "+first), own.prefix), "%q is not the beginning of the sort name", own.prefix)
		}
	})
}
