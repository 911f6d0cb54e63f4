package commandline

import (
	"bytes"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/config"
)

type grammar struct {
	Version kong.VersionFlag
	Serve   struct{} `cmd:"" default:"1" help:"Serve."`
	User    struct {
		Add struct {
			Email string
			Count int
		} `cmd:"" help:"Add."`
		Remove struct{} `cmd:"" help:"Remove."`
	} `cmd:"" help:"Users."`
	Backup struct {
		File string `arg:""`
	} `cmd:"" help:"Backup."`
}

func parse(t *testing.T, out *bytes.Buffer, args ...string) (Parsed, error) {
	t.Helper()
	type exited struct{}
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(exited); !ok {
				panic(r)
			}
		}
	}()
	return Parse(Program{
		Name: "app", About: "It is a test.", Version: "Kontor 1", Commands: &grammar{}, Out: out, Exit: func(int) { panic(exited{}) },
	}, args)
}

// TestComplaints: an unknown argument is named in one line with the most similar known name. Nothing after it is
// repeated.
func TestComplaints(t *testing.T) {
	for line, want := range map[string]string{
		"--foo":                          "unknown flag --foo; app --help",
		"--foo=hunter2secret":            "unknown flag --foo; app --help",
		"--lissten :1":                   "unknown flag --lissten, did you mean --listen?",
		"--secret_key=hunter2secret":     "unknown flag --secret_key, did you mean --secret-key?",
		"--SECRET-KEY hunter2secret":     "unknown flag --SECRET-KEY, did you mean --secret-key?",
		"user add --emial a":             "unknown flag --emial, did you mean --email?",
		"user add --base-ulr a":          "unknown flag --base-ulr, did you mean --base-url?",
		"user ad":                        "there is no command ad, did you mean add?",
		"usre":                           "there is no command usre, did you mean user?",
		"postgres://a:hunter2secret@b/c": "there is no command (not repeated here",
		"backup a hunter2secret%":        "app backup does not take (not repeated here",
		"backup a b":                     "app backup does not take b; app backup --help",
		"user remove x":                  "app user remove does not take x",
		"--demo=yes":                     "--demo takes no value",
		"user add --email":               "--email takes a value, and has none",
		"user add --count x":             "--count",
		"backup":                         "app backup takes FILE; app backup --help",
		"user":                           "add",
		"--listen":                       "--listen is missing",
		"--smtp-url smtp://a:hunter2secret@mail.example": "SMTP_URL: a secret is not taken",
	} {
		_, err := parse(t, &bytes.Buffer{}, strings.Fields(line)...)
		require.Error(t, err, line)
		assert.Contains(t, err.Error(), want, line)
		assert.NotContains(t, err.Error(), "hunter2secret", line)
		assert.NotContains(t, err.Error(), "\n", line)
	}
}

// TestSettingsAnywhere: settings can be before, between and after the words of a command.
func TestSettingsAnywhere(t *testing.T) {
	for _, line := range []string{"--listen :1 user add --email e", "user --listen=:1 add --email e", "user add --email e --listen :1"} {
		p, err := parse(t, &bytes.Buffer{}, strings.Fields(line)...)
		if !assert.NoError(t, err, line) {
			continue
		}
		c, err := p.Settings.Load(func(k string) string { return map[string]string{"DATA_DIR": t.TempDir()}[k] })
		require.NoError(t, err, line)
		assert.Equal(t, ":1", c.Listen, line)
		assert.Equal(t, "user add", p.Command.Command(), line)
	}
	p, err := parse(t, &bytes.Buffer{})
	require.NoError(t, err, "no word")
	assert.Equal(t, "serve", p.Command.Command(), "no word")
}

// TestHelp: it works whatever the settings are, and lists all of them.
func TestHelp(t *testing.T) {
	var out bytes.Buffer
	_, _ = parse(t, &out, "--help")
	for _, s := range config.Table(config.Checks{}) {
		assert.Contains(t, out.String(), "\n  "+s.Name, "--help does not say")
		assert.Contains(t, out.String(), s.Takes)
	}
	out.Reset()
	_, _ = parse(t, &out, "backup", "--help")
	assert.Contains(t, out.String(), "<file>", "help of a command:\n%s", &out)
	assert.NotContains(t, out.String(), "MAIL_FROM", "help of a command:\n%s", &out)
	out.Reset()
	_, _ = parse(t, &out, "--version")
	assert.Equal(t, "Kontor 1\n", out.String(), "--version: %q", &out)
}

func FuzzComplaints(f *testing.F) {
	for _, s := range []string{"--foo", "user add --emial hunter2", "--\x00", "-p", "--=", "user\nadd", "--listen"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, " ")
		if _, err := parse(t, &bytes.Buffer{}, args...); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %q", args, err)
		}
	})
}
