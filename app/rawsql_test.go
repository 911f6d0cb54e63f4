package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rawCalls are the methods of Bun and database/sql that take the text of a statement.
var rawCalls = []string{"NewRaw", "ExecContext", "QueryContext", "QueryRowContext"}

// TestRawSQL: Bun is the query language. The line above each statement with SQL as text says, after "Raw SQL", why it is
// no query of Bun. Package store, migrations and tests are free: store is below Bun.
//
// The test goes by the names of methods. It does not see texts that are sent in another way: by a store.Load, by a
// store.Seized or with Exec and Query of database/sql. It does not judge expressions inside a query of Bun, nor
// whether a reason is good.
func TestRawSQL(t *testing.T) {
	reasons := 0
	for _, root := range []string{".", "../worker", "../policies", "../views"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && path == "store":
				return fs.SkipDir
			case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			with, without, err := rawStatements(path, nil)
			reasons += with
			assert.Empty(t, without, `SQL as text; the line above must say "Raw SQL: …" and why`)
			return err
		})
		require.NoError(t, err, root)
	}
	assert.GreaterOrEqual(t, reasons, 20, "statements that were found")
}

// rawStatements looks for statements with SQL as text in a file. It returns how many have a reason in the comment that
// ends on the line above, and where the others are. source is the file's content; nil: it is read.
func rawStatements(path string, source any) (with int, without []string, err error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, source, parser.ParseComments)
	if err != nil {
		return 0, nil, err
	}
	line := func(at token.Pos) int { return files.Position(at).Line }
	reason := map[int]bool{} // by the last line of the comment
	for _, c := range file.Comments {
		if strings.Contains(c.Text(), "Raw SQL: ") {
			reason[line(c.End())] = true
		}
	}
	var around []ast.Node // the nodes that contain the current one
	ast.Inspect(file, func(n ast.Node) bool {
		if n == nil {
			around = around[:len(around)-1]
			return true
		}
		around = append(around, n)
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains(rawCalls, method.Sel.Name) {
			return true
		}
		if at := line(beginning(around)); reason[at-1] {
			with++
		} else {
			without = append(without, fmt.Sprintf("%s:%d", path, at))
		}
		return true
	})
	return with, without, nil
}

// beginning is where the innermost statement or declaration begins.
func beginning(around []ast.Node) token.Pos {
	for _, n := range slices.Backward(around) {
		switch n.(type) {
		case ast.Stmt, ast.Spec, ast.Decl:
			return n.Pos()
		}
	}
	return token.NoPos
}

// TestRawStatements: which statements have a reason.
func TestRawStatements(t *testing.T) {
	for name, c := range map[string]struct {
		body      string
		with, not int
	}{
		"none":                    {"db.NewSelect().Scan(ctx)", 0, 0},
		"a reason":                {"// Raw SQL: a UNION.\ndb.NewRaw(x).Scan(ctx)", 1, 0},
		"of several lines":        {"// It is slow.\n// Raw SQL: a UNION, which\n// is long.\nerr := db.NewRaw(\nx,\n).Scan(ctx)", 1, 0},
		"in a condition":          {"// Raw SQL: a UNION.\nif _, err := db.ExecContext(ctx, x); err != nil {\n}", 1, 0},
		"in a returned function":  {"// Raw SQL: a UNION.\nreturn func() error { return db.QueryRowContext(ctx, x) }", 1, 0},
		"no comment":              {"db.NewRaw(x)", 0, 1},
		"another comment":         {"// It is slow.\ndb.QueryContext(ctx, x)", 0, 1},
		"a line between":          {"// Raw SQL: a UNION.\n\ndb.NewRaw(x)", 0, 1},
		"of the statement before": {"// Raw SQL: a UNION.\ndb.NewRaw(x)\ndb.NewRaw(y)", 1, 1},
		"without why":             {"// Raw SQL\ndb.NewRaw(x)", 0, 1},
	} {
		with, without, err := rawStatements("x.go", "package x\n\nfunc f() {\n"+c.body+"\n}\n")
		require.NoError(t, err, name)
		assert.Equal(t, c.with, with, "%s: with a reason", name)
		assert.Len(t, without, c.not, "%s: statements without a reason", name)
	}
}
