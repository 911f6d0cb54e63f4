// Package lang has the languages in which Kontor speaks.
package lang

import "slices"

// The languages, as ISO 639-1 and the settings name them.
const (
	English = "en"
	German  = "de"
)

// All lists them. The first is for whoever has chosen none.
var All = []string{English, German}

// Known says whether Kontor speaks it.
func Known(language string) bool { return slices.Contains(All, language) }
