package preference

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/fault"
)

// TestEntries: each preference takes its default, and no name or value has what separates them where they are stored.
func TestEntries(t *testing.T) {
	seen := map[Name]bool{}
	for _, e := range All() {
		assert.False(t, seen[e.Name], "%s is there twice", e.Name)
		seen[e.Name] = true
		_, err := Encode(e.Name, e.Default...)
		require.NoError(t, err, "the default of %s", e.Name)
		assert.NotContains(t, string(e.Name), "=")
		for _, v := range e.Values {
			assert.Regexp(t, `^[a-z][a-z0-9_.-]*$`, v, "a value of %s", e.Name)
		}
		assert.Equal(t, e.Default, Chosen(nil).List(e.Name), "without a choice")
	}
}

// with adds a preference for a test.
func with(t *testing.T, e Entry) {
	t.Helper()
	before := entries
	entries = append(All(), e)
	t.Cleanup(func() { entries = before })
}

func TestEncode(t *testing.T) {
	with(t, set("columns", []string{"number", "name", "city"}, []string{"number", "name"}))
	wrong := func(name Name) error {
		var form fault.Form
		form.Add(string(name), "preference.value")
		return form.Err()
	}
	for _, c := range []struct {
		name   Name
		values []string
		want   string
		err    error
	}{
		{Theme, []string{Dark}, "dark", nil},
		{Theme, []string{"purple"}, "", wrong(Theme)},
		{Theme, []string{""}, "", wrong(Theme)},
		{Theme, nil, "", wrong(Theme)},
		{Theme, []string{Dark, Light}, "", wrong(Theme)},
		{"columns", []string{"city", "number"}, "city,number", nil},
		{"columns", nil, "", nil},
		{"columns", []string{"city", "city"}, "", wrong("columns")},
		{"columns", []string{"city,number"}, "", wrong("columns")},
		{"nothing", []string{"x"}, "", ErrUnknown},
	} {
		got, err := Encode(c.name, c.values...)
		assert.Equal(t, c.want, got, "%s %q", c.name, c.values)
		if c.err == nil {
			assert.NoError(t, err, "%s %q", c.name, c.values)
			continue
		}
		assert.EqualError(t, err, c.err.Error(), "%s %q", c.name, c.values)
	}
}

// TestChosen: what was chosen holds, in its order, also if it is none; of what a former version stored, what there still is.
func TestChosen(t *testing.T) {
	with(t, set("columns", []string{"number", "name", "city"}, []string{"number", "name"}))
	for lines, want := range map[string]map[Name][]string{
		"":                                {Theme: {System}, Density: {Comfortable}, "columns": {"number", "name"}, "nothing": nil},
		"theme=dark\ncolumns=city,number": {Theme: {Dark}, Density: {Comfortable}, "columns": {"city", "number"}},
		"columns=\ntheme=":                {Theme: {System}, "columns": nil},
		"theme=purple\ncolumns=age,name":  {Theme: {System}, "columns": {"name"}},
		"nothing=x\n=\ndensity":           {"nothing": nil, Density: {Comfortable}},
	} {
		chosen := Decode(lines)
		for name, values := range want {
			assert.Equal(t, values, chosen.List(name), "%q: %s", lines, name)
			first := ""
			if len(values) > 0 {
				first = values[0]
			}
			assert.Equal(t, first, chosen.Get(name), "%q: %s", lines, name)
		}
	}
	before := Decode("theme=dark\ndensity=compact")
	after := before.With(Theme, Light)
	assert.Equal(t, Chosen{Theme: Light, Density: Compact}, after)
	assert.Equal(t, Dark, before.Get(Theme), "what was there before has changed")
	assert.Equal(t, Chosen{Theme: Light}, Chosen(nil).With(Theme, Light))
}
