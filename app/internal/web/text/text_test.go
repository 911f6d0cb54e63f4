package text

import (
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"kontor/views"
)

// TestWaitWords: waiting times are written in words and rounded up.
func TestWaitWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "1 second", time.Second: "1 second", 1500 * time.Millisecond: "2 seconds", time.Minute: "60 seconds", 61 * time.Second: "2 minutes",
		time.Hour: "1 hour", time.Hour + time.Second: "2 hours",
	} {
		assert.Equal(t, want, loaded(t, "en").Wait(d), "%v", d)
	}
	got := loaded(t, "de").Wait(2 * time.Hour)
	assert.True(t, regexp.MustCompile(`^2 Stunden$`).MatchString(got), "German: %q", got)
}

// loaded are Kontor's own texts in a language.
func loaded(t testing.TB, locale string) *Texts {
	t.Helper()
	tx, err := Load(views.Locales(), locale, time.UTC)
	must(t, err)
	return tx
}
