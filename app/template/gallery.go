package template

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/document"
	"kontor/app/fault"
	"kontor/app/lang"
	"kontor/policies"
)

// galleryFiles are the ready templates: gallery/<locale>/<branch>_<name>.yaml.
//
//go:embed gallery/*/*.yaml
var galleryFiles embed.FS

// Ready is a template of the gallery.
type Ready struct {
	Key      string // the name of its file, the same in each language
	Branch   string // tax, bank or insurer; locale keys "branch.<branch>"
	Settings Settings
	Outline  document.Outline
}

// gallery holds the ready templates by language, in the order of their branches.
var gallery = sync.OnceValues(func() (map[string][]Ready, error) {
	all := map[string][]Ready{}
	for _, locale := range lang.All {
		for _, branch := range []string{"tax", "bank", "insurer"} {
			names, err := fs.Glob(galleryFiles, path.Join("gallery", locale, branch+"_*.yaml"))
			if err != nil {
				return nil, err
			}
			for _, name := range names {
				text, err := galleryFiles.ReadFile(name)
				if err != nil {
					return nil, err
				}
				c := Read(text)
				if len(c.Problems) > 0 {
					return nil, fmt.Errorf("%s, line %d: %w", name, c.Problems[0].Line, c.Problems[0].Message)
				}
				key := strings.TrimSuffix(path.Base(name), ".yaml")
				all[locale] = append(all[locale], Ready{key, branch, c.Settings, c.Outline})
			}
		}
	}
	return all, nil
})

// ErrNotReady says that the gallery has no such template.
var ErrNotReady = fault.New(fault.NotFound, "template.not_found")

// Gallery returns the ready templates in a language.
func (s *Service) Gallery(c account.Caller, locale string) ([]Ready, error) {
	if err := s.require(c, policies.Read); err != nil {
		return nil, err
	}
	all, err := gallery()
	return all[locale], err
}

// ReadyOne returns one of the ready templates. ErrNotReady.
func (s *Service) ReadyOne(c account.Caller, locale, key string) (Ready, error) {
	all, err := s.Gallery(c, locale)
	if err != nil {
		return Ready{}, err
	}
	for _, r := range all {
		if r.Key == key {
			return r, nil
		}
	}
	return Ready{}, ErrNotReady
}

// Use adds a copy of a ready template, without a version. Errors: ErrNotReady, Conflict "template.too_many".
func (s *Service) Use(ctx context.Context, c account.Caller, locale, key string) (Template, error) {
	r, err := s.ReadyOne(c, locale, key)
	if err != nil {
		return Template{}, err
	}
	return s.add(ctx, c, addition{settings: r.Settings, outline: r.Outline, action: audit.TemplateAdded, free: true})
}
