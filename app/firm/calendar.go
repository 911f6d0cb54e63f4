package firm

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"kontor/app/lang"
)

// State is a federal state of Germany: its code of ISO 3166-2:DE in lower case.
type State string

// States are the federal states, in the alphabetical order of their names.
var States = []State{"bw", "by", "be", "bb", "hb", "hh", "he", "mv", "ni", "nw", "rp", "sl", "sn", "st", "sh", "th"}

var stateNames = map[State]string{
	"bw": "Baden-Württemberg", "by": "Bayern", "be": "Berlin", "bb": "Brandenburg", "hb": "Bremen", "hh": "Hamburg", "he": "Hessen",
	"mv": "Mecklenburg-Vorpommern", "ni": "Niedersachsen", "nw": "Nordrhein-Westfalen", "rp": "Rheinland-Pfalz", "sl": "Saarland",
	"sn": "Sachsen", "st": "Sachsen-Anhalt", "sh": "Schleswig-Holstein", "th": "Thüringen",
}

// StateName is the name by which people know a state, in either language.
func StateName(s State) string { return stateNames[s] }

// public is a public holiday: on a day of the year, or so many days after Easter Sunday.
type public struct {
	german, english string
	month           time.Month // 0: it moves with Easter
	day             int        // of the month, or after Easter Sunday
	in              string     // codes of the states; "" for all
	only            int        // the one year in which it is one; 0 for every year
}

// publics are the public holidays of the states' laws, as of 2026. Days that are holidays only in some municipalities of a
// state (the Assumption in Bavaria, Corpus Christi in parts of Saxony and Thuringia, Augsburg's Peace Festival) are not
// among them. Repentance Day in Saxony is computed apart.
var publics = []public{
	{german: "Neujahr", english: "New Year's Day", month: time.January, day: 1},
	{german: "Heilige Drei Könige", english: "Epiphany", month: time.January, day: 6, in: "bw by st"},
	{german: "Internationaler Frauentag", english: "International Women's Day", month: time.March, day: 8, in: "be mv"},
	{german: "Karfreitag", english: "Good Friday", day: -2},
	{german: "Ostersonntag", english: "Easter Sunday", day: 0, in: "bb"},
	{german: "Ostermontag", english: "Easter Monday", day: 1},
	{german: "Tag der Arbeit", english: "Labour Day", month: time.May, day: 1},
	{german: "80. Jahrestag der Befreiung", english: "80 years of liberation", month: time.May, day: 8, in: "be", only: 2025},
	{german: "Christi Himmelfahrt", english: "Ascension Day", day: 39},
	{german: "Pfingstsonntag", english: "Whit Sunday", day: 49, in: "bb"},
	{german: "Pfingstmontag", english: "Whit Monday", day: 50},
	{german: "Fronleichnam", english: "Corpus Christi", day: 60, in: "bw by he nw rp sl"},
	{german: "75. Jahrestag des Volksaufstands", english: "75 years of the uprising", month: time.June, day: 17, in: "be", only: 2028},
	{german: "Mariä Himmelfahrt", english: "Assumption Day", month: time.August, day: 15, in: "sl"},
	{german: "Weltkindertag", english: "World Children's Day", month: time.September, day: 20, in: "th"},
	{german: "Tag der Deutschen Einheit", english: "Day of German Unity", month: time.October, day: 3},
	{german: "Reformationstag", english: "Reformation Day", month: time.October, day: 31, in: "bb hb hh mv ni sn st sh th"},
	{german: "Allerheiligen", english: "All Saints' Day", month: time.November, day: 1, in: "bw by nw rp sl"},
	{german: "Erster Weihnachtstag", english: "Christmas Day", month: time.December, day: 25},
	{german: "Zweiter Weihnachtstag", english: "Second Day of Christmas", month: time.December, day: 26},
}

// PublicHolidays are the public holidays of a state in a year, in the order of the days, with their names in a language. Of
// two on one day, the first one counts.
func PublicHolidays(s State, year int, locale string) (list []Holiday) {
	add := func(at time.Time, german, english string) {
		name := english
		if locale == lang.German {
			name = german
		}
		list = append(list, Holiday{Day: at.Format(time.DateOnly), Name: name})
	}
	sunday := easter(year)
	for _, p := range publics {
		if p.in != "" && !slices.Contains(strings.Fields(p.in), string(s)) || p.only != 0 && p.only != year {
			continue
		}
		at := time.Date(year, p.month, p.day, 0, 0, 0, 0, time.UTC)
		if p.month == 0 {
			at = sunday.AddDate(0, 0, p.day)
		}
		add(at, p.german, p.english)
	}
	if s == "sn" { // the Wednesday before 23 November
		at := time.Date(year, time.November, 22, 0, 0, 0, 0, time.UTC)
		for at.Weekday() != time.Wednesday {
			at = at.AddDate(0, 0, -1)
		}
		add(at, "Buß- und Bettag", "Repentance Day")
	}
	slices.SortStableFunc(list, func(a, b Holiday) int { return cmp.Compare(a.Day, b.Day) })
	return slices.CompactFunc(list, func(a, b Holiday) bool { return a.Day == b.Day })
}

// easter is Easter Sunday of a year of the Gregorian calendar (Meeus, Jones and Butcher; Nature 13 (1876), p. 487).
func easter(year int) time.Time {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	f := (b + 8) / 25
	g := (b - f + 1) / 3
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return time.Date(year, time.Month(n/31), n%31+1, 0, 0, 0, 0, time.UTC)
}
