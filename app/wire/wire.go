// Package wire makes the services from the settings. The web process and the worker use the same services and decide
// themselves what to run.
package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strconv"
	"sync"
	"time"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/attention"
	"kontor/app/audit"
	"kontor/app/authorisation"
	"kontor/app/blob"
	"kontor/app/bulk"
	"kontor/app/clamd"
	"kontor/app/config"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/customerimport"
	"kontor/app/demo"
	"kontor/app/document"
	"kontor/app/erasure"
	ownfirm "kontor/app/firm"
	"kontor/app/handover"
	"kontor/app/heartbeat"
	"kontor/app/history"
	"kontor/app/job"
	"kontor/app/logo"
	"kontor/app/metrics"
	"kontor/app/note"
	"kontor/app/policy"
	"kontor/app/savedview"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/app/template"
	"kontor/app/transaction"
	"kontor/migrations"
	"kontor/policies"
	"kontor/views"
	"kontor/worker/loop"
)

// Checks are the checks of settings that other packages define.
func Checks() config.Checks {
	return config.Checks{
		SMTPURL: courier.CheckSMTPURL, SMSURL: courier.CheckSMSURL, RedisURL: loop.CheckRedisURL, DatabaseURL: store.CheckURL,
		SMTPCA: courier.CheckCA, ReplyTo: courier.CheckReplyTo, BounceAddress: courier.CheckBounceAddress,
		DKIMDomain: courier.CheckDKIMDomain, DKIMSelector: courier.CheckDKIMSelector, DKIMKey: courier.CheckDKIMKey,
		FirmLogo: logo.Check, FilesURL: blob.CheckURL, EscrowRecipient: blob.CheckRecipient, ClamdURL: clamd.CheckURL,
		Gateway: func(g config.Gateway) (setting, takes string) {
			return courier.CheckGateway(courier.GatewaySettings(g))
		},
	}
}

// Services are the services and what they share.
type Services struct {
	Config    config.Config
	Log       *slog.Logger
	DB        *store.DB
	Now       store.Clock
	Key       secret.Key
	Decider   *policies.Decider
	Audit     *audit.Log
	Approvals *approval.Service
	Courier   *courier.Service
	Jobs      *job.Service
	Firm      *ownfirm.Service
	Accounts  *account.Service
	Customers *customer.Service
	Accesses  *access.Service
	Queue     *loop.Queue
	Erasures  *erasure.Log // nil: none

	Transactions   *transaction.Service
	Blobs          *blob.Service
	Documents      *document.Service
	Templates      *template.Service
	Authorisations *authorisation.Service
	Handovers      *handover.Service
	Imports        *customerimport.Service
	Bulk           *bulk.Service
	Attention      *attention.Service
	Summaries      *attention.Summaries
	Policies       *policy.Service
	Processes      *heartbeat.Service
	Notes          *note.Service
	Histories      *history.Service
	Views          *savedview.Service

	syncClock func(context.Context) error
	stopAudit func()
}

// Logger makes a logger as LOG and LOG_FORMAT say.
func Logger(c config.Config, to io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}

// Migrate brings the schema up to date. It logs when it waits for another process that migrates.
func Migrate(ctx context.Context, c config.Config, log *slog.Logger) ([]string, error) {
	db, err := Database(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	return migrations.Apply(ctx, db.DB, migrations.Log(log))
}

// Database opens the database for a command. Errors: migrations.ErrSchemaNew, and the database's own.
func Database(ctx context.Context, c config.Config) (*store.DB, error) {
	db, err := store.Open(ctx, c.DatabaseURL, store.Pool(c.DatabasePool))
	if err != nil {
		return nil, err
	}
	if err := migrations.Newer(ctx, db.DB); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Schema says how New treats a schema that is not up to date.
type Schema int

// The web process migrates an old schema, the worker waits until it is migrated, and commands refuse it.
const (
	ApplySchema Schema = iota
	WaitForSchema
	RequireSchema
)

// Tune changes options of the courier that are not settings: its time limits and the delays between attempts. Tests use
// it.
type Tune func(*courier.Options)

// New opens the database and the queue and makes the services. c.BaseURL must be set.
func New(ctx context.Context, c config.Config, log *slog.Logger, schema Schema, tune ...Tune) (*Services, error) {
	s := &Services{Config: c, Log: log}
	if c.DataDirOpen {
		log.Warn("DATA_DIR holds other things than Kontor's and keeps its mode: others on this machine can list it, though not read Kontor's files", "folder", c.DataDir)
	}
	if err := s.open(ctx, schema); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.build(tune); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.Policies.Load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("load the policy (`app policies reset` puts the default one in force): %w", err), s.Close())
	}
	if err := s.Firm.Load(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.Policies.Offer(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("offer new rights: %w", err), s.Close())
	}
	if schema != RequireSchema {
		if err := s.Jobs.Check(ctx); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		if err := s.beginErasures(ctx); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	role := heartbeat.Web
	if schema == WaitForSchema {
		role = heartbeat.Worker
	}
	s.Processes = heartbeat.New(heartbeat.Options{
		DB: s.DB, Now: s.Now, Log: log, Role: role, Sends: c.Worker == "embedded", Key: s.Key, Settings: fingerprints(s.Key, c, s.Firm.Start().Mark, s.Erasures.Name()),
		Settled: s.settled,
	})
	if schema == ApplySchema { // the first web process records the installation's key before any worker asks for it
		if err := s.Processes.Beat(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("heartbeat: %w", err), s.Close())
		}
	}
	return s, nil
}

func (s *Services) open(ctx context.Context, schema Schema) (err error) {
	if s.DB, err = Database(ctx, s.Config); err != nil {
		return err
	}
	s.DB.Tell(s.Log)
	if o, unfinished, err := demo.Unfinished(ctx, s.DB); err != nil {
		return err
	} else if unfinished {
		return fmt.Errorf("%w: app seed %s", demo.ErrUnfinished, o)
	}
	switch schema {
	case ApplySchema:
		steps, err := migrations.Apply(ctx, s.DB.DB, migrations.Log(s.Log))
		if err != nil {
			return err
		}
		if len(steps) > 0 {
			s.Log.Info("database migrated", "steps", len(steps))
		}
	case WaitForSchema:
		if err := migrations.Pending(ctx, s.DB.DB); err != nil {
			s.Log.Info("waiting for the database schema")
			if err := migrations.Wait(ctx, s.DB.DB, time.Second); err != nil {
				return err
			}
		}
	case RequireSchema:
		if err := migrations.Pending(ctx, s.DB.DB); err != nil {
			return err
		}
	}
	if s.Now, s.syncClock, err = s.DB.NewClock(ctx); err != nil {
		return err
	}
	installation, err := heartbeat.Installation(ctx, s.DB)
	if err != nil {
		return err
	}
	s.Queue, err = loop.Open(ctx, s.Config.RedisURL, installation, s.Log)
	return err
}

func (s *Services) build(tune []Tune) (err error) {
	c := s.Config
	if s.Key, err = secret.NewKey(c.SecretKey, c.Previous...); err != nil {
		return err
	}
	if s.Decider, err = policies.New(policies.Default); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	base, err := url.Parse(c.BaseURL)
	if err != nil {
		return fmt.Errorf("base url: %w", err)
	}
	s.Erasures = erasure.New(c.ErasureLog, s.DB, s.Now)
	s.Audit = audit.New(s.DB, s.Now)
	s.Audit.Tell(s.Log)
	s.Jobs = job.New(job.Options{DB: s.DB, Now: s.Now, Audit: s.Audit, Log: s.Log})
	mark, err := logo.Read(c.FirmLogo)
	if err != nil {
		return fmt.Errorf("FIRM_LOGO: %w", err)
	}
	s.Firm = ownfirm.New(ownfirm.Options{
		DB: s.DB, Now: s.Now, Decider: s.Decider, Audit: s.Audit, Log: s.Log,
		Start: ownfirm.Start{Name: c.FirmName, Mark: mark, Imprint: c.ImprintURL, Privacy: c.PrivacyURL, Contact: c.Contact, Locale: c.Locale},
	})
	o := courier.Options{
		DB: s.DB, Now: s.Now, Key: s.Key, Log: s.Log, Templates: views.Mail(), Letterhead: *s.Firm.Letterhead(), Current: s.Firm.Letterhead, From: c.MailFrom,
		SMTPURL: c.SMTPURL, SMSURL: c.SMSURL, SMSHeaders: c.SMSHeaders, Gateway: courier.GatewaySettings(c.Gateway), MailDomain: base.Hostname(), Zone: c.Zone,
		ReplyTo: c.ReplyTo, BounceAddress: c.BounceAddress, SMTPCA: c.SMTPCA,
		DKIM: courier.DKIM{Domain: c.DKIMDomain, Selector: c.DKIMSelector, Key: c.DKIMKey},
	}
	for _, t := range tune {
		t(&o)
	}
	if s.Courier, err = courier.New(o); err != nil {
		return err
	}
	s.Approvals = approval.New(approval.Options{
		DB: s.DB, Now: s.Now, Audit: s.Audit, Courier: s.Courier, Log: s.Log, Delay: c.ApprovalDelay, BaseURL: c.BaseURL,
		Locale: s.Firm.OwnLocale,
	})
	s.Accounts = account.New(account.Options{
		DB: s.DB, Now: s.Now, Key: s.Key, Decider: s.Decider, Courier: s.Courier, Audit: s.Audit, Approvals: s.Approvals, BaseURL: c.BaseURL,
		Firm: s.Firm, IdleTimeout: c.IdleTimeout, AbsoluteTimeout: c.SessionLife,
	})
	s.stopAudit = s.Audit.Keep(s.Log)
	s.Customers = customer.New(customer.Options{
		DB: s.DB, Now: s.Now, Decider: s.Decider, Audit: s.Audit, Courier: s.Courier, Accounts: s.Accounts, Reminder: c.Reminder,
		Erasures: s.Erasures, Jobs: s.Jobs,
	})
	s.Accesses = access.New(access.Options{
		DB: s.DB, Now: s.Now, Key: s.Key, Decider: s.Decider, Customers: s.Customers, Accounts: s.Accounts,
		Courier: s.Courier, Audit: s.Audit, Approvals: s.Approvals, BaseURL: c.BaseURL,
	})
	s.Transactions = transaction.New(transaction.Options{
		DB: s.DB, Now: s.Now, Decider: s.Decider, Audit: s.Audit, Customers: s.Customers, Zone: c.Zone,
	})
	if err := s.openDocuments(c); err != nil {
		return err
	}
	s.Templates = template.New(template.Options{DB: s.DB, Now: s.Now, Decider: s.Decider, Audit: s.Audit})
	s.Notes = note.New(note.Options{DB: s.DB, Now: s.Now, Audit: s.Audit, Customers: s.Customers})
	s.Authorisations = authorisation.New(authorisation.Options{
		DB: s.DB, Now: s.Now, Key: s.Key, Decider: s.Decider, Audit: s.Audit, Customers: s.Customers, Accesses: s.Accesses,
		Transactions: s.Transactions, Accounts: s.Accounts, Approvals: s.Approvals, Erasures: s.Erasures, Log: s.Log,
	})
	s.Handovers = handover.New(handover.Options{
		DB: s.DB, Now: s.Now, Zone: c.Zone, Decider: s.Decider, Audit: s.Audit, Customers: s.Customers, Transactions: s.Transactions,
		Accounts: s.Accounts, Approvals: s.Approvals, Jobs: s.Jobs,
	})
	s.Imports = customerimport.New(customerimport.Options{
		DB: s.DB, Now: s.Now, Key: s.Key, Decider: s.Decider, Customers: s.Customers, Accesses: s.Accesses, Accounts: s.Accounts,
		Audit: s.Audit, Jobs: s.Jobs,
	})
	s.Bulk = bulk.New(bulk.Options{
		DB: s.DB, Now: s.Now, Transactions: s.Transactions, Customers: s.Customers, Authorisations: s.Authorisations, Accesses: s.Accesses,
		Accounts: s.Accounts, Audit: s.Audit, Jobs: s.Jobs,
	})
	s.Policies = policy.New(policy.Options{
		DB: s.DB, Now: s.Now, Decider: s.Decider, Audit: s.Audit, Approvals: s.Approvals, Transactions: s.Transactions, Customers: s.Customers, Log: s.Log,
	})
	s.Histories = history.New(history.Options{
		Audit: s.Audit, Courier: s.Courier, Customers: s.Customers, Accesses: s.Accesses, Transactions: s.Transactions, Notes: s.Notes,
	})
	s.Views = savedview.New(savedview.Options{DB: s.DB, Now: s.Now, Decider: s.Decider})
	s.Attention = attention.New(attention.Options{
		DB: s.DB, Now: s.Now, Zone: c.Zone, Reminder: c.Reminder, Decider: s.Decider, Customers: s.Customers, Accesses: s.Accesses,
		Transactions: s.Transactions, Offers: s.Policies, Approvals: s.Approvals, Deputies: s.Handovers, Courier: s.Courier,
		Queue: s.Queue, NoWorker: func() time.Time { return s.Processes.Finding().NoWorker },
	})
	s.Summaries = attention.NewSummaries(attention.SummaryOptions{
		Attention: s.Attention, Accounts: s.Accounts, Courier: s.Courier, Log: s.Log, BaseURL: c.BaseURL, Firm: s.Firm,
	})
	return errors.Join(s.Customers.CheckDependents(), s.Courier.Check(), s.Approvals.Check())
}

// fingerprints are the fingerprints of the settings that must be the same in all processes of an installation.
func fingerprints(key secret.Key, c config.Config, mark *logo.Logo, erasures string) heartbeat.Settings {
	mailbox := "off"
	if c.MailboxOn() {
		mailbox = "on"
	}
	values := map[string]string{
		heartbeat.BaseURL: c.BaseURL, heartbeat.SMTPURL: channel(courier.WithoutUser(c.SMTPURL)), heartbeat.SMSURL: channel(c.SMSURL),
		heartbeat.FirmName: c.FirmName, heartbeat.Imprint: c.ImprintURL, heartbeat.Privacy: c.PrivacyURL, heartbeat.Contact: c.Contact, heartbeat.Mailbox: mailbox,
	}
	values[heartbeat.Files], values[heartbeat.FileTypes], values[heartbeat.Escrow] = blob.Place(c.FilesURL), c.FileTypes.String(), c.EscrowRecipient
	values[heartbeat.FileMax], values[heartbeat.Quota] = strconv.FormatInt(c.FileMax, 10), strconv.FormatInt(c.CustomerQuota, 10)
	values[heartbeat.Scanner] = strconv.FormatBool(c.ClamdURL != "")
	values[heartbeat.Logo] = ""
	if mark != nil {
		values[heartbeat.Logo] = mark.Hash // hash of the image, because each process has its own file
	}
	if erasures != "" {
		values[heartbeat.Erasures] = erasures
	}
	return heartbeat.Fingerprints(key, values)
}

// settled says that the firm has set on its page what a setting of the environment would say.
func (s *Services) settled(setting string) bool {
	now := s.Firm.Profile()
	name, known := map[string]ownfirm.Name{
		heartbeat.FirmName: ownfirm.FirmName, heartbeat.Imprint: ownfirm.ImprintURL, heartbeat.Privacy: ownfirm.PrivacyURL, heartbeat.Contact: ownfirm.ContactLine,
	}[setting]
	return known && now.Set(name) || setting == heartbeat.Logo && now.Marked()
}

// channel is where messages go, without user names and passwords.
func channel(address string) string {
	if address == "" {
		return "mailbox"
	}
	u, err := url.Parse(address)
	if err != nil { // the address was checked before
		return "unknown"
	}
	return u.Scheme + "://" + u.Host
}

// Follow keeps this process up to date until ctx ends: with the policy in force, what the firm has set, the settings of
// the other processes, and the state of the queue.
func (s *Services) Follow(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { s.Policies.Follow(ctx) })
	all.Go(func() { s.Firm.Follow(ctx) })
	all.Go(func() { s.Processes.Run(ctx) })
	all.Go(func() { s.Queue.Follow(ctx) })
	all.Wait()
}

// Work waits until this process's key is the installation's key, and then runs the worker loop until ctx ends.
func (s *Services) Work(ctx context.Context) error {
	if err := s.Processes.AwaitKey(ctx); err != nil {
		return nil //nolint:nilerr // asked to stop before it began
	}
	s.Log.Info("worker runs")
	return s.Loop().Run(ctx)
}

// Loop makes the worker loop of the services: the relay, the deliveries, the jobs, and the periodic work.
func (s *Services) Loop() *loop.Loop {
	return loop.New(s.Queue, loop.Options{
		Outbox: s.Courier, Deliverer: s.Courier, Jobs: s.Jobs, Log: s.Log, Now: s.Now,
		Periodic: []loop.Periodic{
			{Name: "try what waits for mail server and gateway", Every: courier.RetryChannelsEvery, Run: s.Courier.RetryChannels},
			{Name: "ask what became of SMS", Every: courier.AskEvery, Run: s.Courier.AskStatuses},
			{Name: "take up what a version without jobs began", Every: time.Minute, Run: func(ctx context.Context) error {
				return errors.Join(s.Customers.Adopt(ctx), s.Handovers.Adopt(ctx))
			}},
			{Name: "erase the rows of imports", Every: time.Minute, Run: s.Imports.Erase},
			{Name: "forget bulk acts of long ago", Every: time.Hour, Run: s.Bulk.Forget},
			{Name: "forget jobs that ended long ago", Every: time.Hour, Run: s.Jobs.CleanUp},
			{Name: "write what the search finds of customers recorded before", Every: 2 * time.Second, Run: func(ctx context.Context) error {
				return s.Customers.ContinueDetails(ctx, detailChunk)
			}},
			{Name: "find out what customers need that the version before wrote", Every: 10 * time.Second, Run: func(ctx context.Context) error {
				return s.Customers.ContinueNeeds(ctx, detailChunk)
			}},
			{Name: "write by which city customers recorded before are sorted", Every: 2 * time.Second, Run: s.Customers.ContinueCities},
			{Name: "correct summaries and cities that a version without them left", Every: time.Hour, Run: func(ctx context.Context) error {
				_, err := s.Customers.CorrectAccessSummaries(ctx)
				return errors.Join(err, s.Customers.CorrectCities(ctx))
			}},
			{Name: "tend the search index", Every: time.Second, Run: func(ctx context.Context) error {
				return errors.Join(s.Customers.MergeSearchIndex(ctx), s.Transactions.MergeSearchIndex(ctx))
			}},
			{Name: "end what waits for a second person", Every: 2 * time.Second, Run: s.Approvals.Tick},
			{Name: "forget who made whom long ago", Every: time.Hour, Run: s.Approvals.CleanUp},
			{Name: "post the daily summaries", Every: time.Minute, Run: s.Summaries.Post},
			{Name: "clean up sessions and links", Every: 10 * time.Minute, Run: s.Accounts.CleanUp},
			{Name: "forget refused requests of nobody", Every: time.Hour, Run: s.Audit.Prune},
			{Name: "forget removals that can't be undone any more", Every: time.Minute, Run: s.Authorisations.Purge},
			{Name: "delete documents that must go, and uploads that have expired", Every: time.Minute, Run: s.Blobs.Sweep},
			{Name: "scan documents", Every: 5 * time.Second, Run: s.Blobs.Scan},
			{Name: "delete what has been in the trash for long", Every: time.Hour, Run: s.Documents.Purge},
			{Name: "write the names of documents for ESCROW_RECIPIENT", Every: time.Minute, Run: s.Documents.WriteManifests},
			{Name: "forget notes that can't be put back any more", Every: time.Minute, Run: s.Notes.Purge},
			{Name: "follow the database's clock", Every: time.Minute, Run: s.syncClock},
		},
	})
}

// detailChunk is the number of customers whose details, or needs, are written in one transaction. This work is not a job,
// because nobody requests it: a version before this one may run at the same time and record customers without them.
const detailChunk = 200

// Metrics are the metrics of the outbox, the queues and the processes.
func (s *Services) Metrics() *metrics.Collector {
	return metrics.New(metrics.Options{DB: s.DB, Now: s.Now, Queue: s.Queue, Attempts: s.Courier.Attempts, Processes: s.Processes})
}

// Close stops the writing of the log and closes the queue, the courier, the erasure log and the database.
func (s *Services) Close() error {
	var errs []error
	if s.stopAudit != nil {
		s.stopAudit()
	}
	if s.Queue != nil {
		errs = append(errs, s.Queue.Close())
	}
	if s.Courier != nil {
		errs = append(errs, s.Courier.Close())
	}
	errs = append(errs, s.Erasures.Close())
	if s.DB != nil {
		errs = append(errs, s.DB.Close())
	}
	return errors.Join(errs...)
}
