package document

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"kontor/app/fault"
)

// TestCheckAnswer: what is taken as an answer, and how it is kept.
func TestCheckAnswer(t *testing.T) {
	for _, c := range []struct {
		asked              Answer
		typed, kept, wrong string
	}{
		{AnswerText, " a\r\nb ", "a\nb", ""}, {AnswerText, " \u200b ", "", "required"}, {AnswerText, "a\x00", "", "control_characters"},
		{AnswerText, strings.Repeat("ä", MaxText), strings.Repeat("ä", MaxText), ""}, {AnswerText, strings.Repeat("ä", MaxText+1), "", "too_long"},
		{AnswerNumber, "12", "12", ""}, {AnswerNumber, "0012", "12", ""}, {AnswerNumber, "000", "0", ""}, {AnswerNumber, "-3", "-3", ""}, {AnswerNumber, "−3", "-3", ""},
		{AnswerNumber, "1234,5", "1234.5", ""}, {AnswerNumber, "1234.5", "1234.5", ""}, {AnswerNumber, "1.234,56", "1234.56", ""}, {AnswerNumber, "1,234.56", "1234.56", ""},
		{AnswerNumber, "1.234.567", "1234567", ""}, {AnswerNumber, "1 234 567", "1234567", ""}, {AnswerNumber, "1’234.50", "1234.50", ""},
		{AnswerNumber, "1.500", "", "answer.number"}, {AnswerNumber, "1,500", "", "answer.number"}, {AnswerNumber, "0,500", "0.500", ""},
		{AnswerNumber, "12.34.56", "", "answer.number"}, {AnswerNumber, "1,2,3", "", "answer.number"}, {AnswerNumber, "12,", "", "answer.number"},
		{AnswerNumber, ",5", "", "answer.number"}, {AnswerNumber, "-", "", "answer.number"}, {AnswerNumber, "1e5", "", "answer.number"},
		{AnswerNumber, "12 €", "", "answer.number"}, {AnswerNumber, "٣", "", "answer.number"}, {AnswerNumber, "1\n2", "", "control_characters"},
		{AnswerDate, "2026-12-31", "2026-12-31", ""}, {AnswerDate, "31.12.2026", "", "date.malformed"}, {AnswerDate, "2026-02-30", "", "date.malformed"},
		{AnswerDate, "0026-01-01", "", "date.malformed"},
		{AnswerIBAN, "DE02 1203 0000 0000 2020 51", "DE02120300000000202051", ""}, {AnswerIBAN, "de02120300000000202051", "DE02120300000000202051", ""},
		{AnswerIBAN, "GB82 WEST 1234 5698 7654 32", "GB82WEST12345698765432", ""}, {AnswerIBAN, "AT61 1904 3002 3457 3201", "AT611904300234573201", ""},
		{AnswerIBAN, "DE02120300000000202052", "", "answer.iban"}, {AnswerIBAN, "DE0212030000000020205", "", "answer.iban"}, {AnswerIBAN, "DE02", "", "answer.iban"},
		{AnswerIBAN, "1102120300000000202051", "", "answer.iban"}, {AnswerIBAN, "DE02-1203-0000-0000-2020-51", "DE02120300000000202051", ""}, {AnswerIBAN, "äöüäöüäöüäöüäöüäöü", "", "answer.iban"},
		{AnswerYesNo, "yes", "yes", ""}, {AnswerYesNo, "no", "no", ""}, {AnswerYesNo, "maybe", "", "answer.yes_no"},
		{AnswerDocument, "a", "", "answer.document"},
	} {
		kept, err := CheckAnswer(c.asked, c.typed)
		var wrong *fault.Error
		if errors.As(err, &wrong) {
			assert.Equal(t, "value "+c.wrong, wrong.Field+" "+wrong.Message, "%s %q", c.asked, c.typed)
			continue
		}
		assert.Equal(t, c.kept, kept, "%s %q", c.asked, c.typed)
		assert.Empty(t, c.wrong, "%s %q", c.asked, c.typed)
	}
}

// FuzzCheckAnswer: nothing that is typed makes the check fail, and what was kept is kept the same again.
func FuzzCheckAnswer(f *testing.F) {
	for _, s := range []string{"1.234,56", "DE02120300000000202051", "2026-12-31", "yes", "\xff", "−1’000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		for _, asked := range Answers {
			kept, err := CheckAnswer(asked, typed)
			if err != nil {
				continue
			}
			again, err := CheckAnswer(asked, kept)
			if err != nil && asked == AnswerNumber && strings.Contains(kept, ".") {
				continue // three decimals could be thousands when they are typed
			}
			assert.NoError(t, err, "%s %q", asked, kept)
			assert.Equal(t, kept, again)
		}
	})
}

// TestNumbered: a number stands before the extension, and the name stays short enough.
func TestNumbered(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		want string
	}{
		{"a.pdf", 1, "a.pdf"}, {"a.pdf", 2, "a (2).pdf"}, {"a", 3, "a (3)"}, {".pdf", 2, ".pdf (2)"}, {"Frau Dr. Meier und andere", 2, "Frau Dr. Meier und andere (2)"},
		{strings.Repeat("ä", MaxName-4) + ".pdf", 12, strings.Repeat("ä", MaxName-9) + " (12).pdf"},
	} {
		assert.Equal(t, c.want, numbered(c.name, c.n))
	}
}
