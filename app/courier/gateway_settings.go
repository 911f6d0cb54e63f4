package courier

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// GatewaySettings say how an HTTP gateway is called and what its answers mean: SMS_URL, SMS_HEADERS, SMS_METHOD and so
// on, as the operator wrote them. Each may be empty.
type GatewaySettings struct {
	URL, Headers              string
	Method, Type, Body        string
	Success, Refused, ID      string
	StatusURL, Status, Sender string
}

// dialect holds the parsed GatewaySettings.
type dialect struct {
	method, kind         string
	body                 *template
	success, refused, id *pattern
	statusURL            *template
	status               *pattern
	words                map[string]word
	headers              http.Header
	secrets              []string // values that must not be stored or logged
}

// word is the meaning of a gateway's word for the state of a message.
type word int

const (
	wordDelivered word = iota + 1
	wordFailed
	wordInvalid
	wordRejected
)

var wordNames = map[string]word{"delivered": wordDelivered, "failed": wordFailed, "invalid": wordInvalid, "rejected": wordRejected}

// usualWords are the words that gateways commonly use, in lower case. Any other word means that the result is not known
// yet.
var usualWords = map[string]word{
	"delivered": wordDelivered, "delivrd": wordDelivered, "read": wordDelivered, "received": wordDelivered,
	"failed": wordFailed, "undelivered": wordFailed, "undeliverable": wordFailed, "undeliv": wordFailed, "delivery_failed": wordFailed,
	"expired": wordFailed, "notdelivered": wordFailed, "not_delivered": wordFailed,
	"invalid": wordInvalid, "rejected": wordRejected, "rejectd": wordRejected,
}

// idPlace is the placeholder for the gateway's id in SMS_STATUS_URL.
const idPlace = "{id}"

// What the settings accept, for the error message with which the program ends.
const (
	takesMethod    = "GET, POST or PUT"
	takesType      = "application/json or application/x-www-form-urlencoded"
	takesBody      = `a template such as {"to":"{to}","text":"{text}","id":"{id}"}, or to={to}&text={text} for forms and GET; {to} or {to_digits}, and {text} must be in it, {id} and {from} may`
	takesPattern   = "a JSON path and values such as $.messages[0].status=0|1, or a regular expression over the answer"
	takesID        = "a JSON path such as $.sid, or a regular expression with a group"
	takesStatusURL = "http:// or https:// and an address with {id} in it, which stands for the gateway's id; it takes SMS_ID to find that, unless it is $.id"
	takesStatus    = "a JSON path or a regular expression that finds the word, then the gateway's own words: $.status; delivered=DELIVRD|ok; failed=…; invalid=…; rejected=…"
	takesHeaders   = "lines of Name: value"
)

// CheckGateway returns the first setting that can't be parsed, and what it accepts; "" if all can. It repeats nothing
// of the settings' values.
func CheckGateway(o GatewaySettings) (setting, takes string) {
	_, setting, takes = parseGateway(o)
	return setting, takes
}

func parseGateway(o GatewaySettings) (d *dialect, setting, takes string) {
	d = &dialect{}
	var err error
	if d.headers, err = parseSMSHeaders(o.Headers); err != nil {
		return nil, "SMS_HEADERS", takesHeaders
	}
	if strings.HasPrefix(o.URL, "smpp:") {
		for _, s := range []struct{ name, value string }{
			{"SMS_METHOD", o.Method}, {"SMS_TYPE", o.Type}, {"SMS_BODY", o.Body}, {"SMS_SUCCESS", o.Success}, {"SMS_REFUSED", o.Refused},
			{"SMS_ID", o.ID}, {"SMS_STATUS_URL", o.StatusURL}, {"SMS_STATUS", o.Status},
		} {
			if s.value != "" {
				return nil, s.name, "nothing where SMS_URL is smpp://…"
			}
		}
	}
	if d.method, err = parseMethod(o.Method); err != nil {
		return nil, "SMS_METHOD", takesMethod
	}
	if d.kind, err = parseType(o.Type); err != nil {
		return nil, "SMS_TYPE", takesType
	}
	if d.method == http.MethodGet {
		d.kind = typeForm
	}
	if d.body, err = parseTemplate(o.Body, d.kind); err != nil {
		return nil, "SMS_BODY", takesBody
	}
	if d.success, err = parsePattern(o.Success); err != nil {
		return nil, "SMS_SUCCESS", takesPattern
	}
	if d.refused, err = parsePattern(o.Refused); err != nil {
		return nil, "SMS_REFUSED", takesPattern
	}
	id := o.ID
	if id == "" {
		id = "$.id"
	}
	if d.id, err = parsePattern(id); err != nil || len(d.id.values) > 0 {
		return nil, "SMS_ID", takesID
	}
	if d.statusURL, err = parseStatusURL(o.StatusURL); err != nil {
		return nil, "SMS_STATUS_URL", takesStatusURL
	}
	if err = d.parseStatus(o.Status); err != nil {
		return nil, "SMS_STATUS", takesStatus
	}
	d.secrets = d.secretsIn(o)
	return d, "", ""
}

// parseStatusURL reads SMS_STATUS_URL; "" means none.
func parseStatusURL(s string) (*template, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // as parsePattern
	}
	const mark = "kontor-0193590e-id" // occurs in no address
	u, err := parseSMSURL(strings.ReplaceAll(s, idPlace, mark))
	if err != nil || u.Scheme == "smpp" || !strings.Contains(s, idPlace) || strings.Contains(u.Host, mark) || strings.Contains(u.User.String(), mark) {
		return nil, errSMSURL
	}
	return &template{text: s, encode: url.QueryEscape}, nil
}

// parseStatus reads SMS_STATUS: the place of the status word in the answer, and the gateway's own words.
func (d *dialect) parseStatus(s string) (err error) {
	d.words = usualWords
	parts := strings.Split(s, ";")
	place := strings.TrimSpace(parts[0])
	if place == "" {
		place = "$.status"
	}
	if d.status, err = parsePattern(place); err != nil || len(d.status.values) > 0 {
		return errPattern
	}
	if len(parts) == 1 {
		return nil
	}
	d.words = map[string]word{}
	for _, part := range parts[1:] {
		name, words, ok := strings.Cut(part, "=")
		meaning := wordNames[strings.TrimSpace(name)]
		if strings.TrimSpace(part) == "" {
			continue
		}
		if !ok || meaning == 0 {
			return errPattern
		}
		for _, w := range strings.Split(words, "|") {
			if w = strings.ToLower(strings.TrimSpace(w)); w != "" {
				d.words[w] = meaning
			}
		}
	}
	return nil
}

// shortSecret is the length below which a value is too short to be a key: replacing it would make answers unreadable.
const shortSecret = 6

// secretsIn returns the parts of the settings that may be keys, in all the forms in which an answer may repeat them.
func (d *dialect) secretsIn(o GatewaySettings) []string {
	var all []string
	add := func(values ...string) {
		for _, v := range values {
			all = append(all, v, url.QueryEscape(v), url.PathEscape(v), jsonEscape(v))
		}
	}
	for _, raw := range []string{o.URL, strings.ReplaceAll(o.StatusURL, idPlace, "")} {
		u, err := url.Parse(raw)
		if err != nil || raw == "" {
			continue
		}
		if password, ok := u.User.Password(); ok {
			add(u.User.Username(), password, base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
		}
		for _, values := range u.Query() {
			add(values...)
		}
		for _, segment := range strings.Split(u.Path, "/") {
			if len(segment) >= 16 { // an ordinary word in a path is shorter
				add(segment)
			}
		}
	}
	for _, values := range d.headers {
		for _, v := range values {
			add(v)
			add(strings.Fields(v)...)
			if _, encoded, ok := strings.Cut(v, "Basic "); ok {
				if plain, err := base64.StdEncoding.DecodeString(encoded); err == nil {
					add(strings.SplitN(string(plain), ":", 2)...)
				}
			}
		}
	}
	add(d.body.literals()...)
	all = slices.DeleteFunc(all, func(s string) bool { return len(s) < shortSecret })
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) }) // a value that contains another comes first
	return slices.Compact(all)
}

// discreet removes everything from an answer that may be a key of ours.
func (d *dialect) discreet(answer string) string {
	for _, s := range d.secrets {
		answer = withoutFold(answer, s)
	}
	return answer
}

// settingError is the error for a wrong setting that only New detects.
func settingError(setting, takes string) error { return errors.New(setting + ": it takes " + takes) }
