package kit

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestPutOver: if only one of the two changed a field, this change is kept. Only fields that both changed differently are
// conflicts, and no typed value is lost.
func TestPutOver(t *testing.T) {
	const unknown = "\x00" // the form did not say what the field held
	for name, c := range map[string]struct {
		base, typed, now string
		want             string
		both, also       bool
	}{
		"nobody changed it":           {base: "Kiel", typed: "Kiel", now: "Kiel", want: "Kiel"},
		"only I changed it":           {base: "Kiel", typed: "Ulm", now: "Kiel", want: "Ulm"},
		"only they changed it":        {base: "Kiel", typed: "Kiel", now: "Bonn", want: "Bonn", also: true},
		"both, to the same":           {base: "Kiel", typed: "Ulm", now: "Ulm", want: "Ulm"},
		"both, differently":           {base: "Kiel", typed: "Ulm", now: "Bonn", want: "Ulm", both: true},
		"I cleared it":                {base: "Kiel", typed: "", now: "Kiel", want: ""},
		"they cleared it":             {base: "Kiel", typed: "Kiel", now: "", want: "", also: true},
		"I cleared, they changed":     {base: "Kiel", typed: "", now: "Bonn", want: "", both: true},
		"I changed, they cleared":     {base: "Kiel", typed: "Ulm", now: "", want: "Ulm", both: true},
		"both filled it":              {base: "", typed: "Ulm", now: "Bonn", want: "Ulm", both: true},
		"blanks are no change":        {base: "Kiel", typed: " Kiel ", now: "Bonn", want: "Bonn", also: true},
		"line ends are no change":     {base: "a\nb", typed: "a\r\nb", now: "c", want: "c", also: true},
		"theirs without my blanks":    {base: "Kiel", typed: "Ulm ", now: "Ulm", want: "Ulm "},
		"the form does not say, same": {base: unknown, typed: "Ulm", now: "Ulm", want: "Ulm"},
		"the form does not say":       {base: unknown, typed: "Ulm", now: "Bonn", want: "Ulm", both: true},
	} {
		base := map[string]string{}
		if c.base != unknown {
			base["city"] = c.base
		}
		typed := map[string]string{"city": c.typed, "version": "1"}
		before := maps.Clone(typed)
		values, o := putOver(base, typed, typed, []Field{{Name: "city", Value: c.now}})
		assert.Equal(t, c.want, values["city"], "%s: the field holds", name)
		assert.Equal(t, "1", values["version"], name)
		both := len(o.Conflicts) == 1
		assert.Equal(t, c.both, both, "%s: to be chosen", name)
		assert.False(t, both && (o.Conflicts[0].Mine != c.typed || o.Conflicts[0].Theirs != c.now), "%s: to be chosen: %+v", name, o.Conflicts)
		assert.Equal(t, c.also, slices.Equal(o.Also, []string{"city"}), "%s: said to be changed too: %v", name, o.Also)
		assert.Equal(t, before, typed, "%s: what was typed was changed", name)
	}
}

// TestPutOverAsStored: the same number in another notation is not a change.
func TestPutOverAsStored(t *testing.T) {
	base := map[string]string{"phone": "+49401234567"}
	typed, stored := map[string]string{"phone": "040 1234567"}, map[string]string{"phone": "+49401234567"}
	values, o := putOver(base, typed, stored, []Field{{Name: "phone", Value: "+4930999"}})
	assert.Equal(t, "+4930999", values["phone"])
	assert.Empty(t, o.Conflicts)
	assert.Len(t, o.Also, 1)
}

// TestSettle: the chosen value is used, unless the person has changed the field after seeing both values.
func TestSettle(t *testing.T) {
	for name, c := range map[string]struct{ typed, chosen, want string }{
		"mine":                        {"Ulm", keepMine, "Ulm"},
		"theirs":                      {"Ulm", keepTheirs, "Kiel"},
		"theirs, shown in the field":  {"Kiel", keepTheirs, "Kiel"},
		"typed by hand, mine chosen":  {"Bonn", keepMine, "Bonn"},
		"typed by hand, theirs too":   {"Bonn", keepTheirs, "Bonn"},
		"theirs typed, mine chosen":   {"Kiel", keepMine, "Kiel"},
		"nothing chosen":              {"Ulm", "", "Ulm"},
		"chosen what there is not":    {"Ulm", "third", "Ulm"},
		"mine, with the blank I have": {"Ulm ", keepTheirs, "Kiel"},
	} {
		assert.Equal(t, c.want, settled(c.typed, "Ulm", "Kiel", c.chosen), name)
	}
}
