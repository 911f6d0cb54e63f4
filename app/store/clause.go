package store

// Clause is a piece of SQL with its arguments, put together without ever writing a value into the text. Queries of Bun with
// a Condition are to take its place; until then either may hold the other by a "?".
type Clause struct {
	SQL  string
	Args []any
}

// Add appends SQL with its arguments.
func (c *Clause) Add(sql string, args ...any) {
	c.SQL += sql
	c.Args = append(c.Args, args...)
}

// Append appends another clause.
func (c *Clause) Append(other Clause) { c.Add(other.SQL, other.Args...) }

// SQL makes a clause.
func SQL(sql string, args ...any) Clause { return Clause{SQL: sql, Args: args} }
