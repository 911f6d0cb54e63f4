package web

import (
	"net/http"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/store"
	"kontor/app/store/storetest"
)

// lookOf is what the page says about how it looks: the theme, the density, and the colours that the browser begins with.
func lookOf(doc *goquery.Document) [3]string {
	html := doc.Find("html")
	return [3]string{
		html.AttrOr("data-bs-theme", "-"), html.AttrOr("data-density", "-"), doc.Find("meta[name=color-scheme]").AttrOr("content", ""),
	}
}

// TestLook: the server writes into each page how the person wants it, in the frame and in the one column of end users.
// Where nobody is signed in, it is left to the browser.
func TestLook(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorldOn(t, db)
		firm, customer := w.signedIn(), w.endUser()
		for _, b := range []*browser{firm, customer} {
			assert.Equal(t, [3]string{"-", "-", "light dark"}, lookOf(b.get("/account").doc(t)), "before a choice")
		}
		for _, c := range []struct {
			b    *browser
			send []string
			want [3]string
		}{
			{firm, []string{"theme", "dark", "density", "compact"}, [3]string{"dark", "compact", "dark"}},
			{firm, []string{"theme", "light"}, [3]string{"light", "compact", "light"}},
			{firm, []string{"theme", "system", "density", "comfortable"}, [3]string{"-", "-", "light dark"}},
			{firm, []string{"theme", "dark"}, [3]string{"dark", "-", "dark"}},
			{customer, []string{"theme", "dark", "density", "compact"}, [3]string{"dark", "-", "dark"}},
		} {
			c.b.send("/account/appearance", c.send...).want(t, http.StatusSeeOther)
			doc := c.b.get("/account").doc(t)
			assert.Equal(t, c.want, lookOf(doc), "after %v", c.send)
			assert.Equal(t, c.send[1], doc.Find("input[name=theme][checked]").AttrOr("value", ""))
		}
		assert.Equal(t, 2, firm.get("/account").doc(t).Find("form[action='/account/appearance'] fieldset").Length(), "of the firm")
		assert.Equal(t, 1, customer.get("/account").doc(t).Find("form[action='/account/appearance'] fieldset").Length(), "of an end user")

		wrong := firm.send("/account/appearance", "theme", "purple")
		wrong.want(t, http.StatusUnprocessableEntity)
		assert.Equal(t, 1, wrong.doc(t).Find("#summary a[href='#f-theme']").Length(), "no complaint")
		back := firm.send("/account/appearance", "theme", "light", "next", "/customers?q=a")
		assert.Equal(t, "/customers?q=a", back.Header.Get("Location"))
		back = firm.send("/account/appearance", "theme", "dark", "next", "//elsewhere.example")
		assert.Equal(t, "/account", back.Header.Get("Location"))

		assert.Equal(t, [3]string{"dark", "-", "dark"}, lookOf(firm.get("/customers").doc(t)))
		assert.Equal(t, [3]string{"dark", "-", "dark"}, lookOf(firm.get("/nowhere").doc(t)), "a page that there is not")
		firm.send("/logout")
		assert.Equal(t, [3]string{"-", "-", "light dark"}, lookOf(firm.get("/login").doc(t)), "signed out")
	})
}

// TestDailySummary: a specialist user chooses when the daily summary comes, whatever their roles. An end user, who has no
// *Needs attention*, is offered nothing and can't choose it.
func TestDailySummary(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorldOn(t, db)
		firm, customer := w.signedIn(), w.endUser()
		const form = "form[action='/account/mails']"
		chosen := func(a answer) string {
			return a.doc(t).Find(form+" input[name=daily_summary][checked]").AttrOr("value", "-")
		}
		assert.Equal(t, "off", chosen(firm.get("/account")), "before a choice")
		for _, value := range []string{"workdays", "daily", "off", "daily"} {
			a := firm.send("/account/mails", "daily_summary", value)
			a.want(t, http.StatusSeeOther)
			assert.Equal(t, "/account", a.Header.Get("Location"))
			assert.Equal(t, value, chosen(firm.get("/account")))
		}
		wrong := firm.send("/account/mails", "daily_summary", "hourly")
		wrong.want(t, http.StatusUnprocessableEntity)
		assert.Equal(t, 1, wrong.doc(t).Find("#summary a[href='#f-daily_summary']").Length(), "no complaint")
		firm.send("/account/mails").want(t, http.StatusSeeOther)
		firm.send("/account/appearance", "theme", "dark", "daily_summary", "off").want(t, http.StatusSeeOther)
		assert.Equal(t, "daily", chosen(firm.get("/account")), "what was not sent, or elsewhere, changes nothing")

		assert.Zero(t, customer.get("/account").doc(t).Find(form).Length(), "of an end user")
		customer.send("/account/mails", "daily_summary", "daily").want(t, http.StatusNotFound)
		customer.send("/account/appearance", "theme", "dark", "daily_summary", "daily").want(t, http.StatusSeeOther)
		n, err := db.NewSelect().Table("preference").Where("name = 'daily_summary'").Count(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 1, n, "people with a choice")
	})
}
