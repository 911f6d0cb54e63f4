package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain lets this program be the bare handler, too, since a measurement starts itself for that.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "bare" {
		main()
		return
	}
	code := m.Run()
	if builtDir != "" {
		_ = os.RemoveAll(builtDir)
	}
	os.Exit(code)
}

// builtDir is the folder of builtOnce.
var builtDir string

// builtOnce builds the program once for all tests.
var builtOnce = sync.OnceValues(func() (string, error) {
	var err error
	if builtDir, err = os.MkdirTemp("", "kontor-bench-built"); err != nil {
		return "", err
	}
	return running{}.built(context.Background(), builtDir, "app")
})

// bench runs the command, and returns what it printed.
func bench(t *testing.T, args ...string) string {
	t.Helper()
	t.Setenv("KONTOR_BENCH_DIR", "")
	programs, err := builtOnce()
	require.NoError(t, err)
	var out, progress bytes.Buffer
	err = run(context.Background(), append(args, "--programs", programs), &out, &progress)
	require.NoError(t, err, "bench %s\n%s", strings.Join(args, " "), &progress)
	return out.String()
}

// TestRows measures a small database, as briefly as possible: every row is there, without errors.
func TestRows(t *testing.T) {
	text := bench(t, "--customers", "300", "--duration", "5ms", "--rounds", "1", "--connections", "2")
	tables := strings.Split(text, "\n\n")
	kinds := []string{sqlite}
	if os.Getenv("KONTOR_TEST_POSTGRES") != "" {
		kinds = append(kinds, postgres)
	}
	for _, kind := range kinds {
		require.GreaterOrEqual(t, len(tables), 4, "parts of the report about %s: %s", kind, text)
		assert.Equal(t, kind+", 300 customers", strings.TrimSpace(tables[0]), "head")
		for _, r := range rows("") {
			bytes := `[1-9][0-9]*`
			if r.adds {
				bytes = `0` // the answer only leads to the new customer
			}
			assert.Regexp(t, `(?m)^ +2 +[0-9]+ .* `+bytes+` +0 +`+r.name+`$`, tables[1], "%s: row", kind)
		}
		for _, name := range []string{"overview", "add"} {
			assert.Regexp(t, `(?m)^ +2 +[1-9].* 0 +`+name+`$`, tables[2], "%s: comparison", kind)
		}
		assert.Contains(t, tables[3], "memory: ", kind)
		tables = tables[4:]
	}
}

// TestKept: a database that is kept is used again, and what was added is gone. The other formats name the row as well.
func TestKept(t *testing.T) {
	dir := t.TempDir()
	args := []string{"--customers", "60", "--duration", "1ms", "--rounds", "1", "--connections", "1", "--database", "sqlite", "--dir", dir, "--run", "^add$"}
	assert.Contains(t, bench(t, append(args, "--benchstat")...), "\nBenchmarkRatio/sqlite/add/c=1 1 ", "benchstat")
	assert.Contains(t, bench(t, append(args, "--json")...), `{"kind":"row","database":"sqlite","customers":60,"row":"add",`, "JSON")
	assert.FileExists(t, filepath.Join(dir, "kontor_bench_60.db"))
	assert.Equal(t, 60, customersIn(t, filepath.Join(dir, "kontor_bench_60.db")), "customers")
}

// TestMix drives a mix for a moment.
func TestMix(t *testing.T) {
	text := bench(t, "mix", "--customers", "300", "--database", "sqlite", "--rate", "100", "--duration", "400ms")
	for _, kind := range []string{kindPage, kindTyped, kindTransactions, kindWrite, "all"} {
		assert.Regexp(t, `(?m)^ +[1-9][0-9]* .* 0 +`+kind+`$`, text, "kind")
	}
}

// TestMixBeside drives a mix for a moment, and then again while others write.
func TestMixBeside(t *testing.T) {
	text := bench(t, "mix", "--customers", "300", "--database", "sqlite", "--rate", "50", "--duration", "5s", "--beside")
	_, beside, _ := strings.Cut(text, "while others add, delete and publish")
	for _, kind := range []string{kindPage, kindTyped, kindTransactions, kindAdd, kindDelete, kindPublish} {
		assert.Regexp(t, `(?m)^ +[1-9][0-9]* .* 0 +`+kind+`$`, beside, "kind")
	}
	_, compared, _ := strings.Cut(beside, "beside/alone")
	for _, kind := range []string{kindPage, kindTyped, kindTransactions, kindWrite} {
		assert.Regexp(t, `(?m)^ +[0-9.]+ +[0-9.]+ +[0-9.]+ +`+kind+`$`, compared, "compared")
	}
}

// TestSignins signs more people in at once than there are specialist users.
func TestSignins(t *testing.T) {
	if l, err := net.Listen("tcp", "127.0.1.1:0"); err != nil {
		t.Skipf("this system gives each person no address of their own on loopback: %v", err)
	} else {
		require.NoError(t, l.Close())
	}
	text := bench(t, "signins", "--customers", "300", "--database", "sqlite", "--people", "60", "--rounds", "2")
	assert.Regexp(t, `(?m)^ +60 +0 .* 1$`, text, "the first round")
	assert.Regexp(t, `(?m)^ +60 +0 .* 2$`, text, "the second round")
}

// TestRefused: what the command refuses, before it does anything.
func TestRefused(t *testing.T) {
	for args, want := range map[string]string{
		"--customers 0":       "--customers takes",
		"--duration 0s":       "--duration and --rounds take",
		"--connections 0":     "--connections takes",
		"--run (":             "--run: ",
		"--database oracle":   "--database",
		"--database postgres": "--postgres or KONTOR_TEST_POSTGRES",
		"mix --rate 0":        "--rate, --duration and --processes",
		"mix --processes 2":   "needs PostgreSQL",
		"signins --people 0":  "--people and --rounds take",
		"signins --rounds 0":  "--people and --rounds take",
		"--json --benchstat":  "can't be used together",
		"--postgres nowhere":  "takes an address",
	} {
		t.Run(args, func(t *testing.T) {
			t.Setenv("KONTOR_TEST_POSTGRES", "")
			err := run(context.Background(), strings.Fields(args), new(bytes.Buffer), new(bytes.Buffer))
			assert.ErrorContains(t, err, want)
		})
	}
}
