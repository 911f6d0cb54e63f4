package kit

import (
	"html/template"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestWhole: numbers in a sentence are not broken, and typed text is escaped.
func TestWhole(t *testing.T) {
	for text, want := range map[string]template.HTML{
		"K-10001 was saved.":                `<span class="num">K-10001</span> was saved.`,
		"Anna (K-10001), V-10009":           `Anna (<span class="num">K-10001</span>), <span class="num">V-10009</span>`,
		"<b>K-1</b> & sons, 5 + 3, OK-1, +": `&lt;b&gt;<span class="num">K-1</span>&lt;/b&gt; &amp; sons, 5 + 3, OK-1, +`,
		"":                                  "",
	} {
		assert.Equal(t, want, whole(text), "%q became", text)
	}
}
