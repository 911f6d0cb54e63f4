package web

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"kontor/app/customer"
)

// FuzzLocalPath: wherever a browser goes with the result, it stays on this site (S42, S35).
func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/", "/a?b=c#d", "//evil", `/\evil`, "/\t/evil", "https://evil", "javascript:1", "/%2f/evil", "/..//evil", "", "/\x00", "/;//@evil"} {
		f.Add(s)
	}
	base, _ := url.Parse("https://kontor.example/login")
	f.Fuzz(func(t *testing.T, next string) {
		got := localPath(next, "/home")
		if got != "/home" && got != next {
			t.Fatalf("%q became %q", next, got)
		}
		// What browsers drop from an address before they read it (WHATWG URL).
		read := strings.NewReplacer("\t", "", "\r", "", "\n", "", `\`, "/").Replace(got)
		if !strings.HasPrefix(read, "/") || strings.HasPrefix(read, "//") {
			t.Fatalf("%q leads away", got)
		}
		if u, err := base.Parse(got); err == nil && u.Host != base.Host {
			t.Fatalf("%q leads to %s", got, u.Host)
		}
	})
}

// FuzzAcceptedLocale: whatever the header says, the language is one of ours.
func FuzzAcceptedLocale(f *testing.F) {
	for _, s := range []string{"", "de", "de-AT,en;q=0.5", "fr;q=1, en;q=0", "*", "en;q=NaN,de;q=0.1", ";;q=,,", "DE;q=1e309"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if got := acceptedLocale(header, "en"); !slices.Contains(Locales, got) {
			t.Fatalf("%q", got)
		}
	})
}

func TestAcceptedLocale(t *testing.T) {
	for header, want := range map[string]string{
		"": "en", "de": "de", "de-AT, en;q=0.8": "de", "fr, en;q=0.5, de;q=0.9": "de", "fr": "en", "en;q=0.1, de;q=0": "en", "EN-gb": "en", "de;q=x": "en",
		"*": "en", "*, de;q=0.5": "en", "de, *": "de", "*, en;q=0": "de", "en;q=0": "en", "de;q=0.5, *;q=0.1": "de", "de;q=NaN": "en", "de;q=-1": "en",
		"de, en": "de", "en, de": "en", "de;q=0.5, en;q=0.5": "de", "de;q=0, de-AT": "de", "de ;q=1": "de", "de;q=9, en;q=1": "de",
	} {
		if got := acceptedLocale(header, "en"); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

// FuzzOverviewAddress: the state of the list that an address says is the state whose address is written again.
func FuzzOverviewAddress(f *testing.F) {
	for _, s := range []string{"", "q=a&type=person&sort=-name&status=attention&after=x", "q=%ff&q=b", "type=x&before=y", "q=%20a%20+b&&&=%zz", "q=" + strings.Repeat("%C3%A4", 120),
		"q=" + strings.Repeat("a", 99) + "+b"} {
		f.Add(s)
	}
	app := fiber.New(fiber.Config{Immutable: true})
	read := func(address string) customer.Filter {
		var request fasthttp.RequestCtx
		request.Request.SetRequestURI(address)
		c := app.AcquireCtx(&request)
		defer app.ReleaseCtx(c)
		return readFilter(c)
	}
	f.Fuzz(func(t *testing.T, query string) {
		filter := read("/customers?" + query)
		if n := len([]rune(filter.Query)); n > 100 {
			t.Fatalf("%d characters to search for", n)
		}
		cursor, value := "after", filter.After
		if filter.After == "" {
			cursor, value = "before", filter.Before
		} else {
			filter.Before = ""
		}
		address := overviewURL(filter, cursor, value)
		if u, err := url.Parse(address); err != nil || u.Path != "/customers" || u.Host != "" {
			t.Fatalf("%q: %v", address, err)
		}
		if again := read(address); again != filter {
			t.Fatalf("%q: %+v became %+v", address, filter, again)
		}
	})
}
