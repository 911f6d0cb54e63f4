package courier

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/gofrs/uuid/v5"

	"kontor/app/secret"
	"kontor/app/store"
)

// ParseBounce reads a bounce. The body is JSON {"message_id": "<id.generation@domain>", "status": "5.1.1", "detail":
// "…"}, or the mail as it came back. In a mail, a delivery status notification (RFC 3464) is read field by field. Other
// mails are searched for the phrases that mail servers write for people. The token or Message-ID of our message may
// stand anywhere in the mail. Of a longer mail only the first reportLimit bytes are read.
//
// If the mail is no report (an automatic answer, a person's question), the result is Nothing. ParseBounce returns
// ErrReport if the body is no mail, or if the report does not name a message of ours.
func (s *Service) ParseBounce(body []byte) (ProviderReport, error) {
	if trimmed := bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\ufeff")), " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '{' {
		if r, ok := jsonBounce(s.key, trimmed); ok && len(body) <= reportLimit {
			return r, nil
		}
		return ProviderReport{}, ErrReport
	}
	r, ok := mailBounce(s.key, body[:min(len(body), reportLimit)])
	if !ok {
		return ProviderReport{}, ErrReport
	}
	return r, nil
}

func jsonBounce(k secret.Key, body []byte) (r ProviderReport, ok bool) {
	var in struct {
		MessageID string `json:"message_id"`
		Status    string `json:"status"`
		Detail    string `json:"detail"`
	}
	if json.Unmarshal(body, &in) != nil {
		return r, false
	}
	r.Detail = in.Detail
	if r.MessageID, ok = findOurs(k, in.MessageID); !ok {
		return r, false
	}
	return r, in.Status == "" || r.setStatus(in.Status)
}

// setStatus sets the enhanced status code and, by its class, what happened to the mail. It returns false if status is
// no such code.
func (r *ProviderReport) setStatus(status string) bool {
	if !isStatus(status) {
		return false
	}
	r.Status, r.Delivered, r.Delayed = status, status[0] == '2', status[0] == '4'
	return true
}

// messageIDs finds our Message-IDs: <message.generation@domain>, with or without the brackets.
var messageIDs = regexp.MustCompile(`\b([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})\.([0-9]{1,9})@[^\s<>@]{1,255}`)

func ourMessageID(s string) (uuid.UUID, bool) {
	m := messageIDs.FindStringSubmatch(s)
	if m == nil {
		return uuid.Nil, false
	}
	if _, err := strconv.Atoi(m[2]); err != nil {
		return uuid.Nil, false
	}
	id, err := uuid.FromString(m[1])
	return id, err == nil && id != uuid.Nil
}

// findOurs finds the message of ours that a text names: by its token, else by its Message-ID. Nobody can guess the id
// in a Message-ID.
func findOurs(k secret.Key, text string) (uuid.UUID, bool) {
	if id, ok := findToken(k, text); ok {
		return id, true
	}
	return ourMessageID(text)
}

// recipientReport is what a delivery status notification says about one recipient.
type recipientReport struct {
	original, final                        string // addresses, folded
	failed, delayed, relayed, expanded, ok bool   // exactly one is true
	status, detail                         string
}

func (r *ProviderReport) take(one recipientReport) {
	r.Delivered, r.Delayed, r.Relayed, r.Expanded = one.ok, one.delayed, one.relayed, one.expanded
	r.Status, r.Detail = one.status, one.detail
}

// about returns the report for the message's own recipient. If none of several entries is about that recipient, the
// report is a failure only if all entries are failures.
func (r ProviderReport) about(recipient string) ProviderReport {
	if len(r.recipients) == 0 {
		return r
	}
	us := foldAddress(recipient)
	pick := r.recipients[0]
	for _, one := range r.recipients {
		if pick.failed && !one.failed {
			pick = one
		}
	}
	for _, address := range []func(recipientReport) string{
		func(o recipientReport) string { return o.final }, func(o recipientReport) string { return o.original },
	} {
		for i := len(r.recipients) - 1; i >= 0; i-- {
			if us != "" && address(r.recipients[i]) == us {
				pick = r.recipients[i]
			}
		}
	}
	r.take(pick)
	return r
}

func foldAddress(address string) string {
	address = strings.Trim(strings.TrimSpace(address), "<>")
	if ascii, err := asciiAddress(address); err == nil {
		address = ascii
	}
	return store.FoldEmail(address)
}

// wordsMost is how many bytes of the text for people are read.
const wordsMost = 32 << 10

// bounceMail is a mail that may be a bounce, with its relevant parts sorted by kind.
type bounceMail struct {
	key       secret.Key
	mails     []part // the mail itself, and reports that are attached to it
	originals []part // returned mails, or only their headers
	blocks    []fields
	words     string // the text for people
}

func mailBounce(k secret.Key, body []byte) (r ProviderReport, ok bool) {
	p, ok := readMail(body)
	if !ok {
		return r, false
	}
	b := &bounceMail{key: k, mails: []part{p}}
	b.sort(p)
	reports := b.recipients()
	if len(reports) > 0 {
		r.recipients = reports
		r = r.about("")
		if len(reports) == 1 {
			r.recipients = nil
		}
	} else if !b.readWords(&r) || r.Nothing {
		return ProviderReport{Nothing: true}, true
	}
	r.MessageID, ok = b.ours(unixLines(string(body)))
	return r, ok
}

// sort adds the parts of a mail to the fields of b where they belong.
func (b *bounceMail) sort(p part) {
	switch {
	case p.kind == "message/delivery-status" || p.kind == "message/global-delivery-status":
		b.addBlocks(p.text)
	case strings.HasPrefix(p.kind, "multipart/"):
		for _, inner := range p.parts {
			b.sort(inner)
		}
	case len(p.parts) > 0:
		inner := p.parts[0]
		if b.isOriginal(inner) || !isReport(inner) {
			b.originals = append(b.originals, inner)
			return
		}
		b.mails = append(b.mails, inner)
		b.sort(inner)
	case strings.HasPrefix(p.kind, "text/"), p.kind == "message/disposition-notification":
		words := beforeOriginal(p.text[:min(len(p.text), 2*wordsMost)])
		if strings.Contains(strings.ToLower(words), "final-recipient") {
			b.addBlocks(words)
		}
		words = strings.ReplaceAll(words, "’", "'")
		b.words += words[:min(len(words), wordsMost-len(b.words))]
		if len(b.words) < wordsMost {
			b.words += "\n"
		}
	}
}

// isOriginal says whether a mail is one of ours.
func (b *bounceMail) isOriginal(p part) bool {
	if _, ok := findToken(b.key, p.fields.get(strings.ToLower(messageHeader))); ok {
		return true
	}
	_, ok := ourMessageID(p.fields.get("message-id"))
	return ok
}

// isReport says whether a mail inside another is a report that somebody forwarded.
func isReport(p part) bool {
	if p.kind == "multipart/report" || fromDaemon(p.fields) {
		return true
	}
	for _, inner := range p.parts {
		if inner.kind == "message/delivery-status" || inner.kind == "multipart/report" {
			return true
		}
	}
	return bounceSubject.MatchString(spoken(p.fields.get("subject")))
}

// addBlocks reads the groups of fields of message/delivery-status (RFC 3464 §2.1).
func (b *bounceMail) addBlocks(text string) {
	for range partsMost {
		if text = strings.TrimLeft(text, " \t\n"); text == "" {
			return
		}
		var block fields
		if block, text = readHeader(text); len(block) > 0 {
			b.blocks = append(b.blocks, splitBlock(block)...)
		}
	}
}

// splitBlock splits the fields of several recipients that have no empty line between them.
func splitBlock(block fields) (blocks []fields) {
	begin, seen := 0, map[string]bool{}
	for i, f := range block {
		if f.name != "original-recipient" && f.name != "final-recipient" {
			continue
		}
		if seen[f.name] {
			blocks = append(blocks, block[begin:i])
			begin, seen = i, map[string]bool{}
		}
		seen[f.name] = true
	}
	return append(blocks, block[begin:])
}

// recipients returns the report of each block. It skips blocks that say neither which action was taken nor how it
// ended.
func (b *bounceMail) recipients() (list []recipientReport) {
	for _, block := range b.blocks {
		if one, ok := readRecipient(block); ok {
			list = append(list, one)
		}
	}
	return list
}

func readRecipient(block fields) (one recipientReport, ok bool) {
	action, _, _ := strings.Cut(strings.ToLower(strings.TrimLeft(block.get("action"), " ")), " ")
	action = strings.Trim(action, ";.,()")
	diagnosis := spoken(afterType(block.get("diagnostic-code")))
	status, _, _ := strings.Cut(block.get("status"), " ")
	said := status != "" || action != "" || block.get("final-recipient") != "" && diagnosis != ""
	if !said {
		return one, false
	}
	one = recipientReport{
		original: foldAddress(afterType(block.get("original-recipient"))), final: foldAddress(afterType(block.get("final-recipient"))),
		detail: strings.TrimSpace(diagnosis),
	}
	if isStatus(status) {
		one.status = status
	} else {
		one.status = statusIn(diagnosis)
	}
	switch action {
	case "failed":
		one.failed = true
	case "delayed":
		one.delayed = true
	case "delivered":
		one.ok = true
	case "relayed":
		one.relayed = true
	case "expanded":
		one.expanded = true
	default: // no action, or an unknown one
		switch {
		case strings.HasPrefix(one.status, "2"):
			one.ok = true
		case strings.HasPrefix(one.status, "4"):
			one.delayed = true
		case one.status != "", replyCode(diagnosis) >= 500:
			one.failed = true
		default:
			return one, false
		}
	}
	return one, true
}

// afterType removes a type such as "rfc822;" or "smtp;" from a value.
func afterType(value string) string {
	kind, rest, found := strings.Cut(value, ";")
	if !found || strings.ContainsAny(strings.TrimSpace(kind), " @<") {
		return strings.TrimSpace(value)
	}
	return strings.TrimSpace(rest)
}

// returnHeaders are the header fields that may contain the address to which a bounce was sent.
var returnHeaders = []string{
	"to", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to", "x-rcpt-to", "x-forwarded-to", "resent-to", "apparently-to",
}

// ours finds the message that a bounce is about. It first searches the fields made for this purpose, then the whole
// mail.
func (b *bounceMail) ours(whole string) (uuid.UUID, bool) {
	var places []string
	for _, m := range b.mails {
		places = append(places, m.fields.join(returnHeaders...))
	}
	for _, o := range b.originals {
		places = append(places, o.fields.join(strings.ToLower(messageHeader)), o.fields.join("message-id", "x-original-message-id"))
	}
	for _, block := range b.blocks {
		places = append(places, block.join("x-original-message-id", "original-envelope-id"))
	}
	for _, m := range b.mails {
		places = append(places, m.fields.join("x-original-message-id", "in-reply-to", "references"))
	}
	for _, m := range b.mails {
		places = append(places, allText(m))
	}
	places = append(places, whole, decodeQuoted(whole))
	for _, text := range places {
		if id, ok := findOurs(b.key, text); ok {
			return id, true
		}
	}
	return uuid.Nil, false
}

// join returns the values of the named fields, one per line.
func (f fields) join(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		for _, one := range f {
			if one.name == name {
				b.WriteString(one.value + "\n")
			}
		}
	}
	return b.String()
}

func allText(p part) string {
	var b strings.Builder
	b.WriteString(p.text)
	for _, inner := range p.parts {
		b.WriteString("\n" + allText(inner))
	}
	return b.String()
}
