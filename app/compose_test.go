package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/commandline"
	"kontor/app/wire"
)

// TestCompose reads docker-compose.yml as Compose does, and compares it with what the programs need: the settings of
// every Kontor service, its health check, and the time it gets to stop.
func TestCompose(t *testing.T) {
	options, err := cli.NewProjectOptions([]string{"../docker-compose.yml"}, cli.WithName("kontor"), cli.WithEnv([]string{"SECRET_KEY=" + productionKey}))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	const stopping = stopTime + 5*time.Second // the time to stop, and some reserve
	drain := 5 * time.Second                  // DRAIN in production
	kinds := map[string]int{}
	for name, s := range project.Services {
		assert.Equal(t, types.RestartPolicyUnlessStopped, s.Restart, "%s: restart", name)
		if s.StopGracePeriod == nil && name != "mail" {
			t.Errorf("%s: how long it may take to stop is not said", name)
		}
		if s.HealthCheck == nil && name != "proxy" && name != "mail" { // mailpit's image has its own check, and people notice a broken proxy at once
			t.Errorf("%s: nobody asks whether it is well", name)
		}
		if s.Image != "kontor" {
			continue
		}
		env := map[string]string{}
		for k, v := range s.Environment {
			if v != nil {
				env[k] = *v
			}
		}
		kind := strings.TrimRight(name, "0123456789")
		kinds[kind]++
		program, needs := "app", drain+stopping
		if kind == "worker" {
			program, needs = "worker", stopping
		}
		expect(t, env, 0, []string{"config", "check", "--offline", "--for", program}, "The settings are good.", "the queue is Redis", "there is a SECRET_KEY")
		assert.GreaterOrEqual(t, time.Duration(*s.StopGracePeriod), needs, "%s: it is killed after, and may need", name)
		want := []string{"CMD", "/" + program, "health"}
		assert.True(t, slices.Equal(s.HealthCheck.Test, want), "%s: whether it is well is asked with %q", name, s.HealthCheck.Test)
		if program == "app" {
			_, err := commandline.Parse(commandline.Program{Name: "app", Commands: &commands{}, Checks: wire.Checks(), Vars: map[string]string{"roles": ""}}, []string{"health"})
			assert.NoError(t, err)
		} else if !slices.Equal(s.Entrypoint, []string{"/worker"}) {
			t.Errorf("%s is %q", name, s.Entrypoint)
		}
		for _, peer := range []string{"postgres", "redis"} {
			assert.Equal(t, types.ServiceConditionHealthy, s.DependsOn[peer].Condition, "%s does not wait", name)
		}
	}
	assert.Equal(t, map[string]int{"web": 2, "worker": 2}, kinds, "Kontor's services")
	c := project.Configs["caddyfile"].Content
	assert.Contains(t, c, "https://localhost {", "the proxy's settings")
	assert.Contains(t, c, "health_uri /readyz")
	if program := os.Getenv("KONTOR_TEST_CADDY"); program != "" {
		file := filepath.Join(t.TempDir(), "Caddyfile")
		require.NoError(t, os.WriteFile(file, []byte(project.Configs["caddyfile"].Content), 0o600))
		//nolint:gosec // whoever runs the tests names the program
		out, err := exec.Command(program, "adapt", "--adapter", "caddyfile", "--config", file).CombinedOutput()
		assert.NoError(t, err, "the proxy's settings: \n%s", out)
	}
}
