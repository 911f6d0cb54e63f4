package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// requirement is a row of docs/requirements.md.
type requirement struct {
	name    string
	section string
	tests   []string // "app/customer: TestDelete"
}

const (
	notBuilt = "Not built yet"
	measured = "Measured by hand"
)

var (
	heading    = regexp.MustCompile(`^## (.+)$`)
	rowStart   = regexp.MustCompile(`^- \*\*([RPNS][0-9]{1,3})\*\* \S`)
	testsOfRow = regexp.MustCompile(`^  - ([a-z/]+): ((?:(?:Test|Fuzz|Benchmark)\w+(?:, |$))+)$`)
	// citation finds rows in text, such as "(S27, R6)", and in names of tests, such as "TestS5Expiry", but not elliptic.P256.
	citation = regexp.MustCompile(`(?m)(?:^|[^\w.])(?:Test([RPNS][0-9]{1,3})[A-Z]|([RPNS][0-9]{1,3})\b)`)
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
)

// TestRequirements checks docs/requirements.md: it contains each requirement that is cited anywhere in the repository,
// each requirement that is built names a test, and each named test exists in its package.
func TestRequirements(t *testing.T) {
	rows, problems := parseRequirements(text(t, "docs/requirements.md"))
	tests, cited := scanRepository(t)
	for _, p := range append(problems, checkRequirements(rows, tests, cited)...) {
		t.Error(p)
	}
	assert.GreaterOrEqual(t, len(rows), 100, "rows, is everything read?")
	assert.GreaterOrEqual(t, len(cited), 50, "of them cited: is everything read?")
}

// TestRequirementsFaults checks that each rule of TestRequirements finds its mistake.
func TestRequirementsFaults(t *testing.T) {
	tests := map[string][]string{"app/customer": {"TestDelete"}, "app/access": {"TestCreate"}}
	const good = "## Customers\n\n- **R1** Customers are\n  deleted.\n  - app/customer: TestDelete\n\n## Not built yet\n\n- **P2** Templates.\n"
	for _, c := range []struct{ name, old, new, cited, want string }{
		{"good", "", "", "R1 and P2", ""},
		{"cited, but not there", "", "", "see R9", "R9 is cited in x.go"},
		{"cited by the name of a test", "", "", "func TestS5Expiry(", "S5 is cited in x.go"},
		{"a curve is no row", "", "", "elliptic.P256", ""},
		{"without a test", "  - app/customer: TestDelete\n", "", "", "R1 names no test"},
		{"no such test", "TestDelete", "TestDeleted", "", "R1: there is no TestDeleted in app/customer"},
		{"in another package", "TestDelete", "TestCreate", "", "TestCreate in app/customer, but in app/access"},
		{"not built, with a test", "Templates.\n", "Templates.\n  - app/customer: TestDelete\n", "", "P2 is not built and names tests"},
		{"twice", "**P2**", "**R1**", "", "R1 stands there twice"},
		{"misspelt line of tests", "app/customer: Test", "app/customer Test", "", "can't read"},
	} {
		rows, problems := parseRequirements(strings.Replace(good, c.old, c.new, 1))
		cited := map[string]string{}
		for _, row := range citations(c.cited) {
			cited[row] = "x.go"
		}
		got := strings.Join(append(problems, checkRequirements(rows, tests, cited)...), "\n")
		assert.Equal(t, c.want == "", got == "", "%s: got", c.name)
		assert.Contains(t, got, c.want, c.name)
	}
}

// parseRequirements reads the rows, and says what it can't read.
func parseRequirements(text string) (rows []requirement, problems []string) {
	section := ""
	for i, line := range strings.Split(text, "\n") {
		if m := heading.FindStringSubmatch(line); m != nil {
			section = m[1]
		} else if m := rowStart.FindStringSubmatch(line); m != nil {
			rows = append(rows, requirement{name: m[1], section: section})
		} else if m := testsOfRow.FindStringSubmatch(line); m != nil && len(rows) > 0 {
			row := &rows[len(rows)-1]
			for name := range strings.SplitSeq(m[2], ", ") {
				row.tests = append(row.tests, m[1]+": "+name)
			}
		} else if strings.HasPrefix(line, "  - ") {
			problems = append(problems, fmt.Sprintf("line %d: can't read the tests in %q", i+1, line))
		}
	}
	return rows, problems
}

// checkRequirements returns a sentence for each rule that is broken. tests are the tests by package, cited the files by row.
func checkRequirements(rows []requirement, tests map[string][]string, cited map[string]string) (problems []string) {
	known := map[string]bool{}
	for _, r := range rows {
		if known[r.name] {
			problems = append(problems, r.name+" stands there twice")
		}
		known[r.name] = true
		switch {
		case r.section == notBuilt && len(r.tests) > 0:
			problems = append(problems, r.name+" is not built and names tests")
		case r.section != notBuilt && r.section != measured && len(r.tests) == 0:
			problems = append(problems, r.name+" names no test")
		}
		for _, named := range r.tests {
			pkg, name, _ := strings.Cut(named, ": ")
			if slices.Contains(tests[pkg], name) {
				continue
			}
			problem := fmt.Sprintf("%s: there is no %s in %s", r.name, name, pkg)
			for other := range tests {
				if slices.Contains(tests[other], name) {
					problem += ", but in " + other
				}
			}
			problems = append(problems, problem)
		}
	}
	for row, file := range cited {
		if !known[row] {
			problems = append(problems, fmt.Sprintf("%s is cited in %s and does not stand there", row, file))
		}
	}
	slices.Sort(problems)
	return problems
}

// scanRepository returns the tests by package, and a file by each row that is cited.
func scanRepository(t *testing.T) (tests map[string][]string, cited map[string]string) {
	tests, cited = map[string][]string{}, map[string]string{}
	for _, file := range ourFiles(t) {
		content := text(t, filepath.Join("..", file))
		for _, row := range citations(content) {
			cited[row] = file
		}
		if strings.HasSuffix(file, "_test.go") {
			pkg := filepath.ToSlash(filepath.Dir(file))
			for _, m := range testFunc.FindAllStringSubmatch(content, -1) {
				tests[pkg] = append(tests[pkg], m[1])
			}
		}
	}
	return tests, cited
}

func citations(content string) (rows []string) {
	for _, m := range citation.FindAllStringSubmatch(content, -1) {
		rows = append(rows, m[1]+m[2])
	}
	return rows
}

// ourFiles lists the files that people write: code, templates, documents and scripts. Paths begin at the repository.
// The two tests that read them are left out, since they cite rows and files that are made up.
func ourFiles(t *testing.T) (files []string) {
	t.Helper()
	extensions := []string{".go", ".html", ".scss", ".sql", ".md", ".csv", ".conf", ".yml", ".sh", ""}
	madeUp := []string{"requirements_test.go", "documents_test.go"}
	foreign := []string{".git", "testdata", "third_party", "generated", "data", "bin"}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains(foreign, entry.Name()) {
			return filepath.SkipDir
		}
		if entry.Type().IsRegular() && slices.Contains(extensions, filepath.Ext(path)) && !slices.Contains(madeUp, entry.Name()) {
			files = append(files, strings.TrimPrefix(path, "../"))
		}
		return nil
	})
	require.NoError(t, err)
	return files
}
