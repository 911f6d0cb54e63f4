package web

import (
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/attention"
	"kontor/app/effort"
	"kontor/app/internal/web/kit"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

// wordsOfSources are all words of the program's sources below this folder that could be the name of a field or of a parameter.
func wordsOfSources(t testing.TB) []string {
	t.Helper()
	words := map[string]bool{}
	for _, source := range sources(t) {
		for _, m := range regexp.MustCompile(`"(_?[a-z][a-z_]{0,24})"`).FindAllStringSubmatch(string(source), -1) {
			words[m[1]] = true
		}
	}
	for _, known := range []string{"login", "after", "specialist", "_csrf", "q", "version", "edit"} {
		require.True(t, words[known], "%s is not among the words", known)
	}
	return slices.Sorted(maps.Keys(words))
}

// paramNames are those that handlers read from the address.
func paramNames(t testing.TB) []string {
	t.Helper()
	names := map[string]bool{kit.SeenQuery: true}
	for _, source := range sources(t) {
		for _, m := range regexp.MustCompile(`(?:c\.Query(?:Int)?\(|(?i:queryTerm|askedTerm|asked|paramValues|chosenIDs|queryID)\(c, )"([a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
			names[m[1]] = true
		}
	}
	require.GreaterOrEqual(t, len(names), 15, "only %d parameters", len(names))
	return slices.Sorted(maps.Keys(names))
}

// oddities are texts that are text, and yet not what anybody expects.
func oddities() []string {
	cursor := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	id := "0193a3c0-0000-7000-8000-000000000000"
	raw, _ := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	return []string{
		"'", `\"%_*$1;--`, "\x01\u202e\ufeff\r\n", "𝕏🫥ﷺİß", "99999999999999999999", "1e999", "0000-01-01", "99999-12-31", id, "K-99999999999", "/..//a:b|c",
		cursor("0000-01-01|1|" + id), cursor("0000-01-01T00:00:00Z|1|" + id), cursor("9999-12-31T23:59:59+14:00|9223372036854775807|" + id),
		cursor("2026-11-20|-9223372036854775808|" + id), cursor(string(raw) + "a\x00b"), cursor(string(raw) + "\xff"), cursor("\x02\x00\x00\x01a\x00"),
		cursor("\x02\x00\x01\xff\xff\xff\xff\x07zz"), cursor("\x01\xff\xff\xff\xff\xff\xff\xff\xff" + string(raw)),
	}
}

// rerouted is the address of a route with something else in place of its first placeholder.
func rerouted(r kit.Route, segment string) (string, bool) {
	before, after, found := strings.Cut(r.Path, ":")
	if !found {
		return "", false
	}
	_, after, more := strings.Cut(after, "/")
	if more {
		after = "/" + after
	}
	return before + segment + after, true
}

// endsSessions says whether who asks for a route is signed out by it.
func endsSessions(r kit.Route) bool { return r.Path == "/logout" || r.Path == "/account/sessions" }

// TestNoRequestIsAFault: no value in an address or a form makes any route answer with a server error, on both databases.
// A search term of any length is cut and causes no error.
func TestNoRequestIsAFault(t *testing.T) {
	long := []string{strings.Repeat("ab ", 1600), strings.Repeat("%", 1600), strings.Repeat("ﷺ", 101)}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorldOn(t, db)
		x := w.furnish()
		words, params := wordsOfSources(t), paramNames(t)
		for who, b := range map[string]*browser{"signed in": w.signedIn(), "nobody": w.browser()} {
			fine := func(a answer, r kit.Route, with string) {
				t.Helper()
				if a.StatusCode >= 500 && a.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("%s, %s %s with %.60q: %d", who, r.Method, r.Path, with, a.StatusCode)
				}
			}
			for n, r := range w.table() {
				if n%effort.Every(41) != 0 {
					continue
				}
				if who == "nobody" && r.Audience != kit.Anyone && r.Audience != kit.Automatic {
					continue // leads to the sign-in, see TestNotSignedIn and TestIntake
				}
				path := x.address(t, r.Path)
				with := func(query string) string {
					if strings.Contains(path, "?") {
						return path + "&" + query
					}
					return path + "?" + query
				}
				for i, odd := range oddities() {
					if other, ok := rerouted(r, url.PathEscape(odd)); ok && i < 11 && i%2 == 0 {
						fine(b.raw(r.Method, other, ""), r, odd)
					}
					query := url.Values{}
					for _, name := range params {
						query.Add(name, odd)
					}
					if r.Method == http.MethodGet {
						fine(b.raw(r.Method, with(query.Encode()), ""), r, odd)
					}
				}
				if r.Method != http.MethodGet {
					continue
				}
				plain := b.raw(r.Method, path, "").StatusCode
				for _, text := range long {
					query := url.Values{}
					for name := range kit.SearchTerms {
						query.Set(name, text)
					}
					assert.Equal(t, plain, b.raw(r.Method, with(query.Encode()), "").StatusCode, "%s, %s with terms of %d bytes: the status without them", who, r.Path, len(text))
				}
			}
			for _, odd := range []string{"'", "\x01𝕏ﷺ", "0000-01-01", "99999999999999999999", strings.Repeat("x", 1500)} {
				token := b.token()
				for n, r := range w.table() {
					if n%effort.Every(5) != 0 || r.Method != http.MethodPost || r.Takes != kit.FormBody || endsSessions(r) || who == "nobody" && r.Audience != kit.Anyone {
						continue
					}
					form := url.Values{kit.CSRFField: {token}}
					for _, name := range words {
						if name != kit.CSRFField && name != "narrow" && name != "choose" {
							form.Add(name, odd)
						}
					}
					fine(b.do(r.Method, x.address(t, r.Path), form), r, odd)
				}
			}
		}
	})
}

// TestCraftedCursors: cursors come from the client; a cursor that none of our pages wrote does not cause a server error.
func TestCraftedCursors(t *testing.T) {
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	id := "0193a3c0-0000-7000-8000-000000000000"
	var timed, cursors []string
	for _, at := range []string{"0000-01-01", "0000-12-31", "0001-01-01", "9999-12-31", "a\x00"} {
		for _, clock := range []string{"", "T00:00:00Z", "T23:59:59.999999999-23:59", "T00:00:00+23:59"} {
			timed = append(timed, encode(at+clock+"|1|"+id))
		}
	}
	for _, number := range []string{"-9223372036854775808", "9223372036854775807"} {
		timed = append(timed, encode("2026-11-20|"+number+"|"+id), encode("2026-11-20T00:00:00Z|"+number+"|"+id))
	}
	of := strings.Repeat("\x01", 16)
	for _, s := range []string{
		of, of + "a", of + "a\x00b", of + "\xff", of + of, of + of + of, strings.Repeat("\xff", 16), strings.Repeat("\x00", 32), "\x02\x00\x00\x01a\x00",
		"\x02\x00\x01\xff\xff\xff\xff\x07zz", "\x02\x00\x02\x01a", "\x02\x01\x00\xff\xff\xff\xff\x07", "\x02\x03\x01\x01z",
		"\x01\xff\xff\xff\xff\xff\xff\xff\xff" + of, "\x01\x00\x00\x00\x00\x00\x00\x00\x01" + of, "\x01\x03\x84\x22\xf4\xd3\xd4\x00\x00" + of,
	} {
		cursors = append(cursors, encode(s))
	}
	cursors = append(cursors, id, "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", strings.Repeat("A", kit.MaxParam),
		strings.Repeat("%0A", 34), strings.Repeat("%0D", 43), "%0A"+encode(of+of))
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorldOn(t, db)
		x := w.furnish()
		b := w.signedIn()
		lists := []string{
			"/customers?q=k&after=", "/customers?after=", "/customers?before=", "/customers?sort=number&after=", "/customers?sort=-number&before=",
			"/customers?sort=-name&after=", "/transactions?after=", "/transactions?before=", "/customers/" + x.customer.String() + "/transactions?after=",
			"/specialists?after=", "/specialists/" + x.specialist.String() + "/sees?customers=", "/specialists/" + x.specialist.String() + "/sees?transactions=",
			"/audit?after=", "/customers/" + x.customer.String() + "/log?after=", "/transactions/" + x.transaction.String() + "/log?after=",
		}
		n := int(effort.Seed(t) % 1000) // so that the sample is another one from time to time
		try := func(list string, cursors []string) {
			for _, cursor := range cursors {
				if n++; n%effort.Every(7) != 0 {
					continue
				}
				assert.Equal(t, http.StatusOK, b.raw(http.MethodGet, list+cursor, "").StatusCode, "%s%.80s", list, cursor)
			}
		}
		for _, list := range lists {
			try(list, append(cursors, timed[0]))
		}
		for _, section := range attention.Sections {
			try("/attention?section="+string(section)+"&after=", append(timed, cursors[0]))
		}
	})
}

// TestFarDays: dates at the limits of the calendar are refused, or can be read again after saving.
func TestFarDays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorldOn(t, db)
		x := w.furnish()
		b := w.signedIn()
		deputies := "/specialists/" + w.admin.ID.String() + "/deputies"
		for _, day := range []string{"0000-01-01", "0001-01-01", "9998-12-31", "9999-12-30", "9999-12-31"} {
			b.send(deputies, "deputy", x.specialist.String(), "from", day, "until", day)
			b.send("/customers/"+x.customer.String()+"/transactions", "name", "Fern", "kind", "tax_return", "due", day)
			b.send("/customers/"+x.customer.String()+"/data", "first_name", "B", "last_name", "K", "version", "1", "locale", "de", "date_of_birth", day)
			for _, page := range []string{deputies, "/customers/" + x.customer.String() + "/transactions", "/customers/" + x.customer.String() + "/data", "/attention", "/customers", "/specialists/" + x.specialist.String()} {
				assert.Equal(t, http.StatusOK, b.get(page).StatusCode, "%s after %s", page, day)
			}
		}
	})
}

// TestLongAddressSignsIn: a person without a session who opens a long address is asked to sign in, and the link that we
// build is not refused.
func TestLongAddressSignsIn(t *testing.T) {
	b := newWorld(t).browser()
	for _, n := range []int{10, kit.MaxParam - 20, kit.MaxParam, 15_000} {
		to := b.get("/customers?q=" + strings.Repeat("a", n)).Header.Get("Location")
		if n == 10 && !strings.Contains(to, "next=") {
			t.Errorf("%s does not lead back", to)
		}
		b.get(to).want(t, http.StatusOK)
	}
}
