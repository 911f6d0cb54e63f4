package courier

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/fault"
	"kontor/app/store"
)

// ErrReport is returned for a report that can't be understood.
var ErrReport = fault.New(fault.Invalid, "report.malformed")

// reportLimit is how many bytes of a report are read. Of a longer bounce the beginning is enough.
const reportLimit = 1 << 20

// ProviderReport is a parsed delivery report of an SMS gateway, or a parsed bounce.
type ProviderReport struct {
	MessageID  uuid.UUID // our id; or
	ProviderID string    // the gateway's id
	Delivered  bool
	Delayed    bool   // neither delivered nor failed yet: only noted
	Relayed    bool   // forwarded to a server that sends no reports: only noted
	Expanded   bool   // forwarded to the members of a list: only noted
	Nothing    bool   // a mail that reports nothing, such as an automatic answer: not even noted
	Invalid    bool   // failed because there is no such number
	Refused    bool   // failed because the provider refuses the firm's messages
	Status     string // enhanced status code of a bounce, as 5.1.1; may be ""
	Detail     string

	recipients []recipientReport // what a bounce says about each recipient, if there are several
}

// Report records a provider's delivery report or bounce. It may come at any time and repeatedly. A message that is
// Delivered, Failed or Cancelled stays so; the report is only added to its attempts. A report of a failure makes an
// unsettled or handed over message Failed, and calls the functions of OnSettled unless a later generation has been sent
// since. A refusal of the firm is different: the message that was handed over is tried again until its link expires.
// Report returns ErrUnknownMessage.
func (s *Service) Report(ctx context.Context, r ProviderReport) error {
	if r.Nothing {
		return nil
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		m, err := s.reportedMessage(ctx, tx, r)
		if err != nil {
			return err
		}
		now := s.now()
		r := r.about(m.Recipient)
		blame, reason := r.verdict(m.Channel)
		detail := plain(r.Detail)
		said := Bounced
		switch {
		case r.Delivered:
			said, reason = Arrived, ""
		case r.pending():
			said, reason = Temporary, r.pendingReason()
		case blame == ofFirm:
			return s.comesBack(ctx, tx, m, refusal(reason, detail), now)
		}
		repeated, err := s.noteReport(ctx, tx, m, Attempt{
			MessageID: m.ID, StartedAt: now, EndedAt: &now, Outcome: said, Reason: reason, Detail: detail,
		})
		if err != nil || r.pending() {
			return err
		}
		if r.Delivered {
			return s.arrived(ctx, tx, m, repeated, now)
		}
		return s.failReported(ctx, tx, m, outcome{
			state: Failed, reason: reason, detail: detail, forGood: isForGood(m.Channel, reason, r.Status),
		}, now)
	})
}

// arrived settles a message that was delivered according to a report. This also frees its address, since the address
// exists. A repeated report does not free it, because the address may have been refused since.
func (s *Service) arrived(ctx context.Context, tx bun.IDB, m Message, repeated bool, now time.Time) error {
	if _, err := reported(ctx, tx, m, outcome{state: Delivered}, now); err != nil || repeated || m.Channel != Email {
		return err
	}
	return s.Free(ctx, tx, m.Recipient)
}

// failReported settles a message that failed according to a report. If its address does not exist, this is remembered,
// unless a later generation was sent meanwhile (the address was replaced) or the message was settled already.
func (s *Service) failReported(ctx context.Context, tx bun.IDB, m Message, out outcome, now time.Time) error {
	changed, err := reported(ctx, tx, m, out, now)
	if err != nil || !changed {
		return err
	}
	if newer, err := newerExists(ctx, tx, m); err != nil || newer {
		return err
	}
	m.State, m.Reason, m.Detail, m.SettledAt, m.RelayAt = out.state, out.reason, out.detail, &now, nil
	if err := s.tell(ctx, tx, m); err != nil || !out.forGood {
		return err
	}
	return s.noteRefusal(ctx, tx, m, now)
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

// noteReport adds a report to the message's attempts, unless the same report about the same try is there already:
// gateways repeat their reports.
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
	return false, insertAttempts(ctx, tx, a)
}

// pending says that the mail is, as far as anybody knows, neither delivered nor lost.
func (r ProviderReport) pending() bool { return r.Delayed || r.Relayed || r.Expanded }

func (r ProviderReport) pendingReason() string {
	switch {
	case r.Relayed:
		return reasonRelayed
	case r.Expanded:
		return reasonExpanded
	}
	return reasonDelayed
}

// verdict says what a report of a failure means. ofMoment means that this message is lost for a reason that is neither
// the recipient's nor the firm's, such as a telephone that was off. The message is not sent again automatically, since
// each copy may cost money; the person who waits for it can request another.
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
	if reason == reasonRefused { // the report does not say whether the firm or the recipient is the cause
		return ofMoment, reasonBounced
	}
	return b, reason
}

// VerifySignature says whether header is the HMAC-SHA-256 of body with key, in hex, with or without the prefix
// "sha256=". It takes the same time for every wrong signature. An empty key matches nothing.
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
// "delivered"|"failed"|"invalid"|"rejected", "detail": "…"}. "invalid" means that the number does not exist, "rejected"
// that the gateway refuses the firm's messages. It returns ErrReport.
func ParseDeliveryReport(body []byte) (ProviderReport, error) {
	var in struct {
		ID     any    `json:"id"`
		Status string `json:"status"`
		Detail string `json:"detail"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if len(body) > reportLimit || d.Decode(&in) != nil {
		return ProviderReport{}, ErrReport
	}
	r := ProviderReport{Detail: in.Detail}
	switch id := in.ID.(type) {
	case string:
		r.ProviderID = providerID(id)
	case json.Number:
		r.ProviderID = providerID(id.String())
	}
	if r.ProviderID == "" {
		return ProviderReport{}, ErrReport
	}
	if id, err := uuid.FromString(r.ProviderID); err == nil {
		r.MessageID = id // the gateway's ids may be UUIDs, too: Report looks for both
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
