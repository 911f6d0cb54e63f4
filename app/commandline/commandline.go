// Package commandline reads what people type behind a program's name: its commands, by Kong, and the settings, whose flags
// come from the table in config and may stand anywhere.
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

// Program is what Parse needs to know.
type Program struct {
	Name, About string
	Version     string            // what --version says
	Commands    any               // a pointer to a struct in Kong's grammar
	Vars        map[string]string // what the help texts of Commands name as ${name}
	Checks      config.Checks
	Out         io.Writer
	Exit        func(code int) // called by --help and --version
}

// Parsed is a command that waits to be run, with the settings that were given as flags.
type Parsed struct {
	Command  *kong.Context
	Settings config.Given
}

// Parse reads args. What it does not know it names, with what it resembles most, and never more of it than a name: a secret
// may stand behind a mistyped flag. The errors are one line.
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

// complain says in one line what is wrong with what was typed.
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

// commandOf is the command that the error is about, nil while none is chosen that does something.
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

// named is a word as it may be repeated: a name, and nothing that may be a secret in the wrong place.
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

// flagsOf are the flags of the command that the error is about.
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

// at is the command as far as it was understood.
func at(err error, k *kong.Kong) *kong.Node {
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		if n := parse.Context.Selected(); n != nil && len(n.Children) > 0 || n != nil && unknownFlag.MatchString(err.Error()) {
			return n
		}
	}
	return k.Model.Node
}

// Nearest is the name that a mistyped word resembles most: with at most a third of its letters wrong. "" when none does.
// Capitals and the difference between - and _ count as nothing.
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

// distance is Levenshtein's: how many letters must be changed, left out or put in.
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
