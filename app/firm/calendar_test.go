package firm

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestEaster: known days, the earliest and the latest one among them.
func TestEaster(t *testing.T) {
	for _, want := range []string{"1818-03-22", "1943-04-25", "2000-04-23", "2024-03-31", "2025-04-20", "2026-04-05", "2027-03-28", "2038-04-25", "2076-04-19"} {
		at, _ := time.Parse(time.DateOnly, want)
		assert.Equal(t, want, easter(at.Year()).Format(time.DateOnly))
	}
}

// everywhere are the public holidays of all states in two years.
var everywhere = map[int]string{
	2026: "01-01 04-03 04-06 05-01 05-14 05-25 10-03 12-25 12-26",
	2027: "01-01 03-26 03-29 05-01 05-06 05-17 10-03 12-25 12-26",
}

// TestPublicHolidays: the days of each state in two years, as the states' ministries publish them.
func TestPublicHolidays(t *testing.T) {
	for state, also := range map[State][2]string{ // besides those of all states
		"bw": {"01-06 06-04 11-01", "01-06 05-27 11-01"},
		"by": {"01-06 06-04 11-01", "01-06 05-27 11-01"},
		"be": {"03-08", "03-08"},
		"bb": {"04-05 05-24 10-31", "03-28 05-16 10-31"},
		"hb": {"10-31", "10-31"},
		"hh": {"10-31", "10-31"},
		"he": {"06-04", "05-27"},
		"mv": {"03-08 10-31", "03-08 10-31"},
		"ni": {"10-31", "10-31"},
		"nw": {"06-04 11-01", "05-27 11-01"},
		"rp": {"06-04 11-01", "05-27 11-01"},
		"sl": {"06-04 08-15 11-01", "05-27 08-15 11-01"},
		"sn": {"10-31 11-18", "10-31 11-17"},
		"st": {"01-06 10-31", "01-06 10-31"},
		"sh": {"10-31", "10-31"},
		"th": {"09-20 10-31", "09-20 10-31"},
	} {
		assert.NotEmpty(t, StateName(state), state)
		for i, year := range []int{2026, 2027} {
			want := strings.Fields(everywhere[year] + " " + also[i])
			var got []string
			last := ""
			for _, h := range PublicHolidays(state, year, "de") {
				assert.Less(t, last, h.Day, "%s %d: the order of the days", state, year)
				last = h.Day
				got = append(got, h.Day[5:])
				assert.NotEmpty(t, h.Name)
			}
			assert.ElementsMatch(t, want, got, "%s %d", state, year)
		}
	}
	assert.Len(t, States, 16)
	assert.Len(t, stateNames, 16)
}

// TestHolidaysOfOneYear: holidays that there were once, and two on one day.
func TestHolidaysOfOneYear(t *testing.T) {
	days := func(s State, year int) (all string) {
		for _, h := range PublicHolidays(s, year, "en") {
			all += h.Day[5:] + " "
		}
		return all
	}
	assert.Contains(t, days("be", 2025), "05-08")
	assert.NotContains(t, days("be", 2026), "05-08")
	assert.NotContains(t, days("hh", 2025), "05-08")
	assert.Contains(t, days("be", 2028), "06-17")
	assert.Equal(t, 1, strings.Count(days("be", 2035), "03-08"))
	assert.Contains(t, days("sn", 2023), "11-22", "the latest")
	assert.Contains(t, days("sn", 2022), "11-16", "the earliest")
	both := PublicHolidays("by", 2008, "de") // Ascension Day was on 1 May
	n := 0
	for _, h := range both {
		if h.Day == "2008-05-01" {
			n++
			assert.Equal(t, "Tag der Arbeit", h.Name)
		}
	}
	assert.Equal(t, 1, n)
	assert.Equal(t, "New Year's Day", PublicHolidays("hh", 2026, "en")[0].Name)
}
