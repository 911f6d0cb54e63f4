package main

import (
	"bytes"
	"encoding/base64"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRotatedKey: links, codes, open pages, sessions and encrypted data stay valid after a change of SECRET_KEY as long
// as the previous key is configured. Without it they are refused, and the log says why.
func TestRotatedKey(t *testing.T) {
	t.Parallel()
	key := func(b byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)) }
	databases(t, func(t *testing.T, env map[string]string) {
		base := "http://" + strings.Replace(env["LISTEN"], "127.0.0.1", "localhost", 1) // as the links in mails say it
		env["ADMIN_EMAIL"], env["ADMIN_PASSWORD"] = "admin@kontor.local", goodPassword
		out := &output{}
		start := func(current, previous string) *process {
			env["SECRET_KEY"], env["SECRET_KEY_PREVIOUS"] = current, previous
			p := launch(t, out, env, build(t).app)
			p.answers(base)
			return p
		}
		p := start(key(1), "")
		firm := visitor(t, base)
		firm.signIn("admin@kontor.local", goodPassword).is(http.StatusOK, "/customers")
		for _, name := range []string{"eva", "tom"} {
			firm.get("/customers/new?type=person").send("Save", map[string]string{
				"first_name": name, "last_name": "Ende", "email": name + "@kunde.example", "mobile": "+49 151 2345678" + map[string]string{"eva": "1", "tom": "2"}[name],
			}).is(http.StatusOK, "")
		}
		link := linkIn(t, firm.received("email", "eva@kunde.example").Text)
		stale := linkIn(t, firm.received("email", "tom@kunde.example").Text)
		code := codeIn(t, firm.received("sms", "+4915123456781").Text)
		end := visitor(t, base)
		door := end.get(link).is(http.StatusOK, "")
		form := firm.get("/customers/new?type=person")
		p.terminate()

		p = start(key(2), key(3)+","+key(1))
		form.send("Save", map[string]string{"first_name": "Ina", "last_name": "Offen", "email": "ina@kunde.example"}).is(http.StatusOK, "")
		assert.Equal(t, code, codeIn(t, firm.received("sms", "+4915123456781").Text), "the mailbox shows")
		door.send("Register", map[string]string{"code": code, "password": goodPassword, "password_repeat": goodPassword}).is(http.StatusOK, "/portal")
		p.terminate()

		p = start(key(9), "")
		visitor(t, base).get(stale).is(http.StatusNotFound, "")
		n := len(firm.mailbox())
		assert.Equal(t, 0, n, "the mailbox shows %d letters of another key", n)
		p.terminate()
		for _, want := range []string{"SECRET_KEY was changed", "neither the one that this database was used with", "SECRET_KEY_PREVIOUS and start again"} {
			assert.Contains(t, out.String(), want, "the log does not say")
		}
		for b := range byte(10) {
			assert.NotContains(t, out.String(), key(b), "the log shows a key")
		}
	})
}

// TestKeyedComparisons: no code compares a value with what only the current key would give, so that new uses of the key,
// too, stay valid after a change.
func TestKeyedComparisons(t *testing.T) {
	wrong := regexp.MustCompile(`Equal\([^\n]*\.MAC\(|\.MAC\([^\n]*\) [!=]= |[!=]= [^\n]*\.MAC\(`)
	seen := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen += strings.Count(string(raw), ".MAC(")
		assert.Nil(t, wrong.Find(raw), "%s compares with one key's hash", path)
		return nil
	})
	require.NoError(t, err)
	assert.GreaterOrEqual(t, seen, 5, "uses seen")
}
