package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/store/storetest"
)

const monitoring = "docs/monitoring/"

func promtool(t *testing.T, args ...string) {
	t.Helper()
	program := os.Getenv("KONTOR_TEST_PROMTOOL")
	if program == "" {
		t.Skip("KONTOR_TEST_PROMTOOL is not set (Debian: prometheus)")
	}
	out, err := exec.Command(program, args...).CombinedOutput()
	assert.NoError(t, err, "promtool %s: \n%s", strings.Join(args, " "), out)
}

func text(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(raw)
}

var alertName = regexp.MustCompile(`- alert: (\w+)`)

// TestAlerts: each alert fires when it should and only then, and operators find instructions for it.
func TestAlerts(t *testing.T) {
	promtool(t, "check", "rules", monitoring+"kontor.rules.yml")
	promtool(t, "test", "rules", monitoring+"kontor.rules.test.yml")
	tests, manual := text(t, monitoring+"kontor.rules.test.yml"), text(t, "docs/operations.md")
	alerts := alertName.FindAllStringSubmatch(text(t, monitoring+"kontor.rules.yml"), -1)
	for _, a := range alerts {
		assert.True(t, regexp.MustCompile(`alertname: `+a[1]+`\n\s+exp_alerts:\n`).MatchString(tests), "no test lets %s fire", a[1])
		assert.True(t, regexp.MustCompile(`alertname: `+a[1]+`\n\s+exp_alerts: \[\]\n`).MatchString(tests), "no test keeps %s silent", a[1])
		assert.Contains(t, manual, "`"+a[1]+"`", "operations.md does not say what to do about")
	}
	assert.GreaterOrEqual(t, len(alerts), 10, "alerts")
}

// panels are the expressions of the dashboard, with what Grafana would put in the place of its variables.
func panels(t *testing.T) (all []string) {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(text(t, monitoring+"kontor.dashboard.json")), &dashboard))
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			all = append(all, strings.NewReplacer("$__rate_interval", "5m", "$job", ".*").Replace(target.Expr))
		}
	}
	require.GreaterOrEqual(t, len(all), 20, "expressions")
	return all
}

// TestDashboardExpressions: Prometheus can parse each expression of the dashboard.
func TestDashboardExpressions(t *testing.T) {
	rules := "groups:\n- name: panels\n  rules:\n"
	for i, expr := range panels(t) {
		rules += fmt.Sprintf("  - {record: panel%d, expr: %q}\n", i, expr)
	}
	file := filepath.Join(t.TempDir(), "panels.yml")
	require.NoError(t, os.WriteFile(file, []byte(rules), 0o600))
	promtool(t, "check", "rules", file)
}

// series are the metrics of a process: name → label → values.
type series map[string]map[string][]string

var (
	sample   = regexp.MustCompile(`(?m)^([a-z_]+)(?:\{(.*)\})? \S+$`)
	matcher  = regexp.MustCompile(`(\w+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"`)
	selector = regexp.MustCompile(`\b((?:kontor|go|process)_[a-z_]+|up)\b(?:\{([^}]*)\})?`)
	grouping = regexp.MustCompile(`\bby \(([^)]*)\)`)
)

// scraped is what a process tells Prometheus.
func scraped(t *testing.T, address string) series {
	t.Helper()
	var body string
	await.True(t, "metrics at "+address, func() bool {
		res, err := http.Get("http://" + address + "/metrics")
		if err != nil {
			return false
		}
		defer func() { _ = res.Body.Close() }()
		raw, err := io.ReadAll(res.Body)
		body = string(raw)
		return err == nil && strings.Contains(body, "kontor_workers 1") && strings.Contains(body, "kontor_worker_last_seen_seconds")
	})
	all := series{}
	for _, m := range sample.FindAllStringSubmatch(body, -1) {
		labels := all[m[1]]
		if labels == nil {
			labels = map[string][]string{}
			all[m[1]] = labels
		}
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			labels[l[1]] = append(labels[l[1]], l[3])
		}
	}
	return all
}

// TestMonitoringAsksForWhatThereIs: web process and worker serve every metric, label and value that the alerts and the
// dashboard name, except those that only a web process can know.
func TestMonitoringAsksForWhatThereIs(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"DATABASE_URL": storetest.PostgresURL(t), "REDIS_URL": redisURL(t), "SECRET_KEY": productionKey, "MAILBOX": "on", "LISTEN": freeAddress(t),
		"BASE_URL": "http://kontor.example",
	}
	programs, served := build(t), map[string]series{}
	start := func(program string) (*process, string) {
		env["METRICS_LISTEN"] = freeAddress(t)
		return launch(t, &output{}, env, program), env["METRICS_LISTEN"]
	}
	web, webAt := start(programs.app)
	web.answers("http://" + env["LISTEN"])
	worker, workerAt := start(programs.worker)
	served["web"], served["worker"] = scraped(t, webAt), scraped(t, workerAt)
	worker.terminate()
	web.terminate()

	var rules []string
	for _, rule := range strings.Split(text(t, monitoring+"kontor.rules.yml"), "- alert: ")[1:] {
		expr, _, _ := strings.Cut(rule, "labels:")
		rules = append(rules, expr)
	}
	for _, expr := range append(rules, panels(t)...) {
		for who, there := range served {
			for _, problem := range there.lacks(expr, who == "web") {
				t.Errorf("%s: %s\nin %s", who, problem, expr)
			}
		}
	}
	problems := served["web"].lacks(`sum by (colour) (kontor_made_up{channel="fax"}) + kontor_attempts_total{outcome="lost"} + go_goroutines{use="x"}`, true)
	assert.Len(t, problems, 4, "this test would not notice")
}

// lacks says what of an expression a process does not serve.
func (s series) lacks(expr string, web bool) (problems []string) {
	ofPrometheus := []string{"job", "instance"}
	var labels []string
	for _, m := range selector.FindAllStringSubmatch(expr, -1) {
		name := m[1]
		onlyWeb := strings.HasPrefix(name, "kontor_request_") || strings.HasPrefix(name, "kontor_security_")
		if name == "up" || onlyWeb && !web {
			return nil
		}
		of, there := s[name]
		if !there {
			problems = append(problems, "there is no "+name)
			continue
		}
		for label := range of {
			labels = append(labels, label)
		}
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			switch values, known := of[l[1]]; {
			case slices.Contains(ofPrometheus, l[1]):
			case !known:
				problems = append(problems, name+" has no label "+l[1])
			case l[2] == "=" && !slices.Contains(values, l[3]):
				problems = append(problems, name+" has no "+l[0])
			}
		}
	}
	for _, m := range grouping.FindAllStringSubmatch(expr, -1) {
		for label := range strings.SplitSeq(m[1], ", ") {
			if !slices.Contains(ofPrometheus, label) && !slices.Contains(labels, label) {
				problems = append(problems, "nothing has a label "+label)
			}
		}
	}
	return problems
}
