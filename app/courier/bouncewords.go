package courier

import (
	"regexp"
	"strconv"
	"strings"
)

// What mail servers write for people where they send no delivery status notification, in English and German. All of it
// was collected from the sources and descriptions of Exim, qmail, Postfix, Sendmail, Exchange, Gmail, GMX and others.
var (
	// bounceSubject begins the subject of a bounce.
	bounceSubject = regexp.MustCompile(`(?i)^\s*((fwd?|wg|tr|aw|re):\s*)*(\*+\s*)?(mail\s*)?(undeliver|unzustellbar|nicht zustellbar|nicht zugestellt|unable to deliver|delivery (status|failure|failed|has failed|report|error|problem|notification|delay|incomplete)|mail (delivery|failure|error|could not)|e-?mail.*(nicht|konnte).*zugestellt|failure notice|failed (mail|delivery)|returned (mail|to sender)|return(ed)? to sender|message (delivery|status|could not|not delivered|you sent|delayed)|warning: (message|could not)|nachricht.*(nicht|verzögert)|zustell|could not send|non remis|relayed:|expanded:|delivered:|success|nondeliverable|non-?delivery|rückläufer|address not found|bounce)`)
	// answerSubject begins the subject of an automatic answer, or of a question whether a person wrote.
	answerSubject = regexp.MustCompile(`(?i)^\s*((fwd?|wg|aw|re):\s*)*(auto(mati[ck](al)?(e|er)?)?[- ]?(reply|response|answer|antwort|notiz)|autoreply|autoresponder|out of( the)? office|ooo\b|abwesen|urlaub|vacation|on (vacation|leave|holiday)|away from|i am (away|out)|ich bin (nicht|im|bis)|nicht im (büro|haus)|please confirm|bitte bestätigen|confirm|verify|challenge|message held|read:|gelesen:|not read:|ungelesen)`)
	// answerHeaders are of automatic answers and of nothing else.
	answerHeaders = []string{"x-autoreply", "x-autorespond", "x-autoreply-from", "x-mail-autoreply", "x-vacation", "x-tmda-confirm-to", "x-challenge"}

	// programs are the beginnings of well-known bounces.
	programs    = regexp.MustCompile(`(?i)hi\. this is the .{0,80}(program|mailer|deliver)|this is the mail system at host|created automatically by mail delivery software|i'm not able to deliver|your message (wasn't|was not|couldn't be|could not be) delivered|the following addresses had (permanent|transient)|transcript of session follows|delivery to the following recipients? failed|delivery has failed to these recipients|fehler bei der (nachrichten)?zustellung|konnte(n)? (leider )?(nicht|an (einen|mehrere)).{0,80}(zugestellt|übermittelt|ausgeliefert)|nicht zugestellt werden|undelivered message|message could not be delivered|could not be delivered to one or more`)
	lost        = regexp.MustCompile(`(?i)(could ?n[o']t|cannot|can't|unable to|was not|wasn't|failed|not) (be )?(deliver|zustell)|delivery (to|has)? ?.{0,60}fail|permanent (fatal )?error|nicht zugestellt|unzustellbar|nicht zustellbar`)
	waits       = regexp.MustCompile(`(?i)warning message only|will (keep|continue|be) (trying|retr|to (try|be)|attempt)|attempts will continue|still (being )?(trying|retr)|not yet been delivered|has been delayed|is delayed|delivery .{0,40}delayed|not need to resend|noch nicht zugestellt|zustellung .{0,60}verzögert|(wird|werden) .{0,60}(weiter(hin)?|erneut) (versuch|zuzustellen)|no action is required on your part`)
	lateSubject = regexp.MustCompile(`(?i)delay|verzöger|warning: (message|could not)`)
	arrived     = regexp.MustCompile(`(?i)success(fully)? (delivered|delivery)|was delivered to|erfolgreich zugestellt|delivery status notification \(success\)`)
	relayed     = regexp.MustCompile(`(?i)(successfully )?relayed|no delivery notification (will|was)|weitergeleitet.{0,80}keine (zustell|empfangs)?bestätigung`)
	expanded    = regexp.MustCompile(`(?i)expanded`)

	unknown  = regexp.MustCompile(`(?i)(user|recipient|mailbox|address|account|empfänger|adresse|postfach|benutzer|konto)\S*( (is|was|ist|wurde))? ?(unknown|not found|unbekannt|nicht (gefunden|bekannt|vorhanden)|doesn't exist|does not exist|existiert nicht|disabled|inactive|unavailable)|(unknown|no such|invalid|unbekannter) (user|recipient|mailbox|address|account|local|empfänger|benutzer)|no mailbox here by that name|(wasn't|couldn't be|could not be|konnte nicht) (found|gefunden)|existiert nicht|unrouteable address|not (our|a valid) (customer|address|recipient|mailbox)|no longer (exist|valid|available|in use)`)
	full     = regexp.MustCompile(`(?i)(mailbox|inbox|quota|postfach|speicher(platz)?)\S* ?(is |ist |has |size )?(full|exceeded|voll|überschritten|erschöpft|limit)|over ?quota|exceeded .{0,40}quota|quota exceeded|mailbox for user is full`)
	nodomain = regexp.MustCompile(`(?i)(host|domain)( or domain)?( name)? not found|unrouteable mail domain|couldn't find any host|no such domain|domain .{0,60}(not exist|couldn't be found|nicht gefunden|existiert nicht)|name service error`)

	// quoting begins what came back of the mail.
	quoting = regexp.MustCompile(`(?im)^[>\s]*(-{2,}[^\n]*(copy of|original|header|ursprüngliche|nachricht folgt|forwarded message|weitergeleitete nachricht)[^\n]*|(return-path|received|x-kontor-message|message-id|dkim-signature)\s*:[^\n]*)$`)

	anyStatus = regexp.MustCompile(`[245]\.\d{1,3}\.\d{1,3}`)
	anyCode   = regexp.MustCompile(`(?:^|[\s:;(<"'#\[])(421|45[0-5]|471|50[1-4]|51[0-3]|521|53[0458]|541|55[0-7]|571)(?:[\s\-:;,)#]|$)`)
)

// fromDaemon says whether a mail calls itself one of a mail system.
func fromDaemon(f fields) bool {
	if f.get("x-failed-recipients") != "" || f.get("x-ms-exchange-message-is-ndr") != "" {
		return true
	}
	from := strings.ToLower(spoken(f.get("from")))
	return says(from, "mailer-daemon", "mailerdaemon", "postmaster", "mail delivery", "mail-daemon", "mail system", "microsoft outlook", "microsoftexchange")
}

// readWords judges a mail by its words; false: it reports nothing.
func (b *bounceMail) readWords(r *ProviderReport) bool {
	words := b.words
	for i := len(b.mails) - 1; i >= 0; i-- { // a report inside another mail first
		m := b.mails[i]
		subject := spoken(m.fields.get("subject"))
		if !isBounce(m.fields, subject, words) {
			continue
		}
		b.judge(r, subject, words)
		return true
	}
	return false
}

// isBounce: a mail system says so, in its name and in words, or the subject and the words do. What answers by itself is
// none, whatever it quotes.
func isBounce(f fields, subject, words string) bool {
	if answerSubject.MatchString(subject) {
		return false
	}
	daemon, known, named := fromDaemon(f), programs.MatchString(words), bounceSubject.MatchString(subject)
	if !daemon && isAnswer(f, known || named) {
		return false
	}
	sign := known || statusIn(words) != "" || replyCode(words) > 0 || lost.MatchString(words) || unknown.MatchString(words) || waits.MatchString(words)
	switch {
	case daemon:
		return named || sign || f.get("x-failed-recipients") != ""
	case answered.MatchString(subject):
		return false
	}
	return known || named && sign
}

// answered begins the subject of what a person answers.
var answered = regexp.MustCompile(`(?i)^\s*(re|aw)\s*:`)

// isAnswer says whether a mail was written by a program that answers for a person. Mail systems, too, call their bounces
// auto-replied (RFC 3834 §5): bounce says that this one looks like theirs.
func isAnswer(f fields, bounce bool) bool {
	for _, name := range answerHeaders {
		if f.get(name) != "" {
			return true
		}
	}
	return says(f.get("precedence"), "auto_reply") || says(f.get("auto-submitted"), "auto-replied") && !bounce
}

func (b *bounceMail) judge(r *ProviderReport, subject, words string) {
	r.Status, r.Detail = statusIn(words), sentence(words)
	switch {
	case lateSubject.MatchString(subject), waits.MatchString(words):
		r.Delayed = true
		return
	case lost.MatchString(words), replyCode(words) >= 500:
	case arrived.MatchString(subject + "\n" + words):
		r.Delivered = true
		return
	case relayed.MatchString(subject + "\n" + words):
		r.Relayed = true
		return
	case expanded.MatchString(subject):
		r.Expanded = true
		return
	}
	if r.Status != "" || isSpamTalk(words) || isPolicyTalk(words) {
		return
	}
	switch {
	case full.MatchString(words):
		r.Status = "5.2.2"
	case nodomain.MatchString(words):
		r.Status = "5.1.2"
	case unknown.MatchString(words):
		r.Status = "5.1.1"
	}
}

// beforeOriginal is what stands before that which came back.
func beforeOriginal(text string) string {
	if at := quoting.FindStringIndex(text); at != nil && strings.TrimSpace(text[:at[0]]) != "" {
		return text[:at[0]]
	}
	return text
}

// statusIn finds the enhanced status code of a failure in words: one that stands alone, not in the middle of an address
// or the number of a version (subjects go up to 7, RFC 3463 §3).
func statusIn(words string) string {
	for _, at := range anyStatus.FindAllStringIndex(words, -1) {
		code := words[at[0]:at[1]]
		subject := strings.Split(code, ".")[1]
		if code[0] == '2' || len(subject) > 1 || subject > "7" || partOfNumber(words, at[0], at[1]) {
			continue
		}
		return code
	}
	return ""
}

func partOfNumber(s string, from, to int) bool {
	digit := func(i int) bool { return i >= 0 && i < len(s) && s[i] >= '0' && s[i] <= '9' }
	dot := func(i int) bool { return i >= 0 && i < len(s) && s[i] == '.' }
	return digit(from-1) || dot(from-1) || digit(to) || dot(to) && digit(to+1)
}

// replyCode is the first code of a refusal (RFC 5321 §4.2) in words; 0 if there is none.
func replyCode(words string) int {
	m := anyCode.FindStringSubmatch(words)
	if m == nil {
		return 0
	}
	code, err := strconv.Atoi(m[1])
	if err != nil {
		return 0
	}
	return code
}

// sentence is the line that says most about a failure.
func sentence(words string) string {
	lines := strings.Split(words, "\n")
	for _, says := range []func(string) bool{
		func(l string) bool { return replyCode(l) > 0 || statusIn(l) != "" }, unknown.MatchString, full.MatchString, nodomain.MatchString,
		waits.MatchString, lost.MatchString,
	} {
		for _, line := range lines {
			if says(line) {
				return strings.TrimSpace(line)
			}
		}
	}
	return ""
}
