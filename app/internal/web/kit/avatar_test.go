package kit

import (
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
)

func TestInitials(t *testing.T) {
	for name, want := range map[string]string{
		"Anna Berg": "AB", "Änne Groß-Öhlmann": "ÄG", "Dr. Sabine von der Vogt": "SV", "Administrator": "A", "özil": "Ö",
		"": "", "  ": "", "42 <b>": "", "Prof. Dr.": "", "Jean-Luc O'Neill": "JO",
	} {
		assert.Equal(t, want, initials(name), name)
	}
}

// TestAvatar: a person has one colour, and a name can't end the attribute.
func TestAvatar(t *testing.T) {
	id := uuid.Must(uuid.FromString("0193a3c0-0000-7000-8000-00000000000d"))
	assert.EqualValues(t, `<span class="avatar" aria-hidden="true" data-hue="1" data-initials="ÄG"></span>`, avatar("Änne Groß", id))
	assert.EqualValues(t, `<span class="avatar" aria-hidden="true" data-hue="0" data-initials=""></span>`, avatar(`">`, uuid.Nil))
}
