package text

import (
	"regexp"
	"testing"
	"time"

	"kontor/views"
)

// TestWaitWords: waiting times are written in words and rounded up.
func TestWaitWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "1 second", time.Second: "1 second", 1500 * time.Millisecond: "2 seconds", time.Minute: "60 seconds", 61 * time.Second: "2 minutes",
		time.Hour: "1 hour", time.Hour + time.Second: "2 hours",
	} {
		if got := loaded(t, "en").Wait(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	if got := loaded(t, "de").Wait(2 * time.Hour); !regexp.MustCompile(`^2 Stunden$`).MatchString(got) {
		t.Errorf("German: %q", got)
	}
}

// loaded are Kontor's own texts in a language.
func loaded(t testing.TB, locale string) *Texts {
	t.Helper()
	tx, err := Load(views.Locales(), locale, time.UTC)
	must(t, err)
	return tx
}
