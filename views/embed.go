// Package views holds what people see: templates of screens, mails and SMS, static files, and the texts in German and
// English. It imports no other package of Kontor.
package views

import (
	"embed"
	"io/fs"
)

//go:embed shell form access account approval attention audit authorisation bulk customer customerimport document firm handover history operation policy portal registration savedview search signin specialist template tour transaction
var pages embed.FS

//go:embed static
var static embed.FS

//go:embed mail
var mail embed.FS

//go:embed locales/*.json
var locales embed.FS

// Pages are the templates of the screens, named by folder and file: "customer/index".
func Pages() fs.FS { return pages }

// Static are the files served below /static/.
func Static() fs.FS { return sub(static, "static") }

// Mail are the templates of e-mails and SMS: <kind>.<locale>.<part>.
func Mail() fs.FS { return sub(mail, "mail") }

// Locales are the texts, one JSON file per language.
func Locales() fs.FS { return sub(locales, "locales") }

func sub(fsys fs.FS, dir string) fs.FS {
	s, err := fs.Sub(fsys, dir)
	if err != nil {
		panic(err) // dir is a constant that was embedded
	}
	return s
}
