package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kontor/app/store/storetest"
)

// tableNames are the tables of a migrated database. Those in which SQLite keeps a search index are left out: they are
// written by way of the index.
func tableNames(t *testing.T) (names []string) {
	err := storetest.SQLite(t).NewRaw(`SELECT m.name FROM sqlite_schema AS m
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND NOT EXISTS
			(SELECT 1 FROM sqlite_schema AS v WHERE v.sql LIKE 'CREATE VIRTUAL%' AND m.name LIKE v.name || '_%')`).
		Scan(context.Background(), &names)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(names), 20, "tables")
	return names
}

// tableUses looks through the program for the tables, in texts that look like SQL and in queries that are built: which
// package reads or writes which, and where for example. Where the name of a table comes in a variable it sees nothing: so
// do package store, which gets it from the owner, and the demo data.
func tableUses(t *testing.T, names []string) map[use]string {
	found := map[use]string{}
	for _, p := range typeCheck(t) {
		note := func(at token.Pos, writes bool, table string) {
			if slices.Contains(names, table) {
				where := p.files.Position(at)
				found[use{table, p.pkg, writes}] = fmt.Sprintf("%s:%d", filepath.Base(where.Filename), where.Line)
			}
		}
		look := func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Field: // a model
				if n.Tag != nil {
					note(n.Pos(), false, tableOfTag(n.Tag.Value))
				}
				return n.Tag == nil
			case *ast.CallExpr:
				for _, table := range builtOn(p.info, n) {
					note(n.Pos(), builds(p.info, n) != "SelectQuery", table)
				}
			case ast.Expr: // a constant as a whole, so that text joined of parts is seen
				if v := p.info.Types[n].Value; v != nil && v.Kind() == constant.String {
					inSQL(constant.StringVal(v), func(table string, writes bool) { note(n.Pos(), writes, table) })
					return false
				}
			}
			return true
		}
		for _, f := range p.syntax {
			ast.Inspect(f, look)
		}
	}
	return found
}

var (
	writing = regexp.MustCompile(`\b(?:INSERT INTO|DELETE FROM|UPDATE)\s+([a-z_]+)`)
	named   = `[a-z_]+(?:(?:\s+AS)?\s+[a-z_]+)?` // perhaps with an alias
	reading = regexp.MustCompile(`\b(?:FROM|JOIN|TABLE)\s+(` + named + `(?:\s*,\s*` + named + `)*)`)
)

// inSQL finds what a text names as a table: keywords are in capitals, as everywhere in this program.
func inSQL(text string, note func(table string, writes bool)) {
	for _, m := range writing.FindAllStringSubmatch(text, -1) {
		note(m[1], true)
	}
	for _, m := range reading.FindAllStringSubmatch(text, -1) {
		for _, table := range strings.Split(m[1], ",") {
			note(strings.Fields(table)[0], false)
		}
	}
}

// builds is the name of the type of query that a call adds to, such as "InsertQuery"; "" for other calls.
func builds(info *types.Info, call *ast.CallExpr) string {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	pointer, ok := info.TypeOf(method.X).(*types.Pointer)
	if !ok {
		return ""
	}
	named, ok := pointer.Elem().(*types.Named)
	if !ok || named.Obj().Pkg() == nil || named.Obj().Pkg().Path() != "github.com/uptrace/bun" {
		return ""
	}
	return named.Obj().Name()
}

// builtOn are the tables that a call gives to a query: by a model, or by name.
func builtOn(info *types.Info, call *ast.CallExpr) (tables []string) {
	if builds(info, call) == "" {
		return nil
	}
	switch call.Fun.(*ast.SelectorExpr).Sel.Name {
	case "Model":
		return []string{tableOfModel(info.TypeOf(call.Args[0]))}
	case "Table", "TableExpr", "ModelTableExpr":
		for _, arg := range call.Args {
			if v := info.Types[arg].Value; v != nil && v.Kind() == constant.String {
				name, _, _ := strings.Cut(constant.StringVal(v), " ")
				tables = append(tables, name)
			}
		}
	}
	return tables
}

// tableOfModel is the table of a struct, or of a pointer to it or a slice of it.
func tableOfModel(t types.Type) string {
	for {
		switch u := t.Underlying().(type) {
		case *types.Pointer:
			t = u.Elem()
			continue
		case *types.Slice:
			t = u.Elem()
			continue
		case *types.Struct:
			for i := range u.NumFields() {
				if table := tableOfTag("`" + u.Tag(i) + "`"); table != "" {
					return table
				}
			}
		}
		return ""
	}
}

func tableOfTag(literal string) string {
	tag, err := strconv.Unquote(literal)
	if err != nil {
		return ""
	}
	name, _, _ := strings.Cut(reflect.StructTag(tag).Get("bun"), ",")
	table, _ := strings.CutPrefix(name, "table:")
	if table == name {
		return ""
	}
	return table
}

// checked is a package of ours with its types.
type checked struct {
	pkg    string
	files  *token.FileSet
	syntax []*ast.File
	info   *types.Info
}

// typeCheck reads all packages of the program, without their tests.
func typeCheck(t *testing.T) (all []checked) {
	out, err := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles", "kontor/...").Output()
	require.NoError(t, err)
	type listed struct {
		ImportPath, Dir, Export string
		GoFiles                 []string
	}
	var ours []listed
	compiled := map[string]string{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		compiled[p.ImportPath] = p.Export
		if strings.HasPrefix(p.ImportPath, "kontor/") && len(p.GoFiles) > 0 {
			ours = append(ours, p)
		}
	}
	files := token.NewFileSet()
	imports := importer.ForCompiler(files, "gc", func(path string) (io.ReadCloser, error) { return os.Open(compiled[path]) })
	for _, p := range ours {
		c := checked{
			pkg: strings.TrimPrefix(p.ImportPath, "kontor/"), files: files,
			info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}},
		}
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			c.syntax = append(c.syntax, f)
		}
		config := types.Config{Importer: imports}
		_, err := config.Check(p.ImportPath, files, c.syntax, c.info)
		require.NoError(t, err)
		all = append(all, c)
	}
	return all
}
