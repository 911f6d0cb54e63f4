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
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/entry"
)

const multipartBody = "--x\r\nContent-Disposition: form-data; name=\"login\"\r\n\r\na\r\n--x--\r\n"

// TestTaking: a route gets the kind of body that it takes, unchanged, and no other.
func TestTaking(t *testing.T) {
	for _, c := range []struct {
		takes payload
		kind  string
		want  int
	}{
		{PartsBody, "multipart/form-data; boundary=x", 200}, {RawBody, "multipart/form-data; boundary=x", 415}, {FormBody, "multipart/form-data; boundary=x", 415},
		{RawBody, "application/json", 200}, {PartsBody, "application/octet-stream", 415}, {FormBody, "application/json", 415},
	} {
		app := fiber.New(fiber.Config{DisablePreParseMultipartForm: true})
		app.Post("/", Take(c.takes), func(c *fiber.Ctx) error { return c.Send(c.Request().Body()) })
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(multipartBody))
		r.Header.Set("Content-Type", c.kind)
		res, err := app.Test(r)
		must(t, err)
		body, err := io.ReadAll(res.Body)
		must(t, err)
		assert.Equal(t, c.want, res.StatusCode, "%d with %s", c.takes, c.kind)
		assert.False(t, c.want == http.StatusOK && string(body) != multipartBody, "%d with %s", c.takes, c.kind)
	}
}

// FuzzForm: whatever a form's body is, what is read of it is bounded text. What a browser writes is read as net/url reads it,
// and cleaned, but for passwords.
func FuzzForm(f *testing.F) {
	for _, s := range []string{"", "a=b&c=d", "a", "&&a=&=b", "a=%00", "%ff=%zz", "a+b=c%20d&a=%", strings.Repeat("a&", 2100), "a=" + strings.Repeat("x", MaxField+1), "a;b=c", "é=\x80", "=%0B", "password=%0B", "a=%E2%80%8B"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		form, err := parseForm(body)
		if err != nil {
			require.Nil(t, form)
			require.Contains(t, []error{errTooLarge, ErrNoText}, err)
			return
		}
		n := 0
		for name, values := range form {
			for _, v := range values {
				n++
				require.LessOrEqual(t, len(name), MaxField, "%q", name)
				require.LessOrEqual(t, len(v), MaxField, "%q = %q", name, v)
				require.True(t, IsText([]byte(name+v)), "%q = %q", name, v)
			}
		}
		require.LessOrEqual(t, n, MaxFields, "fields")
		if want, err := url.ParseQuery(string(body)); err == nil {
			for name, values := range want {
				for i, v := range values {
					if !NeverKept(name) {
						values[i] = entry.Field(v)
					}
				}
			}
			require.True(t, maps.EqualFunc(want, form, slices.Equal), "%q is read as %v, want %v", body, form, want)
		}
		again, err := parseForm([]byte(url.Values(form).Encode()))
		require.NoError(t, err)
		require.True(t, maps.EqualFunc(again, form, slices.Equal), "%v became %v", form, again)
	})
}

// TestUnseenIsLeftOut: a form is read without invisible characters, with LF as line end. Passwords stay as typed.
func TestUnseenIsLeftOut(t *testing.T) {
	form, err := parseForm([]byte("password=a%E2%80%8Bb%0D%0A&email_password=%C2%AD&name=a%E2%80%8Bb"))
	must(t, err)
	for name, want := range map[string]string{"password": "a\u200bb\r\n", "email_password": "\u00ad", "name": "ab"} {
		got := form[name][0]
		assert.Equal(t, want, got, name)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	require.NoError(t, err)
}
