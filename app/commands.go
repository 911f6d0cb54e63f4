package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/config"
	"kontor/app/demo"
	"kontor/app/fault"
	"kontor/app/policy"
	"kontor/app/store"
	"kontor/app/wire"
	"kontor/migrations"
	"kontor/policies"
	"kontor/views"
)

func migrate(ctx context.Context, c config.Config) error {
	steps, err := wire.Migrate(ctx, c)
	if err != nil {
		return err
	}
	if len(steps) == 0 {
		fmt.Println("The database schema is up to date.")
	}
	for _, s := range steps {
		fmt.Println("applied", s)
	}
	return nil
}

// addUser adds a specialist user and prints the link to set the password; it works before any web process runs.
func addUser(ctx context.Context, c config.Config, args []string) error {
	var f account.SpecialistForm
	flags := flag.NewFlagSet("app user add", flag.ContinueOnError)
	flags.StringVar(&f.Email, "email", "", "e-mail address")
	flags.StringVar(&f.Name, "name", "", "name")
	flags.Func("role", "a role: "+joinRoles()+"; repeats; without, the account is a specialist user's", func(v string) error {
		f.Roles = append(f.Roles, policies.Role(v))
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	f.Locale = c.Locale
	if c.BaseURL == "" {
		addr, err := net.ResolveTCPAddr("tcp", c.Listen)
		if err != nil {
			return err
		}
		c = c.WithAddress(addr)
	}
	if _, err := wire.Migrate(ctx, c); err != nil {
		return err
	}
	s, err := wire.New(ctx, c, wire.Logger(c, os.Stderr), wire.RequireSchema)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	token, err := s.Accounts.AddByCommand(ctx, f)
	if err != nil {
		return plain(err)
	}
	fmt.Printf("%s was added. This link, good once and for 48 hours, sets the password:\n%s/password/reset/%s\n", f.Name, c.BaseURL, token)
	return nil
}

func joinRoles() string {
	var names []string
	for _, r := range policies.FirmRoles {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// plain says a fault in words for a terminal.
func plain(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || len(f.Fields) == 0 {
		return err
	}
	var lines []string
	for _, field := range f.Fields {
		lines = append(lines, "--"+strings.ReplaceAll(field.Field, "_", "-")+": "+strings.ReplaceAll(field.Message, ".", " "))
	}
	return errors.New(strings.Join(lines, "; "))
}

func seed(ctx context.Context, c config.Config, args []string) error {
	o := demo.SeedOptions{}
	flags := flag.NewFlagSet("app seed", flag.ContinueOnError)
	flags.IntVar(&o.Customers, "customers", 0, "how many customers")
	flags.IntVar(&o.TransactionsPerCustomer, "transactions-per-customer", 0, "business transactions of each")
	flags.IntVar(&o.Assignments, "assignments", 0, "how many administrators to appoint, over all customers")
	flags.IntVar(&o.Specialists, "specialists", 10, "how many specialist users")
	flags.Uint64Var(&o.Seed, "seed", 1, "the same seed makes the same rows")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.Customers <= 0 {
		return errors.New("app seed: --customers takes a number above 0")
	}
	db, err := store.Open(ctx, c.DatabaseURL)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if _, err := migrations.Apply(ctx, db.DB); err != nil {
		return err
	}
	start := time.Now()
	if err := demo.Seed(ctx, db, o, func(done, _ int) { fmt.Printf("\r%d customers", done) }); err != nil {
		return err
	}
	fmt.Printf("\r%d customers in %s\n", o.Customers, time.Since(start).Round(time.Second))
	return nil
}

// visibility compares the index of who sees which transaction with the assignments, or makes it anew from them.
func visibility(ctx context.Context, c config.Config, rebuild bool) error {
	db, err := store.Open(ctx, c.DatabaseURL)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if err := migrations.Pending(ctx, db.DB); err != nil {
		return err
	}
	if rebuild {
		rows, err := assignment.Rebuild(ctx, db)
		if err == nil {
			fmt.Printf("The index was made anew: %d rows.\n", rows)
		}
		return err
	}
	const most = 20
	differences, err := assignment.Check(ctx, db, most)
	if err != nil {
		return err
	}
	for _, d := range differences {
		fmt.Printf("specialist user %s, transaction %s: the index says %d, the assignments %d\n", d.SpecialistID, d.TransactionID, d.Index, d.Facts)
	}
	switch {
	case len(differences) == most:
		return fmt.Errorf("%d differences or more; app visibility rebuild mends them", most)
	case len(differences) > 0:
		return fmt.Errorf("%d differences; app visibility rebuild mends them", len(differences))
	}
	fmt.Println("The index agrees with the assignments.")
	return nil
}

// checkPolicy says whether a policy text could be published, with the kinds of transactions that the database has.
func checkPolicy(ctx context.Context, c config.Config, path string) error {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	kinds, err := knownKinds(ctx, c)
	if err != nil {
		fmt.Fprintf(os.Stderr, "kontor: there is no database to ask for the kinds of transactions (%v): every kind is taken\n", err)
		kinds = policies.AnyKind
	}
	checked, err := policy.CheckText(string(text), kinds)
	if err != nil {
		return plainLines(path, err)
	}
	if _, err := policies.New(checked); err != nil {
		return err
	}
	doc, err := policies.Parse(checked, kinds)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d rules, all good\n", path, len(doc.Rules)+len(doc.Inclusions))
	return nil
}

// knownKinds asks the database which kinds of transactions there are. It makes none that is not there.
func knownKinds(ctx context.Context, c config.Config) (policies.Vocabulary, error) {
	if file, ok := strings.CutPrefix(c.DatabaseURL, "sqlite://"); ok {
		if _, err := os.Stat(file); err != nil {
			return nil, err
		}
	}
	db, err := store.Open(ctx, c.DatabaseURL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	if err := migrations.Pending(ctx, db.DB); err != nil {
		return nil, err
	}
	return policy.Vocabulary(ctx, db)
}

// plainLines says what is wrong with which line of a policy.
func plainLines(path string, err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || len(f.Fields) == 0 {
		return err
	}
	var lines []string
	for _, field := range f.Fields {
		lines = append(lines, fmt.Sprintf("%s, %s: %s", path, field.Field, complaintWords(field.Message)))
	}
	return errors.New(strings.Join(lines, "\n"))
}

// complaintWords says a complaint as the screens do, in English.
func complaintWords(id string) string {
	var texts map[string]any
	if raw, err := fs.ReadFile(views.Locales(), "en.json"); err == nil && json.Unmarshal(raw, &texts) == nil {
		if words, ok := texts["fault."+id].(string); ok {
			return words
		}
	}
	return id
}

// resetPolicy breaks the glass: the default policy is published as a new version, whatever is in force.
func resetPolicy(ctx context.Context, c config.Config) error {
	db, err := store.Open(ctx, c.DatabaseURL)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if err := migrations.Pending(ctx, db.DB); err != nil {
		return err
	}
	now, _, err := db.NewClock(ctx)
	if err != nil {
		return err
	}
	decider, err := policies.New(policies.Default)
	if err != nil {
		return err
	}
	v, err := policy.New(policy.Options{
		DB: db, Now: now, Decider: decider, Audit: audit.New(db, now), Log: wire.Logger(c, os.Stderr),
	}).Reset(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("The default policy is published as version %d. Running processes follow within a second.\n", v.Number)
	return nil
}

// health asks /readyz of the web process at LISTEN.
func health(ctx context.Context, c config.Config) error {
	addr, err := net.ResolveTCPAddr("tcp", c.Listen)
	if err != nil {
		return err
	}
	c.BaseURL = ""
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.WithAddress(addr).BaseURL+"/readyz", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		var why map[string]any
		_ = json.Unmarshal(body, &why)
		return fmt.Errorf("not ready: %v", why)
	}
	fmt.Println("ready")
	return nil
}
