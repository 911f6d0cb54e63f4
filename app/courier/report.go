package courier

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/fault"
	"kontor/app/store"
)

// ErrReport is the answer to a report that can't be understood.
var ErrReport = fault.New(fault.Invalid, "report.malformed")

// ReportLimit is how long a report may be, in bytes; whoever reads it from a request stops there.
const ReportLimit = 1 << 20

// bounceParts is how many parts of a bounce mail are looked at.
const bounceParts = 20

// ProviderReport is a delivery report of an SMS gateway or a bounce mail, parsed.
type ProviderReport struct {
	MessageID  uuid.UUID // ours; or
	ProviderID string    // the gateway's
	Delivered  bool
	Delayed    bool   // neither delivered nor failed yet: only noted
	Invalid    bool   // failed because there is no such number
	Refused    bool   // failed because the provider does not take the firm's messages
	Status     string // enhanced status code of a bounce, as 5.1.1; may be ""
	Detail     string
}

// Report notes a provider's delivery report or bounce. It may come at any time and any number of times: a message that
// is Delivered, Failed or Cancelled stays so, and the report is only noted among its attempts. A failure makes an
// unsettled or handed over message Failed and calls OnSettled, unless a later generation has been sent since. A refusal
// of the firm is no end: what was handed over is tried again for as long as its link is good. It returns
// ErrUnknownMessage.
func (s *Service) Report(ctx context.Context, r ProviderReport) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		m, err := s.reportedMessage(ctx, tx, r)
		if err != nil {
			return err
		}
		now := s.now()
		blame, reason := r.verdict(m.Channel)
		detail := plain(r.Detail)
		outcome := Bounced
		switch {
		case r.Delivered:
			outcome, reason = Arrived, ""
		case r.Delayed:
			outcome = Temporary
		case blame == ofFirm:
			return s.comesBack(ctx, tx, m, refusal(reason, detail), now)
		}
		if _, err := s.noteReport(ctx, tx, m, Attempt{
			MessageID: m.ID, StartedAt: now, EndedAt: &now, Outcome: outcome, Reason: reason, Detail: detail,
		}); err != nil || r.Delayed {
			return err
		}
		if r.Delivered {
			_, err := reported(ctx, tx, m, Delivered, "", "", now)
			return err
		}
		return s.failReported(ctx, tx, m, reason, detail, now)
	})
}

// failReported ends a message by a report of its failure.
func (s *Service) failReported(ctx context.Context, tx bun.IDB, m Message, reason, detail string, now time.Time) error {
	changed, err := reported(ctx, tx, m, Failed, reason, detail, now)
	if err != nil || !changed {
		return err
	}
	if newer, err := newerExists(ctx, tx, m); err != nil || newer {
		return err
	}
	m.State, m.Reason, m.Detail, m.SettledAt, m.RelayAt = Failed, reason, detail, &now, nil
	return s.tell(ctx, tx, m)
}

func (s *Service) reportedMessage(ctx context.Context, tx bun.IDB, r ProviderReport) (m Message, err error) {
	if r.MessageID != uuid.Nil {
		if m, err = loadForUpdate(ctx, s.db, tx, r.MessageID); !store.IsNoRows(err) {
			return m, err
		}
	}
	if r.ProviderID == "" {
		return Message{}, ErrUnknownMessage
	}
	id, err := newestOfProvider(ctx, tx, r.ProviderID)
	if err == nil {
		m, err = loadForUpdate(ctx, s.db, tx, id)
	}
	if store.IsNoRows(err) {
		return Message{}, ErrUnknownMessage
	}
	return m, err
}

// noteReport adds a line to the message's attempts, unless the same was said before of the same try: gateways repeat
// themselves.
func (s *Service) noteReport(ctx context.Context, tx bun.IDB, m Message, a Attempt) (repeated bool, err error) {
	if a.Number, err = lastNumber(ctx, tx, m.ID); err != nil {
		return false, err
	}
	if repeated, err := reportNoted(ctx, tx, a); err != nil || repeated {
		return repeated, err
	}
	if a.ID, err = uuid.NewV7(); err != nil {
		return false, err
	}
	return false, insertAttempt(ctx, tx, &a)
}

// verdict says what a report of a failure means. ofMoment: this message is lost, for a reason that is neither the
// recipient's nor the firm's (a telephone that was off); it is not sent again by itself, since each copy may be
// charged for, and whoever waits for it can ask for another.
func (r ProviderReport) verdict(c Channel) (blame, string) {
	if c == SMS {
		switch {
		case r.Invalid:
			return ofRecipient, reasonNumberInvalid
		case r.Refused:
			return ofFirm, reasonGatewayRefused
		}
		return ofMoment, reasonNotDelivered
	}
	b, reason := mailVerdict(stageBounce, 0, r.Status, r.Detail)
	if reason == reasonRefused { // nothing that tells the firm from the recipient
		return ofMoment, reasonBounced
	}
	return b, reason
}

// VerifySignature says whether header is the HMAC-SHA-256 of body with key, in hex, with or without "sha256=" before
// it. It takes the same time for every wrong signature; an empty key fits nothing.
func VerifySignature(key, body []byte, header string) bool {
	got, err := hex.DecodeString(strings.TrimPrefix(strings.TrimSpace(header), "sha256="))
	if err != nil || len(key) == 0 {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	return hmac.Equal(got, mac.Sum(nil))
}

// ParseDeliveryReport reads what an SMS gateway posts: {"id": "<message id or gateway's id>", "status":
// "delivered"|"failed"|"invalid"|"rejected", "detail": "…"}. "invalid" says that there is no such number, "rejected" that the
// gateway does not take the firm's messages. It returns ErrReport.
func ParseDeliveryReport(body []byte) (ProviderReport, error) {
	var in struct {
		ID     any    `json:"id"`
		Status string `json:"status"`
		Detail string `json:"detail"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if len(body) > ReportLimit || d.Decode(&in) != nil {
		return ProviderReport{}, ErrReport
	}
	r := ProviderReport{ProviderID: providerID(in.ID), Detail: in.Detail}
	if r.ProviderID == "" {
		return ProviderReport{}, ErrReport
	}
	if id, err := uuid.FromString(r.ProviderID); err == nil {
		r.MessageID = id // or the gateway's ids are UUIDs too: Report looks for both
	}
	switch strings.ToLower(in.Status) {
	case "delivered":
		r.Delivered = true
	case "failed":
	case "invalid":
		r.Invalid = true
	case "rejected":
		r.Refused = true
	default:
		return ProviderReport{}, ErrReport
	}
	return r, nil
}

// ParseBounce reads a bounce: JSON {"message_id": "<id.generation@domain>", "status": "5.1.1", "detail": "…"}, or the
// mail as it came back, a delivery status notification (RFC 3464) that quotes at least the headers of ours. It returns
// ErrReport.
func ParseBounce(body []byte) (ProviderReport, error) {
	if len(body) > ReportLimit {
		return ProviderReport{}, ErrReport
	}
	var r ProviderReport
	var ok bool
	if trimmed := bytes.TrimSpace(body); len(trimmed) > 0 && trimmed[0] == '{' {
		r, ok = jsonBounce(trimmed)
	} else {
		r, ok = mailBounce(body)
	}
	if !ok {
		return ProviderReport{}, ErrReport
	}
	return r, nil
}

func jsonBounce(body []byte) (r ProviderReport, ok bool) {
	var in struct {
		MessageID string `json:"message_id"`
		Status    string `json:"status"`
		Detail    string `json:"detail"`
	}
	if json.Unmarshal(body, &in) != nil {
		return r, false
	}
	r.Detail = in.Detail
	if r.MessageID, ok = ourMessageID(in.MessageID); !ok {
		return r, false
	}
	return r, in.Status == "" || r.setStatus(in.Status)
}

// setStatus takes an enhanced status code; its class says what became of the mail.
func (r *ProviderReport) setStatus(status string) bool {
	if !isStatus(status) {
		return false
	}
	r.Status, r.Delivered, r.Delayed = status, status[0] == '2', status[0] == '4'
	return true
}

// messageIDs are ours: <message.generation@domain>, with or without the brackets.
var messageIDs = regexp.MustCompile(`<?\b([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})\.([0-9]{1,9})@[^\s<>@]{1,255}>?`)

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

func mailBounce(body []byte) (r ProviderReport, ok bool) {
	msg, err := mail.ReadMessage(bytes.NewReader(body))
	if err != nil {
		return r, false
	}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/report" || params["boundary"] == "" {
		return r, false
	}
	var status, quoted bool
	parts := multipart.NewReader(msg.Body, params["boundary"])
	for range bounceParts {
		part, err := parts.NextRawPart()
		if err != nil {
			break
		}
		content := decodePart(part)
		switch kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type")); kind {
		case "message/delivery-status", "message/global-delivery-status":
			status = r.readStatus(content) || status
		case "message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers":
			if h := readFields(bufio.NewReader(bytes.NewReader(content))); h != nil && !quoted {
				r.MessageID, quoted = ourMessageID(h.Get("Message-Id"))
			}
		}
	}
	return r, status && quoted
}

func decodePart(part *multipart.Part) []byte {
	var body io.Reader = part
	switch strings.ToLower(part.Header.Get("Content-Transfer-Encoding")) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, part)
	case "quoted-printable":
		body = quotedprintable.NewReader(part)
	}
	content, _ := io.ReadAll(io.LimitReader(body, ReportLimit)) // what could be read of a broken part may do
	return content
}

// readStatus reads message/delivery-status: the fields of the mail, then of each recipient (RFC 3464 §2.1). Ours has
// one.
func (r *ProviderReport) readStatus(content []byte) bool {
	in := bufio.NewReader(bytes.NewReader(content))
	for range bounceParts {
		h := readFields(in)
		if h == nil {
			return false
		}
		action := strings.ToLower(strings.TrimSpace(h.Get("Action")))
		if action == "" {
			continue
		}
		status, _, _ := strings.Cut(strings.TrimSpace(h.Get("Status")), " ")
		if isStatus(status) {
			r.Status = status
		}
		_, text, found := strings.Cut(h.Get("Diagnostic-Code"), ";")
		if !found {
			text = h.Get("Diagnostic-Code")
		}
		r.Detail = strings.TrimSpace(text)
		switch action {
		case "failed":
		case "delayed":
			r.Delayed = true
		case "delivered", "relayed", "expanded":
			r.Delivered = action == "delivered"
			r.Delayed = !r.Delivered
		default:
			return false
		}
		return true
	}
	return false
}

// readFields reads one block of header fields; nil at the end. A last block without an empty line counts.
func readFields(in *bufio.Reader) textproto.MIMEHeader {
	h, err := textproto.NewReader(in).ReadMIMEHeader()
	if err != nil && !errors.Is(err, io.EOF) || len(h) == 0 && err != nil {
		return nil
	}
	return h
}
