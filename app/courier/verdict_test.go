package courier

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/textproto"
	"testing"

	"github.com/linxGnu/gosmpp/data"
	"github.com/stretchr/testify/assert"
)

// TestMailVerdicts: what each refusal means. Only one that is about the mailbox settles the message.
func TestMailVerdicts(t *testing.T) {
	for _, c := range []struct {
		stage  stage
		code   int
		text   string
		blame  blame
		reason string
	}{
		// Before any mail is concerned.
		{stageGreeting, 554, "no service", ofFirm, reasonBlocked},
		{stageGreeting, 421, "too many connections", ofFirm, reasonServerBusy},
		{stageGreeting, 535, "5.7.8 bad credentials", ofFirm, reasonAuth},
		{stageGreeting, 454, "4.7.0 TLS not available", ofFirm, reasonServerBusy},
		// The sender is refused, whatever the number says.
		{stageMail, 530, "5.7.0 sign in first", ofFirm, reasonAuth},
		{stageMail, 421, "closing", ofFirm, reasonServerBusy},
		{stageMail, 550, "No such user", ofFirm, reasonSenderRefused},
		{stageMail, 550, "5.1.1 unknown", ofFirm, reasonSenderRefused},
		{stageMail, 553, "5.7.1 sender refused", ofFirm, reasonBlocked},
		{stageMail, 550, "5.1.8 domain of sender not found", ofFirm, reasonSenderRefused},
		{stageMail, 552, "message too large", ofFirm, reasonSenderRefused},
		// The recipient's mailbox is refused.
		{stageRcpt, 550, "No such user", ofRecipient, reasonRecipientUnknown},
		{stageRcpt, 550, "5.1.1 <x>: rejected, see our policy", ofRecipient, reasonRecipientUnknown},
		{stageRcpt, 550, "5.1.2 no such host", ofRecipient, reasonRecipientUnknown},
		{stageRcpt, 501, "5.1.3 bad syntax", ofRecipient, reasonRecipientUnknown},
		{stageRcpt, 550, "5.1.6 moved", ofRecipient, reasonRecipientUnknown},
		{stageRcpt, 550, "5.1.10 null MX", ofRecipient, reasonRecipientUnknown},
		{stageRcpt, 550, "5.2.1 disabled", ofRecipient, reasonRecipientUnknown},
		{stageRcpt, 553, "5.6.7 address with letters of another script", ofRecipient, reasonASCIIOnly},
		{stageData, 550, "5.6.7 SMTPUTF8 is required, but was not offered by host", ofRecipient, reasonASCIIOnly},
		{stageRcpt, 552, "5.2.2 full", ofRecipient, reasonMailboxFull},
		{stageRcpt, 552, "full", ofRecipient, reasonMailboxFull},
		{stageRcpt, 550, "5.4.4 no route", ofRecipient, reasonRecipientUnknown},
		{stageRcpt, 550, "5.0.0 User unknown", ofRecipient, reasonRecipientUnknown},
		{stageRcpt, 550, "#5.1.0 Address rejected.", ofRecipient, reasonRecipientUnknown},
		{stageRcpt, 511, "sorry, no mailbox here by that name (#5.1.1)", ofRecipient, reasonRecipientUnknown},
		{stageRcpt, 550, "5.4.1 [x@y]: Recipient address rejected: Access denied", ofRecipient, reasonRecipientUnknown},
		{stageData, 550, "5.1.1 unknown after all", ofRecipient, reasonRecipientUnknown},
		// The firm is refused in the answer to RCPT.
		{stageRcpt, 550, "5.7.1 blocklist of spammers", ofFirm, reasonSpam},
		{stageRcpt, 550, "5.7.1 relaying denied", ofFirm, reasonBlocked},
		{stageRcpt, 554, "5.7.1 <x>: Relay access denied", ofFirm, reasonBlocked},
		{stageRcpt, 550, "relaying denied", ofFirm, reasonBlocked},
		{stageRcpt, 550, "Access denied", ofFirm, reasonBlocked},
		{stageRcpt, 550, "blocked using zen.spamhaus.org", ofFirm, reasonSpam},
		{stageRcpt, 550, "5.7.26 unauthenticated mail is prohibited", ofFirm, reasonBlocked},
		{stageRcpt, 550, "5.7.0 Authentication required", ofFirm, reasonAuth},
		{stageRcpt, 550, "5.1.8 sender unknown", ofFirm, reasonSenderRefused},
		{stageRcpt, 550, "5.1.7 bad sender", ofFirm, reasonSenderRefused},
		{stageRcpt, 553, "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", ofFirm, reasonBlocked},
		{stageRcpt, 550, "5.4.1 no answer from host", ofFirm, reasonRefused},
		{stageRcpt, 550, "5.3.2 system not accepting", ofFirm, reasonRefused},
		{stageRcpt, 503, "5.5.1 MAIL first", ofFirm, reasonRefused},
		{stageRcpt, 554, "transaction failed", ofFirm, reasonRefused},
		// The mail itself is refused.
		{stageData, 550, "whatever", ofFirm, reasonRefused},
		{stageData, 552, "too much mail data", ofFirm, reasonRefused},
		{stageData, 554, "5.6.0 malformed", ofFirm, reasonRefused},
		{stageData, 554, "rejected as SPAM", ofFirm, reasonSpam},
		// A later try may succeed.
		{stageRcpt, 450, "4.7.1 try again", ofMoment, reasonGreylisted},
		{stageRcpt, 451, "Greylisting in action", ofMoment, reasonGreylisted},
		{stageRcpt, 450, "4.7.1 Client host rejected: cannot find your reverse hostname", ofFirm, reasonBlocked},
		{stageRcpt, 421, "4.7.0 poor reputation", ofFirm, reasonSpam},
		{stageRcpt, 452, "4.2.2 over quota", ofMoment, reasonMailboxFull},
		{stageRcpt, 452, "4.3.1 disk", ofFirm, reasonServerBusy},
		{stageMail, 451, "try later", ofFirm, reasonServerBusy}, {stageRcpt, 451, "4.4.1 no answer from host", ofMoment, reasonServerBusy},
	} {
		f := smtpFailure(c.stage, &textproto.Error{Code: c.code, Msg: c.text})
		assert.Equal(t, c.blame, f.blame, "stage %d, %d %s", c.stage, c.code, c.text)
		assert.Equal(t, c.reason, f.reason, "stage %d, %d %s", c.stage, c.code, c.text)
	}
	f := smtpFailure(stageData, errors.New("?"))
	assert.Equal(t, ofFirm, f.blame)
	assert.Equal(t, reasonConnectionLost, f.reason)
}

// TestGatewayVerdicts: only two of all statuses are about the number.
func TestGatewayVerdicts(t *testing.T) {
	want := map[int]string{
		400: reasonNumberInvalid, 422: reasonNumberInvalid, 401: reasonAuth, 403: reasonAuth, 407: reasonAuth, 402: reasonCredit,
		408: reasonGatewayBusy, 425: reasonGatewayBusy, 429: reasonGatewayBusy,
	}
	for code := 300; code < 600; code++ {
		f := gatewayFailure(code)
		reason, ok := want[code]
		switch {
		case ok:
		case code >= 400 && code < 500:
			reason = reasonGatewayRefused
		default:
			reason = reasonGatewayError
		}
		assert.Equal(t, reason, f.reason)
		assert.Equal(t, code == 400 || code == 422, f.blame == ofRecipient)
		assert.NotEqual(t, ofMoment, f.blame)
	}
}

// TestSMPPVerdicts: only one of all statuses of a message centre is about the number.
func TestSMPPVerdicts(t *testing.T) {
	for status := data.CommandStatusType(1); status < 0x600; status++ {
		f := smppFailure(status)
		assert.Equal(t, status == data.ESME_RINVDSTADR, f.blame == ofRecipient)
		assert.NotEqual(t, ofMoment, f.blame)
	}
	for status, want := range map[data.CommandStatusType]string{
		data.ESME_RINVDSTADR: reasonNumberInvalid, data.ESME_RINVDSTTON: reasonGatewayRefused,
		data.ESME_RINVDSTNPI: reasonGatewayRefused, data.ESME_RTHROTTLED: reasonGatewayBusy, data.ESME_RMSGQFUL: reasonGatewayBusy,
		data.ESME_RINVPASWD: reasonAuth, data.ESME_RSYSERR: reasonGatewayError, data.ESME_RX_R_APPN: reasonGatewayRefused,
		data.ESME_RINVSRCADR: reasonGatewayRefused, 0x400: reasonGatewayRefused,
	} {
		assert.Equal(t, want, smppFailure(status).reason, "%v", status)
	}
}

// TestReportVerdicts: later reports are judged in the same way; a report that says nothing is no verdict about anybody.
func TestReportVerdicts(t *testing.T) {
	for _, c := range []struct {
		channel Channel
		report  ProviderReport
		blame   blame
		reason  string
	}{
		{SMS, ProviderReport{}, ofMoment, reasonNotDelivered},
		{SMS, ProviderReport{Detail: "UNDELIV 001"}, ofMoment, reasonNotDelivered},
		{SMS, ProviderReport{Invalid: true}, ofRecipient, reasonNumberInvalid},
		{SMS, ProviderReport{Refused: true}, ofFirm, reasonGatewayRefused},
		{Email, ProviderReport{Status: "5.1.1"}, ofRecipient, reasonRecipientUnknown},
		{Email, ProviderReport{Status: "5.2.2"}, ofRecipient, reasonMailboxFull},
		{Email, ProviderReport{Status: "5.7.1", Detail: "550 5.7.1 blocked"}, ofFirm, reasonBlocked},
		{Email, ProviderReport{Status: "5.0.0", Detail: "listed as spam"}, ofFirm, reasonSpam},
		{Email, ProviderReport{Status: "5.1.8"}, ofFirm, reasonSenderRefused},
		{Email, ProviderReport{Detail: "554 Relay access denied"}, ofFirm, reasonBlocked},
		{Email, ProviderReport{}, ofMoment, reasonBounced},
		{Email, ProviderReport{Status: "5.0.0", Detail: "550 no"}, ofMoment, reasonBounced},
		{Email, ProviderReport{Status: "5.4.7"}, ofMoment, reasonBounced},
	} {
		b, reason := c.report.verdict(c.channel)
		assert.Equal(t, c.blame, b, "%s %+v", c.channel, c.report)
		assert.Equal(t, c.reason, reason, "%s %+v", c.channel, c.report)
	}
}

// TestNetVerdicts: a failed connection says nothing about a recipient.
func TestNetVerdicts(t *testing.T) {
	for _, c := range []struct {
		err    error
		reason string
	}{
		{io.EOF, reasonConnectionLost},
		{&tls.CertificateVerificationError{Err: errors.New("unknown authority")}, reasonCertificate},
		{&tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}}, reasonCertificateName},
		{&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}}, reasonCertificateOld},
		{tls.AlertError(40), reasonTLS},
		{errors.New("?"), reasonUnreachable},
	} {
		f := netFailure(c.err, reasonUnreachable)
		assert.Equal(t, ofFirm, f.blame, "%v", c.err)
		assert.Equal(t, c.reason, f.reason, "%v", c.err)
	}
}

func TestStatusOf(t *testing.T) {
	for detail, want := range map[string]string{
		"402 no credit for +4915112345678": "402", "550 5.7.1 <anna@example.org>": "550 5.7.1", "550 anna@example.org": "550",
		"anna@example.org": "", "": "", "5500": "", "12a": "",
	} {
		assert.Equal(t, want, statusOf(detail), "%q", detail)
	}
}
