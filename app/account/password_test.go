package account

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"kontor/app/approval"
	"kontor/app/audit"
	"kontor/app/fault"
	"kontor/app/secret"
)

// complaints returns "field message" for each field of a form's error.
func complaints(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) {
		if err != nil {
			return "not a fault: " + err.Error()
		}
		return ""
	}
	if len(f.Fields) == 0 {
		return string(f.Code) + " " + f.Message
	}
	var out []string
	for _, c := range f.Fields {
		out = append(out, c.Field+" "+c.Message)
	}
	return strings.Join(out, ", ")
}

// alone makes a service without other services, for tests of its own logic.
func alone(o Options) *Service {
	log := audit.New(nil, time.Now)
	o.Courier, o.Audit = &box{}, log
	o.Approvals = approval.New(approval.Options{Audit: log, Courier: &box{}})
	return New(o)
}

func TestCheckPassword(t *testing.T) {
	s := alone(Options{Firm: "Steuerkanzlei Öhlmann"})
	personal := []string{"Anna-Katharina Groß", "a.gross@eisenwaren-gross.de"}
	for _, c := range []struct{ password, want string }{
		{"", "password required, password_repeat required"},
		{"kurz", "password password.short"},
		{"elf Zeichen", "password password.short"},
		{"äöüäöüäöüäö", "password password.short"},
		{strings.Repeat("Xq7#", 33), "password password.long"},
		{"aaaaaaaaaaaaaaaaaaa", "password password.weak"},
		{"123456789012345", "password password.weak"},
		{"qwertzuiopasdf", "password password.weak"},
		{"Passwort1234!", "password password.weak"},
		{"password1234", "password password.weak"},
		{"Sommer2026!Sommer", "password password.weak"},
		{"Sommer2026!!!", "password password.weak"},
		{"Herbst2026Winter!", "password password.weak"},
		{"Weihnachten2026!", "password password.weak"},
		{"weihnachten24122026", "password password.weak"},
		{"Müllermüller12", "password password.weak"},
		{"MUELLER-2027-mueller", "password password.weak"},
		{"Frühling2026?", "password password.weak"},
		{"Fruehling2026?", "password password.weak"},
		{"schneewittchen1", ""},
		{"!2026remmoS!", "password password.weak"},
		{"S0mm3r2026!!", "password password.weak"},
		{"katharina1985!", "password password.weak"},
		{"Eisenwaren2026!", "password password.weak"},
		{"Gross.Anna.2026", "password password.weak"},
		{"Öhlmann2026!", "password password.weak"},
		{"Steuerkanzlei1", "password password.weak"},
		{"kontor-kontor-kontor", "password password.weak"},
		{"correct horse battery staple", ""},
		{"Wolke Tisch Gurke Hammer", ""},
		{"x8Kq-vv2P-zzT4", ""},
		{"Der Igel frisst um 7 drei Birnen", ""},
		{"пароль-из-двенадцати", ""},
		{"\xff\xfe\xfd567890abcdefgh", "password password.weak"},
	} {
		if got := complaints(s.CheckPassword(c.password, c.password, personal...)); got != c.want {
			t.Errorf("%q: %q, want %q (%.3g guesses)", c.password, got, c.want, s.guesses(c.password, personal))
		}
	}
	if got := complaints(s.CheckPassword("x8Kq-vv2P-zzT4", "x8Kq-vv2P-zzT5")); got != "password_repeat password.repeat" {
		t.Errorf("two passwords that differ: %q", got)
	}
	if got := complaints(s.CheckPassword("kurz", "anders")); got != "password password.short, password_repeat password.repeat" {
		t.Errorf("both wrong: %q", got)
	}
}

// TestRandomPasswords: a randomly generated password is never called weak.
func TestRandomPasswords(t *testing.T) {
	s := alone(Options{Firm: "Kontor"})
	random := rand.New(rand.NewPCG(1, 2)) // the same each time: now and then one is weak by chance, as pbiophebpbio is
	for range 300 {
		b := make([]byte, MinPassword)
		for i := range b {
			b[i] = 'a' + byte(random.IntN(26))
		}
		if err := s.CheckPassword(string(b), string(b)); err != nil {
			t.Errorf("%s: %v (%.3g guesses)", b, err, s.guesses(string(b), nil))
		}
		code := secret.NewCode() + secret.NewCode()
		if err := s.CheckPassword(code, code); err != nil {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// BenchmarkGuesses measures the worst case: every leet character and very many words.
func BenchmarkGuesses(b *testing.B) {
	s := alone(Options{Firm: "Kontor"})
	worst := strings.Repeat("4@8({[<3691!|170$5+7%2", 6)[:MaxPassword]
	for b.Loop() {
		s.guesses(worst, nil)
	}
}

// TestPasswordsCost: without Options.Hashing, passwords get the real cost.
func TestPasswordsCost(t *testing.T) {
	if got := alone(Options{}).hasher.params; got != hashing {
		t.Errorf("%+v", got)
	}
}

func TestHasher(t *testing.T) {
	ctx := context.Background()
	h := newHasher(hashing)
	const umlaut, composed = "Ga\u0308rten am See 7", "G\u00e4rten am See 7"
	hash, err := h.hash(ctx, umlaut)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %s", hash)
	}
	old := newHasher(argon2id.Params{Memory: 1024, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	oldHash, _ := old.hash(ctx, umlaut)
	for name, c := range map[string]struct {
		password, hash string
		ok, stale      bool
	}{
		"the same":            {umlaut, hash, true, false},
		"another keyboard":    {composed, hash, true, false},
		"another":             {"Garten am See 7", hash, false, false},
		"nobody":              {umlaut, "", false, false},
		"yesterday's cost":    {umlaut, oldHash, true, true},
		"very long":           {strings.Repeat("x", 1<<20), hash, false, false},
		"a trailing blank":    {umlaut + " ", hash, false, false},
		"the hash itself":     {hash, hash, false, false},
		"nothing, for nobody": {"", "", false, false},
	} {
		ok, stale, err := h.verify(ctx, c.password, c.hash)
		if err != nil || ok != c.ok || stale != c.stale {
			t.Errorf("%s: %v, %v, %v; want %v, %v", name, ok, stale, err, c.ok, c.stale)
		}
	}
	if _, _, err := h.verify(ctx, umlaut, "$2a$10$nonsense"); err == nil {
		t.Error("a hash of another kind passes in silence")
	}
}

// TestHasherQueue (S60): two passwords of a burst are hashed at a time, and a request that waits too long gets an
// error.
func TestHasherQueue(t *testing.T) {
	h := newHasher(hashing)
	leave1, _ := h.enter(context.Background())
	leave2, _ := h.enter(context.Background())
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := h.hash(ctx, "x"); !errors.Is(err, errBusy) {
		t.Errorf("a third at once: %v, want busy", err)
	}
	leave1()
	leave2()
	var mu sync.Mutex
	var inside, most int
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			leave, err := h.enter(context.Background())
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			inside++
			most = max(most, inside)
			mu.Unlock()
			mu.Lock()
			inside--
			mu.Unlock()
			leave()
		})
	}
	wg.Wait()
	if most > hashesAtOnce {
		t.Errorf("%d at once", most)
	}
}

func FuzzPassword(f *testing.F) {
	s := alone(Options{Firm: "Kontor"})
	f.Add("Sommer2026!Sommer", "Anna")
	f.Add("äöüß\xff4@8({[<3691!|", "x@y.de")
	f.Fuzz(func(t *testing.T, password, personal string) {
		err := s.CheckPassword(password, password, personal)
		if err != nil && fault.CodeOf(err) != fault.Invalid {
			t.Errorf("%v is not an Invalid fault", err)
		}
	})
}
