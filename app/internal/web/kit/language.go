package kit

import (
	"html/template"
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

// languageQuery chooses a language on a page for people who are not signed in; languageCookie keeps it. It holds nothing
// but "de" or "en".
const (
	languageQuery  = "lang"
	languageCookie = "kontor-language"
	languageLife   = 365 * 24 * time.Hour
)

// chosenLanguage is what somebody has chosen on a page of ours, "" for nothing. What the address says is kept.
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

// KeepLanguage has the browser keep a language for pages on which nobody is signed in.
func (k *Kit) KeepLanguage(c *fiber.Ctx, locale string) {
	c.Cookie(&fiber.Cookie{
		Name: k.CookieName(languageCookie), Value: locale, Path: "/", MaxAge: int(languageLife / time.Second), HTTPOnly: true, Secure: k.Secure, SameSite: "Lax",
	})
}

// pickLanguage is the language of an answer to a person whose setting says none: what they chose here, else what their
// browser prefers of ours, else fallback.
func (k *Kit) pickLanguage(c *fiber.Ctx, fallback string) string {
	if chosen := k.chosenLanguage(c); chosen != "" {
		return chosen
	}
	if k.templates[fallback] == nil {
		fallback = k.locale
	}
	return acceptedLocale(c.Get(fiber.HeaderAcceptLanguage), fallback)
}

// UseLocale has a page speak the language of the person who was written to: a registration page the invitation's, unless
// they chose another, their own setting says one, or their browser prefers another of ours.
func (k *Kit) UseLocale(c *fiber.Ctx, locale string) {
	if p := Signed(c); k.templates[locale] == nil || p != nil && p.Account.Locale != "" {
		return
	}
	c.Locals(textKey, k.templates[k.pickLanguage(c, locale)].Texts)
}

// languageChoice is a choice of the switch.
type languageChoice struct {
	Locale, Name string
	Href         string
	Current      bool
}

// languages are the choices on a page that somebody opened without being signed in. An answer to a form has none: the
// link would lose what was typed.
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

// firmLink is one of the firm's links, for a template. Href was checked when the settings were read: html/template knows
// no tel.
type firmLink struct {
	Key, Text string
	Href      template.URL
}

func (k *Kit) firmLinksOf() (all []firmLink) {
	for _, l := range k.links {
		all = append(all, firmLink{l.Key, l.Text, template.URL(l.Href)})
	}
	return all
}

// acceptedLocale reads Accept-Language: that of our languages which the browser prefers, fallback when it wants none of
// them or says none. A * stands for every language that has no place of its own.
func acceptedLocale(header, fallback string) string {
	named, other := map[string]float64{}, 0.0
	var order []string
	for _, part := range strings.Split(header, ",") {
		wanted, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		tag, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(wanted)), "-")
		q := preference(params)
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
	for _, tag := range append(append(order, fallback), lang.All...) { // of two that are wanted alike, the first
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

// preference is the q of a part of Accept-Language: 1 where it says none, 0 where it can't be read.
func preference(params string) float64 {
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
