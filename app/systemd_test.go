package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/courier/couriertest"
	"kontor/app/store/storetest"
)

// unitFile is a unit of the operators' guide: what it says once, by name.
func unitFile(t *testing.T, name string) map[string]string {
	t.Helper()
	lines := map[string]string{}
	for _, line := range strings.Split(document(t, "systemd", name), "\n") {
		if key, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			lines[key] = value
		}
	}
	return lines
}

func document(t *testing.T, path ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(append([]string{"docs"}, path...)...))
	require.NoError(t, err)
	return string(raw)
}

// guideSettings are those of kontor.env, as a shell reads them.
func guideSettings(t *testing.T) map[string]string {
	t.Helper()
	out, err := exec.Command("env", "-i", "sh", "-c", "set -a; . docs/systemd/kontor.env; env").Output()
	require.NoError(t, err)
	env := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if name != "PWD" && name != "_" && name != "SHLVL" {
			env[name] = value
		}
	}
	return env
}

// TestSystemd: systemd accepts the units of the operators' guide. Their services run with the settings of the guide,
// report that they are healthy, and stop correctly.
func TestSystemd(t *testing.T) {
	t.Parallel()
	const installed = "/usr/local/lib/kontor/"
	built, smtp := build(t), couriertest.NewSMTPPeer(t)
	here := strings.NewReplacer(installed+"app", built.app, installed+"worker", built.worker)
	dir := t.TempDir()
	for file, as := range map[string]string{"kontor-web@.service": "kontor-web@3001.service", "kontor-worker.service": "kontor-worker.service"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, as), []byte(here.Replace(document(t, "systemd", file))), 0o600))
		if program := os.Getenv("KONTOR_TEST_SYSTEMD_ANALYZE"); program != "" {
			out, err := exec.Command(program, "verify", filepath.Join(dir, as)).CombinedOutput() //nolint:gosec // whoever runs the tests names the program
			for line := range strings.Lines(string(out)) {
				if strings.Contains(line, "kontor") { // other units of the machine may have faults
					err = nil
					t.Errorf("%s: %s", file, line)
				}
			}
			assert.NoError(t, err, "%s: \n%s", file, out)
		}
	}

	// The files of the guide are in the test's folder, and the other programs are the test's.
	env := guideSettings(t)
	for name, value := range map[string]string{
		"DATABASE_URL": storetest.PostgresURL(t), "REDIS_URL": redisURL(t), "SECRET_KEY": productionKey, "HOOK_SECRET": strings.Repeat("h", 32),
	} {
		require.NotEmpty(t, env[name+"_FILE"], "kontor.env has no %s_FILE", name)
		file := filepath.Join(dir, filepath.Base(env[name+"_FILE"]))
		require.NoError(t, os.WriteFile(file, []byte(value+"\n"), 0o600))
		env[name+"_FILE"] = file
	}
	env["SMTP_URL"], env["ERASURE_LOG"] = smtp.URL(), filepath.Join(dir, "erasures.log")
	listen := freeAddress(t)
	expect(t, env, 0, words("config check --listen "+listen), "The settings are good.")

	web, work := unitFile(t, "kontor-web@.service"), unitFile(t, "kontor-worker.service")
	worker := launch(t, &output{}, env, here.Replace(work["ExecStart"]))
	require.Equal(t, "LISTEN=127.0.0.1:%i", web["Environment"], "the unit's address")
	env["LISTEN"] = listen
	out := &output{}
	app := launch(t, out, env, here.Replace(web["ExecStart"]))
	command, ok := strings.CutPrefix(here.Replace(web["ExecStartPost"]), "/bin/sh -c '")
	require.True(t, ok, "ExecStartPost is %s", web["ExecStartPost"])
	after := launch(t, out, env, "/bin/sh", "-c", strings.TrimSuffix(command, "'"))
	await.True(t, "systemctl start to come back", func() bool {
		select {
		case <-after.done:
			return true
		default:
			return false
		}
	})
	assert.Equal(t, 0, after.cmd.ProcessState.ExitCode(), "ExecStartPost ended %s", out)
	await.True(t, "the worker to be well", func() bool {
		health := launch(t, &output{}, env, here.Replace(work["ExecStart"]), "health")
		<-health.done
		return health.cmd.ProcessState.ExitCode() == 0
	})
	worker.terminate()
	app.terminate()
	assert.NotContains(t, out.String(), "level=ERROR", "something complains")
	for unit, lines := range map[string]map[string]string{"web": web, "worker": work} {
		assert.Equal(t, "always", lines["Restart"], unit)
		assert.Equal(t, "/etc/kontor/kontor.env", lines["EnvironmentFile"], unit)
		assert.Equal(t, "kontor", lines["User"], unit)
		assert.Equal(t, "mixed", lines["KillMode"], unit)
	}
}
