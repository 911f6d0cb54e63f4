package customer

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf8"

	"kontor/app/store"
)

// PageSize and CountCap: 50 rows a page, counts up to 1,000.
const (
	PageSize = 50
	CountCap = 1000
)

// Filter is the state of the overview, as it stands in the URL. What is not understood counts as not there.
type Filter struct {
	Query     string // every word must be found; 1-2 characters find beginnings of words, more find any part
	Type      Type   // "" both
	Attention bool   // status=attention
	Sort      string // name (default), -name, number, -number
	After     string // keyset cursors; opaque; a broken one is ignored
	Before    string
}

// Page is one page of the overview.
type Page struct {
	Rows       []Row
	Next, Prev string // cursors, "" where there is none
	Count      int    // of all that match, capped
	Capped     bool   // Count is CountCap and there are more
}

// order is what a list is sorted by.
type order struct {
	number     bool // by number instead of by name
	descending bool
}

func parseOrder(s string) order {
	return order{number: strings.TrimPrefix(s, "-") == "number", descending: s == "-name" || s == "-number"}
}

// The phases of a search that is sorted by name: what the query most likely means comes first.
const (
	phaseNumber = iota // the customer whose number it is
	phasePrefix        // those whose name begins with it
	phaseRest          // all others; and everything in lists without phases
)

// position is where a row stands in a list: a page begins after the last row of the one before (keyset), so a deep page
// costs what the first one does.
type position struct {
	phase  int
	name   string // name_sort; empty in lists by number
	number int64
}

// cursorVersion changes when the meaning of a position does: cursors of before are ignored then.
const cursorVersion = 1

// maxCursor bounds what is decoded; a sort name has at most 200 characters of the form, which folding may lengthen.
const maxCursor = 4096

// encode writes a position for a URL.
func (p position) encode(o order) string {
	b := []byte{cursorVersion, o.mark(), byte(p.phase)}
	b = binary.AppendUvarint(b, uint64(p.number))
	return base64.RawURLEncoding.EncodeToString(append(b, p.name...))
}

func (o order) mark() byte {
	var m byte
	if o.number {
		m |= 1
	}
	if o.descending {
		m |= 2
	}
	return m
}

// decode reads a cursor for a list in order o; ok=false for everything that encode can't have written for it.
func decode(s string, o order) (p position, ok bool) {
	if s == "" || len(s) > maxCursor {
		return position{}, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) < 4 || b[0] != cursorVersion || b[1] != o.mark() || b[2] > phaseRest {
		return position{}, false
	}
	number, n := binary.Uvarint(b[3:])
	if n <= 0 || number == 0 || number > 1<<31-1 {
		return position{}, false
	}
	p = position{phase: int(b[2]), number: int64(number), name: string(b[3+n:])}
	if !utf8.ValidString(p.name) || p.name != store.SortKey(p.name) || p.encode(o) != s {
		return position{}, false
	}
	return p, true
}

// Bounds of a query: more words or characters than that are not looked at.
const (
	maxWords = 8
	maxRunes = 100
)

// terms is a query taken apart.
type terms struct {
	needles  []string // what the search text must contain, each
	prefix   string   // the query as the beginning of a sort name
	number   int64    // the customer whose number it is, or 0
	trigrams []string // of the needles: what the index is asked
}

// parseQuery folds a query as the search text is folded. ok=false when there is nothing to search for.
func parseQuery(q string) (t terms, ok bool) {
	if utf8.RuneCountInString(q) > maxRunes {
		q = string([]rune(q)[:maxRunes])
	}
	words := strings.Fields(store.Fold(q))
	if t.number, _ = ParseNumber(q); t.number != 0 {
		words = []string{strings.Join(words, "")} // one word in the search text as well: "k10001"
	}
	for _, word := range words {
		if utf8.RuneCountInString(word) < 3 {
			word = " " + word // words stand behind a blank
		}
		if !slices.Contains(t.needles, word) && len(t.needles) < maxWords {
			t.needles = append(t.needles, word)
		}
	}
	for _, n := range t.needles {
		if utf8.RuneCountInString(n) < 3 {
			n = " " + n // one letter: see ftsText
		}
		for i, r := 0, []rune(n); i+3 <= len(r); i++ {
			if g := string(r[i : i+3]); !slices.Contains(t.trigrams, g) {
				t.trigrams = append(t.trigrams, g)
			}
		}
	}
	t.prefix = store.SortKey(q)
	return t, len(t.needles) > 0
}

// searchText is what the search finds of a customer: folded words, each behind a blank, so that a pattern can ask for
// the beginning of a word.
func searchText(t Type, number int64, d Data, emails []string) string {
	parts := []string{d.LastName, d.FirstName, d.City, strings.ReplaceAll(Label(number), "-", "")}
	if t == Company {
		parts = append([]string{d.CompanyName}, parts...)
	}
	words := strings.Fields(store.Fold(strings.Join(append(parts, emails...), " ")))
	return " " + strings.Join(words, " ")
}

// Derived is what a customer's row holds beside its data, for those who write rows in bulk.
type Derived struct {
	NameSort, Search, Identity string
	Trigrams                   string // the text of SQLite's customer_search
}

// Derive computes it from what a customer is and the e-mail addresses of its accesses.
func Derive(t Type, number int64, d Data, emails ...string) Derived {
	search := searchText(t, number, d, emails)
	return Derived{NameSort: sortName(t, d), Search: search, Identity: identity(t, d), Trigrams: ftsText(search)}
}

// ftsText is the search text as SQLite's trigram index gets it: two blanks before each word, so that even one letter at
// the beginning of a word is a trigram ("  b").
func ftsText(search string) string { return strings.ReplaceAll(search, " ", "  ") }

// ftsMatch asks SQLite's index for rows with all trigrams. Each is a string of its own: an index without positions
// (detail=none) knows no phrases.
func ftsMatch(trigrams []string) string {
	quoted := make([]string, len(trigrams))
	for i, g := range trigrams {
		quoted[i] = `"` + strings.ReplaceAll(g, `"`, `""`) + `"`
	}
	return strings.Join(quoted, " AND ")
}

// likePattern finds a needle anywhere; what LIKE would read as a wildcard is escaped.
func likePattern(needle string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(needle) + "%"
}
