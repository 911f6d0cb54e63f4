package filetype

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// zipOf makes a ZIP of files, each with its content after an equals sign. What is called mimetype is stored as it is.
func zipOf(t testing.TB, files ...string) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		name, content, _ := strings.Cut(f, "=")
		h := zip.FileHeader{Name: name, Method: zip.Deflate}
		if name == "mimetype" {
			h.Method = zip.Store
		}
		w, err := z.CreateHeader(&h)
		require.NoError(t, err)
		_, err = io.WriteString(w, content)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.String()
}

// oleOf makes an OLE container with sectors of 512 bytes whose list of contents has some names. It begins at sector 1; sector 0
// says which sector follows on which.
func oleOf(names ...string) string {
	header := make([]byte, 512)
	copy(header, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
	put := binary.LittleEndian.PutUint32
	binary.LittleEndian.PutUint16(header[26:], 3)
	binary.LittleEndian.PutUint16(header[28:], 0xfffe)
	binary.LittleEndian.PutUint16(header[30:], 9)
	put(header[44:], 1)
	put(header[48:], 1)
	put(header[68:], 0xfffffffe)
	for i := 76; i < 512; i += 4 {
		put(header[i:], 0xffffffff)
	}
	put(header[76:], 0)
	var list []byte
	for i, name := range append([]string{"Root Entry"}, names...) {
		e := make([]byte, 128)
		units := utf16.Encode([]rune(name))
		for i, u := range units {
			binary.LittleEndian.PutUint16(e[2*i:], u)
		}
		binary.LittleEndian.PutUint16(e[64:], uint16(2*len(units)+2))
		e[66] = 2
		if i == 0 {
			e[66] = 5
		}
		list = append(list, e...)
	}
	for len(list)%512 != 0 {
		list = append(list, 0)
	}
	next := make([]byte, 512)
	for i := 0; i < 512; i += 4 {
		put(next[i:], 0xffffffff)
	}
	put(next, 0xfffffffd)
	sectors := len(list) / 512
	for i := 1; i < sectors; i++ {
		put(next[4*i:], uint32(i+1))
	}
	put(next[4*sectors:], 0xfffffffe)
	return string(header) + string(next) + string(list)
}

const (
	wordType = `[Content_Types].xml=<Types><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`
	exe      = "MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00\xb8\x00\x00\x00"
	pdf      = "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
	png      = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
)

// samples are files by name, and what they are: MIME type, or "!" if the content contradicts the name. Risky ones have a "*".
func samples(t testing.TB) []struct{ name, content, want string } {
	disk := make([]byte, 0x8001+5+100)
	copy(disk[0x8001:], "CD001")
	dmg := append(bytes.Repeat([]byte{7, 1, 0, 9}, 500), make([]byte, 512)...)
	copy(dmg[2000:], "koly")
	manyNames := make([]string, 40)
	for i := range manyNames {
		manyNames[i] = fmt.Sprint("Stream ", i)
	}
	word := append([]string{wordType, "word/document.xml=<w/>"}, "docProps/app.xml=<a/>")
	odt := "mimetype=application/vnd.oasis.opendocument.text"
	return []struct{ name, content, want string }{
		{"Bescheid.pdf", pdf, "application/pdf"}, {"Bescheid.PDF", pdf, "application/pdf"}, {"Bescheid", pdf, "application/pdf"}, {"Bescheid.2026", pdf, "application/pdf"}, {"dirty.pdf", "\r\n\r\n" + pdf, "application/pdf"},
		{"rechnung.pdf", exe, "!"}, {"rechnung.pdf.exe", exe, "*application/vnd.microsoft.portable-executable"}, {"rechnung", exe, "*application/vnd.microsoft.portable-executable"}, {"rechnung.scr", exe, "*application/vnd.microsoft.portable-executable"},
		{"rechnung.xyz", exe, "*application/vnd.microsoft.portable-executable"}, {"rechnung.jpg", pdf, "!"}, {"rechnung.exe", pdf, "!"}, {"rechnung.pdf", "only text", "!"}, {"rechnung.pdf", "\x00\x01\x02\x03\xfe\xff\x80", "!"}, {"rechnung.pdf", "", "!"},
		{"programm", "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00", "*application/x-elf"}, {"programm.pdf", "\x7fELF\x02\x01\x01", "!"},

		{"foto.jpg", "\xff\xd8\xff\xe0\x00\x10JFIF\x00", "image/jpeg"}, {"foto.jpeg", "\xff\xd8\xff\xe1", "image/jpeg"}, {"foto.png", png, "image/png"}, {"foto.jpg", png, "image/png"}, {"foto.docx", png, "!"},
		{"foto.gif", "GIF89a\x01\x00\x01\x00", "image/gif"}, {"foto.webp", "RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"}, {"scan.tif", "II*\x00\x08\x00\x00\x00", "image/tiff"},
		{"foto.heic", "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "image/heic"}, {"bild.svg", `<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>`, "*image/svg+xml"},
		{"bild.png", `<svg xmlns="http://www.w3.org/2000/svg"></svg>`, "!"}, {"bild", `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"></svg>`, "*image/svg+xml"}, {"film.mp4", "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", "video/mp4"},

		{"brief.docx", zipOf(t, word...), docx}, {"brief.dotx", zipOf(t, word...), docx}, {"brief", zipOf(t, word...), docx}, {"brief.doc", zipOf(t, word...), "!"}, {"brief.xlsx", zipOf(t, word...), "!"}, {"brief.zip", zipOf(t, word...), "!"},
		{"liste.xlsx", zipOf(t, "[Content_Types].xml=<Types/>", "xl/workbook.xml=x"), xlsx}, {"vortrag.pptx", zipOf(t, "docProps/a.xml=x", "ppt/presentation.xml=x", "[Content_Types].xml=x"), pptx},
		{"brief.docm", zipOf(t, append(word, "word/vbaProject.bin=x")...), "*" + macroOf[docx]}, {"brief.docx", zipOf(t, append(word, "word/VBAPROJECT.BIN=x")...), "*" + macroOf[docx]},
		{"brief.docx", zipOf(t, `[Content_Types].xml=<Override ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"/>`, "word/document.xml=x", "word/other.bin=x"), "*" + macroOf[docx]},
		{"brief.docx", zipOf(t, `[Content_Types].xml=`+strings.Repeat(" ", 2<<20), "word/document.xml=x"), "*" + macroOf[docx]},
		{"liste.xlsm", zipOf(t, "[Content_Types].xml=x", "xl/workbook.xml=x", "xl/vbaProject.bin=x"), "*" + macroOf[xlsx]}, {"liste.xlsx", zipOf(t, "[Content_Types].xml=x", "xl/workbook.xml=x", "xl/macrosheets/sheet1.xml=x"), "*" + macroOf[xlsx]},
		{"liste.xlsx", zipOf(t, "[Content_Types].xml=x", `xl\vbaProject.bin=x`), "*" + macroOf[xlsx]}, {"brief.docx", zipOf(t, "word/document.xml=x"), "!"}, {"brief.docx", "PK\x03\x04 and no more", "!"},
		{"brief.odt", zipOf(t, odt, "content.xml=x"), "application/vnd.oasis.opendocument.text"}, {"brief.odt", zipOf(t, odt, "Basic/Standard/Module1.xml=x"), "*" + odfMacro}, {"brief.odt", zipOf(t, odt, "Scripts/python/a.py=x"), "*" + odfMacro},
		{"liste.ods", zipOf(t, "mimetype=application/vnd.oasis.opendocument.spreadsheet", "content.xml=x"), "application/vnd.oasis.opendocument.spreadsheet"}, {"brief.odt", zipOf(t, "mimetype=application/vnd.oasis.nonsense"), "!"},
		{"brief.doc", oleOf("WordDocument", "1Table"), "application/msword"}, {"liste.xls", oleOf("Workbook"), "application/vnd.ms-excel"}, {"alt.xls", oleOf("Book"), "application/vnd.ms-excel"}, {"v.ppt", oleOf("PowerPoint Document"), "application/vnd.ms-powerpoint"},
		{"brief.doc", oleOf("WordDocument", "Macros", "VBA", "_VBA_PROJECT"), "*" + oleMacro}, {"liste.xls", oleOf(append(manyNames, "Workbook", "_VBA_PROJECT_CUR")...), "*" + oleMacro}, {"liste.xls", oleOf(append(manyNames, "Workbook")...), "application/vnd.ms-excel"},
		{"mail.msg", oleOf("__properties_version1.0"), "application/vnd.ms-outlook"}, {"brief.docx", oleOf("EncryptionInfo", "EncryptedPackage"), docx}, {"liste.xlsx", oleOf("EncryptedPackage"), xlsx}, {"brief.docm", oleOf("EncryptedPackage"), "!"}, {"brief", oleOf("EncryptedPackage"), "*" + oleMacro},
		{"setup.msi", oleOf("Property"), "*" + oleOther}, {"brief.doc", oleOf("Property"), "!"}, {"brief.doc", oleOf("WordDocument")[:600], "*" + oleMacro}, {"brief.docx", oleOf("WordDocument"), "!"},
		{"brief.rtf", `{\rtf1\ansi hello}`, "text/rtf"}, {"brief.doc", `{\rtf1\ansi hello}`, "text/rtf"}, {"brief.docx", `{\rtf1\ansi hello}`, "!"},

		{"notiz.txt", "Grüße", plain}, {"notiz", "Grüße", plain}, {"leer.txt", "", plain}, {"notiz.dtvf", "Grüße", plain}, {"notiz.txt", "Gr\xfc\xdfe", plain}, {"notiz.txt", "\xff\xfeG\x00r\x00", plain}, {"liste.csv", "a;b\n1;2\n", "text/csv"}, {"liste.txt", "a,b\n1,2\n3,4\n", plain},
		{"daten.json", `{"a":1}`, "application/json"}, {"rechnung.xml", `<?xml version="1.0"?><Invoice/>`, "text/xml"}, {"rechnung", `<?xml version="1.0"?><Invoice/>`, "text/xml"}, {"rechnung.xml", "no XML", plain}, {"mail.eml", "From: a@b\r\nTo: c@d\r\nSubject: x\r\n\r\nHello", "message/rfc822"},
		{"termin.ics", "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", "text/calendar"}, {"seite.html", "<!DOCTYPE html><html><script>1</script></html>", "*text/html"}, {"seite.txt", "<!DOCTYPE html><html></html>", "!"}, {"seite.xml", "<html xmlns='http://www.w3.org/1999/xhtml'></html>", "!"},
		{"seite", "<html><body>", "*text/html"}, {"seite.htm", "only text", "*text/html"}, {"los.bat", "del *.*", "*" + script}, {"los.ps1", "Remove-Item", "*" + script}, {"los.js", "alert(1)", "*text/javascript"}, {"los.sh", "echo", "*text/x-shellscript"}, {"los", "#!/bin/sh\necho", "*text/x-shellscript"},
		{"los.txt", "#!/bin/sh\necho", "!"}, {"los.hta", "x", "*" + script}, {"link.url", "[InternetShortcut]\nURL=x", "*" + script}, {"los.exe", "text", "!"}, {"link.lnk", "L\x00\x00\x00\x01\x14\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00F", "*application/x-ms-shortcut"},

		{"alles.zip", zipOf(t, "a.txt=x"), zipped}, {"alles", zipOf(t, "a.txt=x"), zipped}, {"leer.zip", zipOf(t), zipped}, {"buch.pages", zipOf(t, "Index/a=x"), zipped}, {"los.jar", zipOf(t, "META-INF/MANIFEST.MF=x", "A.class=x"), "*application/java-archive"},
		{"los.zip", zipOf(t, "META-INF/MANIFEST.MF=x", "A.class=x"), "!"}, {"los.jar", zipOf(t, "a=x"), "!"}, {"app.apk", zipOf(t, "AndroidManifest.xml=x"), "*application/vnd.android.package-archive"}, {"alles.7z", "7z\xbc\xaf\x27\x1c\x00\x04", "application/x-7z-compressed"},
		{"alles.rar", "Rar!\x1a\x07\x01\x00", "application/vnd.rar"}, {"alles.tar.gz", "\x1f\x8b\x08\x00", "application/gzip"}, {"platte.iso", string(disk), "*" + image}, {"platte", string(disk), "*" + image}, {"platte.pdf", string(disk), "!"}, {"platte.dmg", string(dmg), "*" + image},
		{"daten.dat", "\x00\x01\x02\x03\xfe\xff\x80", octets}, {"daten", "\x00\x01\x02\x03\xfe\xff\x80", octets},
	}
}

func TestDetect(t *testing.T) {
	allowed, err := ParseAllowed(Safe)
	require.NoError(t, err)
	for _, s := range samples(t) {
		got, err := Detect(strings.NewReader(s.content), int64(len(s.content)), s.name)
		head := s.content[:min(len(s.content), 20)]
		if s.want == "!" {
			assert.ErrorIs(t, err, ErrContradicts, "%s %q: %v", s.name, head, got)
			continue
		}
		want, dangerous := strings.CutPrefix(s.want, "*")
		require.NoError(t, err, "%s %q", s.name, head)
		assert.Equal(t, want, got.MIME, "%s %q", s.name, head)
		assert.Equal(t, dangerous, got.Risky, s.name)
		assert.Contains(t, Groups, got.Group, s.name)
		shown := map[string]bool{"application/pdf": true, "image/jpeg": true, "image/png": true, "image/gif": true, "image/webp": true}
		assert.Equal(t, shown[want], got.Inline, s.name)
		if dangerous || strings.HasSuffix(want, "xml") {
			assert.Equal(t, octets, got.ContentType(), s.name)
		}
		if dangerous {
			assert.False(t, allowed.Allows(got), s.name)
		}
		if got.Inline {
			assert.Equal(t, want, got.ContentType())
		}
	}
}

// failing fails at once, or after the beginning of a file.
type failing struct {
	begin string
	err   error
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off == 0 && len(f.begin) >= len(p) {
		return copy(p, f.begin), nil
	}
	return 0, f.err
}

func TestDetectReadsWithErrors(t *testing.T) {
	broken := errors.New("broken")
	_, err := Detect(failing{err: broken}, 100, "a.pdf")
	assert.ErrorIs(t, err, broken)
	_, err = Detect(strings.NewReader(pdf), 1000, "a.pdf")
	assert.ErrorIs(t, err, io.EOF, "shorter than it should be")
}

// counting counts what is read.
type counting struct {
	*strings.Reader
	bytes int64
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	c.bytes += int64(len(p))
	return c.Reader.ReadAt(p, off)
}

// TestDetectReadsLittle: containers with very long lists of contents, or with lists that go in circles, are not read for long.
func TestDetectReadsLittle(t *testing.T) {
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprint(strings.Repeat("long", 15_000), i)
	}
	circle := []byte(oleOf("WordDocument"))
	binary.LittleEndian.PutUint32(circle[512+4:], 1)
	list := []byte(oleOf("WordDocument"))
	binary.LittleEndian.PutUint32(list[48:], 1_000_000_000)
	for name, content := range map[string]string{
		"a.zip": zipOf(t, many...), "b.doc": string(circle), "c.doc": string(list),
	} {
		c := &counting{Reader: strings.NewReader(content)}
		_, err := Detect(c, int64(len(content)), name)
		require.NoError(t, err, name)
		assert.Less(t, c.bytes, int64(maxList+1<<17), name)
	}
	bomb := zipOf(t, many...)
	_, err := Detect(strings.NewReader(bomb), int64(len(bomb)), "a.docx")
	assert.ErrorIs(t, err, ErrContradicts)
}

func TestAllowed(t *testing.T) {
	kind := func(name, content string) Type {
		got, err := Detect(strings.NewReader(content), int64(len(content)), name)
		require.NoError(t, err)
		return got
	}
	all := map[string]Type{
		"pdf": kind("a.pdf", pdf), "png": kind("a.png", png), "docx": kind("a", zipOf(t, wordType, "word/a=x")), "docm": kind("a", zipOf(t, wordType, "word/vbaProject.bin=x")), "txt": kind("a.txt", "x"), "csv": kind("a.csv", "a;b"),
		"zip": kind("a.zip", zipOf(t, "a=x")), "7z": kind("a.7z", "7z\xbc\xaf\x27\x1c\x00\x04"), "exe": kind("a.exe", exe), "bat": kind("a.bat", "x"), "dat": kind("a.dat", "\x00\x01\x02\x03\xfe\xff\x80"), "mp4": kind("a.mp4", "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"), "html": kind("a.html", "<html>"),
		"doc": kind("a.doc", oleOf("WordDocument")), "doc with macros": kind("a.doc", oleOf("WordDocument", "VBA")), "ps1": kind("a.ps1", "x"), "rtf": kind("a.doc", `{\rtf1 x}`),
	}
	for list, want := range map[string]string{
		Safe: "pdf png docx doc rtf txt csv zip", "doc": "doc", "rtf": "rtf", "pdf": "pdf", "PDF,Image": "pdf png", "text": "txt csv", ".txt": "txt", "txt": "txt", "text/plain": "txt", "archive": "zip 7z", "other": "dat mp4", ".dat": "dat", ".mp4": "mp4", "video/mp4": "mp4", "docm": "docm", "docx": "docx",
		"exe .bat": "exe bat", "htm": "html", "image/png": "png", "office, " + macroOf[docx]: "docx doc rtf docm", "jpeg": "", "vcf": "",
	} {
		a, err := ParseAllowed(list)
		require.NoError(t, err, list)
		var got []string
		for name, k := range all {
			if a.Allows(k) {
				got = append(got, name)
			}
		}
		assert.ElementsMatch(t, strings.Fields(want), got, list)
		again, err := ParseAllowed(a.String())
		require.NoError(t, err, list)
		assert.Equal(t, a, again, list)
	}
	a, _ := ParseAllowed("zip pdf")
	b, _ := ParseAllowed(".pdf,  ZIP, pdf")
	c, _ := ParseAllowed("application/zip pdf")
	assert.Equal(t, ".zip, pdf", a.String())
	assert.Equal(t, ".pdf, .zip, pdf", b.String())
	assert.Equal(t, "application/zip, pdf", c.String())
	for _, list := range []string{"", " , ", "documents", "image/", "/png", "image/png;q=1", "pdf;image", ".", "..", ".p f", "a.pdf", "image/*/x", "dat"} {
		_, err := ParseAllowed(list)
		assert.Error(t, err, list)
	}
}

// TestTableIsWhole: no extension leads to two safe types but those that content tells apart, and no name is there twice.
func TestTableIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range table {
		for _, name := range append([]string{e.MIME}, e.also...) {
			assert.False(t, seen[name], name)
			seen[name] = true
		}
		assert.Equal(t, e.extensions[0], e.Extension)
		for _, x := range e.extensions {
			assert.Equal(t, x, Extension("a"+x))
		}
	}
	for kind, macro := range macroOf {
		assert.NotNil(t, byMIME[kind])
		require.NotNil(t, byMIME[macro])
		assert.True(t, byMIME[macro].Risky)
	}
}

func FuzzDetect(f *testing.F) {
	for _, s := range samples(f) {
		if len(s.content) < 10_000 {
			f.Add(s.name, []byte(s.content))
		}
	}
	safe, err := ParseAllowed(Safe)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		got, err := Detect(bytes.NewReader(content), int64(len(content)), name)
		if err != nil {
			require.ErrorIs(t, err, ErrContradicts)
			return
		}
		assert.Contains(t, Groups, got.Group)
		assert.NotEmpty(t, got.MIME)
		assert.False(t, got.Inline && got.Risky)
		assert.False(t, got.Risky && safe.Allows(got))
		for _, runs := range []string{"html", "svg", "xml", "javascript"} {
			assert.NotContains(t, strings.ReplaceAll(got.ContentType(), "openxmlformats", ""), runs)
		}
		said := byExtension[Extension(name)]
		onlyRisky := len(said) > 0 && !slices.ContainsFunc(said, func(e *entry) bool { return !e.Risky })
		assert.False(t, onlyRisky && safe.Allows(got), "the name is one of what runs")
	})
}
