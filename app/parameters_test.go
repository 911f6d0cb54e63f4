package main

import (
	"go/ast"
	"go/token"
	"testing"

	"github.com/stretchr/testify/assert"
)

// mostParameters is how many parameters a function has at most, ctx and tx included.
const mostParameters = 5

// TestParameters: no function takes more than mostParameters. What belongs together is passed as one value.
func TestParameters(t *testing.T) {
	files := eachGoFile(t, ".go", func(set *token.FileSet, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			if fn, ok := n.(*ast.FuncDecl); ok && fn.Type.Params.NumFields() > mostParameters {
				t.Errorf("%s: %s has %d parameters", set.Position(fn.Pos()), fn.Name.Name, fn.Type.Params.NumFields())
			}
			return true
		})
	})
	assert.GreaterOrEqual(t, files, 100, "Go files")
}
