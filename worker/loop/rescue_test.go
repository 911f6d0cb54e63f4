package loop

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/courier"
)

// doomed is set in a process that plays a worker which is killed in the middle of an attempt.
const doomed = "KONTOR_TEST_DOOMED_WORKER"

func TestMain(m *testing.M) {
	if address := os.Getenv(doomed); address != "" {
		runDoomed(address)
		return
	}
	if addresses := os.Getenv(doomedJob); addresses != "" {
		runDoomedJob(addresses)
		return
	}
	os.Exit(m.Run())
}

func runDoomed(address string) {
	q, err := Open(context.Background(), address, testInstallation, slog.New(slog.DiscardHandler))
	if err != nil {
		panic(err)
	}
	hang := deliverFunc(func(_ context.Context, t courier.Ticket) (courier.Verdict, error) {
		fmt.Println(t.MessageID)
		select {}
	})
	_ = New(q, Options{Outbox: newOutbox(nil), Deliverer: hang}).Run(context.Background())
}

func TestWorkerKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 s: the time until a dead worker counts as dead")
	}
	address := redisURL(t)
	q := open(t, address, nil)
	o := newOutbox(nil)
	id := o.put(1, courier.SMS)[0]
	for _, r := range New(q, Options{Outbox: o}).relays() {
		require.NoError(t, r.sweep(t.Context()))
	}

	worker := exec.Command(os.Args[0])
	worker.Env = append(os.Environ(), doomed+"="+address)
	out, err := worker.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, worker.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, id.String()+"\n", line, "the worker says")
	_ = worker.Process.Kill() // SIGKILL
	_ = worker.Wait()

	killed := time.Now()
	startOutbox(t, q, o)
	await.True(t, "another worker takes over", func() bool { return o.unsettled() == 0 })
	o.eachOnce(t)
	t.Logf("delivered %v after the kill", time.Since(killed).Round(time.Second))
}

func TestNoStandInForTheLiving(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		finish := make(chan struct{})
		o := newOutbox(func(context.Context, courier.Ticket, int) (courier.Verdict, error) {
			<-finish
			return courier.Verdict{}, nil
		})
		o.put(3, courier.Email)
		l := New(q, Options{Outbox: o, Deliverer: o})
		l.rescue = rescuePace{every: 50 * time.Millisecond, patience: 6 * time.Second} // workers report every 5 s
		start(t, l)
		await.True(t, "under way", func() bool {
			infos, err := q.Overview(t.Context())
			return err == nil && infos[0].Active == 3
		})
		if !testing.Short() {
			for end := time.Now().Add(8 * time.Second); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
				infos, err := q.Overview(t.Context())
				require.NoError(t, err)
				require.Equal(t, 3, infos[0].Active)
				require.Equal(t, 0, infos[0].Processed)
				require.Equal(t, 0, infos[0].Pending)
			}
		}
		close(finish)
		await.True(t, "delivered", func() bool { return o.unsettled() == 0 })
		o.eachOnce(t)
	})
}
