// Package operation serves the pages for operators (queues, mailbox, health) and takes delivery reports.
package operation

import (
	"context"

	"kontor/app/access"
	"kontor/app/courier"
	"kontor/app/job"
	"kontor/app/policy"
	"kontor/app/store"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/internal/web/kit"
	"kontor/policies"
)

// Options are the parts and settings of the screens, besides the kit.
type Options struct {
	Queue    Queue
	Courier  *courier.Service
	Jobs     *job.Service
	Accounts *account.Service
	Accesses *access.Service
	Policies *policy.Service
	DB       *store.DB
	// Schema returns an error if the database's schema is not what this program needs.
	Schema     func(context.Context) error
	Processes  Processes
	Draining   func() bool // the process is about to stop
	Mailbox    bool        // the built-in mailbox takes e-mails or SMS
	HookSecret string      // signs delivery reports; "" derives one from the kit's key
}

// Screens are the pages for operators.
type Screens struct {
	*kit.Kit
	queue      Queue
	courier    *courier.Service
	jobs       *job.Service
	accounts   *account.Service
	accesses   *access.Service
	policies   *policy.Service
	db         *store.DB
	schema     func(context.Context) error
	processes  Processes
	draining   func() bool
	hasMailbox bool
	hookKeys   [][]byte
}

// New makes the screens.
func New(k *kit.Kit, o Options) *Screens {
	s := &Screens{
		Kit: k, queue: o.Queue, courier: o.Courier, jobs: o.Jobs, accounts: o.Accounts, accesses: o.Accesses, policies: o.Policies, db: o.DB, schema: o.Schema,
		processes: o.Processes, draining: o.Draining, hasMailbox: o.Mailbox,
	}
	if o.HookSecret != "" {
		s.hookKeys = [][]byte{[]byte(o.HookSecret)}
		return s
	}
	for _, m := range k.Key.MACs("hooks") {
		s.hookKeys = append(s.hookKeys, []byte(m))
	}
	return s
}

// QueuePlace is the navigation entry of the queues.
func (s *Screens) QueuePlace() kit.Place {
	return kit.Place{ID: "queues", Key: "q", Href: "/queues", Icon: "list-checks", May: s.Allowed(policies.ObjectQueue, "", policies.Read)}
}

// MailboxPlace is the navigation entry of the built-in mailbox.
func (s *Screens) MailboxPlace() kit.Place {
	may := s.Allowed(policies.ObjectMailbox, "", policies.Read)
	return kit.Place{ID: "mailbox", Key: "m", Href: "/mailbox", Icon: "inbox", May: func(ctx context.Context, caller account.Caller) (bool, error) {
		ok, err := may(ctx, caller)
		return s.hasMailbox && ok && approval.GuardsAll(caller.Roles), err
	}}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{
		kit.Get("/queues", kit.Firm, s.showQueues),
		kit.Post("/queues/:queue/run", kit.Firm, s.runQueue),
		kit.Post("/queues/:queue/:task/run", kit.Firm, s.runTask),
		kit.Post("/queues/:queue/:task/delete", kit.Firm, s.deleteTask),
		kit.Post("/queues/jobs/:job/cancel", kit.Firm, s.cancelJob),
		kit.Get("/mailbox", kit.Firm, s.showMailbox),
		kit.Get("/mailbox.json", kit.Firm, s.mailboxJSON),
		kit.Get("/mailbox/:id/html", kit.Firm, s.mailHTML),
		kit.Get("/healthz", kit.Automatic, s.healthz),
		kit.Get("/readyz", kit.Automatic, s.readyz),
		kit.Post("/hooks/sms", kit.Automatic, s.smsReport).Taking(kit.RawBody),
		kit.Post(BouncePath, kit.Automatic, s.bounceReport).Taking(kit.RawBody),
	}
}
