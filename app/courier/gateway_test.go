package courier

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCheckGateway(t *testing.T) {
	for _, c := range []struct {
		in   GatewaySettings
		want string // the setting that is wrong
	}{
		{GatewaySettings{}, ""},
		{GatewaySettings{Method: "get", Body: "to={to}&text={text}", URL: "https://gw.example/send?key=k"}, ""},
		{GatewaySettings{Method: "DELETE"}, "SMS_METHOD"},
		{GatewaySettings{Method: "POST", URL: "smpp://a:b@c"}, "SMS_METHOD"},
		{GatewaySettings{StatusURL: "https://x/{id}", URL: "smpp://a:b@c"}, "SMS_STATUS_URL"},
		{GatewaySettings{Headers: "no colon"}, "SMS_HEADERS"},
		{GatewaySettings{Type: "application/json; charset=UTF-8"}, ""},
		{GatewaySettings{Type: "application/json; charset=latin1"}, "SMS_TYPE"},
		{GatewaySettings{Type: "text/plain"}, "SMS_TYPE"},
		{GatewaySettings{Type: "multipart/form-data"}, "SMS_TYPE"},
		{GatewaySettings{Type: typeForm}, ""},
		{GatewaySettings{Type: typeForm, Body: "to={to}"}, "SMS_BODY"},
		{GatewaySettings{Type: typeForm, Body: "text={text}"}, "SMS_BODY"},
		{GatewaySettings{Type: typeForm, Body: "to={to}&text={text}&x=%zz"}, "SMS_BODY"},
		{GatewaySettings{Type: typeForm, Body: "to={to}&text={text}&x={message}"}, "SMS_BODY"},
		{GatewaySettings{Type: typeForm, Body: "to={to_digits}&text={from}:%20{text}"}, ""},
		{GatewaySettings{Body: `{"m":{"to":{to_digits},"body":"{text}"}}`}, ""},
		{GatewaySettings{Body: `[{"to":["{to}"],"body":"{from}: {text}"}]`}, ""},
		{GatewaySettings{Body: `{"to":"{to}","text":{text}}`}, "SMS_BODY"}, // without quotes, a text could add fields
		{GatewaySettings{Body: `{"to":"{to}","{text}":1}`}, "SMS_BODY"},
		{GatewaySettings{Body: `{"to":"{to}","text":"{text}","key":"{secret}"}`}, "SMS_BODY"},
		{GatewaySettings{Body: `to={to}&text={text}`}, "SMS_BODY"}, // a form, but the type is JSON
		{GatewaySettings{Success: "$.a[0].b-c=0|1"}, ""},
		{GatewaySettings{Success: "^OK"}, ""},
		{GatewaySettings{Success: "("}, "SMS_SUCCESS"},
		{GatewaySettings{Success: "$.a..b"}, "SMS_SUCCESS"},
		{GatewaySettings{Success: "$.a[x]"}, "SMS_SUCCESS"},
		{GatewaySettings{Refused: "$."}, "SMS_REFUSED"},
		{GatewaySettings{ID: "$.id=7"}, "SMS_ID"},
		{GatewaySettings{ID: "id: (["}, "SMS_ID"},
		{GatewaySettings{StatusURL: "https://gw.example/messages/{id}?key=k"}, ""},
		{GatewaySettings{StatusURL: "https://gw.example/messages"}, "SMS_STATUS_URL"},
		{GatewaySettings{StatusURL: "https://USERID:x@API.IDENTITY.example/{id}"}, ""},
		{GatewaySettings{StatusURL: "https://{id}:x@gw.example/{id}"}, "SMS_STATUS_URL"},
		{GatewaySettings{Success: "$=100|101"}, ""},
		{GatewaySettings{Success: "$messages"}, "SMS_SUCCESS"},
		{GatewaySettings{Success: "$['message-count']=1"}, "SMS_SUCCESS"},
		{GatewaySettings{Success: "^OK", URL: "smpp://a:b@c"}, "SMS_SUCCESS"},
		{GatewaySettings{Status: "$.s", URL: "smpp://a:b@c"}, "SMS_STATUS"},
		{GatewaySettings{StatusURL: "https://{id}.example/"}, "SMS_STATUS_URL"}, // an answer would say where to go
		{GatewaySettings{StatusURL: "ftp://gw.example/{id}"}, "SMS_STATUS_URL"},
		{GatewaySettings{Status: "$.state; delivered=DELIVRD|ok; failed=lost"}, ""},
		{GatewaySettings{Status: "$.state; arrived=ok"}, "SMS_STATUS"},
		{GatewaySettings{Status: "$.state; delivered"}, "SMS_STATUS"},
	} {
		got, takes := CheckGateway(c.in)
		assert.Equal(t, c.want, got, "%+v: is wrong", c.in)
		assert.Equal(t, takes != "", got != "", "%+v", c.in)
	}
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, answer, text string
		found, matches        bool
	}{
		{"$.status=0", `{"status":"0"}`, "0", true, true},
		{"$.status=0", `{"status":0}`, "0", true, true},
		{"$.status=0|1", `{"status":1.0}`, "1.0", true, false},
		{"$.status = ok | fine", `{"status":"fine"}`, "fine", true, true},
		{"$.status=0", `{"status":null}`, "", false, false},
		{"$.status", `{"status":null}`, "", false, false},
		{"$.status", `{"status":{}}`, "", true, true},
		{"$.ok=true", "\ufeff{\"ok\":true}", "true", true, true},
		{"$.a[1].b", `{"a":[1,{"b":"x"}]}`, "x", true, true},
		{"$.a[2].b", `{"a":[1,{"b":"x"}]}`, "", false, false},
		{"$[0].id", `[{"id":90071992547409931}]`, "90071992547409931", true, true},
		{"$.a[0]", `{"a":{"0":1}}`, "", false, false},
		{"$.a.b", `{"a":[1]}`, "", false, false},
		{"$.status=0", `<html>`, "", false, false},
		{"$.status=0", ``, "", false, false},
		{"^OK", "OK: 17", "OK", true, true},
		{"^OK: ([0-9]+)", "OK: 17\n", "17", true, true},
		{"^OK", "ERR OK", "", false, false},
		{"^100$", "100", "100", true, true},
	} {
		p, err := parsePattern(c.pattern)
		require.NoError(t, err, c.pattern)
		text, found := p.find([]byte(c.answer))
		assert.Equal(t, c.text, text)
		assert.Equal(t, c.found, found)
		assert.Equal(t, c.matches, p.matches([]byte(c.answer)), "%s matches", c.pattern)
	}
}

// FuzzPattern: no pattern and no answer makes the program panic, and a value that is found is in the answer.
func FuzzPattern(f *testing.F) {
	for _, s := range [][2]string{{"$.a[0].b=1|2", `{"a":[{"b":1}]}`}, {"^OK (.*)$", "OK 1"}, {"$[9999]", "[]"}, {"$.", "{}"}} {
		f.Add(s[0], []byte(s[1]))
	}
	f.Fuzz(func(t *testing.T, pattern string, answer []byte) {
		p, err := parsePattern(pattern)
		if err != nil || p == nil {
			return
		}
		if _, found := p.find(answer); !found && p.matches(answer) {
			t.Error("matches what is not found")
		}
	})
}

// FuzzTemplate: every text can be read back from the body as it was, and changes nothing else in it.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"", "a", `"}`, "&to=1", "%26", "{to}", "{id}\x00", "\xff", "😀", `\u0022`, "a+b c"} {
		f.Add(s)
	}
	form, err := parseTemplate("to={to}&text={text}&key=k", typeForm)
	require.NoError(f, err)
	object, err := parseTemplate(`{"to":"{to}","text":"{text}","key":"k"}`, typeJSON)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string) {
		values := placeholders("+49151", text, "id", "from")
		got, err := url.ParseQuery(form.render(values))
		require.NoError(t, err)
		assert.Len(t, got, 3, "became")
		assert.Equal(t, text, got.Get("text"))
		assert.Equal(t, "+49151", got.Get("to"))
		assert.Equal(t, "k", got.Get("key"))
		var o map[string]string
		err = json.Unmarshal([]byte(object.render(values)), &o)
		require.NoError(t, err)
		require.Len(t, o, 3, "became")
		assert.False(t, o["text"] != strings.ToValidUTF8(text, "\ufffd") && !strings.Contains(o["text"], "\ufffd"))
		assert.Equal(t, "k", o["key"])
	})
}

// TestDiscreet: a quoted answer contains no key, in whichever form the gateway repeats it.
func TestDiscreet(t *testing.T) {
	d, setting, _ := parseGateway(GatewaySettings{
		URL: "https://account7:pass%2Fw0rd!@gw.example/v1/0123456789abcdef0123/send?key=query-key", Headers: "Authorization: Basic dXNlcm5hbWU6c2VjcmV0MQ==; X-Key: header-key",
		Type: typeForm, Body: "to={to}&text={text}&secret=body%20key", StatusURL: "https://gw.example/{id}?token=status-token",
	})
	require.Empty(t, setting)
	got := d.discreet("no: account7 pass/w0rd! pass%2Fw0rd%21 PASS/W0RD! 0123456789abcdef0123 query-key username secret1 dXNlcm5hbWU6c2VjcmV0MQ== header-key body key body+key status-token YWNjb3VudDc6cGFzcy93MHJkIQ== end")
	assert.Equal(t, "no:end", strings.Trim(strings.ReplaceAll(strings.ReplaceAll(got, "***", ""), " ", ""), "+"), "quoted as")
}

func TestSender(t *testing.T) {
	for in, want := range map[string]string{
		"Kontor": "Kontor", "Kanzlei Müller & Söhne": "Kanzlei Mue", "A/B": "AB", "律师": "", "1234567890 Partner": "1234567890",
	} {
		assert.Equal(t, want, senderOf(in), in)
	}
}
