package kit

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/lang"
)

// FuzzAcceptedLocale: whatever the header says, the language is one of ours.
func FuzzAcceptedLocale(f *testing.F) {
	for _, s := range []string{"", "de", "de-AT,en;q=0.5", "fr;q=1, en;q=0", "*", "en;q=NaN,de;q=0.1", ";;q=,,", "DE;q=1e309"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		require.Contains(t, lang.All, acceptedLocale(header, "en"))
	})
}

func TestAcceptedLocale(t *testing.T) {
	for header, want := range map[string]string{
		"": "en", "de": "de", "de-AT, en;q=0.8": "de", "fr, en;q=0.5, de;q=0.9": "de", "fr": "en", "en;q=0.1, de;q=0": "en", "EN-gb": "en", "de;q=x": "en",
		"*": "en", "*, de;q=0.5": "en", "de, *": "de", "*, en;q=0": "de", "en;q=0": "en", "de;q=0.5, *;q=0.1": "de", "de;q=NaN": "en", "de;q=-1": "en",
		"de, en": "de", "en, de": "en", "de;q=0.5, en;q=0.5": "de", "de;q=0, de-AT": "de", "de ;q=1": "de", "de;q=9, en;q=1": "de",
	} {
		assert.Equal(t, want, acceptedLocale(header, "en"), "%q", header)
	}
}
