package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// eachGoFile visits the Go files of the repository whose names end as given, and returns how many there are. Folders
// that begin with a dot are no part of the program.
func eachGoFile(t *testing.T, ending string, visit func(set *token.FileSet, f *ast.File)) (files int) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != ".." && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ending):
			return nil
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files++
		visit(set, f)
		return nil
	})
	require.NoError(t, err)
	return files
}
