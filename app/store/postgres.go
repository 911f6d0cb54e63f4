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
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// DefaultPool is how many connections a process opens at most where nothing else is said.
const DefaultPool = 24

// config reads the address as pgx does.
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
	// Bun writes its arguments into the text, so preparing each text would only add a round trip; and a pgbouncer in
	// transaction mode would look for what was prepared on another connection.
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

// session is what each connection begins with, whatever the role, the database or the environment have for others. Values
// are written into texts, and read from them, in these forms. pgbouncer knows all of them and keeps them per client; it
// refuses a connection that begins with others.
var session = map[string]string{
	"client_encoding":             "UTF8",
	"DateStyle":                   "ISO, MDY",
	"TimeZone":                    "UTC",
	"standard_conforming_strings": "on", // else a \ in what somebody typed would end the text it stands in
}

// settle sets what else must not be as a role or a database may have it. Where everything is, as nearly always, it costs a
// new connection one question.
func settle(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `SELECT set_config(name, wanted, false) FROM (VALUES ('bytea_output', 'hex'),
		('default_transaction_isolation', 'read committed'), ('transform_null_equals', 'off')) AS s (name, wanted)
		WHERE current_setting(name) <> wanted`)
	return err
}

// shouldPing says whether a connection is asked for a sign of life before it is used: when it has not been for a while, as
// pgx does by itself, or when something has come on it that nobody asked for, most likely its end.
func shouldPing(_ context.Context, p stdlib.ShouldPingParams) bool {
	return p.IdleDuration > time.Second || !silent(p.Conn.PgConn().Conn())
}

// postgresConnector makes connections that say when they were cut in a way that lets database/sql try another one.
type postgresConnector struct{ driver.Connector }

// Connect is driver.Connector's.
func (c postgresConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return postgresConn{conn.(*stdlib.Conn)}, nil
}

// postgresConn is a connection whose failures are driver.ErrBadConn where nothing is done twice by trying again, and only
// there: database/sql then takes another connection. That is so when the statement was not sent, and when it changes
// nothing. What pgx says of it is not believed: in version 5.12 a connection that ends while the answer to a simple query
// is awaited is "safe to retry", although the server may have done what it was asked.
type postgresConn struct{ *stdlib.Conn }

// errCut is the end of a connection behind a statement that may have been carried out.
var errCut = errors.New("the connection to the database was cut")

// BeginTx is driver.ConnBeginTx's. That a tx was begun is nothing that would be done twice.
func (c postgresConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.Conn.BeginTx(ctx, opts)
	return tx, c.judge(ctx, err, true)
}

// QueryContext is driver.QueryerContext's.
func (c postgresConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	again := c.again(query)
	rows, err := c.Conn.QueryContext(ctx, query, args)
	return rows, c.judge(ctx, err, again)
}

// ExecContext is driver.ExecerContext's.
func (c postgresConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	again := c.again(query)
	result, err := c.Conn.ExecContext(ctx, query, args)
	return result, c.judge(ctx, err, again)
}

// again says, before a statement is sent, whether it may be sent again on another connection.
func (c postgresConn) again(query string) bool {
	conn := c.Conn.Conn()
	return conn.IsClosed() || conn.PgConn().TxStatus() == 'I' && onlyAsks(query)
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

// onlyAsks says whether a statement is sure to change nothing. Words and marks that somebody typed may make it say no.
func onlyAsks(query string) bool {
	query = strings.ToUpper(strings.TrimSpace(query))
	return (strings.HasPrefix(query, "SELECT") || strings.HasPrefix(query, "WITH")) && !changes.MatchString(query)
}
