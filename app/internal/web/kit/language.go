package kit

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"kontor/app/internal/web/text"
	"kontor/app/lang"
)

// LocaleOptions are the languages to choose from.
func (k *Kit) LocaleOptions(c *fiber.Ctx) []text.Option {
	return []text.Option{{Value: lang.German, Text: k.Say(c, "locale.de")}, {Value: lang.English, Text: k.Say(c, "locale.en")}}
}

// languageQuery is the parameter that chooses a language on pages for people who are not signed in. languageCookie stores
// the choice; its value is "de" or "en".
const (
	languageQuery  = "lang"
	languageCookie = "kontor-language"
	languageLife   = 365 * 24 * time.Hour
)

// chosenLanguage is the language that the person has chosen on a page of this site, "" for none. A choice in the address
// is stored in the cookie.
func (k *Kit) chosenLanguage(c *fiber.Ctx) string {
	if asked := c.Query(languageQuery); lang.Known(asked) && c.Method() == fiber.MethodGet {
		k.KeepLanguage(c, asked)
		return asked
	}
	if kept := c.Cookies(k.CookieName(languageCookie)); lang.Known(kept) {
		return kept
	}
	return ""
}

// KeepLanguage stores a language in the browser, for pages where nobody is signed in.
func (k *Kit) KeepLanguage(c *fiber.Ctx, locale string) {
	c.Cookie(&fiber.Cookie{
		Name: k.CookieName(languageCookie), Value: locale, Path: "/", MaxAge: int(languageLife / time.Second), HTTPOnly: true, Secure: k.Secure, SameSite: "Lax",
	})
}

// pickLanguage returns the language for a person without a language setting: first what they chose on this site, then
// what their browser prefers among our languages, then fallback.
func (k *Kit) pickLanguage(c *fiber.Ctx, fallback string) string {
	if chosen := k.chosenLanguage(c); chosen != "" {
		return chosen
	}
	if k.templates[fallback] == nil {
		fallback = k.locale()
	}
	return acceptedLocale(c.Get(fiber.HeaderAcceptLanguage), fallback)
}

// UseLocale makes a page use the language of the message that led to it: a registration page uses the language of the
// invitation. It does not apply if the person has chosen another language, has a language setting, or prefers another of
// our languages in the browser.
func (k *Kit) UseLocale(c *fiber.Ctx, locale string) {
	if p := Signed(c); k.templates[locale] == nil || p != nil && p.Account.Locale != "" {
		return
	}
	c.Locals(textKey, k.templates[k.pickLanguage(c, locale)].Texts)
}

// languageChoice is an entry of the language switch.
type languageChoice struct {
	Locale, Name string
	Href         string
	Current      bool
}

// languages are the entries of the language switch on a page without sign-in. The answer to a form has none, because
// following the link would lose what was typed.
func (k *Kit) languages(c *fiber.Ctx) (all []languageChoice) {
	if Signed(c) != nil || c.Method() != fiber.MethodGet {
		return nil
	}
	here, err := url.Parse(c.OriginalURL())
	if err != nil {
		return nil
	}
	for _, locale := range lang.All {
		q := here.Query()
		q.Set(languageQuery, locale)
		all = append(all, languageChoice{
			Locale: locale, Name: k.templates[locale].Say("locale.own"), Href: "?" + q.Encode(), Current: k.Text(c).Locale == locale,
		})
	}
	return all
}

// acceptedLocale reads Accept-Language. It returns the one of our languages that the browser prefers, or fallback if the
// header names none of them. A * stands for every language that is not named.
func acceptedLocale(header, fallback string) string {
	named, other := map[string]float64{}, 0.0
	var order []string
	for _, part := range strings.Split(header, ",") {
		wanted, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		tag, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(wanted)), "-")
		q := weight(params)
		if tag == "*" {
			other = max(other, q)
		}
		if !lang.Known(tag) {
			continue
		}
		if _, before := named[tag]; !before {
			order = append(order, tag)
		}
		named[tag] = max(named[tag], q)
	}
	best, bestQ := fallback, 0.0
	for _, tag := range append(append(order, fallback), lang.All...) { // if two have the same q, the first one wins
		q, said := named[tag]
		if !said {
			q = other
		}
		if q > bestQ {
			best, bestQ = tag, q
		}
	}
	return best
}

// weight returns the q of one part of Accept-Language: 1 if there is none, 0 if it can't be parsed.
func weight(params string) float64 {
	said, has := strings.CutPrefix(strings.TrimSpace(params), "q=")
	if !has {
		return 1
	}
	said, _, _ = strings.Cut(said, ";")
	q, err := strconv.ParseFloat(strings.TrimSpace(said), 64)
	if err != nil || !(q > 0) {
		return 0
	}
	return min(q, 1)
}
