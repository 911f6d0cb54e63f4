package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// defaultPool is how many connections a process opens at most if Pool does not say otherwise.
const defaultPool = 24

// config parses the address as pgx does.
func (p postgresAddress) config() (*pgx.ConnConfig, error) {
	conf, err := pgx.ParseConfig(p.String())
	if err != nil {
		return nil, errAddress // err would repeat parts of the password
	}
	return conf, nil
}

func openPostgres(ctx context.Context, address string, pool int) (*DB, error) {
	place, err := readPostgres(address)
	if err != nil {
		return nil, err
	}
	conf, err := place.config()
	if err != nil {
		return nil, err
	}
	// Bun writes arguments into the query text, so preparing the query would only add a round trip. Besides, a
	// pgbouncer in transaction mode may use another connection than the one on which a query was prepared.
	conf.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	if conf.ConnectTimeout == 0 {
		conf.ConnectTimeout = 5 * time.Second
	}
	for name, value := range session {
		for given := range conf.RuntimeParams {
			if strings.EqualFold(given, name) {
				delete(conf.RuntimeParams, given)
			}
		}
		conf.RuntimeParams[name] = value
	}
	sqldb := sql.OpenDB(postgresConnector{stdlib.GetConnector(*conf, stdlib.OptionAfterConnect(settle), stdlib.OptionShouldPing(shouldPing))})
	sqldb.SetMaxOpenConns(pool)
	sqldb.SetMaxIdleConns(pool)
	sqldb.SetConnMaxIdleTime(5 * time.Minute)
	if err := sqldb.PingContext(ctx); err != nil {
		_ = sqldb.Close()
		return nil, fmt.Errorf("reach the database: %w", err)
	}
	return newDB(sqldb, pgdialect.New()), nil
}

// session holds the parameters with which every connection begins, whatever the role, the database or the environment
// say. Values are written into queries, and read from results, in these forms. pgbouncer knows all of these parameters
// and keeps them per client; it refuses a connection that begins with others.
var session = map[string]string{
	"client_encoding":             "UTF8",
	"DateStyle":                   "ISO, MDY",
	"TimeZone":                    "UTC",
	"standard_conforming_strings": "on", // otherwise a \ in what a person typed could end its string literal
}

// settle corrects other settings that a role or a database may have changed, and finds out whether the server itself is
// at the other end: a pooler does not tell the number of the server's process, but one of its own. Compiling a query (jit)
// takes ten times as long as the queries of pages themselves, and is chosen by estimates that are far too high. Parts of a
// UNION ALL with a limit are read one after the other, in their order, unless several processes share them.
func settle(ctx context.Context, conn *pgx.Conn) error {
	var process uint32
	var corrected int
	err := conn.QueryRow(ctx, `SELECT pg_backend_pid(), count(set_config(name, wanted, false)) FROM (VALUES ('bytea_output', 'hex'),
		('default_transaction_isolation', 'read committed'), ('transform_null_equals', 'off'), ('jit', 'off'), ('enable_parallel_append', 'off')) AS s (name, wanted)
		WHERE current_setting(name) <> wanted`).Scan(&process, &corrected)
	conn.PgConn().CustomData()[directKey] = process == conn.PgConn().PID()
	return err
}

// directKey names what settle found out among the data of a connection.
const directKey = "direct"

// shouldPing says whether a connection is pinged before it is used: if it was idle for more than a second, as pgx does
// by default, or if data has arrived that nobody asked for, most likely the end of the connection.
func shouldPing(_ context.Context, p stdlib.ShouldPingParams) bool {
	return p.IdleDuration > time.Second || !silent(p.Conn.PgConn().Conn())
}

// postgresConnector makes connections that report a cut in such a way that database/sql can try another one.
type postgresConnector struct{ driver.Connector }

// Connect implements driver.Connector.
func (c postgresConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	opened := conn.(*stdlib.Conn)
	direct, _ := opened.Conn().PgConn().CustomData()[directKey].(bool)
	return postgresConn{opened, direct}, nil
}

// postgresConn is a connection that returns driver.ErrBadConn only if trying again can't do anything twice;
// database/sql then takes another connection. Trying again is safe if the statement was not sent, or if it changes
// nothing. pgx's own answer is not used: version 5.12 reports "safe to retry" if a connection ends while the answer to
// a simple query is awaited, although the server may have executed the query.
type postgresConn struct {
	*stdlib.Conn
	direct bool // no pooler is in between, so statements can be prepared
}

// errCut says that the connection ended after a statement that may have been executed.
var errCut = errors.New("the connection to the database was cut")

// IsValid implements driver.Validator: a connection that has ended does not go back to the pool. From there, it would
// use up one of the few attempts that database/sql makes for a statement.
func (c postgresConn) IsValid() bool { return !c.Conn.Conn().IsClosed() }

// BeginTx implements driver.ConnBeginTx. Trying again is safe, since beginning a tx changes nothing.
func (c postgresConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.Conn.BeginTx(ctx, opts)
	return tx, c.judge(ctx, err, true)
}

// QueryContext implements driver.QueryerContext.
func (c postgresConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.direct && len(args) == 0 && isPrepared(ctx) && c.outsideTx() {
		if rows, err := c.queryPrepared(ctx, query); !isStalePlan(err) {
			return rows, err
		}
	}
	query = plain(query)
	again := c.again(query)
	rows, err := c.Conn.QueryContext(ctx, query, args)
	return rows, c.judge(ctx, err, again)
}

// queryPrepared runs a query as a prepared statement that the connection keeps. The results come as text, as those of
// other queries do.
func (c postgresConn) queryPrepared(ctx context.Context, query string) (driver.Rows, error) {
	text, values := lift(query, dollar)
	again := c.again(text)
	args := append([]driver.NamedValue{{Value: pgx.QueryExecModeCacheStatement}, {Value: pgx.QueryResultFormatsByOID{}}}, values...)
	rows, err := c.Conn.QueryContext(ctx, text, args)
	return rows, c.judge(ctx, err, again)
}

func (c postgresConn) outsideTx() bool { return c.Conn.Conn().PgConn().TxStatus() == 'I' }

// isStalePlan says whether a prepared statement can't be used any more, because an upgrade has changed a column. Outside
// of a tx the query can simply be run in another way.
func isStalePlan(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == featureNotSupported && strings.Contains(pg.Message, "cached plan")
}

// featureNotSupported is the code of "cached plan must not change result type", among others.
const featureNotSupported = "0A000"

// ExecContext implements driver.ExecerContext.
func (c postgresConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	query = plain(query)
	again := c.again(query)
	result, err := c.Conn.ExecContext(ctx, query, args)
	return result, c.judge(ctx, err, again)
}

// again says, before a statement is sent, whether it may be sent again on another connection.
func (c postgresConn) again(query string) bool {
	conn := c.Conn.Conn()
	return conn.IsClosed() || c.outsideTx() && onlyAsks(query)
}

func (c postgresConn) judge(ctx context.Context, err error, again bool) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case !isCut(err):
		return err
	case again:
		return driver.ErrBadConn
	case errors.Is(err, driver.ErrBadConn):
		return errCut
	}
	return err
}

var changes = regexp.MustCompile(`(?i)\b(insert|update|delete|merge|into|call|do|create|alter|drop|truncate)\b|;`)

// onlyAsks says whether a statement certainly changes nothing. Words and semicolons in what a person typed may make it
// return false.
func onlyAsks(query string) bool {
	query = strings.ToUpper(strings.TrimSpace(query))
	return (strings.HasPrefix(query, "SELECT") || strings.HasPrefix(query, "WITH")) && !changes.MatchString(query)
}
