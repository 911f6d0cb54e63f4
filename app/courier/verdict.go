package courier

import (
	"regexp"
	"strings"
)

// blame says what a failure is about. Only a verdict about the recipient settles a message; after any other failure it
// is tried again until its link expires.
type blame int

const (
	ofMoment    blame = iota // this message, and may pass by itself: greylisting, a full mailbox, a stop of this process
	ofFirm                   // the firm: the other side refuses its messages or can't be reached, and somebody must look
	ofRecipient              // the recipient: the address or number does not exist or can't receive
)

func (b blame) String() string {
	return [...]string{ofMoment: "temporary", ofFirm: "refused", ofRecipient: "permanent"}[b]
}

// answered says whether the other side has refused the message, so that it can't have arrived.
func (f *failure) answered() bool {
	return f.reason != reasonTimeout && f.reason != reasonConnectionLost && f.reason != reasonInterrupted
}

// AboutNumber says that an SMS failed because its number does not exist, so that no other SMS would arrive there. An
// SMS that expired or failed for any other reason is no such verdict.
func (m Message) AboutNumber() bool {
	return m.Channel == SMS && m.State == Failed && m.Reason == reasonNumberInvalid
}

// mailVerdict says what a mail server's permanent refusal means, at a stage of the dialogue or in a bounce (RFC 5321
// §4.2.3, RFC 3463, IANA's registry of enhanced status codes). It is about the recipient only if the server says so: by
// a status that names the mailbox or its domain, or by the reply codes for a mailbox in the answer to RCPT, if its text
// does not mention blocking or relaying. Every other refusal is about the firm.
func mailVerdict(at stage, code int, status, text string) (blame, string) {
	_, detail, _ := strings.Cut(status, ".")
	subject, _, _ := strings.Cut(detail, ".")
	if at == stageMail {
		if subject == "7" || isSpamTalk(text) {
			return ofFirm, blocked(detail, text)
		}
		return ofFirm, reasonSenderRefused
	}
	switch detail {
	case "1.1", "1.2", "1.3", "1.4", "1.6", "1.10", "2.1", "4.4":
		return ofRecipient, reasonRecipientUnknown
	case "2.2":
		return ofRecipient, reasonMailboxFull
	case "6.7":
		return ofRecipient, reasonASCIIOnly
	case "1.7", "1.8":
		return ofFirm, reasonSenderRefused
	case "4.1": // Exchange Online answers this to RCPT if its directory lacks the address
		if (at == stageRcpt || at == stageBounce) && strings.Contains(strings.ToLower(text), "recipient address rejected") {
			return ofRecipient, reasonRecipientUnknown
		}
	}
	switch {
	case subject == "7", isSpamTalk(text), isPolicyTalk(text):
		return ofFirm, blocked(detail, text)
	case detail != "" && detail != "0.0" && detail != "1.0" && detail != "2.0":
	case at == stageBounce: // the bounce quotes the answer to RCPT
		return saidInBounce(text)
	case at != stageRcpt:
	case code == 550, code == 551, code == 553:
		return ofRecipient, reasonRecipientUnknown
	case code == 552:
		return ofRecipient, reasonMailboxFull
	}
	return ofFirm, reasonRefused
}

// saidInBounce returns the verdict of a bounce whose status says nothing, by its text.
func saidInBounce(text string) (blame, string) {
	switch code := replyCode(text); {
	case code > 0 && code < 500:
	case full.MatchString(text):
		return ofRecipient, reasonMailboxFull
	case unknown.MatchString(text), nodomain.MatchString(text):
		return ofRecipient, reasonRecipientUnknown
	}
	return ofFirm, reasonRefused
}

// blocked returns the reason of a refusal by policy. detail is the end of its status.
func blocked(detail, text string) string {
	switch {
	case detail == "7.8", detail == "7.9", strings.Contains(strings.ToLower(text), "authentication required"):
		return reasonAuth
	case isSpamTalk(text):
		return reasonSpam
	}
	return reasonBlocked
}

func isSpamTalk(text string) bool {
	return says(text, "spam", "blocklist", "blacklist", "block list", "blocked using", "reputation", "unsolicited")
}

// isPolicyTalk finds the words by which servers without enhanced status codes say that they refuse us.
func isPolicyTalk(text string) bool {
	return says(text, "relay", "policy", "access denied", "not permitted", "not allowed", "authenticat", "blocked", "banned",
		"sender address rejected", "sender rejected", "sender denied", "sender verify", "client host", "helo", "spf", "dkim", "dmarc", "ptr record", "reverse dns", "rcpthosts")
}

func says(text string, words ...string) bool {
	lower := strings.ToLower(text)
	for _, w := range words {
		if strings.Contains(lower, w) {
			return true
		}
	}
	return false
}

// inText finds the enhanced status code at the other places where servers put it: "(#5.1.1)", "#5.1.1 …".
var inText = regexp.MustCompile(`(?:^|\()#([245]\.\d{1,3}\.\d{1,3})\b`)

// enhanced finds the enhanced status code in a reply's text.
func enhanced(text string) string {
	first, _, _ := strings.Cut(text, " ")
	if isStatus(first) {
		return first
	}
	if m := inText.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

func isStatus(s string) bool {
	parts := strings.Split(s, ".")
	if len(parts) != 3 || parts[0] != "2" && parts[0] != "4" && parts[0] != "5" {
		return false
	}
	for _, p := range parts[1:] {
		if p == "" || len(p) > 3 || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return true
}

// statusOf returns the codes at the beginning of the other side's answer, such as "402" or "550 5.7.1". They are the
// only part of it that can't contain a name.
func statusOf(detail string) string {
	code, rest, _ := strings.Cut(detail, " ")
	if len(code) != 3 || strings.Trim(code, "0123456789") != "" {
		return ""
	}
	if status, _, _ := strings.Cut(rest, " "); isStatus(status) {
		return code + " " + status
	}
	return code
}
