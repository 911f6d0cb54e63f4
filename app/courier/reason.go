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

// The reasons why an attempt or a message failed. They are keys; views/locales has the text for people under
// "reason.<key>".
const (
	reasonRecipientUnknown = "recipient_unknown"
	reasonASCIIOnly        = "ascii_only" // a server does not accept the non-ASCII characters before the @ (RFC 6531)
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
	reasonCertificate      = "certificate" // not signed by a trusted authority
	reasonCertificateOld   = "certificate_expired"
	reasonCertificateName  = "certificate_name"
	reasonAuth             = "auth"
	reasonGatewayBusy      = "gateway_busy"
	reasonGatewayError     = "gateway_error"
	reasonGatewayRefused   = "gateway_refused"
	reasonCredit           = "credit"
	reasonNumberInvalid    = "number_invalid"
	reasonEveryNumber      = "every_number"
	reasonGaveUp           = "gave_up" // only of messages of an earlier version, which stopped trying before the link expired
	reasonExpired          = "expired"
	reasonNotConfigured    = "not_configured"
	reasonBounced          = "bounced"
	reasonDelayed          = "delayed"  // only of attempts: a report that the mail is still on its way
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

// failure is how a transport reports that an attempt failed. Any other error of a transport counts as temporary and
// "internal".
type failure struct {
	blame  blame
	reason string
	detail string        // the other side's answer, unchanged
	after  time.Duration // how long the other side asks to wait
	early  bool          // nothing of the message was sent yet: it may be tried at once on a new connection
}

// Error is for logs. It omits detail, because the other side may have put parts of the message into it.
func (f *failure) Error() string { return f.blame.String() + ": " + f.reason }

// temporary makes a failure that may pass by itself, refusal one that the firm must correct, permanent a verdict about
// the recipient.
func temporary(reason string) *failure { return &failure{reason: reason} }
func refusal(reason, detail string) *failure {
	return &failure{blame: ofFirm, reason: reason, detail: detail}
}
func permanent(reason, detail string) *failure {
	return &failure{blame: ofRecipient, reason: reason, detail: detail}
}

// netFailure says what a failed connection means. It says nothing about a recipient, and somebody should look at it if
// it does not pass. other is the reason if nothing more precise is known.
func netFailure(err error, other string) *failure {
	var timeout net.Error
	var op *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return refusal(reasonTimeout, "")
	case errors.As(err, &op) && op.Op == "dial": // whatever the error is: nothing was sent yet
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

// tlsReason returns why a handshake failed.
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

// isTLS says whether err is that of a failed TLS handshake.
func isTLS(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	return errors.As(err, &certificate) || errors.As(err, &record) || errors.As(err, &alert)
}

// detailLimit is how many characters of the other side's answer are stored.
const detailLimit = 200

// plain makes the other side's answer safe to store and show: one line, no control or format characters, at most
// detailLimit characters, and without the secrets that it may have quoted.
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

// withoutFold replaces every occurrence of secret by "***", ignoring case.
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
