package courier

import (
	"encoding/base64"
	"mime/quotedprintable"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"kontor/app/effort"
)

// A bounce is put together from where it names the mail, how it reports, how it is packed and what is wrong with it. Every
// combination means the same.

// nameplate is the only place at which a bounce names our mail: fields of its own header, a field of the delivery
// status, or the returned header.
type nameplate struct{ outer, status, original string }

const strangeOriginal = "Return-Path: <no-reply@kontor.test>\nReceived: from kontor.test by mx.example.org; Thu, 26 Nov 2026 09:00:00 +0100\n" +
	"Message-ID: <0107018f3a2b-9c5d2a77@eu-central-1.amazonses.com>\nFrom: Kontor <no-reply@kontor.test>\nTo: anna@example.org\nSubject: Ihre Registrierung\n"

var (
	ourID      = "<" + ours.String() + ".3@kontor.test>"
	nameplates = map[string]nameplate{
		"token in the original":            {original: strangeOriginal + "X-Kontor-Message: " + oursToken + "\n"},
		"token in capitals":                {original: strangeOriginal + "x-kontor-message: " + strings.ToUpper(oursToken) + "\n"},
		"token folded onto the next line":  {original: strangeOriginal + "X-Kontor-Message:\n\t" + oursToken + "\n"},
		"Message-ID in the original":       {original: strings.Replace(strangeOriginal, "<0107018f3a2b-9c5d2a77@eu-central-1.amazonses.com>", ourID, 1)},
		"Message-ID folded":                {original: strings.Replace(strangeOriginal, "<0107018f3a2b-9c5d2a77@eu-central-1.amazonses.com>", "\n "+ourID, 1)},
		"return path":                      {outer: "Delivered-To: bounce+" + oursToken + "@firm.example\n", original: strangeOriginal},
		"return path, rewritten":           {outer: "X-Original-To: SRS0=abcd=TT=firm.example=bounce+" + oursToken + "@relay.example\n", original: strangeOriginal},
		"return path, tagged":              {outer: "Envelope-To: prvs=1234567890=bounce+" + oursToken + "@firm.example\n", original: strangeOriginal},
		"X-Original-Message-ID, outside":   {outer: "X-Original-Message-ID: " + ourID + "\n", original: strangeOriginal},
		"X-Original-Message-ID, in report": {status: "X-Original-Message-ID: " + ourID + "\n", original: strangeOriginal},
		"Original-Envelope-ID":             {status: "Original-Envelope-Id: " + oursToken + "\n", original: strangeOriginal},
		"In-Reply-To":                      {outer: "In-Reply-To: " + ourID + "\n"},
		"References":                       {outer: "References: <1@kontor.test>\n " + ourID + "\n"},
	}

	// reports are the ways in which servers say that there is no such address: a header, a text for people, and a delivery status.
	reports = map[string]struct{ header, words, status string }{
		"status": {
			"From: MAILER-DAEMON@mx.example.org\nSubject: Undelivered Mail Returned to Sender\n", "This is the mail system at host mx.example.org.\n",
			"Reporting-MTA: dns; mx.example.org\n%s\nFinal-Recipient: rfc822; anna@example.org\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n",
		},
		"Exim": {
			"From: Mail Delivery System <Mailer-Daemon@mx.example.org>\nX-Failed-Recipients: anna@example.org\nSubject: Mail delivery failed: returning message to sender\n",
			"This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. The following address(es) failed:\n\n" +
				"  anna@example.org\n    550 5.1.1 User unknown\n", "",
		},
		"qmail": {
			"From: MAILER-DAEMON@mx.example.org\nSubject: failure notice\n",
			"Hi. This is the qmail-send program at mx.example.org.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n\n" +
				"<anna@example.org>:\nSorry, no mailbox here by that name. (#5.1.1)\n", "",
		},
	}

	// packings make a mail of the three parts.
	packings = map[string]func(header, words, status, original string) string{
		"report":      multipart("multipart/report; report-type=delivery-status; boundary=\"b1\"", "b1", asItIs),
		"mixed":       multipart("multipart/mixed; boundary=\"b1\"", "b1", asItIs),
		"base64":      multipart("multipart/report; boundary=\"b1\"", "b1", inBase64),
		"quoted":      multipart("multipart/report; boundary=\"b1\"", "b1", inQuoted),
		"unquoted =":  multipart("multipart/report; boundary=----=_Part_1=2", "----=_Part_1=2", asItIs),
		"no boundary": multipart("multipart/report", "b1", asItIs),
		"text alone": func(h, w, s, o string) string {
			return h + "\n" + w + "\n" + s + "\n--- Below this line is a copy of the message.\n\n" + o + "\nGuten Tag\n"
		},
		"quoted lines": func(h, w, s, o string) string {
			return h + "\n" + w + "\n" + s + "\n-----Original Message-----\n> " + strings.ReplaceAll(o, "\n", "\n> ") + "\n> Guten Tag\n"
		},
		"nested": func(h, w, s, o string) string {
			inner := multipart("multipart/report; boundary=\"b1\"", "b1", asItIs)("MIME-Version: 1.0\n", w, s, o)
			return h + "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"out\"\n\n--out\n" + inner + "\n--out\nContent-Type: text/plain\n\nA list's footer\n--out--\n"
		},
		"forwarded": func(h, w, s, o string) string {
			inner := multipart("multipart/report; boundary=\"b1\"", "b1", asItIs)(h, w, s, o)
			return "From: Berta <berta@firm.example>\nSubject: Fwd: Undelivered Mail\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"out\"\n\n--out\nContent-Type: text/plain\n\nfyi\n" +
				"--out\nContent-Type: message/rfc822\n\n" + inner + "\n--out--\n"
		},
	}

	// defects are common mistakes of mail programs.
	defects = map[string]func(string) string{
		"none":               asItIs,
		"Action with blank":  replace("Action: ", "Action : "),
		"no Action":          replace("Action: failed\n", ""),
		"no Status":          replace("Status: 5.1.1\n", ""),
		"leading blank":      replace("Return-Path: <no-reply", " Return-Path: <no-reply"),
		"From line":          replace("Return-Path: <no-reply", "From no-reply@kontor.test Thu Nov 26 09:00:00 2026\nReturn-Path: <no-reply"),
		"broken header line": replace("Received: from", "this is no field\nReceived: from"),
		"byte order mark":    func(s string) string { return "\ufeff" + s },
		"CR LF":              replace("\n", "\r\n"),
		"cut off":            func(s string) string { return strings.TrimSuffix(strings.TrimRight(s, "\n"), "--") },
	}
)

func asItIs(s string) string { return s }

func inBase64(s string) string {
	return "Content-Transfer-Encoding: base64\n\n" + strings.ReplaceAll(base64.StdEncoding.EncodeToString([]byte(strings.TrimPrefix(s, "\n"))), "AA", "A\nA")
}

func inQuoted(s string) string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(strings.TrimPrefix(s, "\n")))
	_ = w.Close()
	return "Content-Transfer-Encoding: quoted-printable\n\n" + unixLines(b.String())
}

func replace(old, new string) func(string) string {
	return func(s string) string { return strings.ReplaceAll(s, old, new) }
}

func multipart(kind, boundary string, coded func(string) string) func(header, words, status, original string) string {
	return func(header, words, status, original string) string {
		var b strings.Builder
		b.WriteString(header + "MIME-Version: 1.0\nContent-Type: " + kind + "\n\n--" + boundary + "\nContent-Type: text/plain; charset=utf-8\n" + coded("\n"+words) + "\n")
		if status != "" {
			b.WriteString("--" + boundary + "\nContent-Type: message/delivery-status\n" + coded("\n"+status) + "\n")
		}
		if original != "" {
			b.WriteString("--" + boundary + "\nContent-Type: message/rfc822\n" + coded("\n"+original+"\nGuten Tag\n") + "\n")
		}
		return b.String() + "--" + boundary + "--\n"
	}
}

// TestBounceForms: the address is found to be unknown in every combination of what names the mail, how it is reported,
// how it is packed and what is malformed.
func TestBounceForms(t *testing.T) {
	s := bouncesOf(t)
	n := 0
	for place, name := range nameplates {
		for report, said := range reports {
			if name.status != "" && said.status == "" {
				continue
			}
			for packing, pack := range packings {
				for defect, spoil := range defects {
					if n++; n%effort.Every(3) != 0 {
						continue
					}
					mail := spoil(pack(name.outer+said.header, said.words, strings.Replace(said.status, "%s", name.status, 1), name.original))
					r, err := s.ParseBounce([]byte(mail))
					got := judged(r, err)
					assert.Equal(t, "failed recipient_unknown 5.1.1", got, "%s, %s, %s, %s: about", place, report, packing, defect)
					assert.Equal(t, ours, r.MessageID, "%s, %s, %s, %s", place, report, packing, defect)
				}
			}
		}
	}
}
