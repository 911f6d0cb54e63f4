package store

import (
	"context"
	"database/sql/driver"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/schema"
	"modernc.org/sqlite"
)

// Bun writes the values of a query into its text. SQLite's connections keep their last statements, so that a query that
// differs from an earlier one only in its values is not parsed again: parsing takes as long as reading a page of rows. For
// this the values are marked in the text, taken out of it and bound to the statement: strings, times and bytes by the
// dialect, whole numbers where a query says Bind; those that an INSERT writes need no mark. A constant that a partial
// index has in its condition must therefore stand in the text of the query itself, since the index is chosen before the
// values are known.

// Bind is a value in a query that runs often, each time with other values. It stands in the query like any other value,
// but is bound to the statement: on SQLite always, on PostgreSQL in queries that run with Prepared.
func Bind(value any) schema.QueryAppender { return bound{value} }

type bound struct{ value any }

// BindList is a list of values between commas, each bound. A query is kept for each length of the list.
func BindList[T any](values []T) schema.QueryAppender {
	list := make([]schema.QueryAppender, len(values))
	for i, v := range values {
		list[i] = Bind(v)
	}
	return bun.List(list)
}

type preparedKey struct{}

// Prepared returns a context for a query that runs with nearly every request and differs only in bound values. On
// PostgreSQL the connection keeps such a query as a prepared statement, unless a pooler such as pgbouncer stands in
// between, which may give every query another connection. PostgreSQL then chooses the plan before it knows the values:
// use it only for queries that have the same plan for all values.
func Prepared(ctx context.Context) context.Context {
	return context.WithValue(ctx, preparedKey{}, true)
}

func isPrepared(ctx context.Context) bool { return ctx.Value(preparedKey{}) != nil }

// The marks around a bound value in the text of a query. Outside of quotes they stand in no query that a database
// accepts, so nothing that a person typed can be taken for one.
const (
	boundBegin = '\x02'
	boundEnd   = '\x03'
)

// AppendQuery implements schema.QueryAppender.
func (b bound) AppendQuery(gen schema.QueryGen, q []byte) ([]byte, error) {
	if _, marks := gen.Dialect().(sqliteDialect); marks && !isInteger(b.value) {
		return gen.AppendQuery(q, `?`, b.value), nil
	}
	return append(gen.AppendQuery(append(q, boundBegin), `?`, b.value), boundEnd), nil
}

func isInteger(value any) bool {
	switch value.(type) {
	case int, int64:
		return true
	}
	return false
}

// sqliteDialect is Bun's dialect of SQLite. It marks strings, times and bytes as bound values.
type sqliteDialect struct{ *sqlitedialect.Dialect }

// AppendString implements schema.Dialect.
func (d sqliteDialect) AppendString(b []byte, s string) []byte {
	return append(d.Dialect.AppendString(append(b, boundBegin), s), boundEnd)
}

// AppendTime implements schema.Dialect.
func (d sqliteDialect) AppendTime(b []byte, t time.Time) []byte {
	return append(d.Dialect.AppendTime(append(b, boundBegin), t), boundEnd)
}

// AppendBytes implements schema.Dialect.
func (d sqliteDialect) AppendBytes(b []byte, data []byte) []byte {
	return append(d.Dialect.AppendBytes(append(b, boundBegin), data), boundEnd)
}

// plain returns a query with its bound values in the text.
func plain(query string) string {
	query, _ = lift(query, func(int) string { return "" })
	return query
}

// lift takes the bound values out of a query and writes a placeholder for each, whose number begins with 1. A value that
// valueOf can't read stays in the query, and so does one whose placeholder is "".
func lift(query string, placeholder func(n int) string) (_ string, values []driver.NamedValue) {
	written := writtenRows(query)
	if written == len(query) && strings.IndexByte(query, boundBegin) < 0 {
		return query, nil
	}
	var text strings.Builder
	text.Grow(len(query))
	add := func(literal string) {
		n := len(values) + 1
		if value, ok := valueOf(literal); ok && placeholder(n) != "" {
			values = append(values, driver.NamedValue{Ordinal: n, Value: value})
			text.WriteString(placeholder(n))
		} else {
			text.WriteString(literal)
		}
	}
	for i := 0; i < len(query); {
		switch b := query[i]; {
		case b == '\'', b == '"':
			end := quotedEnd(query, i)
			text.WriteString(query[i:end])
			i = end
		case b == boundBegin:
			literal := query[i+1:]
			if strings.HasPrefix(literal, `'`) {
				literal = literal[:quotedEnd(literal, 0)]
			} else if strings.HasPrefix(literal, `X'`) {
				literal = literal[:quotedEnd(literal, 1)]
			} else if end := strings.IndexByte(literal, boundEnd); end >= 0 {
				literal = literal[:end]
			}
			add(literal)
			i += 1 + len(literal) + 1
		case i >= written && (b == '-' || isDigit(b)) && (query[i-1] == '(' || query[i-1] == ' '):
			end := i + 1
			for end < len(query) && isDigit(query[end]) {
				end++
			}
			if literal := query[i:end]; end < len(query) && (query[end] == ',' || query[end] == ')') {
				add(literal)
			} else {
				text.WriteString(literal)
			}
			i = end
		case i >= written && b == 'R' && strings.HasPrefix(query[i:], "RETURNING"), i >= written && b == 'O' && strings.HasPrefix(query[i:], "ON CONFLICT"):
			written = len(query)
		default:
			text.WriteByte(b)
			i++
		}
	}
	return text.String(), values
}

// writtenRows returns where the rows of an INSERT begin, or the end of any other query.
func writtenRows(query string) int {
	if strings.HasPrefix(query, "INSERT ") {
		if at := strings.Index(query, " VALUES ("); at >= 0 && strings.IndexByte(query[:at], '\'') < 0 {
			return at
		}
	}
	return len(query)
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// quotedEnd returns where the quoted text that begins at i ends. A doubled quote inside it is part of it.
func quotedEnd(query string, i int) int {
	quote := query[i]
	for i++; i < len(query); i++ {
		if query[i] != quote {
			continue
		}
		if i+1 == len(query) || query[i+1] != quote {
			return i + 1
		}
		i++
	}
	return len(query)
}

// valueOf reads a literal as Bun writes it.
func valueOf(literal string) (value any, ok bool) {
	switch {
	case literal == `NULL`:
		return nil, true
	case len(literal) >= 2 && literal[0] == '\'':
		return strings.ReplaceAll(literal[1:len(literal)-1], `''`, `'`), true
	case strings.HasPrefix(literal, `X'`):
		data, err := hex.DecodeString(literal[2 : len(literal)-1])
		return data, err == nil
	}
	n, err := strconv.ParseInt(literal, 10, 64)
	return n, err == nil
}

// The placeholders of SQLite and PostgreSQL.
func questionMark(int) string { return "?" }
func dollar(n int) string     { return "$" + strconv.Itoa(n) }

// sqliteConnector makes connections that keep their statements.
type sqliteConnector struct{ driver.Connector }

func newSQLiteConnector(name string) (driver.Connector, error) {
	c, err := sqlite.NewConnector(name)
	return sqliteConnector{c}, err
}

// Connect implements driver.Connector.
func (c sqliteConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return newSQLiteConn(conn)
}

// sqliteDriverConn is a connection of the driver.
type sqliteDriverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// sqliteConn is a connection that keeps its statements.
type sqliteConn struct {
	sqliteDriverConn
	kept *simplelru.LRU[string, *statement] // by their text
}

// statement is a kept statement.
type statement struct {
	driver.Stmt
	busy    bool // its rows are being read
	dropped bool // it is no longer kept: whoever reads its rows closes it
}

// Limits of what a connection keeps: its last statements, but none whose text is long without its values, such as an
// insert of many rows. In a longer query values are not looked for.
const (
	mostKept    = 96
	longestKept = 8 << 10
	longestRead = 1 << 20
)

func newSQLiteConn(conn driver.Conn) (*sqliteConn, error) {
	kept, err := simplelru.NewLRU(mostKept, func(_ string, s *statement) {
		s.dropped = true
		if !s.busy {
			_ = s.Close()
		}
	})
	return &sqliteConn{conn.(sqliteDriverConn), kept}, err
}

// Unwrap returns the driver's connection.
func (c *sqliteConn) Unwrap() driver.Conn { return c.sqliteDriverConn }

// Close closes the kept statements and the connection.
func (c *sqliteConn) Close() error {
	c.kept.Purge()
	return c.sqliteDriverConn.Close()
}

// keepable matches statements that can be kept: those that read or change rows.
var keepable = regexp.MustCompile(`^(?:EXPLAIN QUERY PLAN )?(?:SELECT|WITH|INSERT|UPDATE|DELETE) `)

// split returns the text of a statement with its values apart. keep=false for one that can't be kept, whose values stay in
// its text: it is too long, has values of database/sql, may be several statements, or is neither a query nor a change.
func split(query string, args []driver.NamedValue) (text string, values []driver.NamedValue, keep bool) {
	if len(args) > 0 || len(query) > longestRead || !keepable.MatchString(query) {
		return plain(query), args, false
	}
	text, values = lift(query, questionMark)
	if len(text) > longestKept || strings.IndexByte(text, ';') >= 0 {
		return plain(query), nil, false
	}
	return text, values, true
}

// statement returns a kept statement, or prepares and keeps one. It returns nil if the statement is busy. The caller
// calls free when it has done.
func (c *sqliteConn) statement(ctx context.Context, text string) (*statement, error) {
	s, ok := c.kept.Get(text)
	if ok && s.busy { // the same query inside itself, in a tx
		return nil, nil
	}
	if !ok {
		stmt, err := c.PrepareContext(ctx, text)
		if err != nil {
			return nil, err
		}
		s = &statement{Stmt: stmt}
		c.kept.Add(text, s)
	}
	s.busy = true
	return s, nil
}

func (s *statement) free() {
	s.busy = false
	if s.dropped {
		_ = s.Close()
	}
}

// QueryContext implements driver.QueryerContext.
func (c *sqliteConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	text, values, keep := split(query, args)
	if !keep {
		return c.sqliteDriverConn.QueryContext(ctx, text, values)
	}
	s, err := c.statement(ctx, text)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.sqliteDriverConn.QueryContext(ctx, text, values)
	}
	rows, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, values)
	if err != nil {
		s.free()
		return nil, err
	}
	return &keptRows{rows.(sqliteRows), s}, nil
}

// ExecContext implements driver.ExecerContext.
func (c *sqliteConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	text, values, keep := split(query, args)
	if !keep {
		return c.sqliteDriverConn.ExecContext(ctx, text, values)
	}
	s, err := c.statement(ctx, text)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.sqliteDriverConn.ExecContext(ctx, text, values)
	}
	defer s.free()
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, values)
}

// sqliteRows are the rows of the driver.
type sqliteRows interface {
	driver.Rows
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeLength
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
	driver.RowsColumnTypeScanType
}

// keptRows are the rows of a kept statement, which is free again when they are closed.
type keptRows struct {
	sqliteRows
	of *statement // nil: closed
}

// Close implements driver.Rows.
func (r *keptRows) Close() error {
	err := r.sqliteRows.Close()
	if r.of != nil {
		r.of.free()
		r.of = nil
	}
	return err
}
