package template

import (
	"archive/zip"
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/document"
	"kontor/app/filetype"
	"kontor/app/lang"
)

const small = `format: kontor-template-1
name: Steuer
kind: tax_return
public: true
extensible: true
elements:
  - type: folder
    name: Ausgaben
    duplicable: true
    elements:
      - type: slot
        name: Quittungen
        answer: document
        due_days: 14
        types: [pdf, image]
`

// problems are the problems of a file, each in one line.
func problems(c Contents) (list []string) {
	for _, p := range c.Problems {
		said := fmt.Sprintf("%d %s", p.Line, p.Message.Message)
		if p.Path != nil {
			said += " " + strings.Join(p.Path, "/")
		}
		list = append(list, said)
	}
	return list
}

func zipped(t testing.TB, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(names); i += 2 {
		w, err := z.Create(names[i])
		require.NoError(t, err)
		_, err = w.Write([]byte(names[i+1]))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

// TestRead: what is wrong with a file is said with its line, and all of it at once.
func TestRead(t *testing.T) {
	replaced := func(old, new string) string { return strings.Replace(small, old, new, 1) }
	for _, c := range []struct {
		what, text string
		want       []string
	}{
		{"good", small, nil},
		{"empty", " \n", []string{"0 template.file_missing"}},
		{"only a comment", "# a\n", []string{"0 template.file_yaml"}},
		{"no YAML", "a: [", []string{"1 template.file_yaml"}},
		{"a list", "- a", []string{"1 template.file_value"}},
		{"two documents", small + "---\na: b\n", []string{"0 template.file_several"}},
		{"unknown fields", replaced("public", "publik") + "colour: red\n", []string{"4 template.file_field", "16 template.file_field"}},
		{"a field twice", small + "name: b\n", []string{"16 template.file_twice"}},
		{"not a number", replaced("14", "soon"), []string{"14 template.file_value"}},
		{"another format", replaced("template-1", "template-2"), []string{"1 template.file_format"}},
		{"an alias", replaced("Steuer", "&a b") + "description: *a\n", []string{"2 template.file_alias"}},
		{"a tag", replaced("Steuer", "!!binary YQ=="), []string{"2 template.file_tag"}},
		{"wrong values", strings.NewReplacer("Steuer", `""`, "14", "-1", "[pdf, image]", "[exe]", "answer: document", "answer: photo").Replace(small), []string{"2 required", "13 element.answer_unknown Ausgaben/Quittungen"}},
		{"a group of types", replaced("image", "exe"), []string{"15 element.file_types Ausgaben/Quittungen"}},
		{"the same name", small + "  - type: folder\n    name: ausgaben\n", []string{"17 element.name_taken ausgaben"}},
		{"too large", small + "#" + strings.Repeat("x", MaxFile), []string{"0 template.file_large"}},
		{"an archive", string(zipped(t, "a.pdf", "x", FileName, small)), nil},
		{"an archive without it", string(zipped(t, "dir/"+FileName, small)), []string{"0 template.file_zip"}},
		{"an archive that unpacks to too much", string(zipped(t, FileName, strings.Repeat(" ", 10*MaxFile))), []string{"0 template.file_large"}},
		{"a broken archive", "PK\x03\x04", []string{"0 template.file_zip"}},
		{"too deep", "a: " + strings.Repeat("[", 100) + strings.Repeat("]", 100), []string{"1 element.too_deep"}},
		{"too many", "a: [" + strings.Repeat("1,", maxNodes) + "]", []string{"1 element.too_many"}},
	} {
		assert.Equal(t, c.want, problems(Read([]byte(c.text))), c.what)
	}
}

// TestWriteRead: what is written is read as it was.
func TestWriteRead(t *testing.T) {
	all, err := gallery()
	require.NoError(t, err)
	for _, r := range all[lang.German] {
		text, err := write(r.Settings, r.Outline)
		require.NoError(t, err)
		packed, err := pack(text)
		require.NoError(t, err)
		c := Read(packed)
		assert.Empty(t, c.Problems, r.Key)
		assert.Equal(t, r.Settings, c.Settings, r.Key)
		assert.Equal(t, r.Outline, c.Outline, r.Key)
	}
}

// TestGallery: each ready template is good, has the same structure in each language, and texts of its own in each.
func TestGallery(t *testing.T) {
	all, err := gallery()
	require.NoError(t, err)
	require.Len(t, all[lang.German], 10)
	require.Len(t, all[lang.English], 10)
	// bare is an outline without what is written in a language.
	var bare func(list []document.Planned) []document.Planned
	bare = func(list []document.Planned) (plain []document.Planned) {
		for _, p := range list {
			p.Name, p.Elements = "", bare(p.Elements)
			if p.Help != "" {
				p.Help = "."
			}
			plain = append(plain, p)
		}
		return plain
	}
	for i, german := range all[lang.German] {
		english := all[lang.English][i]
		assert.Equal(t, german.Key, english.Key)
		assert.NoError(t, german.Outline.Check(filetype.Groups), german.Key)
		assert.NoError(t, english.Outline.Check(filetype.Groups), german.Key)
		assert.Equal(t, bare(german.Outline.Elements), bare(english.Outline.Elements), german.Key)
		assert.True(t, reflect.DeepEqual(german.Outline.Options, english.Outline.Options), german.Key)
		assert.Equal(t, german.Settings.Kind, english.Settings.Kind, german.Key)
		assert.Equal(t, german.Settings.Public, english.Settings.Public, german.Key)
		assert.NotEqual(t, german.Settings.Name, english.Settings.Name, german.Key)
		assert.NotEmpty(t, german.Settings.Description, german.Key)
		assert.Greater(t, german.Outline.Count(), 10, german.Key)
	}
}

// FuzzRead: no file makes Read fail; what it finds good passes Check, can be written, and is then read as the same.
func FuzzRead(f *testing.F) {
	f.Add([]byte(small))
	f.Add(zipped(f, FileName, small))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("<<: {name: x}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := Read(data)
		for _, p := range c.Problems {
			require.NotEmpty(t, p.Message.Message)
		}
		if len(c.Problems) > 0 {
			return
		}
		again := c.Outline
		require.NoError(t, again.Check(filetype.Groups))
		text, err := write(c.Settings, c.Outline)
		require.NoError(t, err)
		if len(text) > MaxFile {
			return
		}
		r := Read(text)
		require.Empty(t, r.Problems, "%s", text)
		require.Equal(t, c.Settings, r.Settings)
	})
}
