package courier

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"
)

// Reasons: why an attempt or a message failed. They are keys; "reason.<key>" in views/locales says it in plain words.
const (
	reasonRecipientUnknown = "recipient_unknown"
	reasonASCIIOnly        = "ascii_only" // letters before the @ that a server on the way does not take (RFC 6531)
	reasonMailboxFull      = "mailbox_full"
	reasonRefused          = "refused"
	reasonSpam             = "spam"
	reasonBlocked          = "blocked"
	reasonSenderRefused    = "sender_refused"
	reasonServerBusy       = "server_busy"
	reasonGreylisted       = "greylisted"
	reasonUnreachable      = "unreachable"
	reasonTimeout          = "timeout"
	reasonConnectionLost   = "connection_lost"
	reasonTLS              = "tls"
	reasonCertificate      = "certificate" // nobody we trust has signed it
	reasonCertificateOld   = "certificate_expired"
	reasonCertificateName  = "certificate_name"
	reasonAuth             = "auth"
	reasonGatewayBusy      = "gateway_busy"
	reasonGatewayError     = "gateway_error"
	reasonGatewayRefused   = "gateway_refused"
	reasonCredit           = "credit"
	reasonNumberInvalid    = "number_invalid"
	reasonEveryNumber      = "every_number"
	reasonGaveUp           = "gave_up" // of messages of an earlier version, which stopped before the link did
	reasonExpired          = "expired"
	reasonNotConfigured    = "not_configured"
	reasonBounced          = "bounced"
	reasonDelayed          = "delayed"  // of attempts alone: a report of a mail that is still on its way
	reasonRelayed          = "relayed"  // likewise
	reasonExpanded         = "expanded" // likewise
	reasonNotDelivered     = "not_delivered"
	reasonInterrupted      = "interrupted"
	reasonInternal         = "internal"
)

// Reasons lists every reason key, for the test that each has a text.
func Reasons() []string {
	return []string{
		reasonRecipientUnknown, reasonASCIIOnly, reasonMailboxFull, reasonRefused, reasonSpam, reasonServerBusy, reasonGreylisted,
		reasonUnreachable, reasonTimeout, reasonConnectionLost, reasonTLS, reasonCertificate,
		reasonCertificateOld, reasonCertificateName, reasonAuth, reasonGatewayBusy,
		reasonGatewayError, reasonGatewayRefused, reasonCredit, reasonNumberInvalid, reasonEveryNumber, reasonGaveUp,
		reasonExpired, reasonNotConfigured, reasonBounced, reasonBlocked, reasonSenderRefused,
		reasonDelayed, reasonRelayed, reasonExpanded, reasonNotDelivered, reasonInterrupted, reasonInternal, ReasonRestored,
	}
}

// failure is how a transport says that an attempt failed. Any other error of a transport is temporary and "internal".
type failure struct {
	blame  blame
	reason string
	detail string        // what the other side said, as it said it
	after  time.Duration // how long it wants to be left alone
	early  bool          // nothing of the message was said yet: a fresh connection may try at once
}

// Error is for logs: without detail, which the other side may have filled with what it was sent.
func (f *failure) Error() string { return f.blame.String() + ": " + f.reason }

// temporary may pass by itself; refusal is the firm's to mend; permanent is a verdict about the recipient.
func temporary(reason string) *failure { return &failure{reason: reason} }
func refusal(reason, detail string) *failure {
	return &failure{blame: ofFirm, reason: reason, detail: detail}
}
func permanent(reason, detail string) *failure {
	return &failure{blame: ofRecipient, reason: reason, detail: detail}
}

// netFailure says what a failed connection means: it says nothing about any recipient, and somebody should look when it
// does not pass. other is the reason where nothing better is known.
func netFailure(err error, other string) *failure {
	var timeout net.Error
	var op *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return refusal(reasonTimeout, "")
	case errors.As(err, &op) && op.Op == "dial": // in whichever way: nothing was said yet
		return refusal(reasonUnreachable, op.Err.Error())
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return refusal(reasonTimeout, "")
	case isTLS(err):
		return refusal(tlsReason(err), err.Error())
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return refusal(reasonConnectionLost, "")
	}
	return refusal(other, "")
}

// tlsReason is why a handshake failed.
func tlsReason(err error) string {
	var certificate *tls.CertificateVerificationError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	switch {
	case errors.As(err, &name):
		return reasonCertificateName
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return reasonCertificateOld
	case errors.As(err, &certificate):
		return reasonCertificate
	}
	return reasonTLS
}

// isTLS says whether a handshake failed.
func isTLS(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	return errors.As(err, &certificate) || errors.As(err, &record) || errors.As(err, &alert)
}

// detailLimit is how many characters of the other side's words are kept.
const detailLimit = 200

// plain makes the other side's words fit to be stored and shown: one line, no control or format characters, at most
// detailLimit characters, and none of the secrets that it may have quoted.
func plain(s string, secrets ...string) string {
	s = strings.ToValidUTF8(s, "�")
	for _, secret := range secrets {
		s = withoutFold(s, secret)
	}
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
	}), " ")
	if utf8.RuneCountInString(s) > detailLimit {
		s = string([]rune(s)[:detailLimit-1]) + "…"
	}
	return s
}

// withoutFold replaces every occurrence of secret, in whichever case, by "***".
func withoutFold(s, secret string) string {
	if secret == "" {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if len(s)-i >= len(secret) && strings.EqualFold(s[i:i+len(secret)], secret) {
			b.WriteString("***")
			i += len(secret)
			continue
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}
