package account

import (
	"context"
	"crypto/rand"
	_ "embed" // the German words
	"encoding/base64"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
	"weak"

	"github.com/alexedwards/argon2id"
	"github.com/trustelem/zxcvbn/matching"
	"github.com/trustelem/zxcvbn/scoring"
	"golang.org/x/text/unicode/norm"

	"kontor/app/fault"
)

// minPassword and maxPassword limit the length of a password in characters. NIST SP 800-63B-4 §3.1.1.2 requires at
// least 15 without a second factor, or fewer with a check of the strength. The maximum is more than anybody types by
// hand.
const (
	minPassword = 12
	maxPassword = 128
)

// hashing is the cost of a password hash, about 25 ms. OWASP's Password Storage Cheat Sheet lists choices for Argon2id
// that defend equally well. This is the one with the least memory (7 MiB, one lane), with six passes instead of five.
var hashing = argon2id.Params{Memory: 7 * 1024, Iterations: 6, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// hashesAtOnce limits the memory in use to 14 MiB and leaves a CPU core for other work. Further sign-ins wait in the
// queue.
const hashesAtOnce = 2

// hashesUnfreed limits the hashes that have ended and whose memory is not free yet, while others run. So all of them
// together take 42 MiB at most.
const hashesUnfreed = 4

// hashesQueued limits the requests that wait or run. Each of them holds a connection. Beyond this limit, requests would
// wait longer than anybody is willing to.
const hashesQueued = 500

// errBusy is the answer when the queue for hashing is full, or when the request's time ends while it waits.
var errBusy = fault.New(fault.Unavailable, "busy").After(5 * time.Second)

// hasher hashes and compares passwords, only a few at a time.
//
// Package argon2 allocates new memory for each hash, and only the garbage collector frees it. By itself the collector runs
// when the heap has doubled, so a burst of sign-ins would take several times the memory of the hashes that run.
type hasher struct {
	params  argon2id.Params
	queue   chan struct{} // requests that wait or hash
	places  chan *place   // for requests that hash
	dummy   string        // a hash that matches no password, for logins that do not exist
	collect func()        // runs the garbage collector

	mu      sync.Mutex
	unfreed []weak.Pointer[stub] // of the hashes that have ended
}

// place is a place for a hash that runs.
type place struct{ memory *stub }

// stub stands for the memory of a hash, which package argon2 does not hand out. It becomes unreachable at the same time,
// so the same run of the garbage collector frees both. Objects of less than 16 bytes would be freed together with others.
type stub [16]byte

func newHasher(params argon2id.Params) *hasher {
	salt, key := make([]byte, params.SaltLength), make([]byte, params.KeyLength)
	_, _ = rand.Read(salt)
	_, _ = rand.Read(key)
	enc := base64.RawStdEncoding
	h := &hasher{params: params, queue: make(chan struct{}, hashesQueued), places: make(chan *place, hashesAtOnce), dummy: fmt.Sprintf(
		"$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", params.Memory, params.Iterations, params.Parallelism,
		enc.EncodeToString(salt), enc.EncodeToString(key)), collect: runtime.GC}
	for range hashesAtOnce {
		h.places <- &place{}
	}
	return h
}

func (h *hasher) enter(ctx context.Context) (leave func(), err error) {
	select {
	case h.queue <- struct{}{}:
	default:
		return nil, errBusy
	}
	select {
	case p := <-h.places:
		h.begin(p)
		return func() { h.end(p); h.places <- p; <-h.queue }, nil
	case <-ctx.Done():
		<-h.queue
		return nil, errBusy
	}
}

// begin runs the garbage collector before a hash if the memory of too many others is not free yet.
func (h *hasher) begin(p *place) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unfreed = slices.DeleteFunc(h.unfreed, func(w weak.Pointer[stub]) bool { return w.Value() == nil })
	if len(h.unfreed) > hashesUnfreed {
		h.collect()
	}
	p.memory = new(stub)
}

// end notes that a hash does not need its memory any more.
func (h *hasher) end(p *place) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unfreed = append(h.unfreed, weak.Make(p.memory))
	p.memory = nil
}

func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	return argon2id.CreateHash(prepared(password), &h.params)
}

// verify compares a password with a hash. For an empty hash, which no password matches, it does the same work. stale
// says that the hash was made with another cost than the present one.
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

// prepared returns the form of a password that is hashed. The same characters may be different code points on another
// keyboard (NIST SP 800-63B-4 §3.1.1.2). Text that is too long is cut and not refused, because signing in must not
// reveal the rules for passwords.
func prepared(password string) string {
	if len(password) > 4*maxPassword {
		password = password[:4*maxPassword]
	}
	return norm.NFKC.String(password)
}

// CheckPassword applies the rules for a new password. personal is the data that a person is likely to use in a
// password: name, e-mail address, username, customer. It returns an Invalid fault with Fields at "password"
// ("required", "password.short" with min, "password.long" with max, "password.weak") and "password_repeat" ("required",
// "password.repeat").
func (s *Service) CheckPassword(password, repeat string, personal ...string) error {
	var form fault.Form
	s.complainNew(&form, password, repeat, personal)
	return form.Err()
}

// complainNew adds what is wrong with a new password and its repetition to the form.
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
	case n < minPassword:
		return fault.At("password", "password.short").With("min", minPassword)
	case n > maxPassword, len(password) > 4*maxPassword:
		return fault.At("password", "password.long").With("max", maxPassword)
	case !utf8.ValidString(password), s.guesses(password, personal) < enoughGuesses:
		return fault.At("password", "password.weak")
	}
	return nil
}

// enoughGuesses is the lower limit of zxcvbn's score 3: "safely unguessable: moderate protection from offline slow-hash
// scenario".
const enoughGuesses = 1e8

// assessed is how many characters are assessed. The work grows with the cube of the length, and further characters make
// a password no weaker.
const assessed = 40

// guesses estimates how many guesses an attacker needs who knows how people choose passwords. It is zxcvbn without its
// bonus for combining patterns (with the bonus, Sommer2026!Sommer would be strong), plus German words and the person's
// own words.
func (s *Service) guesses(password string, personal []string) float64 {
	own := ownWords(append(append([]string(nil), personal...), s.firm.FirmName()))
	words := dictionary(own)
	lower := plainLetters.Replace(strings.ToLower(password))
	rest := lower // without the person's own words
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

// yearsToCome matches years that zxcvbn takes for random digits, because its years end in 2019.
var yearsToCome = regexp.MustCompile(`20[2-9]\d`)

// plainLetters replaces umlauts and ß by ASCII letters. zxcvbn cuts words between bytes and misses words that end in
// such a letter.
var plainLetters = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss")

// withoutRepeats removes every piece of three or more characters that occurred before, ignoring case. It cuts the
// result to the length that is assessed.
func withoutRepeats(password []rune) string {
	const piece = 3
	lower := []rune(strings.ToLower(string(password)))
	if len(lower) != len(password) { // a few letters change their length with the case
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

// repeatedAt returns the length of the longest piece at i that also occurs entirely before i.
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

// dictionary lists words in the order in which an attacker tries them: the person's own words, then German words.
func dictionary(own []string) []string {
	words := append(append([]string(nil), own...), "kontor")
	seen := map[string]bool{} // zxcvbn ranks a repeated word by its last place in the list
	for _, w := range words {
		seen[w] = true
	}
	for _, w := range strings.Fields(germanWords) {
		words = appendForms(words, seen, w)
	}
	return words
}

// ownWords returns the words of at least three characters in the person's data.
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

// appendForms adds a word as it is and in the spellings without umlauts.
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
