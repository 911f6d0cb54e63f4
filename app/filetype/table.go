package filetype

import "strings"

// entry is a type that Kontor knows by name.
type entry struct {
	Type
	extensions []string // all that may be at the end of such a file's name, the usual one first
	also       []string // other names of the MIME type
}

// table lists the types that are told from each other. What mimetype knows beside them is of the group Other.
var table = []*entry{
	safe(PDF, "application/pdf", ".pdf"),
	safe(Image, "image/jpeg", ".jpg .jpeg .jpe .jfif"), safe(Image, "image/png", ".png .apng", "image/apng"), safe(Image, "image/gif", ".gif"), safe(Image, "image/webp", ".webp"),
	safe(Image, "image/tiff", ".tif .tiff"), safe(Image, "image/bmp", ".bmp .dib"), safe(Image, "image/heic", ".heic", "image/heic-sequence"),
	safe(Image, "image/heif", ".heif", "image/heif-sequence"), safe(Image, "image/avif", ".avif"),

	safe(Office, docx, ".docx .dotx"), safe(Office, xlsx, ".xlsx .xltx"), safe(Office, pptx, ".pptx .potx .ppsx"),
	safe(Office, "application/vnd.oasis.opendocument.text", ".odt"), safe(Office, "application/vnd.oasis.opendocument.text-template", ".ott"),
	safe(Office, "application/vnd.oasis.opendocument.spreadsheet", ".ods"), safe(Office, "application/vnd.oasis.opendocument.spreadsheet-template", ".ots"),
	safe(Office, "application/vnd.oasis.opendocument.presentation", ".odp"), safe(Office, "application/vnd.oasis.opendocument.presentation-template", ".otp"),
	safe(Office, "application/vnd.oasis.opendocument.graphics", ".odg"), safe(Office, "application/vnd.oasis.opendocument.graphics-template", ".otg"),
	safe(Office, "application/msword", ".doc .dot"), safe(Office, "application/vnd.ms-excel", ".xls .xlt"), safe(Office, "application/vnd.ms-powerpoint", ".ppt .pps .pot"),
	safe(Office, "application/vnd.ms-outlook", ".msg"), safe(Office, "text/rtf", ".rtf .doc", "application/rtf"), // Word reads RTF that is called .doc

	safe(Text, plain, ".txt .text .log .md"), safe(Text, "text/csv", ".csv"), safe(Text, "text/tab-separated-values", ".tsv"), safe(Text, "application/json", ".json"),
	safe(Text, "text/xml", ".xml .xsd", "application/xml"), safe(Text, "message/rfc822", ".eml"), safe(Text, "text/calendar", ".ics"), safe(Text, "text/vcard", ".vcf"),

	safe(Archive, zipped, ".zip"), safe(Archive, "application/x-7z-compressed", ".7z"), safe(Archive, "application/vnd.rar", ".rar"), safe(Archive, "application/gzip", ".gz .tgz"),
	safe(Archive, "application/x-tar", ".tar"), safe(Archive, "application/x-bzip2", ".bz2 .tbz2"), safe(Archive, "application/x-xz", ".xz .txz"), safe(Archive, "application/zstd", ".zst"),

	risky("application/vnd.ms-word.document.macroenabled.12", ".docm .dotm .docx .dotx .doc"), risky("application/vnd.ms-excel.sheet.macroenabled.12", ".xlsm .xltm .xlam .xlsx .xltx .xls"),
	risky("application/vnd.ms-excel.sheet.binary.macroenabled.12", ".xlsb"), risky("application/vnd.ms-powerpoint.presentation.macroenabled.12", ".pptm .potm .ppsm .ppam .pptx .ppt"),
	risky(oleMacro, ".doc .dot .xls .xlt .xla .ppt .pps .pot .ppa"), risky(odfMacro, ".odt .ott .ods .ots .odp .otp .odg .otg"),
	risky("text/html", ".html .htm .shtml"), risky("application/xhtml+xml", ".xhtml .xht .html"), risky("image/svg+xml", ".svg .svgz"),
	risky("text/javascript", ".js .mjs .jse"), risky("text/x-shellscript", ".sh .bash"), risky("text/x-python", ".py .pyw"), risky("text/x-php", ".php .phtml"), risky("text/x-perl", ".pl"),
	risky("text/x-ruby", ".rb"), risky("text/x-lua", ".lua"), risky("text/x-tcl", ".tcl"), risky(script, ".bat .cmd .ps1 .psm1 .vbs .vbe .wsf .wsh .hta .sct .reg .url .inf .scf .desktop .applescript .command .jsp .asp .aspx .cgi .iqy .slk"),
	risky("application/vnd.microsoft.portable-executable", ".exe .dll .scr .com .sys .ocx .cpl .pif"), risky("application/x-elf", ".elf .so"), risky("application/x-mach-binary", ".macho .dylib"),
	risky(oleOther, ".msi .msp .pub .vsd .mpp"), risky("application/x-ms-shortcut", ".lnk"), risky("application/vnd.ms-htmlhelp", ".chm"), risky("application/x-os2-hlp", ".hlp"),
	risky("application/java-archive", ".jar .war .ear"), risky("application/x-java-applet", ".class"), risky("application/vnd.android.package-archive", ".apk"), risky("application/wasm", ".wasm"),
	risky("application/x-bytecode.python", ".pyc"), risky("application/x-shockwave-flash", ".swf"), risky("application/x-chrome-extension", ".crx"), risky("application/onenote", ".one"),
	risky("application/x-rpm", ".rpm"), risky("application/vnd.debian.binary-package", ".deb"), risky("application/vnd.ms-cab-compressed", ".cab"), risky("application/x-installshield", ".cab"),
	risky("application/x-xar", ".xar .pkg"), risky("application/x-msaccess", ".mdb .accdb"), risky(image, ".iso .img .dmg .vhd .vhdx .vmdk .qcow2 .udf"),
}

// Names of types that the code asks for.
const (
	octets   = "application/octet-stream"
	plain    = "text/plain"
	zipped   = "application/zip"
	docx     = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	xlsx     = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	pptx     = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
	odfStart = "application/vnd.oasis.opendocument."
	odfMacro = "application/x-opendocument-with-macros" // Kontor's own name, like the next three
	oleMacro = "application/x-office-with-macros"
	oleOther = "application/x-ole-storage"
	script   = "text/x-script"
	image    = "application/x-disk-image"
)

func safe(group, mime, extensions string, also ...string) *entry {
	list := strings.Fields(extensions)
	inline := group == PDF || mime == "image/jpeg" || mime == "image/png" || mime == "image/gif" || mime == "image/webp"
	return &entry{Type{MIME: mime, Extension: list[0], Group: group, Inline: inline}, list, also}
}

func risky(mime, extensions string) *entry {
	list := strings.Fields(extensions)
	return &entry{Type{MIME: mime, Extension: list[0], Group: Other, Risky: true}, list, nil}
}

// byMIME and byExtension find entries of the table.
var byMIME, byExtension = func() (map[string]*entry, map[string][]*entry) {
	types, extensions := map[string]*entry{}, map[string][]*entry{}
	for _, e := range table {
		types[e.MIME] = e
		for _, name := range e.also {
			types[name] = e
		}
		for _, x := range e.extensions {
			extensions[x] = append(extensions[x], e)
		}
	}
	return types, extensions
}()
