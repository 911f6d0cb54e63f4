package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"kontor/app/commandline"
	"kontor/app/wire"
)

// TestCompose reads docker-compose.yml as Compose does, and compares it with what the programs need: the settings of
// every Kontor service, its health check, and the time it gets to stop.
func TestCompose(t *testing.T) {
	options, err := cli.NewProjectOptions([]string{"../docker-compose.yml"}, cli.WithName("kontor"), cli.WithEnv([]string{"SECRET_KEY=" + productionKey}))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const stopping = stopTime + 5*time.Second // what runs, and a little more
	drain := 5 * time.Second                  // DRAIN in production
	kinds := map[string]int{}
	for name, s := range project.Services {
		if s.Restart != types.RestartPolicyUnlessStopped {
			t.Errorf("%s: restart is %q", name, s.Restart)
		}
		if s.StopGracePeriod == nil && name != "mail" {
			t.Errorf("%s: how long it may take to stop is not said", name)
		}
		if s.HealthCheck == nil && name != "proxy" && name != "mail" { // mailpit's image has one; who uses the proxy notices
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
		if got := time.Duration(*s.StopGracePeriod); got < needs {
			t.Errorf("%s: it is killed after %s, and may need %s", name, got, needs)
		}
		if want := []string{"CMD", "/" + program, "health"}; !slices.Equal(s.HealthCheck.Test, want) {
			t.Errorf("%s: whether it is well is asked with %q", name, s.HealthCheck.Test)
		}
		if program == "app" {
			if _, err := commandline.Parse(commandline.Program{Name: "app", Commands: &commands{}, Checks: wire.Checks(), Vars: map[string]string{"roles": ""}}, []string{"health"}); err != nil {
				t.Error(err)
			}
		} else if !slices.Equal(s.Entrypoint, []string{"/worker"}) {
			t.Errorf("%s is %q", name, s.Entrypoint)
		}
		for _, peer := range []string{"postgres", "redis"} {
			if s.DependsOn[peer].Condition != types.ServiceConditionHealthy {
				t.Errorf("%s does not wait for %s", name, peer)
			}
		}
	}
	if !maps.Equal(kinds, map[string]int{"web": 2, "worker": 2}) {
		t.Errorf("Kontor's services are %v", kinds)
	}
	if c := project.Configs["caddyfile"].Content; !strings.Contains(c, "https://localhost {") || !strings.Contains(c, "health_uri /readyz") {
		t.Errorf("the proxy's settings are %s", c)
	}
	if program := os.Getenv("KONTOR_TEST_CADDY"); program != "" {
		file := filepath.Join(t.TempDir(), "Caddyfile")
		if err := os.WriteFile(file, []byte(project.Configs["caddyfile"].Content), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(program, "adapt", "--adapter", "caddyfile", "--config", file).CombinedOutput(); err != nil { //nolint:gosec // whoever runs the tests names the program
			t.Errorf("the proxy's settings: %v\n%s", err, out)
		}
	}
}
