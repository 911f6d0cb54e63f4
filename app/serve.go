package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kontor/app/account"
	"kontor/app/config"
	"kontor/app/demo"
	"kontor/app/internal/web"
	"kontor/app/internal/web/tour"
	"kontor/app/wire"
	"kontor/migrations"
	"kontor/views"
)

// stopTime is how long the work in progress may take to finish after SIGTERM.
const stopTime = 30 * time.Second

// App is the web process. After Start everything is open and connected, Run serves until its context ends, and Close
// closes everything.
type App struct {
	URL      string // BASE_URL
	Address  net.Addr
	services *wire.Services
	server   *web.Server
	listener net.Listener
	metrics  net.Listener
}

// Start listens, opens the database and the queue, makes the services, and prints the start-up lines to out. The log goes
// to logTo.
func Start(ctx context.Context, c config.Config, out, logTo io.Writer, tune ...wire.Tune) (app *App, err error) {
	app = &App{}
	if err := c.CheckChannels(); err != nil {
		return app, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, app.Close())
		}
	}()
	var listenConfig net.ListenConfig
	if app.listener, err = listenConfig.Listen(ctx, "tcp", c.Listen); err != nil {
		return app, &config.Error{Name: "LISTEN", Value: c.Listen, Takes: "a free address (" + err.Error() + ")"}
	}
	if c.MetricsListen != "" {
		if app.metrics, err = listenConfig.Listen(ctx, "tcp", c.MetricsListen); err != nil {
			return app, &config.Error{Name: "METRICS_LISTEN", Value: c.MetricsListen, Takes: "a free address (" + err.Error() + ")"}
		}
	}
	app.Address = app.listener.Addr()
	c = c.WithAddress(app.Address)
	app.URL = c.BaseURL
	log := wire.Logger(c, logTo)
	if app.services, err = wire.New(ctx, c, log, wire.ApplySchema, tune...); err != nil {
		return app, err
	}
	s := app.services
	if err = errors.Join(s.Accounts.Refold(ctx, log), s.Accesses.Refold(ctx, log)); err != nil {
		return app, fmt.Errorf("fold addresses again: %w", err)
	}
	if err = app.firstUser(ctx, c, out); err != nil {
		return app, err
	}
	tour, err := app.tour(ctx, c)
	if err != nil {
		return app, err
	}
	if app.server, err = web.New(web.Options{
		Accounts: s.Accounts, Customers: s.Customers, Accesses: s.Accesses, Courier: s.Courier, Jobs: s.Jobs, Audit: s.Audit, Approvals: s.Approvals,
		Transactions: s.Transactions, Documents: s.Documents, Templates: s.Templates, Authorisations: s.Authorisations, Handovers: s.Handovers, Imports: s.Imports, Bulk: s.Bulk, ImportMax: s.Config.ImportMax, Attention: s.Attention, Views: s.Views, Histories: s.Histories,
		Policies: s.Policies, Decider: s.Decider, Queue: s.Queue, Pages: views.Pages(), Static: views.Static(), Locales: views.Locales(),
		DB: s.DB, Now: s.Now, Key: s.Key, Log: log, BaseURL: c.BaseURL, Firm: s.Firm, Zone: c.Zone,
		Mailbox: c.Boxed(), Undelivered: undelivered(c), Metrics: []prometheus.Collector{s.Metrics()}, MetricsOpen: app.metrics == nil,
		Proxies: c.Proxies, Forwarded: c.Forwarded, HookSecret: c.HookSecret, Processes: s.Processes,
		Schema: func(ctx context.Context) error { return migrations.Pending(ctx, s.DB.DB) },
		Tour:   tour,
	}); err != nil {
		return app, err
	}
	if err = writeSummary(ctx, out, s, missing(ctx, s)); err != nil {
		return app, err
	}
	_, err = fmt.Fprintf(out, "Kontor is at %s\n", c.BaseURL)
	return app, err
}

// undelivered says which messages a production installation keeps in the mailbox instead of delivering them: all, email,
// sms; "" for none.
func undelivered(c config.Config) string {
	switch {
	case !c.Production():
		return ""
	case c.SMTPURL == "" && c.SMSURL == "":
		return "all"
	case c.SMTPURL == "":
		return "email"
	case c.SMSURL == "":
		return "sms"
	}
	return ""
}

// firstUser creates the first specialist user of an empty database, and the demo firm if it was requested. The random
// password of the embedded mode is printed once, and only here.
func (a *App) firstUser(ctx context.Context, c config.Config, out io.Writer) error {
	email, name := c.AdminEmail, c.AdminEmail
	if email == "" {
		if !c.Embedded() {
			return nil // `app user add` creates the first one
		}
		email, name = "admin@kontor.local", "Administrator"
	}
	password, created, err := a.services.Accounts.CreateFirst(ctx, email, name, c.AdminPassword)
	if err != nil {
		return fmt.Errorf("create the first specialist user: %w", err)
	}
	if created && c.AdminPassword == "" { // print it before anything else can fail
		if _, err = fmt.Fprintf(out, "\nThe first specialist user (shown this once):\n  Address   %s/login\n  E-mail    %s\n  Password  %s\n\n",
			c.BaseURL, email, password); err != nil {
			return err
		}
	}
	if !created && c.Embedded() && c.AdminEmail == "" {
		if err := a.sayHowToGetIn(ctx, email, out); err != nil {
			return err
		}
	}
	if c.Demo {
		filled, err := demo.Firm(ctx, a.services.DB, a.services.Now, a.services.Customers)
		if err != nil {
			return fmt.Errorf("fill in the demo: %w", err)
		}
		if filled {
			return demo.Tell(ctx, a.demo())
		}
		if there, err := a.demo().There(ctx); err != nil || there {
			return err
		}
		a.services.Log.Warn("--demo fills an empty database only; this one has customers")
	}
	return nil
}

// demo are the services with which the demo firm acts.
func (a *App) demo() demo.Services {
	s := a.services
	return demo.Services{
		DB: s.DB, Now: s.Now, Zone: s.Config.Zone, Accounts: s.Accounts, Customers: s.Customers, Transactions: s.Transactions, Documents: s.Documents, Templates: s.Templates, Views: s.Views,
		Imports: s.Imports, Bulk: s.Bulk, Handovers: s.Handovers, Policies: s.Policies, Jobs: s.Jobs,
	}
}

// tour returns the tour of the demo firm; nil without --demo, and where the database is another firm's.
func (a *App) tour(ctx context.Context, c config.Config) (tour.Steps, error) {
	if !c.Demo {
		return nil, nil
	}
	d := a.demo()
	if there, err := d.There(ctx); err != nil || !there {
		return nil, err
	}
	return func(ctx context.Context, caller account.Caller) (steps []tour.Step, err error) {
		list, err := d.Tour(ctx, caller)
		for _, s := range list {
			steps = append(steps, tour.Step(s))
		}
		return steps, err
	}, nil
}

// sayHowToGetIn is for later starts of the embedded mode. The first password is shown only once, and people lose it.
func (a *App) sayHowToGetIn(ctx context.Context, email string, out io.Writer) error {
	_, there, err := a.services.Accounts.ByEmail(ctx, a.services.DB, email)
	if err != nil {
		return err
	}
	how := againProgram() + " user list says who works here, and user reset --email … prints a link that sets a new password"
	if there {
		how = againProgram() + " user reset --email " + email + " prints a link that sets a new one"
	}
	_, err = fmt.Fprintf(out, "The first password was shown once, at the first start: %s.\n", how)
	return err
}

// Run serves, and runs the worker loop if it is embedded, until ctx ends. Then it finishes the work in progress. If
// SIGTERM ended ctx (wire.ErrTerminated), the readiness check first fails for the time DRAIN, while Run still serves.
func (a *App) Run(ctx context.Context) error {
	defer func() { _ = a.Close() }()
	parts := 1
	failed := make(chan error, 4)
	loopCtx, stopLoop := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoop()
	go func() { failed <- a.server.Serve(a.listener) }()
	parts++
	s := a.services
	go func() { s.Follow(loopCtx); failed <- nil }()
	if a.metrics != nil {
		parts++
		go func() { failed <- a.server.ServeMetrics(a.metrics) }()
	}
	if a.services.Config.Worker == "embedded" {
		parts++
		go func() { failed <- s.Work(loopCtx) }()
	}
	var errs []error
	select {
	case <-ctx.Done():
		a.services.Log.Info("stopping")
		if drain := a.services.Config.Drain; drain > 0 && errors.Is(context.Cause(ctx), wire.ErrTerminated) {
			a.server.Drain()
			select {
			case <-time.After(drain):
			case err := <-failed:
				errs = append(errs, err)
				parts--
			}
		}
	case err := <-failed:
		a.services.Log.Error("stopping, since a part of the program ended", "error", err)
		errs = append(errs, err)
		parts--
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	errs = append(errs, a.server.Shutdown(stopCtx))
	if a.metrics != nil {
		_ = a.metrics.Close()
	}
	stopLoop()
	for ; parts > 0; parts-- {
		select {
		case err := <-failed:
			if err != nil && !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		case <-stopCtx.Done():
			return errors.Join(append(errs, errors.New("what was running did not finish in time"))...)
		}
	}
	return errors.Join(errs...)
}

// Close closes everything. It may be called twice.
func (a *App) Close() error {
	var errs []error
	if a.listener != nil {
		_ = a.listener.Close()
	}
	if a.metrics != nil {
		_ = a.metrics.Close()
	}
	if a.services != nil {
		errs = append(errs, a.services.Close())
		a.services = nil
	}
	return errors.Join(errs...)
}
