package filetype

import (
	"mime"
	"path"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCleanName(t *testing.T) {
	for name, want := range map[string]string{
		"Bescheid 2026.pdf": "Bescheid 2026.pdf", "": "document", ".": "document", "..": "document", "...": "document", "   ": "document", "/": "document", `\`: "document", "folder/": "document",
		"../../etc/passwd": "passwd", `C:\Users\Anna\Bescheid.pdf`: "Bescheid.pdf", `..\..\boot.ini`: "boot.ini", "a/b\\c.pdf": "c.pdf", "/etc/passwd": "passwd", "C:foo.txt": "C_foo.txt",
		"a\x00b.pdf": "ab.pdf", "a\r\nSet-Cookie: x.pdf": "aSet-Cookie_ x.pdf", "\x1b[31mred.pdf": "[31mred.pdf", "a\x7f\u0085.pdf": "a.pdf", "a\tb.pdf": "a b.pdf", "a\u2028b\u2029.pdf": "a b .pdf",
		"exe.\u202efdp": "exe.fdp", "\u202afdp\u202c.\u2066exe\u2069": "fdp.exe", "\u200ea\u200f\u061c.pdf": "a.pdf", "a\u200bb\ufeff.pdf": "ab.pdf", "soft\u00adhyphen.txt": "softhyphen.txt",
		"CON": "_CON", "con.txt": "_con.txt", "Aux .txt": "_Aux .txt", "nul.tar.gz": "_nul.tar.gz", "COM1": "_COM1", "LPT9.pdf": "_LPT9.pdf", "com¹.txt": "_com¹.txt", "CONIN$": "_CONIN$", "COM10.txt": "COM10.txt", "CONTRACT.pdf": "CONTRACT.pdf", "COM.txt": "COM.txt",
		`a<b>c:d"e|f?g*h.pdf`: "a_b_c_d_e_f_g_h.pdf", "name. . .": "name", "name.pdf ": "name.pdf", "name.pdf...": "name.pdf", " name.pdf": "name.pdf", "a\u00a0b.pdf": "a b.pdf",
		".pdf": "document.pdf", ".htaccess": "document.htaccess", "..a.b": "a.b", "Gru\u0308ße.txt": "Grüße.txt", "a\xffb.pdf": "a_b.pdf", "😀.pdf": "😀.pdf", "👩\u200d👩\u200d👧.jpg": "👩\u200d👩\u200d👧.jpg", "❤\ufe0f.png": "❤\ufe0f.png", "\u200d.pdf": "document.pdf", "עברית.pdf": "עברית.pdf", "報告書.docx": "報告書.docx",
		strings.Repeat("a", 300) + ".pdf":    strings.Repeat("a", 196) + ".pdf",
		strings.Repeat("ä", 300) + ".pdf":    strings.Repeat("ä", 118) + ".pdf",
		strings.Repeat("a", 300):             strings.Repeat("a", 200),
		"a" + strings.Repeat(".", 300) + "b": "a.b",
		"a." + strings.Repeat("b", 300):      "a." + strings.Repeat("b", 198),
		strings.Repeat("a", 195) + " b.pdf":  strings.Repeat("a", 195) + ".pdf",
		strings.Repeat("😀", 100) + ".tar.gz": strings.Repeat("😀", 59) + ".gz",
	} {
		assert.Equal(t, want, CleanName(name), "%q", name)
	}
}

func FuzzCleanName(f *testing.F) {
	for _, name := range []string{"../a.pdf", "CON.\u202etxt", strings.Repeat("ä ", 300) + ".pdf", ".\u200d.a", "e\u200b\u0301<\u0338", "\xff\xfe"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := CleanName(name)
		assert.Equal(t, got, CleanName(got), "the second time it is another")
		assert.NotEmpty(t, got)
		assert.True(t, utf8.ValidString(got))
		assert.LessOrEqual(t, utf8.RuneCountInString(got), maxRunes)
		assert.LessOrEqual(t, len(got), maxBytes)
		assert.False(t, strings.ContainsAny(got, "/\\<>:\"|?*\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"), "%q", got)
		assert.False(t, strings.ContainsFunc(got, unicode.IsControl), "%q", got)
		assert.False(t, isDevice(got), "%q", got)
		assert.Equal(t, strings.Trim(got, ". "), got)
		assert.Equal(t, got, path.Base(got))
		header := Disposition(false, got)
		kind, parameters, err := mime.ParseMediaType(header)
		require.NoError(t, err, "%q", header)
		assert.Equal(t, "attachment", kind)
		assert.Equal(t, got, parameters["filename"])
	})
}

func TestDisposition(t *testing.T) {
	for name, want := range map[string]string{
		"Bescheid 2026.pdf": `attachment; filename="Bescheid 2026.pdf"`,
		"Grüße.pdf":         `attachment; filename="Gr__e.pdf"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.pdf`,
		`a"b\c.pdf`:         `attachment; filename="a_b_c.pdf"; filename*=UTF-8''a%22b%5Cc.pdf`,
		"100%.pdf":          `attachment; filename="100_.pdf"; filename*=UTF-8''100%25.pdf`,
		"a\r\nb":            `attachment; filename="a__b"; filename*=UTF-8''a%0D%0Ab`,
		"€ 😀.txt":           `attachment; filename="_ _.txt"; filename*=UTF-8''%E2%82%AC%20%F0%9F%98%80.txt`,
	} {
		assert.Equal(t, want, Disposition(false, name))
	}
	assert.Equal(t, `inline; filename="a.pdf"`, Disposition(true, "a.pdf"))
}
