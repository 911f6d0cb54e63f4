package template

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
	"go.yaml.in/yaml/v3"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/document"
	"kontor/app/fault"
	"kontor/app/filetype"
	"kontor/app/store"
	"kontor/policies"
)

const (
	// FileName is the name of a template's structure in an exported archive.
	FileName = "template.yaml"
	// MaxFile is how large a file with a structure may be, in bytes; MaxArchive is that of an archive with one.
	MaxFile    = 256 << 10
	MaxArchive = 2 << 20
	maxEntries = 1000 // files in an archive
	// maxNodes and maxLevels bound the values of a file and how deep they lie in each other.
	maxNodes  = 20 * document.MaxElements
	maxLevels = 4 + 2*document.MaxDepth
	format    = "kontor-template-1"
)

// file is a template as it is written into a file.
type file struct {
	Format           string `yaml:"format"`
	Name             string `yaml:"name"`
	Kind             string `yaml:"kind"`
	Public           bool   `yaml:"public,omitempty"`
	TransactionName  string `yaml:"transaction_name,omitempty"`
	Description      string `yaml:"description,omitempty"`
	document.Outline `yaml:",inline"`
}

// Problem is something that is wrong with a file.
type Problem struct {
	Line    int      // 0: unknown
	Path    []string // the names of the element and of its folders; nil: the file as a whole
	Message *fault.Error
}

// Contents is what a file says.
type Contents struct {
	Settings Settings
	Outline  document.Outline
	Problems []Problem // none: it can be imported
}

// Read reads a file: YAML, or a ZIP archive with a template.yaml. It refuses fields that it does not know, aliases, and
// what is larger or deeper than a template can be. It says all that is wrong, except with what it can't read at all.
func Read(data []byte) Contents {
	text, complaint := unpack(data)
	if complaint != nil {
		return Contents{Problems: []Problem{{Message: complaint}}}
	}
	f, root, problems := parse(text)
	c := Contents{
		Settings: Settings{Name: f.Name, Kind: f.Kind, Public: f.Public, TransactionName: f.TransactionName, Description: f.Description},
		Outline:  f.Outline, Problems: problems,
	}
	if len(problems) > 0 {
		return c
	}
	if f.Format != format {
		c.Problems = append(c.Problems, Problem{Line: lineOf(root, "format"), Message: fault.At("format", "template.file_format").With("format", format)})
	}
	settings, err := c.Settings.Clean()
	for _, e := range complaints(err) {
		c.Problems = append(c.Problems, Problem{Line: lineOf(root, e.Field), Message: e})
	}
	c.Settings = settings
	c.Problems = append(c.Problems, checkAll(&c.Outline, root)...)
	return c
}

func complaints(err error) []*fault.Error {
	var e *fault.Error
	switch {
	case !errors.As(err, &e):
		return nil
	case len(e.Fields) > 0:
		return e.Fields
	}
	return []*fault.Error{e}
}

// unpack returns the YAML of a file.
func unpack(data []byte) ([]byte, *fault.Error) {
	large := fault.At("file", "template.file_large").With("max", MaxFile>>10)
	if !bytes.HasPrefix(data, []byte("PK")) {
		switch {
		case len(bytes.TrimSpace(data)) == 0:
			return nil, fault.At("file", "template.file_missing")
		case len(data) > MaxFile:
			return nil, large
		}
		return data, nil
	}
	broken := fault.At("file", "template.file_zip")
	if len(data) > MaxArchive {
		return nil, large
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil || len(archive.File) > maxEntries {
		return nil, broken
	}
	i := slices.IndexFunc(archive.File, func(f *zip.File) bool { return f.Name == FileName })
	if i < 0 {
		return nil, broken
	}
	r, err := archive.File[i].Open()
	if err != nil {
		return nil, broken
	}
	defer func() { _ = r.Close() }()
	text, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	switch {
	case err != nil:
		return nil, broken
	case len(text) > MaxFile:
		return nil, large
	}
	return text, nil
}

// parse reads YAML strictly.
func parse(text []byte) (f file, root *yaml.Node, problems []Problem) {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&doc); err != nil || len(doc.Content) != 1 {
		return f, nil, yamlProblems(err)
	}
	if err := dec.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return f, nil, []Problem{{Message: fault.At("file", "template.file_several")}}
	}
	root = doc.Content[0]
	nodes := 0
	if p := bounded(root, 1, &nodes); p != nil {
		return f, root, []Problem{*p}
	}
	strict := yaml.NewDecoder(bytes.NewReader(text))
	strict.KnownFields(true)
	if err := strict.Decode(&f); err != nil {
		return f, root, yamlProblems(err)
	}
	return f, root, nil
}

// plainTags are the types of values that a template has.
var plainTags = []string{"!!map", "!!seq", "!!str", "!!bool", "!!int", "!!null", "!!float", "!!timestamp"}

// bounded refuses what a template can't have.
func bounded(n *yaml.Node, level int, nodes *int) *Problem {
	*nodes++
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return &Problem{Line: n.Line, Message: fault.At("file", "template.file_alias")}
	case !slices.Contains(plainTags, n.ShortTag()):
		return &Problem{Line: n.Line, Message: fault.At("file", "template.file_tag").With("tag", n.ShortTag())}
	case level > maxLevels:
		return &Problem{Line: n.Line, Message: fault.New(fault.Invalid, "element.too_deep").With("max", document.MaxDepth)}
	case *nodes > maxNodes:
		return &Problem{Line: n.Line, Message: fault.New(fault.Invalid, "element.too_many").With("max", document.MaxElements)}
	}
	for _, child := range n.Content {
		if p := bounded(child, level+1, nodes); p != nil {
			return p
		}
	}
	return nil
}

var (
	atLine       = regexp.MustCompile(`line (\d+):\s*`)
	unknownField = regexp.MustCompile(`^field (\S+) not found`)
	twice        = regexp.MustCompile(`already (set|defined)`)
)

// yamlProblems puts what the library says into problems.
func yamlProblems(err error) (list []Problem) {
	var wrong *yaml.TypeError
	if !errors.As(err, &wrong) {
		p := Problem{Message: fault.At("file", "template.file_yaml")}
		if err != nil {
			if m := atLine.FindStringSubmatch(err.Error()); m != nil {
				p.Line, _ = strconv.Atoi(m[1])
			}
		}
		return []Problem{p}
	}
	for _, text := range wrong.Errors {
		p := Problem{Message: fault.At("file", "template.file_value")}
		if m := atLine.FindStringSubmatch(text); m != nil {
			p.Line, _ = strconv.Atoi(m[1])
			text = strings.Replace(text, m[0], "", 1)
		}
		if m := unknownField.FindStringSubmatch(text); m != nil {
			p.Message = fault.At("file", "template.file_field").With("field", m[1])
		} else if twice.MatchString(text) {
			p.Message = fault.At("file", "template.file_twice")
		}
		list = append(list, p)
	}
	return list
}

// checkAll says what is wrong with each element, and then with all of them together.
func checkAll(o *document.Outline, root *yaml.Node) (problems []Problem) {
	var each func(list []document.Planned, path []string, at string)
	each = func(list []document.Planned, path []string, at string) {
		for i, p := range list {
			here := append(slices.Clone(path), p.Name)
			position := at + "." + strconv.Itoa(i)
			inside := p.Elements
			p.Elements = nil
			alone := document.Outline{Elements: []document.Planned{p}}
			for _, e := range complaints(alone.Check(filetype.Groups)) {
				field := e.Field[strings.LastIndex(e.Field, ".")+1:]
				problems = append(problems, Problem{Line: lineOf(root, position+"."+field), Path: here, Message: e})
			}
			each(inside, here, position)
		}
	}
	each(o.Elements, nil, "elements")
	if len(problems) > 0 {
		return problems
	}
	for _, e := range complaints(o.Check(filetype.Groups)) {
		problems = append(problems, Problem{Line: lineOf(root, e.Field), Path: pathOf(o.Elements, e.Field), Message: e})
	}
	return problems
}

// pathOf returns the names of the elements on the way of a path like "elements.0.2.name".
func pathOf(list []document.Planned, path string) (names []string) {
	for _, step := range strings.Split(path, ".")[1:] {
		i, err := strconv.Atoi(step)
		if err != nil || i >= len(list) {
			break
		}
		names = append(names, list[i].Name)
		list = list[i].Elements
	}
	return names
}

// lineOf returns the line of the value at a path like "elements.0.2.name", or of the nearest one around it.
func lineOf(n *yaml.Node, path string) int {
	if n == nil {
		return 0
	}
	line := n.Line
	for _, step := range strings.Split(path, ".") {
		i, err := strconv.Atoi(step)
		if err == nil {
			if n.Kind == yaml.MappingNode { // a folder: its elements lie in a field of it
				n = valueOf(n, "elements")
			}
			if n == nil || n.Kind != yaml.SequenceNode || i >= len(n.Content) {
				return line
			}
			n = n.Content[i]
		} else if n = valueOf(n, step); n == nil {
			return line
		}
		line = n.Line
	}
	return line
}

func valueOf(n *yaml.Node, field string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == field {
			return n.Content[i+1]
		}
	}
	return nil
}

// Importing is a file that somebody imports.
type Importing struct {
	File []byte
	// Name and Kind take the place of those of the file; "" leaves them.
	Name, Kind string
	// DryRun only says what would be done.
	DryRun     bool
	Submission string // the form's once-only key
}

// Import adds the template of a file, without a version. With DryRun it only returns what is in the file and all that is
// wrong, as far as it can be known beforehand. Error: Invalid "template.file_wrong" for a file with problems that is to be
// imported; they are returned.
func (s *Service) Import(ctx context.Context, c account.Caller, i Importing) (Contents, Template, error) {
	if err := s.require(c, policies.Manage); err != nil {
		return Contents{}, Template{}, err
	}
	contents := Read(i.File)
	if i.Name != "" {
		contents.Settings.Name = i.Name
	}
	if i.Kind != "" {
		contents.Settings.Kind = i.Kind
	}
	if i.DryRun {
		more, err := s.wouldAdd(ctx, contents)
		contents.Problems = append(contents.Problems, more...)
		return contents, Template{}, err
	}
	if len(contents.Problems) > 0 {
		return contents, Template{}, fault.At("file", "template.file_wrong")
	}
	t, err := s.add(ctx, c, addition{settings: contents.Settings, outline: contents.Outline, submission: i.Submission, action: audit.TemplateImported})
	return contents, t, err
}

// wouldAdd says what keeps the contents of a file from being added: a taken name, a kind that can't be chosen.
func (s *Service) wouldAdd(ctx context.Context, c Contents) (problems []Problem, err error) {
	if c.Settings.Name == "" { // the file could not be read
		return nil, nil
	}
	err = checkKind(ctx, s.DB, c.Settings.Kind)
	for _, e := range complaints(err) {
		problems = append(problems, Problem{Message: e})
	}
	if err != nil && len(problems) == 0 {
		return nil, err
	}
	taken, err := takenNames(ctx, s.DB)
	if taken[store.FoldName(c.Settings.Name)] {
		problems = append(problems, Problem{Message: fault.At("name", "template.name_taken")})
	}
	return problems, err
}

// Export returns a template as a ZIP archive with its newest version, or with its draft if it has none. That it was
// exported is in the log. ErrNotFound.
func (s *Service) Export(ctx context.Context, c account.Caller, id uuid.UUID) (Template, []byte, error) {
	t, draft, err := s.Get(ctx, c, id)
	if err != nil {
		return Template{}, nil, err
	}
	if t.Version > 0 {
		if _, draft, err = versionAt(ctx, s.DB, id, t.Version); err != nil {
			return Template{}, nil, err
		}
	}
	text, err := write(t.Settings(), draft.Outline())
	if err != nil {
		return Template{}, nil, err
	}
	packed, err := pack(text)
	if err != nil {
		return Template{}, nil, err
	}
	err = s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return s.Audit.Write(ctx, tx, c.Actor(), audit.Record{Action: audit.TemplateExported, SubjectID: t.ID, Subject: t.Name})
	})
	return t, packed, err
}

// write writes a template as Read reads it.
func write(s Settings, o document.Outline) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	err := enc.Encode(file{
		Format: format, Name: s.Name, Kind: s.Kind, Public: s.Public, TransactionName: s.TransactionName, Description: s.Description, Outline: o,
	})
	return b.Bytes(), errors.Join(err, enc.Close())
}

func pack(text []byte) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(FileName)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}
