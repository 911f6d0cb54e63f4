package filetype

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"path"
	"strings"
	"unicode/utf16"
)

// maxList is how many bytes of a container's list of contents are read. A list that is longer tells nothing.
const maxList = 4 << 20

var errTooLong = errors.New("too much to look at")

// limited reads no more than some bytes.
type limited struct {
	io.ReaderAt
	left int64
}

func (l *limited) ReadAt(p []byte, off int64) (int, error) {
	if l.left -= int64(len(p)); l.left < 0 {
		return 0, errTooLong
	}
	return l.ReaderAt.ReadAt(p, off)
}

// inZIP says what a ZIP is: a document of Office or of OpenDocument, a program, or else a ZIP.
func inZIP(r io.ReaderAt, size int64) *entry {
	l := &limited{r, maxList}
	if large(l, size) {
		return byMIME[zipped]
	}
	z, err := zip.NewReader(l, size)
	if err != nil {
		return byMIME[zipped]
	}
	var parts, macros, manifest, class bool
	kind := ""
	for _, f := range z.File {
		name := strings.ToLower(strings.ReplaceAll(f.Name, `\`, "/"))
		folder, _, inFolder := strings.Cut(name, "/")
		base := path.Base(name)
		switch {
		case name == "[content_types].xml":
			parts = true
			macros = macros || declaresMacros(f)
		case name == "mimetype":
			if of := odf(f); of != nil {
				kind = of.MIME
			}
		case name == "androidmanifest.xml":
			return byMIME["application/vnd.android.package-archive"]
		case name == "meta-inf/manifest.mf":
			manifest = true
		case inFolder && (folder == "word" || folder == "xl" || folder == "ppt") && !strings.HasPrefix(kind, odfStart):
			kind = map[string]string{"word": docx, "xl": xlsx, "ppt": pptx}[folder]
		}
		class = class || strings.HasSuffix(name, ".class")
		macros = macros || base == "vbaproject.bin" || base == "vbadata.xml" || inFolder && (folder == "basic" || folder == "scripts") ||
			strings.HasPrefix(name, "xl/macrosheets/") || name == "xl/workbook.bin"
	}
	switch {
	case manifest && class:
		return byMIME["application/java-archive"]
	case strings.HasPrefix(kind, odfStart) && macros:
		return byMIME[odfMacro]
	case strings.HasPrefix(kind, odfStart):
		return byMIME[kind]
	case !parts || kind == "":
		return byMIME[zipped]
	case macros:
		return byMIME[macroOf[kind]]
	}
	return byMIME[kind]
}

// large says whether a ZIP has a second list of contents, for more than 65,535 files or 4 GB. Memory would be set aside for as
// many files as it says. Documents have none.
func large(r io.ReaderAt, size int64) bool {
	const locator, most = "PK\x06\x07", 65_535 + 22 + 20
	end := make([]byte, min(size, most))
	_, err := r.ReadAt(end, size-int64(len(end)))
	return err != nil && !errors.Is(err, io.EOF) || bytes.Contains(end, []byte(locator))
}

// macroOf names the types with macros.
var macroOf = map[string]string{
	docx: "application/vnd.ms-word.document.macroenabled.12", xlsx: "application/vnd.ms-excel.sheet.macroenabled.12", pptx: "application/vnd.ms-powerpoint.presentation.macroenabled.12",
}

// declaresMacros says whether the list of types in a document of Office names macros, which may lie in a file of any name. A
// list that can't be read may do so.
func declaresMacros(f *zip.File) bool {
	const most = 1 << 20
	content, err := f.Open()
	if err != nil {
		return true
	}
	defer func() { _ = content.Close() }()
	list, err := io.ReadAll(io.LimitReader(content, most+1))
	said := strings.ToLower(string(list))
	return err != nil || len(list) > most || strings.Contains(said, "macroenabled") || strings.Contains(said, "vbaproject")
}

// odf returns what the file "mimetype" of an OpenDocument says, nil if that is none that we know.
func odf(f *zip.File) *entry {
	const most = 100
	if f.Method != zip.Store || f.UncompressedSize64 > most {
		return nil
	}
	content, err := f.OpenRaw()
	if err != nil {
		return nil
	}
	said, err := io.ReadAll(io.LimitReader(content, most))
	if e := byMIME[strings.TrimSpace(string(said))]; err == nil && e != nil && strings.HasPrefix(e.MIME, odfStart) {
		return e
	}
	return nil
}

// inOLE says what a file is that older programs of Office have written, or one of a newer program with a password.
func inOLE(r io.ReaderAt, size int64, extension string) *entry {
	names, err := oleNames(r, size)
	if err != nil {
		return byMIME[oleMacro] // nobody can say that it has none
	}
	has := func(some ...string) bool {
		for _, name := range some {
			if names[strings.ToLower(name)] {
				return true
			}
		}
		return false
	}
	switch {
	case has("EncryptedPackage"): // its name says what it is, and the program refuses macros if that says so
		if said := byExtension[extension]; len(said) > 0 && (said[0].MIME == docx || said[0].MIME == xlsx || said[0].MIME == pptx) {
			return said[0]
		}
		return byMIME[oleMacro]
	case has("__properties_version1.0"):
		return byMIME["application/vnd.ms-outlook"]
	case has("_VBA_PROJECT", "VBA", "_VBA_PROJECT_CUR", "Macros"):
		return byMIME[oleMacro]
	case has("WordDocument"):
		return byMIME["application/msword"]
	case has("Workbook", "Book"):
		return byMIME["application/vnd.ms-excel"]
	case has("PowerPoint Document"):
		return byMIME["application/vnd.ms-powerpoint"]
	}
	return byMIME[oleOther] // programs are installed from such files, for example
}

var errOLE = errors.New("the list of contents can't be followed")

// oleNames returns the names in the list of contents of an OLE container, in lower case ([MS-CFB] sections 2.2 to 2.6).
func oleNames(r io.ReaderAt, size int64) (map[string]bool, error) {
	l := &limited{r, maxList}
	header := make([]byte, 512)
	if _, err := l.ReadAt(header, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	shift := binary.LittleEndian.Uint16(header[30:])
	if shift != 9 && shift != 12 {
		return nil, errOLE
	}
	sector := int64(1) << shift
	read := func(number uint32) ([]byte, error) {
		place := (int64(number) + 1) * sector
		if number > 0xfffffffa || place >= size {
			return nil, errOLE
		}
		b := make([]byte, sector)
		n, err := l.ReadAt(b, place)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return b[:n], nil
	}
	word := func(b []byte, i int64) uint32 {
		if (i+1)*4 > int64(len(b)) {
			return 0xffffffff
		}
		return binary.LittleEndian.Uint32(b[i*4:])
	}
	// The table that says which sector follows on which lies in sectors itself. The header lists the first 109 of them, and
	// sectors that follow on each other the rest.
	perSector := sector / 4
	table := func(i int64) ([]byte, error) {
		if i < 109 {
			return read(word(header[76:], i))
		}
		i -= 109
		list := binary.LittleEndian.Uint32(header[68:])
		for {
			b, err := read(list)
			if err != nil {
				return nil, err
			}
			if i < perSector-1 {
				return read(word(b, i))
			}
			i, list = i-(perSector-1), word(b, perSector-1)
		}
	}
	names := map[string]bool{}
	const end = 0xfffffffe
	for number := binary.LittleEndian.Uint32(header[48:]); number != end; {
		b, err := read(number)
		if err != nil {
			return nil, err
		}
		for ; len(b) >= 128; b = b[128:] {
			length := binary.LittleEndian.Uint16(b[64:]) // bytes, with a zero at the end
			if length < 4 || length > 64 || b[66] == 0 {
				continue
			}
			units := make([]uint16, length/2-1)
			for i := range units {
				units[i] = binary.LittleEndian.Uint16(b[2*i:])
			}
			names[strings.ToLower(string(utf16.Decode(units)))] = true
		}
		next, err := table(int64(number) / perSector)
		if err != nil {
			return nil, err
		}
		number = word(next, int64(number)%perSector)
	}
	return names, nil
}
