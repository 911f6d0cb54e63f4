package storetest

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nobody is the user that pgbouncer runs as if the tests run as root. pgbouncer refuses to run as root.
const nobody = 65534

// ThroughPgBouncer starts a pgbouncer for this test in front of a PostgreSQL database, in transaction mode with at most
// pool connections. It returns the address of the database through this pgbouncer. KONTOR_TEST_PGBOUNCER is the path of
// the program; if it is not set, the test is skipped.
func ThroughPgBouncer(tb testing.TB, database string, pool int) string {
	tb.Helper()
	program := os.Getenv("KONTOR_TEST_PGBOUNCER")
	if program == "" {
		tb.Skip("KONTOR_TEST_PGBOUNCER is not set")
	}
	u, err := url.Parse(database)
	if err != nil {
		tb.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "kontor-pgbouncer")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	address := free(tb)
	host, port, _ := net.SplitHostPort(address)
	conf := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(conf, []byte(pgBouncerConf(u, host, port, pool)), 0o600); err != nil {
		tb.Fatal(err)
	}
	log := &strings.Builder{}
	cmd := exec.Command(program, conf) //nolint:gosec // whoever runs the tests names the program
	cmd.Stdout, cmd.Stderr = log, log
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		for _, path := range []string{dir, conf} {
			if err := os.Chown(path, nobody, nobody); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if tb.Failed() {
			tb.Logf("pgbouncer said:\n%s", log)
		}
	})
	for range 500 {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			through := *u
			through.Host = address
			return through.String()
		}
		select {
		case <-ended:
			tb.Fatalf("pgbouncer ended:\n%s", log)
		case <-time.After(20 * time.Millisecond):
		}
	}
	tb.Fatal("pgbouncer does not listen")
	return ""
}

func pgBouncerConf(u *url.URL, host, port string, pool int) string {
	behind := "host=" + u.Hostname()
	if p := u.Port(); p != "" {
		behind += " port=" + p
	}
	behind += " user=" + u.User.Username()
	if password, ok := u.User.Password(); ok {
		behind += " password=" + password
	}
	return fmt.Sprintf(`[databases]
* = %s
[pgbouncer]
listen_addr = %s
listen_port = %s
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = %s
server_reset_query_always = 0
`, behind, host, port, strconv.Itoa(pool))
}

func free(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
