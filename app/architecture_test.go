package main

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestArchitectureNamesPackages: the tree of packages in the document on the architecture names every folder with Go
// files, and no folder that there is not. A folder <feature> stands for all that have no line of their own. Folders
// whose names end in test hold what the tests of several packages share, and need no line.
func TestArchitectureNamesPackages(t *testing.T) {
	root := os.DirFS("..")
	named := namedFolders(t, root)
	for _, top := range []string{"app", "worker", "policies", "migrations", "views"} {
		require.NoError(t, fs.WalkDir(root, top, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") {
				return err
			}
			folder := path.Dir(name)
			if strings.HasSuffix(folder, "test") {
				return nil
			}
			isNamed := slices.Contains(named, folder) || slices.Contains(named, path.Join(path.Dir(folder), "<feature>"))
			assert.True(t, isNamed, "%s has Go files and no line in app/docs/architecture.md", folder)
			return nil
		}))
	}
	for _, folder := range named {
		if !strings.Contains(folder, "<") {
			info, err := fs.Stat(root, folder)
			assert.True(t, err == nil && info.IsDir(), "app/docs/architecture.md names %s, which is no folder", folder)
		}
	}
}

// namedFolders are the folders in the tree of packages; two more spaces at the beginning of a line are one level deeper.
func namedFolders(t *testing.T, root fs.FS) (folders []string) {
	t.Helper()
	text, err := fs.ReadFile(root, "app/docs/architecture.md")
	require.NoError(t, err)
	_, tree, _ := strings.Cut(string(text), "## Packages\n\n```\n")
	tree, _, found := strings.Cut(tree, "\n```")
	require.True(t, found, "app/docs/architecture.md has no tree of packages")
	var above []string
	for line := range strings.Lines(tree) {
		name, isFolder := strings.CutSuffix(strings.Fields(line)[0], "/")
		if !isFolder {
			continue
		}
		level := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		require.LessOrEqual(t, level, len(above), "%q is too deep", line)
		above = append(above[:level:level], name)
		folders = append(folders, path.Join(above...))
	}
	require.NotEmpty(t, folders, "folders in the tree of packages")
	return folders
}
