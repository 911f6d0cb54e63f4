package web

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/transaction"
	"kontor/policies"
)

// withPolicy puts the default policy without some of its rules in force.
func (w *world) withPolicy(without ...string) {
	w.Helper()
	text := policies.Default
	for _, rule := range without {
		require.Contains(w, text, rule)
		text = strings.ReplaceAll(text, rule+"\n", "")
	}
	d, err := policies.New(text)
	must(w.TB, err)
	w.Decider.Adopt(w.Decider.Version()+1, d)
}

// notesOf are the notes that a page shows.
func notesOf(t *testing.T, a answer) []string {
	t.Helper()
	return wordsOf(a.doc(t).Find("#history .written"))
}

// TestNotes: a note is written, changed, removed and put back on the history's page, and only its author may.
func TestNotes(t *testing.T) {
	w := newWorld(t)
	b, history := w.signedIn(), w.path()+"/history"
	w.specialist("kollege@kanzlei.example")
	colleague := w.browser().signIn("kollege@kanzlei.example", strong)
	b.send(w.path()+"/notes", "note", "Ruft an: https://a.example/x <b>").goesTo(t, history)
	page := b.get(history)
	page.want(t, http.StatusOK, "Note added", "Ruft an: https://a.example/x <b>", "Anna Berg")
	note := attr(page.doc(t), "#history a[id^=edit-]", "href")
	assert.Equal(t, "https://a.example/x", attr(page.doc(t), "#history .written a", "href"))
	assert.Equal(t, "noreferrer", attr(page.doc(t), "#history .written a", "rel"))

	seen := colleague.get(history)
	assert.Len(t, notesOf(t, seen), 1, "a colleague reads it")
	assert.Zero(t, seen.doc(t).Find("#history form, #history a[id^=edit-]").Length(), "a colleague is offered no change")
	for _, act := range []string{"", "/remove", "/restore"} {
		assert.Equal(t, http.StatusForbidden, colleague.send(note+act, "note", "x", "version", "1").StatusCode, "a colleague: %q", act)
	}
	assert.Equal(t, http.StatusForbidden, colleague.get(note).StatusCode)

	b.get(note).want(t, http.StatusOK, "Edit note", "Written on")
	w.Tick(1)
	b.send(note, "note", "Ruft nicht an", "version", "1", "was_note", "Ruft an: https://a.example/x <b>").goesTo(t, history)
	b.get(history).want(t, http.StatusOK, "Ruft nicht an", "edited on")
	conflict := b.send(note, "note", "Etwas anderes", "version", "1", "was_note", "Ruft an: https://a.example/x <b>")
	conflict.want(t, http.StatusConflict, "Etwas anderes", "Ruft nicht an", "You, in another window")

	b.send(note+"/remove").goesTo(t, history)
	page = b.get(history)
	page.want(t, http.StatusOK, "Note removed", "Undo")
	assert.Empty(t, notesOf(t, page))
	undo := attr(page.doc(t), "#toast form", "action")
	b.send(undo).goesTo(t, history)
	assert.Equal(t, []string{"Ruft nicht an"}, notesOf(t, b.get(history)))
	assert.Equal(t, http.StatusGone, b.send(undo).StatusCode, "put back twice")
}

// TestNoteMistakes: what is wrong is said at the field, and nothing typed is lost.
func TestNoteMistakes(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	a := b.send(w.path()+"/notes", "note", " ")
	a.want(t, http.StatusUnprocessableEntity, "Enter a note")
	assert.True(t, strings.HasPrefix(a.doc(t).Find("title").Text(), "Error:"))
	long := strings.Repeat("ä", 4001)
	a = b.send(w.path()+"/notes", "note", long)
	a.want(t, http.StatusUnprocessableEntity, "4000")
	assert.Equal(t, long, a.doc(t).Find("#f-note").Text())
	assert.Equal(t, "true", attr(a.doc(t), "#f-note", "aria-invalid"))
}

// TestHistory: the history has the log, deliveries and notes, or the sorts that somebody asks for and may see, and says nothing
// of the others.
func TestHistory(t *testing.T) {
	w := newWorld(t)
	w.invite("berta@kunde.example", "")
	w.noted(w.admin, "Ruft gern zurück")
	b, history := w.signedIn(), w.path()+"/history"
	chips := func(a answer) []string { return wordsOf(a.doc(t).Find(".chips .tag")) }
	names := func(a answer) string { return strings.Join(wordsOf(a.doc(t).Find("#history .name")), ", ") }
	all := b.get(history)
	assert.Equal(t, []string{"Everything", "Notes", "Deliveries", "Log"}, chips(all))
	assert.Contains(t, names(all), "Note, ")
	assert.Contains(t, names(all), "Invitation")
	assert.Contains(t, names(all), "Access created")
	assert.NotContains(t, names(all), "Note written", "the note stands there itself")
	assert.Contains(t, attr(all.doc(t), "#history a[href*=deliveries\\#]", "href"), w.row("berta@kunde.example").ID.String())
	assert.Equal(t, "Invitation", names(b.get(history+"?sort=deliveries")))
	assert.Equal(t, "Note", names(b.get(history+"?sort=notes")))
	assert.Equal(t, "Note", names(b.get(history+"?q=ZURUCK")))
	b.get(history+"?q=qwertz").want(t, http.StatusOK, "Nothing matches")
	b.get(w.path()+"/log").want(t, http.StatusOK, "Note written")

	w.specialist("kollege@kanzlei.example")
	b = w.browser().signIn("kollege@kanzlei.example", strong)
	const notes, deliveries = "p, specialist, *, note, *, read, allow", "p, specialist, *, access, *, read, allow"
	w.withPolicy(notes)
	for _, address := range []string{history, history + "?sort=notes", history + "?q=zuruck", w.path() + "/log", w.path() + "/data"} {
		a := b.get(address)
		assert.Equal(t, http.StatusOK, a.StatusCode)
		for _, hidden := range []string{"zurück", "Note written", "Search notes", "New note", "sort=notes"} {
			assert.NotContains(t, a.body, hidden, "%s without the right to read notes", address)
		}
	}
	w.withPolicy(deliveries)
	a := b.get(history + "?sort=deliveries")
	assert.NotContains(t, a.body, "berta@kunde.example")
	assert.Equal(t, []string{"Everything", "Notes", "Log"}, chips(a))
	w.withPolicy("p, specialist, *, note, *, create, allow")
	a = b.get(history)
	assert.Zero(t, a.doc(t).Find("#f-note, #history form").Length(), "who only reads")
	assert.Equal(t, http.StatusForbidden, b.send(w.path()+"/notes", "note", "x").StatusCode)
}

// TestNotesAreInternal: an end user finds nothing of a note, wherever they look.
func TestNotesAreInternal(t *testing.T) {
	w := newWorld(t)
	x := w.furnish()
	b := w.endUser()
	for _, r := range w.table() {
		if r.Method == http.MethodGet {
			assert.NotContains(t, b.get(x.address(t, r.Path)).body, "Ruft gern", r.Path)
		}
	}
	assert.Equal(t, http.StatusNotFound, b.get(w.path()+"/history").StatusCode)
	assert.Equal(t, http.StatusNotFound, b.send(w.path()+"/notes", "note", "x").StatusCode)
}

// counts are the numbers on the tabs, which are not in their texts.
func counts(a answer) (list []string) {
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(a.body))
	if err != nil {
		return []string{err.Error()}
	}
	doc.Find(".tabs .n").Each(func(_ int, n *goquery.Selection) { list = append(list, n.AttrOr("data-n", "")+n.Text()) })
	return list
}

// TestAtAGlance: the head of each page about a customer says what the person may see, and the tabs have their numbers.
func TestAtAGlance(t *testing.T) {
	w := newWorld(t)
	glance := func(a answer) string { return strings.Join(wordsOf(a.doc(t).Find(".glance li")), " | ") }
	b := w.signedIn()
	assert.Contains(t, glance(b.get(w.path()+"/data")), "No access | Administrator: Anna Berg | Last activity:")
	w.invite("berta@kunde.example", "")
	late := w.transaction("Spät")
	w.transaction("Bald")
	w.Exec(`UPDATE transactions SET due = ''`)
	w.Exec(`UPDATE transactions SET due = '2020-01-01', status = ? WHERE id = ?`, transaction.InReview, late.ID)
	for _, name := range []string{"b", "c", "d", "e"} {
		c := w.specialist(name + "@kanzlei.example")
		w.Exec(`INSERT INTO customer_administrator (customer_id, specialist_id, created_at, created_by) VALUES (?, ?, ?, ?)`, w.customer, c.ID, w.Clock.Now(), w.admin.ID)
	}
	for _, tab := range []string{"data", "authorisations", "transactions", "deliveries", "history", "log"} {
		a := b.get(w.path() + "/" + tab)
		said := glance(a)
		assert.Contains(t, said, "Invited | Administrators: Anna Berg, B@kanzlei.example, C@kanzlei.example + 2 more | 1 open business transaction | 1 overdue | Last activity:", tab)
		assert.Equal(t, []string{"1", "2"}, counts(a), tab)
		assert.Equal(t, "2 business transactions", strings.TrimSpace(a.doc(t).Find("#tab-transactions").Text()), tab)
		assert.Equal(t, "tab-authorisations", attr(a.doc(t), ".tabs a[href$=authorisations]", "aria-describedby"), tab)
	}
	for address, n := range map[string]int{"?status=open": 1, "?due=overdue": 1} {
		assert.Equal(t, n, b.get(w.path()+"/transactions"+address).doc(t).Find("#transactions tbody tr:not(.group)").Length(), address)
	}
	w.specialist("fremd@kanzlei.example")
	stranger := w.browser().signIn("fremd@kanzlei.example", strong)
	a := stranger.get(w.path() + "/data")
	assert.NotContains(t, glance(a), "overdue", "who sees no transactions")
	assert.Equal(t, []string{"1"}, counts(a), "who sees no transactions")
	assert.NotContains(t, glance(a), "Business transaction added")
	w.withPolicy("p, specialist, *, authorisation, *, read, allow", "p, specialist, *, access, *, read, allow")
	a = stranger.get(w.path() + "/data")
	assert.NotContains(t, glance(a), "dministrator", "who may not see who administers: %s", glance(a))
	assert.Empty(t, counts(a))
	w.withPolicy()
	w.Exec(`UPDATE account SET active = FALSE WHERE email LIKE '_@kanzlei.example'`)
	_, err := w.DB.ExecContext(context.Background(), `DELETE FROM customer_administrator WHERE specialist_id = ?`, w.admin.ID)
	must(w.TB, err)
	assert.Contains(t, glance(b.get(w.path()+"/data")), "No active administrator")
}
