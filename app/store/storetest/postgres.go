package storetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// server is the PostgreSQL server of KONTOR_TEST_POSTGRES. All tests of the process share it.
type server struct {
	base     *url.URL
	admin    *store.DB
	template func() (string, error)
	pool     pool
}

var connect = sync.OnceValues(func() (*server, error) {
	base, err := url.Parse(os.Getenv("KONTOR_TEST_POSTGRES"))
	if err != nil {
		return nil, err
	}
	admin, err := store.Open(context.Background(), base.String())
	if err != nil {
		return nil, err
	}
	s := &server{base: base, admin: admin}
	s.template = sync.OnceValues(s.makeTemplate)
	s.pool.server = s
	return s, nil
})

func reach(tb testing.TB) *server {
	tb.Helper()
	if os.Getenv("KONTOR_TEST_POSTGRES") == "" {
		tb.Skip("KONTOR_TEST_POSTGRES is not set")
	}
	s, err := connect()
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// create makes a database that is dropped at the end of the test, and returns its address.
func (s *server) create(tb testing.TB) string {
	tb.Helper()
	ctx := context.Background()
	id, _ := uuid.NewV4()
	name := "kontor_test_" + strings.ReplaceAll(id.String(), "-", "")
	if _, err := s.admin.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if _, err := s.admin.ExecContext(ctx, fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", name)); err != nil {
			tb.Error(err)
		}
	})
	return s.address(name)
}

// KeptPostgresURL creates a database that stays after the test, if it does not exist yet, and returns its address.
// Without a server it skips the test.
func KeptPostgresURL(tb testing.TB, name string) string {
	tb.Helper()
	ctx, server := context.Background(), reach(tb)
	there, err := server.admin.NewSelect().TableExpr("pg_database").Where("datname = ?", name).Exists(ctx)
	if err == nil && !there {
		_, err = server.admin.ExecContext(ctx, "CREATE DATABASE ?", bun.Ident(name))
	}
	if err != nil {
		tb.Fatal(err)
	}
	return server.address(name)
}

func (s *server) address(database string) string {
	u := *s.base
	u.Path = "/" + database
	return u.String()
}

const templates = "kontor_template_"

// makeTemplate creates and migrates the template of the pool's databases. A test process can't clean up after its last
// test, so each process drops the templates of processes that have ended: the advisory lock whose key is in the
// template's name is free.
func (s *server) makeTemplate() (string, error) {
	ctx := context.Background()
	conn, err := s.admin.Conn(ctx) // never closed: it holds the lock as long as the process lives
	if err != nil {
		return "", err
	}
	id, _ := uuid.NewV4()
	key := int64(binary.BigEndian.Uint64(id[8:]) >> 1)
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock(?)", key); err != nil {
		return "", err
	}
	if err := dropLeft(ctx, conn); err != nil {
		return "", err
	}
	name := templates + strconv.FormatInt(key, 10)
	if _, err := conn.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	return name, migrate(ctx, s.address(name))
}

func dropLeft(ctx context.Context, conn bun.Conn) error {
	var names []string
	if err := conn.NewRaw("SELECT datname FROM pg_database WHERE starts_with(datname, ?)", templates).Scan(ctx, &names); err != nil {
		return err
	}
	for _, name := range names {
		number, _, _ := strings.Cut(strings.TrimPrefix(name, templates), "_")
		key, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			continue // not ours
		}
		var left bool
		if err := conn.NewRaw("SELECT pg_try_advisory_lock(?)", key).Scan(ctx, &left); err != nil {
			return err
		}
		if !left {
			continue
		}
		if _, err := conn.ExecContext(ctx, "DROP DATABASE IF EXISTS "+name); err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock(?)", key); err != nil {
			return err
		}
	}
	return nil
}
