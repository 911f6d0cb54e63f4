// Package commandline parses the arguments of a program: its commands, with Kong, and the settings. The flags of
// settings come from the table in package config and may be at any position.
package commandline

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"kontor/app/config"
)

// Program are the parameters of Parse.
type Program struct {
	Name, About string
	Version     string            // the output of --version
	Commands    any               // a pointer to a struct in Kong's grammar
	Vars        map[string]string // values of ${name} in the help texts of Commands
	Checks      config.Checks
	Out         io.Writer
	Exit        func(code int) // called by --help and --version
}

// Parsed is a command that is ready to run, with the settings that were given as flags.
type Parsed struct {
	Command  *kong.Context
	Settings config.Given
}

// Parse parses args. Errors are one line. For an unknown argument the error contains its name and the most similar
// known name. It contains nothing else of the argument, because there may be a secret after a mistyped flag.
func Parse(p Program, args []string) (Parsed, error) {
	settings, rest, err := config.ReadFlags(args, p.Checks)
	if err != nil {
		return Parsed{}, err
	}
	k, err := kong.New(p.Commands,
		kong.Name(p.Name), kong.Description(p.About), kong.Writers(p.Out, p.Out), kong.Exit(p.Exit), kong.Vars(p.Vars), kong.Vars{"version": p.Version},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: false, WrapUpperBound: 120}),
		kong.Help(func(o kong.HelpOptions, c *kong.Context) error {
			if err := kong.DefaultHelpPrinter(o, c); err != nil {
				return err
			}
			if c.Selected() != nil {
				_, err := fmt.Fprintf(p.Out, "\nSettings may be given as well: %s --help lists them.\n", p.Name)
				return err
			}
			return writeSettings(p.Out, settings.Table())
		}),
	)
	if err != nil {
		return Parsed{}, err
	}
	command, err := k.Parse(rest)
	if err != nil {
		return Parsed{}, complain(k, settings, err, p.Name)
	}
	return Parsed{Command: command, Settings: settings}, nil
}

// writeSettings prints the table of the settings.
func writeSettings(out io.Writer, table []config.Setting) error {
	var b strings.Builder
	b.WriteString("\nSettings, as environment variables or as flags, which win (LISTEN is --listen):\n")
	for _, s := range table {
		fmt.Fprintf(&b, "\n  %s", s.Name)
		if s.Default != "" {
			fmt.Fprintf(&b, " (%s)", s.Default)
		}
		fmt.Fprintf(&b, "\n      %s\n", s.Takes)
		if s.Secret {
			fmt.Fprintf(&b, "      A secret: %s_FILE may name a file that holds it. As a flag a password is refused.\n", s.Name)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

var (
	unknownFlag     = regexp.MustCompile(`^unknown flag (-[^\s,=]*)`)
	missing         = regexp.MustCompile(`^expected "<(.*)>"$`)
	withoutValue    = regexp.MustCompile(`^(--[a-z-]+): expected .* but got "EOL"`)
	unexpected      = regexp.MustCompile(`^unexpected argument (.*)$`)
	plainName       = regexp.MustCompile(`^-{0,2}[A-Za-z][A-Za-z_-]{0,30}$`)
	suggestedByKong = regexp.MustCompile(`, did you mean .*$`)
)

// complain returns a one-line error about invalid arguments.
func complain(k *kong.Kong, settings config.Given, err error, program string) error {
	said := err.Error()
	help := fmt.Sprintf("%s --help lists everything", program)
	selected := commandOf(err)
	if m := unknownFlag.FindStringSubmatch(said); m != nil {
		if slices.Contains(settings.Names(), m[1]) {
			return fmt.Errorf("%s takes no value; %s", m[1], help)
		}
		return fmt.Errorf("unknown flag %s%s; %s", named(m[1]), meant(m[1], append(flagsOf(err, k), settings.Names()...)), help)
	}
	if m := unexpected.FindStringSubmatch(suggestedByKong.ReplaceAllString(said, "")); m != nil {
		if selected != nil && selected != k.Model.DefaultCmd {
			return fmt.Errorf("%s does not take %s; %[1]s --help says what it takes", selected.FullPath(), named(m[1]))
		}
		return fmt.Errorf("there is no command %s%s; %s", named(m[1]), meant(m[1], commandsOf(err, k)), help)
	}
	if m := missing.FindStringSubmatch(said); m != nil && selected != nil {
		return fmt.Errorf("%s takes %s; %[1]s --help says more", selected.FullPath(), strings.ToUpper(m[1]))
	}
	if m := withoutValue.FindStringSubmatch(said); m != nil {
		return fmt.Errorf("%s takes a value, and has none; %s", m[1], help)
	}
	return errors.New(strings.ReplaceAll(said, "\n", " "))
}

// commandOf returns the command that the error is about, nil if no executable command was chosen yet.
func commandOf(err error) *kong.Node {
	var parse *kong.ParseError
	if !errors.As(err, &parse) || parse.Context == nil {
		return nil
	}
	for _, step := range slices.Backward(parse.Context.Path) {
		if step.Command != nil && len(step.Command.Children) == 0 {
			return step.Command
		}
	}
	return nil
}

// named returns a word if it is a plain name. Other text may be a secret in the wrong place and is not repeated.
func named(word string) string {
	if plainName.MatchString(word) {
		return word
	}
	return "(not repeated here: it is no name)"
}

func meant(word string, known []string) string {
	if near := Nearest(word, known); near != "" {
		return ", did you mean " + near + "?"
	}
	return ""
}

// flagsOf returns the flags of the command that the error is about.
func flagsOf(err error, k *kong.Kong) (names []string) {
	for _, group := range at(err, k).AllFlags(true) {
		for _, f := range group {
			names = append(names, "--"+f.Name)
		}
	}
	return names
}

func commandsOf(err error, k *kong.Kong) (names []string) {
	for _, n := range at(err, k).Children {
		names = append(names, n.Name)
	}
	return names
}

// at returns the last command that could be parsed.
func at(err error, k *kong.Kong) *kong.Node {
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		if n := parse.Context.Selected(); n != nil && len(n.Children) > 0 || n != nil && unknownFlag.MatchString(err.Error()) {
			return n
		}
	}
	return k.Model.Node
}

// Nearest returns the known name that is most similar to a mistyped word, "" if none is similar enough. At most a third
// of the letters may be wrong, or two if that is more (one in a word of two or three letters). Case and the difference
// between - and _ are ignored.
func Nearest(word string, known []string) (near string) {
	letters := len(strings.Trim(word, "-"))
	most := max(min(2, letters/2), letters/3) + 1
	for _, name := range known {
		if d := distance(plain(word), plain(name)); d < most {
			near, most = name, d
		}
	}
	return near
}

func plain(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "-") }

// distance returns the Levenshtein distance: how many letters must be changed, removed or inserted.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = min(diagonal, row[j], row[j+1]) + 1
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
