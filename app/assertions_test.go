package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAssertions: a test checks one thing at a time, so that its failure says which, what was expected and what came.
// A condition of several alternatives that ends in Error or Fatal says none of that: it is written as one assertion each.
func TestAssertions(t *testing.T) {
	files := eachGoFile(t, "_test.go", func(set *token.FileSet, f *ast.File) {
		for _, at := range alternatives(f) {
			t.Errorf("%s: one assertion for each alternative says which of them failed", set.Position(at))
		}
	})
	assert.Greater(t, files, 250, "files with tests")
}

// alternatives gives the places where a condition with || decides whether a test fails.
func alternatives(f *ast.File) (found []token.Pos) {
	ast.Inspect(f, func(n ast.Node) bool {
		if n, ok := n.(*ast.IfStmt); ok && isAlternative(n.Cond) && len(n.Body.List) > 0 && fails(n.Body.List[0]) {
			found = append(found, n.Pos())
		}
		return true
	})
	return found
}

func isAlternative(e ast.Expr) bool {
	b, ok := ast.Unparen(e).(*ast.BinaryExpr)
	return ok && b.Op == token.LOR
}

// fails reports whether a statement is a call like t.Errorf or t.Fatal. Those of a benchmark, b, are left alone: what an
// assertion costs would be measured too.
func fails(s ast.Stmt) bool {
	e, ok := s.(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := e.X.(*ast.CallExpr)
	if !ok {
		return false
	}
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !strings.HasPrefix(f.Sel.Name, "Error") && !strings.HasPrefix(f.Sel.Name, "Fatal") {
		return false
	}
	of, ok := f.X.(*ast.Ident)
	if s, isField := f.X.(*ast.SelectorExpr); isField {
		of, ok = s.Sel, true
	}
	return !ok || of.Name != "b" && of.Name != "http"
}

// TestAlternatives: what the rule above finds, and what it leaves alone.
func TestAlternatives(t *testing.T) {
	for body, want := range map[string]int{
		`if a || b { t.Error("x") }`:                       1,
		`if (a || b) { w.t.Fatalf("x") }`:                  1,
		`if n := f(); n > 1 || n < 0 { t.Errorf("x", n) }`: 1,
		`for { if a || b || c { t.Fatal("x") } }`:          1,
		`if a { t.Error("x") }`:                            0,
		`if a && (b || c) { t.Error("x") }`:                0,
		`if a || b { return }`:                             0,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nfunc f() {\n"+body+"\n}", 0)
		require.NoError(t, err)
		assert.Len(t, alternatives(f), want, body)
	}
}
