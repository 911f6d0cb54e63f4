package config

import "strings"

// Given holds the settings given on the command line. They are not checked yet, except that they contain no secrets.
type Given struct {
	table   []Setting
	flags   map[string]string
	gateway func(Gateway) (setting, takes string) // from Checks; may be nil
}

// Where says where a setting's value comes from.
type Where string

// The sources, in the order of precedence.
const (
	FromFlag        Where = "flag"
	FromEnvironment Where = "environment"
	FromFile        Where = "file" // the file named by NAME_FILE
	FromDefault     Where = "default"
)

// Row is a setting and its value for display.
type Row struct {
	Setting
	Where Where
	// Shown is the value, "" for none, and "(hidden)" for a value that contains a secret.
	Shown string
	Err   error // an *Error, if the value is invalid
}

// notShown replaces a value that people must not see.
const notShown = "(hidden)"

// ReadFlags removes the settings' flags from args and returns the rest. It returns an *Error for a flag without a
// value, or with a secret.
func ReadFlags(args []string, checks Checks) (Given, []string, error) {
	g := Given{table: Table(checks), gateway: checks.Gateway}
	var rest []string
	var err error
	g.flags, rest, err = readFlags(g.table, args)
	return g, rest, err
}

// Names returns the settings' flags with two hyphens, to suggest one for a mistyped flag.
func (g Given) Names() []string {
	names := []string{"--demo"}
	for _, s := range g.table {
		names = append(names, "--"+s.flag())
	}
	return names
}

// Table lists every setting.
func (g Given) Table() []Setting { return g.table }

// Load reads the other settings from the environment and NAME_FILE files and checks all; see the function Load. The
// error is an *Error about the first invalid setting.
func (g Given) Load(getenv func(string) string) (Config, error) {
	c, rows := g.read(getenv)
	for _, r := range rows {
		if r.Err != nil {
			return c, r.Err
		}
	}
	return c, c.complete()
}

// Examine is Load for displaying all settings and all errors. It creates neither DATA_DIR nor a key. complete is the
// error of settings that do not fit together.
func (g Given) Examine(getenv func(string) string) (c Config, rows []Row, complete error) {
	c, rows = g.read(getenv)
	c.look = true
	complete = c.complete()
	return c, rows, complete
}

func (g Given) read(getenv func(string) string) (Config, []Row) {
	var c Config
	_, c.Demo = g.flags["demo"]
	rows := make([]Row, 0, len(g.table))
	for _, s := range g.table {
		row := Row{Setting: s, Where: FromFlag}
		value, given := g.flags[s.flag()]
		if !given {
			value, row.Where, row.Err = fromEnvironment(s, getenv)
		}
		if row.Err != nil {
			rows = append(rows, row)
			continue
		}
		if value == "" {
			value, row.Where = s.Default, FromDefault
			if c.Demo && s.Demo != "" {
				value = s.Demo
			}
		}
		row.Shown = s.shown(value)
		if err := s.set(&c, value); err != nil {
			said := row.Shown
			if s.Secret { // an invalid secret is hidden completely, because its public part cannot be found
				said = notShown
			}
			row.Shown, row.Err = said, &Error{Name: s.Name, Value: said, Takes: s.Takes}
		}
		rows = append(rows, row)
	}
	g.checkGateway(c, rows)
	return c, rows
}

// checkGateway checks the settings of the SMS gateway, which depend on each other.
func (g Given) checkGateway(c Config, rows []Row) {
	if g.gateway == nil {
		return
	}
	together := c.Gateway
	together.URL, together.Headers = c.SMSURL, c.SMSHeaders
	name, takes := g.gateway(together)
	for i, r := range rows {
		if r.Name == name && r.Err == nil {
			if r.Secret { // as in read
				rows[i].Shown = notShown
			}
			rows[i].Err = &Error{Name: name, Value: rows[i].Shown, Takes: takes}
		}
	}
}

// shown returns a value as people may see it.
func (s Setting) shown(value string) string {
	if value != "" && (s.Secret && (s.bare == nil || !s.bare(value)) || !withoutPassword(value) || strings.Contains(value, "-----BEGIN") || strings.Contains(strings.ToUpper(value), "AGE-SECRET-KEY-")) {
		return notShown
	}
	return value
}

// readFlags removes the settings' flags from args.
func readFlags(table []Setting, args []string) (flags map[string]string, rest []string, err error) {
	known := map[string]Setting{}
	for _, s := range table {
		known[s.flag()] = s
	}
	flags = map[string]string{}
	for i := 0; i < len(args); i++ {
		name, isFlag := strings.CutPrefix(args[i], "--")
		name, value, inline := strings.Cut(name, "=")
		setting, ok := known[name]
		switch {
		case isFlag && name == "demo" && !inline:
			flags[name] = ""
		case !isFlag || !ok:
			rest = append(rest, args[i])
		case inline:
			flags[name] = value
		case i+1 == len(args):
			return nil, nil, &Error{Name: "--" + name, Takes: setting.Takes}
		default:
			i++
			flags[name] = args[i]
		}
		if v, given := flags[name]; ok && given && !setting.mayBeFlag(v) {
			return nil, nil, &Error{Name: setting.Name, Instead: setting.instead()}
		}
	}
	return flags, rest, nil
}
