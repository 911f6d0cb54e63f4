package courier

import (
	"context"
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
	reasonMailboxFull      = "mailbox_full"
	reasonRefused          = "refused"
	reasonSpam             = "spam"
	reasonServerBusy       = "server_busy"
	reasonGreylisted       = "greylisted"
	reasonUnreachable      = "unreachable"
	reasonTimeout          = "timeout"
	reasonConnectionLost   = "connection_lost"
	reasonTLS              = "tls"
	reasonAuth             = "auth"
	reasonGatewayBusy      = "gateway_busy"
	reasonGatewayError     = "gateway_error"
	reasonNumberInvalid    = "number_invalid"
	reasonGaveUp           = "gave_up"
	reasonExpired          = "expired"
	reasonNotConfigured    = "not_configured"
	reasonBounced          = "bounced"
	reasonNotDelivered     = "not_delivered"
	reasonInterrupted      = "interrupted"
	reasonInternal         = "internal"
)

// Reasons lists every reason key, for the test that each has a text.
func Reasons() []string {
	return []string{
		reasonRecipientUnknown, reasonMailboxFull, reasonRefused, reasonSpam, reasonServerBusy, reasonGreylisted,
		reasonUnreachable, reasonTimeout, reasonConnectionLost, reasonTLS, reasonAuth, reasonGatewayBusy,
		reasonGatewayError, reasonNumberInvalid, reasonGaveUp, reasonExpired, reasonNotConfigured, reasonBounced,
		reasonNotDelivered, reasonInterrupted, reasonInternal,
	}
}

// failure is how a carrier says that an attempt failed. Any other error of a carrier is temporary and "internal".
type failure struct {
	permanent bool
	reason    string
	detail    string        // what the other side said, as it said it
	after     time.Duration // how long it wants to be left alone
	early     bool          // nothing of the message was said yet: a fresh connection may try at once
}

// Error is for logs: without detail, which the other side may have filled with what it was sent.
func (f *failure) Error() string {
	if f.permanent {
		return "permanent: " + f.reason
	}
	return "temporary: " + f.reason
}

func temporary(reason, detail string) *failure { return &failure{reason: reason, detail: detail} }
func permanent(reason, detail string) *failure {
	return &failure{permanent: true, reason: reason, detail: detail}
}

// netFailure says what a failed connection means; always temporary. other is the reason where nothing better is known.
func netFailure(err error, other string) *failure {
	var timeout net.Error
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return temporary(reasonTimeout, "")
	case errors.As(err, &op) && op.Op == "dial":
		return temporary(reasonUnreachable, op.Err.Error())
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return temporary(reasonConnectionLost, "")
	}
	return temporary(other, "")
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
