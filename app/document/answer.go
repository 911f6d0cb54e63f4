package document

import (
	"context"
	"math/big"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/blob"
	"kontor/app/entry"
	"kontor/app/fault"
)

// Given is what somebody answers to a slot without a document: a value, or that it does not apply.
type Given struct {
	Value         string
	NotApplicable bool
	Comment       string // for both sides; "" for none
}

// CheckAnswer cleans a value for what a slot asks for. A number is kept with a point, a date as ISO 8601, an IBAN without blanks.
// Errors: Invalid at value ("required", "control_characters", "too_long", "answer.number", "date.malformed", "answer.iban",
// "answer.yes_no", "answer.document").
func CheckAnswer(asked Answer, value string) (string, error) {
	value = entry.Text(value)
	switch {
	case !entry.IsText(value, asked == AnswerText):
		return value, fault.At("value", "control_characters")
	case value == "":
		return value, fault.At("value", "required")
	case utf8.RuneCountInString(value) > MaxText:
		return value, fault.At("value", "too_long").With("max", MaxText)
	}
	switch asked {
	case AnswerText:
		return value, nil
	case AnswerNumber:
		if n, ok := readNumber(value); ok {
			return n, nil
		}
		return value, fault.At("value", "answer.number")
	case AnswerDate:
		if day, err := time.Parse(time.DateOnly, value); err == nil && day.Year() >= 1000 {
			return value, nil
		}
		return value, fault.At("value", "date.malformed")
	case AnswerIBAN:
		iban := strings.ToUpper(strings.Join(strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == '-' || r == '\u00a0' }), ""))
		if isIBAN(iban) {
			return iban, nil
		}
		return value, fault.At("value", "answer.iban")
	case AnswerYesNo:
		if value == "yes" || value == "no" {
			return value, nil
		}
		return value, fault.At("value", "answer.yes_no")
	}
	return value, fault.At("value", "answer.document")
}

// readNumber reads a decimal number with a comma or a point, and thousands separated by the other one, a blank or an apostrophe. A
// single separator before exactly three digits could be either, so the number is refused unless it has no other meaning.
func readNumber(s string) (string, bool) {
	sign := ""
	if rest, ok := strings.CutPrefix(strings.ReplaceAll(s, "−", "-"), "-"); ok {
		sign, s = "-", rest
	}
	for _, blank := range []string{" ", "\u00a0", "\u202f", "'", "’"} {
		s = strings.ReplaceAll(s, blank, "")
	}
	whole, decimals := s, ""
	if i := strings.LastIndexAny(s, ",."); i >= 0 {
		mark := s[i : i+1]
		other := map[string]string{",": ".", ".": ","}[mark]
		switch {
		case strings.Count(s, mark) > 1 && !strings.Contains(s, other): // thousands only
			if !inThousands(s, mark) {
				return "", false
			}
			whole = strings.ReplaceAll(s, mark, "")
		case strings.Count(s, mark) > 1:
			return "", false
		case !strings.Contains(s, other) && inThousands(s, mark) && s[:i] != "0":
			return "", false // 1.500 is 1500 in German, 1.5 in English
		default:
			whole, decimals = s[:i], s[i+1:]
			if strings.Contains(whole, other) {
				if !inThousands(whole, other) {
					return "", false
				}
				whole = strings.ReplaceAll(whole, other, "")
			}
			if decimals == "" {
				return "", false
			}
		}
	}
	if whole == "" || !isDigits(whole) || !isDigits(decimals) {
		return "", false
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if decimals != "" {
		decimals = "." + decimals
	}
	return sign + whole + decimals, true
}

// inThousands says whether a number is written in groups of three digits.
func inThousands(s, mark string) bool {
	groups := strings.Split(s, mark)
	for i, g := range groups {
		if i == 0 && (g == "" || len(g) > 3) || i > 0 && len(g) != 3 {
			return false
		}
	}
	return true
}

func isDigits(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// ibanLengths are the lengths of IBANs by country (ISO 13616, SWIFT registry of 2026); other countries are taken as they are.
var ibanLengths = map[string]int{
	"AD": 24, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20, "ES": 24, "FI": 18, "FR": 27, "GB": 22,
	"GI": 23, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MT": 31, "NL": 18,
	"NO": 15, "PL": 28, "PT": 25, "RO": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TR": 26, "UA": 29,
}

// isIBAN checks the check digits of an IBAN (ISO 7064, modulo 97).
func isIBAN(s string) bool {
	if len(s) < 15 || len(s) > 34 {
		return false
	}
	if n, known := ibanLengths[s[:2]]; known && n != len(s) {
		return false
	}
	var digits strings.Builder
	for i, r := range s[4:] + s[:4] {
		switch {
		case r >= '0' && r <= '9':
			digits.WriteRune(r)
		case r >= 'A' && r <= 'Z' && i < len(s)-2:
			digits.WriteString(big.NewInt(int64(r-'A') + 10).String())
		default:
			return false
		}
	}
	n, ok := new(big.Int).SetString(digits.String(), 10)
	return ok && new(big.Int).Mod(n, big.NewInt(97)).Int64() == 1 && s[0] >= 'A' && s[1] >= 'A'
}

// Answer answers a slot without a document. An answer takes the place of the one before. Errors: policies.ErrForbidden, ErrAccepted,
// Invalid as CheckAnswer, and at comment as Comment.
func (s *Service) Answer(ctx context.Context, c account.Caller, id uuid.UUID, g Given) (e Element, err error) {
	err = s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var tree Tree
		if tree, e, err = s.holdElement(ctx, tx, c, id); err != nil {
			return err
		}
		if err := tree.allow(tree.Rights.Answer && e.Type == Slot); err != nil {
			return err
		}
		if !tree.MayAnswer(e) {
			return ErrAccepted
		}
		answer := given{notApplicable: g.NotApplicable}
		if !g.NotApplicable {
			if answer.text, err = CheckAnswer(e.Answer, g.Value); err != nil {
				return err
			}
		}
		if entry.Text(g.Comment) != "" {
			if err := s.comment(ctx, tx, c, e, Remark{Text: g.Comment}.by(tree)); err != nil {
				return err
			}
		}
		if _, err := s.give(ctx, tx, giver{c.ID, tree.Rights.Firm}, e, answer); err != nil {
			return err
		}
		action := audit.SlotAnswered
		if g.NotApplicable {
			action = audit.SlotNotApplicable
		}
		return s.changed(ctx, tx, c, e.record(action, nil)) // the log does not have the answer
	})
	return e, err
}

// Accept accepts what was given for a slot, if it still has the version that was looked at. Errors: policies.ErrForbidden,
// ErrNothing, ErrVersion, blob.ErrInfected.
func (s *Service) Accept(ctx context.Context, c account.Caller, id uuid.UUID, number int) (Element, error) {
	return s.review(ctx, c, id, verdict{number: number, state: Accepted, action: audit.SlotAccepted})
}

// Reject asks the end user to answer a slot again. Errors: as Accept, and Invalid at reason ("required", "too_long",
// "control_characters").
func (s *Service) Reject(ctx context.Context, c account.Caller, id uuid.UUID, number int, reason string) (Element, error) {
	return s.review(ctx, c, id, verdict{number: number, state: Rejected, reason: entry.Text(reason), action: audit.SlotRejected})
}

// check says what is wrong with a verdict.
func (v verdict) check() error {
	switch {
	case v.state != Rejected:
		return nil
	case !entry.IsText(v.reason, true):
		return fault.At("reason", "control_characters")
	case !entry.Says(v.reason):
		return fault.At("reason", "required")
	case utf8.RuneCountInString(v.reason) > MaxReason:
		return fault.At("reason", "too_long").With("max", MaxReason)
	}
	return nil
}

// verdict is what a review decides about the version with a number.
type verdict struct {
	number int
	state  State
	reason string
	action audit.Action
}

func (s *Service) review(ctx context.Context, c account.Caller, id uuid.UUID, v verdict) (e Element, err error) {
	err = s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var tree Tree
		if tree, e, err = s.holdElement(ctx, tx, c, id); err != nil {
			return err
		}
		if err := tree.allow(tree.Rights.Review && e.Type == Slot); err != nil {
			return err
		}
		if err := v.check(); err != nil {
			return err
		}
		switch {
		case e.Latest == nil || e.State == Open || e.State == v.state:
			return ErrNothing
		case e.Latest.Number != v.number:
			return ErrVersion
		case e.Infected():
			return blob.ErrInfected
		}
		if err := updateElement(ctx, tx, e.ID, map[string]any{
			"state": v.state, "reason": v.reason, "reviewed_by": c.ID, "reviewed_at": s.Now(),
		}); err != nil {
			return err
		}
		e.State, e.Reason = v.state, v.reason
		return s.changed(ctx, tx, c, e.record(v.action, nil))
	})
	return e, err
}
