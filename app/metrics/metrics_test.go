package metrics

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/courier"
	"kontor/app/heartbeat"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

type queues struct{}

func (queues) Overview(context.Context) ([]courier.QueueInfo, error) {
	return []courier.QueueInfo{{Name: "mail", Retry: 7}, {Name: "sms", Away: courier.QueueFull}}, nil
}

type neighbours struct{}

func (neighbours) Finding() heartbeat.Finding {
	return heartbeat.Finding{Differences: []heartbeat.Difference{{Setting: heartbeat.SMTPURL, Workers: 1}}}
}

// read returns every value by its name and labels.
func read(t *testing.T, c prometheus.Collector) map[string]float64 {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(c)
	families, err := r.Gather()
	require.NoError(t, err)
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			labels := []string{f.GetName()}
			for _, l := range m.Label {
				labels = append(labels, l.GetValue())
			}
			values[strings.Join(labels, " ")] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return values
}

// TestMetrics: unsettled messages are counted by channel, settled ones are not. A queue that cannot be asked has no
// lengths.
func TestMetrics(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
		exec := func(sql string, args ...any) {
			t.Helper()
			_, err := db.ExecContext(context.Background(), sql, args...)
			require.NoError(t, err)
		}
		for i, state := range []string{"queued", "queued", "sending", "failed"} {
			id := uuid.Must(uuid.NewV7())
			at := now.Add(time.Duration(i-10) * time.Minute)
			exec(`INSERT INTO message (id, kind, channel, recipient, locale, generation, dedupe, state, relay_at, expires_at, created_at)
				VALUES (?, 'reset_password', 'email', 'secret@kunde.example', 'de', 1, ?, ?, ?, ?, ?)`, id, id.String(), state, at, now.Add(time.Hour), at)
		}
		exec(`UPDATE message SET relay_at = NULL WHERE state = 'failed'`)
		exec(`UPDATE message SET next_at = ? WHERE created_at < ?`, now.Add(time.Hour), now.Add(-9*time.Minute)) // tried before, and again later
		exec(`UPDATE message SET lease_until = ? WHERE state = 'sending'`, now.Add(10*time.Second))
		exec(`INSERT INTO channel_state (channel, since, last_at, reason, status) VALUES ('sms', ?, ?, 'credit', '402')`, now.Add(-time.Minute), now)
		exec(`INSERT INTO process (id, role, host, version, settings, started_at, seen_at) VALUES (?, 'worker', 'h', 'v', '{}', ?, ?)`,
			uuid.Must(uuid.NewV7()), now, now.Add(-20*time.Second))
		exec(`INSERT INTO process (id, role, host, version, settings, started_at, seen_at) VALUES (?, 'worker', 'h', 'v', '{}', ?, ?)`,
			uuid.Must(uuid.NewV7()), now, now.Add(-5*time.Minute))
		for i, state := range []string{"waiting", "waiting", "running", "waiting", "failed", "failed", "done"} {
			var finished any
			if i > 3 {
				finished = now.Add(-time.Duration(i-4) * 25 * time.Hour) // the second failure is older than a day
			}
			exec(`INSERT INTO job (id, kind, subject_id, state, attempts, requested_at, finished_at) VALUES (?, 'handover', ?, ?, ?, ?, ?)`,
				uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()), state, i/3, now, finished)
		}
		got := read(t, New(Options{DB: db, Now: func() time.Time { return now }, Queue: queues{}, Attempts: func() map[courier.Attempted]uint64 {
			return map[courier.Attempted]uint64{{Channel: courier.SMS, Outcome: courier.Permanent}: 3}
		}, Processes: neighbours{}}))
		for name, want := range map[string]float64{
			"kontor_database_up": 1, "kontor_outbox_messages email queued": 2, "kontor_outbox_messages email sending": 1, "kontor_outbox_messages sms queued": 0,
			"kontor_outbox_oldest_seconds email": 600, "kontor_outbox_oldest_seconds sms": 0, "kontor_outbox_overdue_seconds email": 540, "kontor_outbox_overdue_seconds sms": 0,
			"kontor_channel_failing_seconds email": 0, "kontor_channel_failing_seconds sms": 60, "kontor_settings_differ": 1, "kontor_attempts_total sms permanent": 3,
			"kontor_queue_up mail": 1, "kontor_queue_up sms": 0, "kontor_queue_tasks mail retry": 7,
			"kontor_workers": 1, "kontor_worker_last_seen_seconds": 20, "kontor_approvals_waiting": 0,
			"kontor_jobs waiting": 2, "kontor_jobs running": 1, "kontor_jobs retrying": 1, "kontor_jobs failed": 1,
		} {
			v, there := got[name]
			assert.True(t, there, "%v)", there)
			assert.Equal(t, want, v, "%s is %v (there", name, v)
		}
		for name := range got {
			assert.False(t, strings.HasPrefix(name, "kontor_queue_tasks sms"), "%s must not be there", name)
			assert.NotContains(t, name, "secret")
		}
	})
}
