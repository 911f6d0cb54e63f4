package account

import (
	"context"
	"crypto/rand"
	_ "embed" // the German words
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"github.com/trustelem/zxcvbn/matching"
	"github.com/trustelem/zxcvbn/scoring"
	"golang.org/x/text/unicode/norm"

	"kontor/app/fault"
)

// The length of a password, in characters (NIST SP 800-63B-4 §3.1.1.2: at least 15 without a second factor or fewer
// with a check of the strength; at most something that nobody reaches by hand).
const (
	MinPassword = 12
	MaxPassword = 128
)

// hashing is the cost of a password: OWASP's second choice for Argon2id (19 MiB, two passes, one lane), some 25 ms.
var hashing = argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// hashesAtOnce bounds memory and keeps a core for everybody else: a burst of sign-ins queues up, 38 MiB is the most.
const hashesAtOnce = 2

// hashesQueued bounds those that wait or run. Each is a request with its connection: more would only wait longer than
// anybody does.
const hashesQueued = 500

// errBusy is the answer when the queue for hashing is full, or was longer than the request's time.
var errBusy = fault.New(fault.Unavailable, "busy").After(5 * time.Second)

// hasher hashes and compares passwords, a few at a time.
type hasher struct {
	params argon2id.Params
	queue  chan struct{} // who waits or hashes
	slots  chan struct{} // who hashes
	dummy  string        // a hash that no password has, for people who do not exist
}

func newHasher(params argon2id.Params) *hasher {
	salt, key := make([]byte, params.SaltLength), make([]byte, params.KeyLength)
	_, _ = rand.Read(salt)
	_, _ = rand.Read(key)
	enc := base64.RawStdEncoding
	return &hasher{params: params, queue: make(chan struct{}, hashesQueued), slots: make(chan struct{}, hashesAtOnce), dummy: fmt.Sprintf(
		"$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", params.Memory, params.Iterations, params.Parallelism,
		enc.EncodeToString(salt), enc.EncodeToString(key))}
}

func (h *hasher) enter(ctx context.Context) (leave func(), err error) {
	select {
	case h.queue <- struct{}{}:
	default:
		return nil, errBusy
	}
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots; <-h.queue }, nil
	case <-ctx.Done():
		<-h.queue
		return nil, errBusy
	}
}

func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	return argon2id.CreateHash(prepared(password), &h.params)
}

// verify compares. It does the same work for an empty hash, which nothing fits. stale says that the hash was made
// with another cost than today's.
func (h *hasher) verify(ctx context.Context, password, hash string) (ok, stale bool, err error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer leave()
	known := hash != ""
	if !known {
		hash = h.dummy
	}
	ok, params, err := argon2id.CheckHash(prepared(password), hash)
	if err != nil {
		return false, false, fmt.Errorf("compare with a stored password: %w", err)
	}
	return ok && known, *params != h.params, nil
}

// prepared is the form that is hashed: the same characters typed on another keyboard may be other code points (NIST
// SP 800-63B-4 §3.1.1.2). A text that is too long is cut, not refused: signing in says nothing about the rules.
func prepared(password string) string {
	if len(password) > 4*MaxPassword {
		password = password[:4*MaxPassword]
	}
	return norm.NFKC.String(password)
}

// CheckPassword applies the rules for a new password. personal is what the person would think of first: name, e-mail
// address, username, customer. It returns an Invalid fault with Fields at "password" ("required", "password.short"
// with min, "password.long" with max, "password.weak") and "password_repeat" ("required", "password.repeat").
func (s *Service) CheckPassword(password, repeat string, personal ...string) error {
	var form fault.Form
	s.complainNew(&form, password, repeat, personal)
	return form.Err()
}

// complainNew notes what is wrong with a new password and its repetition.
func (s *Service) complainNew(form *fault.Form, password, repeat string, personal []string) {
	form.AddError(s.complainPassword(password, personal))
	switch {
	case repeat == "":
		form.Add("password_repeat", "required")
	case password != repeat:
		form.Add("password_repeat", "password.repeat")
	}
}

func (s *Service) complainPassword(password string, personal []string) *fault.Error {
	switch n := utf8.RuneCountInString(norm.NFKC.String(password)); {
	case password == "":
		return fault.At("password", "required")
	case n < MinPassword:
		return fault.At("password", "password.short").With("min", MinPassword)
	case n > MaxPassword, len(password) > 4*MaxPassword:
		return fault.At("password", "password.long").With("max", MaxPassword)
	case !utf8.ValidString(password), s.guesses(password, personal) < enoughGuesses:
		return fault.At("password", "password.weak")
	}
	return nil
}

// enoughGuesses is where zxcvbn's score 3 begins: "safely unguessable: moderate protection from offline slow-hash
// scenario".
const enoughGuesses = 1e8

// assessed is how many characters are looked at: the work grows with the cube of the length, and whatever follows
// makes a password no weaker.
const assessed = 40

// guesses estimates how many guesses an attacker needs who knows how people make passwords: zxcvbn without its bonus
// for combining patterns (Sommer2026!Sommer would be strong by it), with German words and the person's own.
func (s *Service) guesses(password string, personal []string) float64 {
	own := ownWords(append(append([]string(nil), personal...), s.firm))
	words := dictionary(own)
	lower := plainLetters.Replace(strings.ToLower(password))
	rest := lower // without what everybody knows of the person
	for _, w := range own {
		rest = strings.ReplaceAll(rest, w, "")
	}
	best := -1.0
	for _, form := range []string{password, lower, rest} {
		form = withoutRepeats([]rune(form))
		form = yearsToCome.ReplaceAllString(form, "2015")
		g := scoring.MostGuessableMatchSequence(form, matching.Omnimatch(form, words), true).Guesses
		if best < 0 || g < best {
			best = g
		}
	}
	return best
}

// yearsToCome are years that zxcvbn, which ends in 2019, takes for random digits.
var yearsToCome = regexp.MustCompile(`20[2-9]\d`)

// plainLetters writes umlauts out: zxcvbn cuts words between bytes and misses those that end in an umlaut or ß.
var plainLetters = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss")

// withoutRepeats leaves out every piece of three or more characters that was there before, whatever its case, and
// cuts the rest to what is assessed.
func withoutRepeats(password []rune) string {
	const piece = 3
	lower := []rune(strings.ToLower(string(password)))
	if len(lower) != len(password) { // a few letters change their length with their case
		password = lower
	}
	var out []rune
	for i := 0; i < len(password) && len(out) < assessed; {
		n := repeatedAt(lower, i)
		if n < piece {
			out = append(out, password[i])
			i++
			continue
		}
		i += n
	}
	return string(out)
}

// repeatedAt is the length of the longest piece at i that also lies wholly before i.
func repeatedAt(text []rune, i int) (longest int) {
	for from := range i {
		n := 0
		for from+n < i && i+n < len(text) && text[from+n] == text[i+n] {
			n++
		}
		longest = max(longest, n)
	}
	return longest
}

//go:embed words_de.txt
var germanWords string

// dictionary lists words from the first an attacker tries to the last: the person's own, then German ones.
func dictionary(own []string) []string {
	words := append(append([]string(nil), own...), "kontor")
	seen := map[string]bool{} // the rank of a word is its last place in the list
	for _, w := range words {
		seen[w] = true
	}
	for _, w := range strings.Fields(germanWords) {
		words = appendForms(words, seen, w)
	}
	return words
}

// ownWords are the words of three and more characters in what is known of a person.
func ownWords(personal []string) (words []string) {
	seen := map[string]bool{}
	for _, p := range personal {
		p = strings.ToLower(norm.NFC.String(p))
		for _, w := range strings.FieldsFunc(p, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			words = appendForms(words, seen, w)
		}
	}
	return words
}

// appendForms adds a word as it is and as it is written without umlauts.
func appendForms(words []string, seen map[string]bool, w string) []string {
	for _, form := range []string{w, plainLetters.Replace(w), noDots.Replace(w)} {
		if utf8.RuneCountInString(form) >= 3 && !seen[form] {
			seen[form] = true
			words = append(words, form)
		}
	}
	return words
}

var noDots = strings.NewReplacer("ä", "a", "ö", "o", "ü", "u", "ß", "s")
