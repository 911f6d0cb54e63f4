package account

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/approval"
	"kontor/app/audit"
	"kontor/app/effort"
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

// named is a firm with a name.
type named struct {
	unset
	name string
}

func (n named) FirmName() string { return n.name }

func TestCheckPassword(t *testing.T) {
	s := alone(Options{Firm: named{name: "Steuerkanzlei Öhlmann"}})
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
		assert.Equal(t, c.want, complaints(s.CheckPassword(c.password, c.password, personal...)), "%q: want %q (%.3g guesses)", c.password, c.want, s.guesses(c.password, personal))
	}
	assert.Equal(t, "password_repeat password.repeat", complaints(s.CheckPassword("x8Kq-vv2P-zzT4", "x8Kq-vv2P-zzT5")), "two passwords that differ")
	assert.Equal(t, "password password.short, password_repeat password.repeat", complaints(s.CheckPassword("kurz", "anders")), "both wrong")
}

// TestRandomPasswords: a randomly generated password is never called weak.
func TestRandomPasswords(t *testing.T) {
	s := alone(Options{Firm: named{name: "Kontor"}})
	random := rand.New(rand.NewPCG(1, 2)) // with a fixed seed, because some are weak by chance, such as pbiophebpbio
	for range effort.Of(300, 60) {
		b := make([]byte, minPassword)
		for i := range b {
			b[i] = 'a' + byte(random.IntN(26))
		}
		assert.NoError(t, s.CheckPassword(string(b), string(b)), "%s: (%.3g guesses)", b, s.guesses(string(b), nil))
		code := secret.NewCode() + secret.NewCode()
		assert.NoError(t, s.CheckPassword(code, code), code)
	}
}

// BenchmarkGuesses measures the worst case: every leet character and very many words.
func BenchmarkGuesses(b *testing.B) {
	s := alone(Options{Firm: named{name: "Kontor"}})
	worst := strings.Repeat("4@8({[<3691!|170$5+7%2", 6)[:maxPassword]
	for b.Loop() {
		s.guesses(worst, nil)
	}
}

// TestPasswordsCost: without Options.Hashing, passwords get the real cost. It is not below all choices that OWASP's
// Password Storage Cheat Sheet lists for Argon2id.
func TestPasswordsCost(t *testing.T) {
	got := alone(Options{}).hasher.params
	assert.Equal(t, hashing, got)
	enough := slices.ContainsFunc([]argon2id.Params{
		{Memory: 46 << 10, Iterations: 1}, {Memory: 19 << 10, Iterations: 2}, {Memory: 12 << 10, Iterations: 3},
		{Memory: 9 << 10, Iterations: 4}, {Memory: 7 << 10, Iterations: 5},
	}, func(least argon2id.Params) bool {
		return got.Memory >= least.Memory && got.Iterations >= least.Iterations
	})
	assert.True(t, enough, "%+v", got)
}

func TestHasher(t *testing.T) {
	ctx := context.Background()
	h := newHasher(hashing)
	const umlaut, composed = "Ga\u0308rten am See 7", "G\u00e4rten am See 7"
	hash, err := h.hash(ctx, umlaut)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(hash, "$argon2id$v=19$m=7168,t=6,p=1$"), "hash %s", hash)
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
		require.NoError(t, err, name)
		assert.Equal(t, c.ok, ok, name)
		assert.Equal(t, c.stale, stale, name)
	}
	_, _, err = h.verify(ctx, umlaut, "$2a$10$nonsense")
	assert.Error(t, err, "a hash of another kind passes in silence")
}

// TestHasherQueue (S60): two passwords of a burst are hashed or compared at a time, in 16 MiB, and a request that waits
// too long gets an error.
func TestHasherQueue(t *testing.T) {
	assert.LessOrEqual(t, hashesAtOnce*hashing.Memory, uint32(16<<10), "KiB at once")
	h := newHasher(hashing)
	leave1, _ := h.enter(context.Background())
	leave2, _ := h.enter(context.Background())
	over, end := context.WithCancel(context.Background())
	end()
	_, err := h.hash(over, "x")
	assert.ErrorIs(t, err, errBusy, "hash a third at once")
	_, _, err = h.verify(over, "x", "")
	assert.ErrorIs(t, err, errBusy, "compare a third at once")
	leave1()
	leave2()
	var mu sync.Mutex
	var inside, most int
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			leave, err := h.enter(context.Background())
			if !assert.NoError(t, err) {
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
	assert.LessOrEqual(t, most, hashesAtOnce, "at once")
}

// TestHashesUnfreed (S60): while passwords of a burst are hashed, the memory of all hashes that run or have ended is
// bounded, although the garbage collector does not run by itself.
func TestHashesUnfreed(t *testing.T) {
	assert.LessOrEqual(t, (hashesAtOnce+hashesUnfreed)*hashing.Memory, uint32(48<<10), "KiB")
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	h := newHasher(hashing)
	runs, hashes := 0, 30
	h.collect = func() { runs++; runtime.GC() }
	ended := map[weak.Pointer[stub]]bool{}
	var running []func()
	for range hashes {
		leave, err := h.enter(context.Background())
		require.NoError(t, err)
		running = append(running, leave)
		unfreed := 0
		for w := range ended {
			if w.Value() != nil {
				unfreed++
			}
		}
		assert.LessOrEqual(t, unfreed, hashesUnfreed, "hashes that have ended")
		if len(running) == hashesAtOnce {
			running[0]()
			running = running[1:]
		}
		for _, w := range h.unfreed {
			ended[w] = true
		}
	}
	assert.Len(t, ended, hashes-len(running), "hashes that were seen")
	assert.Equal(t, (hashes-hashesAtOnce)/(hashesUnfreed+1), runs, "runs of the garbage collector")
}

func FuzzPassword(f *testing.F) {
	s := alone(Options{Firm: named{name: "Kontor"}})
	f.Add("Sommer2026!Sommer", "Anna")
	f.Add("äöüß\xff4@8({[<3691!|", "x@y.de")
	f.Fuzz(func(t *testing.T, password, personal string) {
		err := s.CheckPassword(password, password, personal)
		if err != nil && fault.CodeOf(err) != fault.Invalid {
			t.Errorf("%v is not an Invalid fault", err)
		}
	})
}
