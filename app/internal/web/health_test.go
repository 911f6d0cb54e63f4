package web

import (
	"net/http"
	"strings"
	"testing"

	"kontor/app/heartbeat"
)

// TestReadySettings: a neighbour with other settings is told by the name of the setting, and takes this process out of
// service only when it is the odd one.
func TestReadySettings(t *testing.T) {
	found := &alone{}
	w := newWorld(t, func(o *Options) { o.Processes = found })
	b := w.browser()
	ask := func(status int, settings string) {
		t.Helper()
		a := b.get("/readyz")
		if a.StatusCode != status || !strings.Contains(a.body, `"settings":"`+settings+`"`) {
			t.Errorf("%d %s, want %d with %q", a.StatusCode, a.body, status, settings)
		}
		if strings.Contains(a.body, "host-7") {
			t.Error("it names a host")
		}
	}
	ask(http.StatusOK, "ok")
	found.found = heartbeat.Finding{Differences: []heartbeat.Difference{{Setting: heartbeat.SMTPURL, Workers: 1, Hosts: []string{"host-7"}}}}
	ask(http.StatusOK, "SMTP_URL differs from 1 worker")
	found.found = heartbeat.Finding{
		Differences: []heartbeat.Difference{{Setting: heartbeat.SecretKey, Web: 2, Hosts: []string{"host-7"}}}, Odd: []string{heartbeat.SecretKey},
	}
	ask(http.StatusServiceUnavailable, "SECRET_KEY differs from 2 web, and this process is the odd one")
	b.get("/healthz").want(t, http.StatusOK)
}
