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

// ErrReport is the answer to a report that can't be understood.
var ErrReport = fault.New(fault.Invalid, "report.malformed")

// ReportLimit is how much of a report is read, in bytes. Of a longer bounce the beginning is enough.
const ReportLimit = 1 << 20

// ProviderReport is a delivery report of an SMS gateway or a bounce mail, parsed.
type ProviderReport struct {
	MessageID  uuid.UUID // ours; or
	ProviderID string    // the gateway's
	Delivered  bool
	Delayed    bool   // neither delivered nor failed yet: only noted
	Relayed    bool   // passed on to where no reports come from: only noted
	Expanded   bool   // passed on to the members of a list: only noted
	Nothing    bool   // a mail that reports nothing, such as an automatic answer: not even noted
	Invalid    bool   // failed because there is no such number
	Refused    bool   // failed because the provider does not take the firm's messages
	Status     string // enhanced status code of a bounce, as 5.1.1; may be ""
	Detail     string

	recipients []recipientReport // what a bounce says of each, if of several
}

// Report notes a provider's delivery report or bounce. It may come at any time and any number of times: a message that
// is Delivered, Failed or Cancelled stays so, and the report is only noted among its attempts. A failure makes an
// unsettled or handed over message Failed and calls OnSettled, unless a later generation has been sent since. A refusal
// of the firm is no end: what was handed over is tried again for as long as its link is good. It returns
// ErrUnknownMessage.
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
		outcome := Bounced
		switch {
		case r.Delivered:
			outcome, reason = Arrived, ""
		case r.pending():
			outcome, reason = Temporary, r.pendingReason()
		case blame == ofFirm:
			return s.comesBack(ctx, tx, m, refusal(reason, detail), now)
		}
		repeated, err := s.noteReport(ctx, tx, m, Attempt{
			MessageID: m.ID, StartedAt: now, EndedAt: &now, Outcome: outcome, Reason: reason, Detail: detail,
		})
		if err != nil || r.pending() {
			return err
		}
		if r.Delivered {
			return s.arrived(ctx, tx, m, repeated, now)
		}
		return s.failReported(ctx, tx, m, reason, detail, isForGood(m.Channel, reason, r.Status), now)
	})
}

// arrived ends a message by a report of its delivery. That frees its address: somebody is there after all. A report that
// is only repeated says nothing about what was refused since.
func (s *Service) arrived(ctx context.Context, tx bun.IDB, m Message, repeated bool, now time.Time) error {
	if _, err := reported(ctx, tx, m, Delivered, "", "", now); err != nil || repeated || m.Channel != Email {
		return err
	}
	return s.Free(ctx, tx, m.Recipient)
}

// failReported ends a message by a report of its failure. forGood says that its address is none. Of an address that was
// replaced, or freed by sending again, meanwhile, that is not remembered.
func (s *Service) failReported(ctx context.Context, tx bun.IDB, m Message, reason, detail string, forGood bool, now time.Time) error {
	changed, err := reported(ctx, tx, m, Failed, reason, detail, now)
	if err != nil || !changed {
		return err
	}
	if newer, err := newerExists(ctx, tx, m); err != nil || newer {
		return err
	}
	m.State, m.Reason, m.Detail, m.SettledAt, m.RelayAt = Failed, reason, detail, &now, nil
	if err := s.tell(ctx, tx, m); err != nil || !forGood {
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

// pending says that a report is about a mail that is neither delivered nor lost, as far as anybody knows.
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
