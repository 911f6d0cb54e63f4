package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/config"
	"kontor/app/fault"
	"kontor/app/policy"
	"kontor/app/wire"
	"kontor/migrations"
	"kontor/policies"
	"kontor/views"
)

type policiesCommands struct {
	Check policiesCheckCommand `cmd:"" help:"Check a policy text."`
	Reset policiesResetCommand `cmd:"" help:"Emergency: publish the default policies as a new version."`
}

type policiesCheckCommand struct {
	File string `arg:"" help:"The policy text."`
}

// Run is app policies check.
func (k policiesCheckCommand) Run(p *invocation) error {
	return p.with(func(c config.Config) error { return checkPolicy(p.ctx, c, k.File) })
}

type policiesResetCommand struct{}

// Run is app policies reset.
func (policiesResetCommand) Run(p *invocation) error {
	return p.existing(func(c config.Config) error { return resetPolicy(p.ctx, c) })
}

type visibilityCommand struct {
	Check   visibilityCheckCommand   `cmd:"" help:"Compare the index with the assignments."`
	Rebuild visibilityRebuildCommand `cmd:"" help:"Rebuild the index from the assignments."`
}

type visibilityCheckCommand struct{}

// Run is app visibility check.
func (visibilityCheckCommand) Run(p *invocation) error {
	return p.existing(func(c config.Config) error { return visibility(p.ctx, c, false) })
}

type visibilityRebuildCommand struct{}

// Run is app visibility rebuild.
func (visibilityRebuildCommand) Run(p *invocation) error {
	return p.existing(func(c config.Config) error { return visibility(p.ctx, c, true) })
}

type healthCommand struct{}

// Run is app health.
func (healthCommand) Run(p *invocation) error {
	return p.with(func(c config.Config) error { return health(p.ctx, c) })
}

// with loads and checks the settings and calls do with them.
func (p *invocation) with(do func(c config.Config) error) error {
	c, err := p.config()
	if err != nil {
		return err
	}
	return do(c)
}

// existing is like with, for a command that needs an existing database. If there is none, it does not create one, because
// the usual reason is a wrong DATA_DIR.
func (p *invocation) existing(do func(c config.Config) error) error {
	c, rows, _ := p.settings.Examine(p.getenv)
	for _, r := range rows {
		if r.Err != nil {
			return r.Err
		}
	}
	if file := c.SQLite(); file != "" {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no database at %s yet: the first start of app makes it. DATA_DIR and DATABASE_URL say where it is", file)
		}
	}
	return p.with(do)
}

// services opens all services for a command that needs an up-to-date schema, and closes them afterwards.
func (p *invocation) services(do func(s *wire.Services, c config.Config) error) error {
	return p.existing(func(c config.Config) error {
		c, err := withBase(c)
		if err != nil {
			return err
		}
		s, err := wire.New(p.ctx, c, wire.Logger(c, os.Stderr), wire.RequireSchema)
		if err != nil {
			return err
		}
		defer func() { _ = s.Close() }()
		return do(s, c)
	})
}

// withBase sets BASE_URL, if it is not set, to the address that the web process would listen on.
func withBase(c config.Config) (config.Config, error) {
	if c.BaseURL != "" {
		return c, nil
	}
	addr, err := net.ResolveTCPAddr("tcp", c.Listen)
	if err != nil {
		return c, err
	}
	return c.WithAddress(addr), nil
}

// plain turns a fault into text for a terminal.
func plain(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || len(f.Fields) == 0 {
		return err
	}
	var lines []string
	for _, field := range f.Fields {
		lines = append(lines, "--"+strings.ReplaceAll(field.Field, "_", "-")+": "+complaintWords(field))
	}
	return errors.New(strings.Join(lines, "; "))
}

// visibility compares the index of which specialist user sees which transaction with the assignments, or rebuilds it from
// them.
func visibility(ctx context.Context, c config.Config, rebuild bool) error {
	db, err := wire.Database(ctx, c)
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

// checkPolicy says whether a policy text could be published with the kinds of transactions in the database.
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

// knownKinds reads the kinds of transactions from the database. It does not create a database.
func knownKinds(ctx context.Context, c config.Config) (policies.Vocabulary, error) {
	if file, ok := strings.CutPrefix(c.DatabaseURL, "sqlite://"); ok {
		if _, err := os.Stat(file); err != nil {
			return nil, err
		}
	}
	db, err := wire.Database(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	if err := migrations.Pending(ctx, db.DB); err != nil {
		return nil, err
	}
	return policy.Vocabulary(ctx, db)
}

// plainLines describes what is wrong in which line of a policy.
func plainLines(path string, err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || len(f.Fields) == 0 {
		return err
	}
	var lines []string
	for _, field := range f.Fields {
		lines = append(lines, fmt.Sprintf("%s, %s: %s", path, field.Field, complaintWords(field)))
	}
	return errors.New(strings.Join(lines, "\n"))
}

// complaintWords is a complaint about a field in English, with the same words as on the screens.
func complaintWords(f *fault.Error) string {
	id := "fault." + f.Message
	if f.Message == "required" {
		id = "required." + f.Field
	}
	var texts map[string]any
	if raw, err := fs.ReadFile(views.Locales(), "en.json"); err == nil && json.Unmarshal(raw, &texts) == nil {
		if words, ok := texts[id].(string); ok {
			for name, value := range f.Args {
				words = strings.ReplaceAll(words, "{{."+name+"}}", fmt.Sprint(value))
			}
			return words
		}
	}
	return f.Message
}

// resetPolicy is for emergencies. It publishes the default policy as a new version, whatever policy is in force.
func resetPolicy(ctx context.Context, c config.Config) error {
	db, err := wire.Database(ctx, c)
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
		Approvals: nil, Transactions: nil, Customers: nil, // Reset asks none of them
	}).Reset(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("The default policy is published as version %d. Running processes follow within a second.\n", v.Number)
	return nil
}

// health requests /readyz of the web process at LISTEN and prints its answer: ok, or degraded and why. "Not ready" is an
// error.
func health(ctx context.Context, c config.Config) error {
	addr, err := net.ResolveTCPAddr("tcp", c.Listen)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, config.AnswersAt(addr)+"/readyz", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	var said struct{ Status, Reason string }
	err = json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&said)
	if err != nil || said.Status == "" {
		return fmt.Errorf("what answers at %s is not Kontor: HTTP status %d", addr, res.StatusCode)
	}
	line := said.Status
	if said.Reason != "" {
		line += ": " + said.Reason
	}
	if res.StatusCode != http.StatusOK {
		return errors.New(line)
	}
	fmt.Println(line)
	return nil
}
