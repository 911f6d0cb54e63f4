package kit

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
)

const multipartBody = "--x\r\nContent-Disposition: form-data; name=\"login\"\r\n\r\na\r\n--x--\r\n"

// TestTaking: a route gets the kind of body that it takes, unchanged, and no other.
func TestTaking(t *testing.T) {
	for _, c := range []struct {
		takes payload
		kind  string
		want  int
	}{
		{partsBody, "multipart/form-data; boundary=x", 200}, {RawBody, "multipart/form-data; boundary=x", 415}, {FormBody, "multipart/form-data; boundary=x", 415},
		{RawBody, "application/json", 200}, {partsBody, "application/octet-stream", 200}, {FormBody, "application/json", 415},
	} {
		app := fiber.New(fiber.Config{DisablePreParseMultipartForm: true})
		app.Post("/", Take(c.takes), func(c *fiber.Ctx) error { return c.Send(c.Request().Body()) })
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(multipartBody))
		r.Header.Set("Content-Type", c.kind)
		res, err := app.Test(r)
		must(t, err)
		body, err := io.ReadAll(res.Body)
		must(t, err)
		if res.StatusCode != c.want || c.want == http.StatusOK && string(body) != multipartBody {
			t.Errorf("%d with %s: %d %q", c.takes, c.kind, res.StatusCode, body)
		}
	}
}

// FuzzForm: whatever a form's body is, what is read of it is bounded text; and what a browser writes is read as it was.
func FuzzForm(f *testing.F) {
	for _, s := range []string{"", "a=b&c=d", "a", "&&a=&=b", "a=%00", "%ff=%zz", "a+b=c%20d&a=%", strings.Repeat("a&", 2100), "a=" + strings.Repeat("x", MaxField+1), "a;b=c", "é=\x80"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		form, err := parseForm(body)
		if err != nil {
			if form != nil || !slices.Contains([]error{errTooLarge, ErrNoText}, err) {
				t.Fatalf("%v, %v", form, err)
			}
			return
		}
		n := 0
		for name, values := range form {
			for _, v := range values {
				if n++; len(name) > MaxField || len(v) > MaxField || !IsText([]byte(name+v)) {
					t.Fatalf("%q = %q", name, v)
				}
			}
		}
		if n > MaxFields {
			t.Fatalf("%d fields", n)
		}
		if want, err := url.ParseQuery(string(body)); err == nil && !maps.EqualFunc(want, form, slices.Equal) {
			t.Fatalf("%v, want %v", form, want)
		}
		if again, err := parseForm([]byte(url.Values(form).Encode())); err != nil || !maps.EqualFunc(again, form, slices.Equal) {
			t.Fatalf("%v became %v, %v", form, again, err)
		}
	})
}

// TestUnseenIsLeftOut: a form is read without invisible characters, with LF as line end. Passwords stay as typed.
func TestUnseenIsLeftOut(t *testing.T) {
	form, err := parseForm([]byte("password=a%E2%80%8Bb%0D%0A&email_password=%C2%AD&name=a%E2%80%8Bb"))
	must(t, err)
	for name, want := range map[string]string{"password": "a\u200bb\r\n", "email_password": "\u00ad", "name": "ab"} {
		if got := form[name][0]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
