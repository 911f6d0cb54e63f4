package web

import (
	"context"
	"encoding/json"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/fault"
	"kontor/app/store"
	"kontor/app/transaction"
	"kontor/policies"
)

func (s *Server) auditPlace() place {
	return place{id: "audit", href: "/audit", icon: "scroll-text", may: s.allowed(policies.Audit, "", policies.Read)}
}

func (s *Server) auditRoutes() []route {
	return []route{
		get("/audit", firm, s.showAudit),
		get("/customers/:id/log", firm, s.showCustomerLog),
		get("/transactions/:id/log", firm, s.showTransactionLog),
	}
}

func (s *Server) queuePlace() place {
	return place{id: "queues", href: "/queues", icon: "list-checks", may: s.allowed(policies.Queue, "", policies.Read)}
}

func (s *Server) mailboxPlace() place {
	may := s.allowed(policies.Mailbox, "", policies.Read)
	return place{id: "mailbox", href: "/mailbox", icon: "inbox", may: func(caller account.Caller) (bool, error) {
		ok, err := may(caller)
		return s.hasMailbox && ok && approval.GuardsAll(caller.Roles), err
	}}
}

func (s *Server) operationRoutes() []route {
	return []route{
		get("/queues", firm, s.showQueues),
		post("/queues/:queue/run", firm, s.runQueue),
		post("/queues/:queue/:task/run", firm, s.runTask),
		post("/queues/:queue/:task/delete", firm, s.deleteTask),
		get("/mailbox", firm, s.showMailbox),
		get("/mailbox.json", firm, s.mailboxJSON),
		get("/mailbox/:id/html", firm, s.mailHTML),
		get("/healthz", automatic, s.healthz),
		get("/readyz", automatic, s.readyz),
		post("/hooks/sms", automatic, s.smsReport).taking(rawBody),
		post(bouncePath, automatic, s.bounceReport).taking(rawBody),
	}
}

// require asks the policy for a right that needs no relation to anything.
func (s *Server) require(c *fiber.Ctx, object policies.Object, action policies.Action) error {
	return s.policy.Require(policies.Request{Roles: s.caller(c).Roles, Object: object, Action: action})
}

// auditPage is the data of a page of the log, of one customer or of all.
type auditPage struct {
	Empty   empty
	Entries []audit.Entry
	Next    string // address of the next page
	Of      bool   // of one customer: the customer is not named again
}

func (s *Server) showAudit(c *fiber.Ctx) error {
	if err := s.require(c, policies.Audit, policies.Read); err != nil {
		return err
	}
	d, err := s.auditOf(c, uuid.Nil, "/audit")
	if err != nil {
		return err
	}
	return s.render(c, view{Page: "operation/audit", Title: s.say(c, "nav.audit"), Nav: "audit", Data: d})
}

// auditOf reads the page of the log that the address asks for. Whether the caller may is asked before.
// entries about transactions that they may not see are left out.
func (s *Server) auditOf(c *fiber.Ctx, customerID uuid.UUID, path string, only ...store.Clause) (auditPage, error) {
	before := uuid.FromStringOrNil(c.Query("after"))
	visible, err := s.transactions.LogClause(s.caller(c), "entry")
	if err != nil {
		return auditPage{}, err
	}
	if err := s.audit.Flush(s.ctx(c)); err != nil { // what was seen a moment ago; the page stands without it
		s.log.Warn("the log could not be written", "error", err)
	}
	entries, more, err := s.audit.Page(s.ctx(c), customerID, before, append(only, visible)...)
	if err == nil {
		err = s.sayKinds(c, entries)
	}
	d := auditPage{
		Entries: entries, Of: customerID != uuid.Nil,
		Empty: empty{List: "log", Why: emptinessOf(before != uuid.Nil, visible.SQL == ""), Clear: path},
	}
	if more {
		d.Next = path + "?after=" + entries[len(entries)-1].ID.String()
	}
	return d, err
}

// sayKinds puts the kinds of transactions into words, which are kept in the database.
func (s *Server) sayKinds(c *fiber.Ctx, entries []audit.Entry) error {
	var kinds []transaction.Kind
	for i, e := range entries {
		changes := e.Changes()
		was, ok := changes["kind"]
		if !ok {
			continue
		}
		if kinds == nil {
			var err error
			if kinds, err = s.transactions.Kinds(s.ctx(c)); err != nil {
				return err
			}
		}
		locale := s.text(c).locale
		changes["kind"] = [2]string{kindName(locale, kinds, was[0]), kindName(locale, kinds, was[1])}
		detail, err := json.Marshal(changes)
		if err != nil {
			return err
		}
		entries[i].Detail = string(detail)
	}
	return nil
}

// queueTime bounds what the page asks the queues. It asks all at once, so that is how long a frozen one holds it up.
const queueTime = 2 * time.Second

// maxQueuePage is further than anybody pages.
const maxQueuePage = 10_000

// queuePage is the data of the operator's page.
type queuePage struct {
	Queues []courier.QueueInfo
	Queue  string
	State  courier.TaskState
	States []courier.TaskState
	Tasks  []queueTask
	All    int // tasks of the queue that wait for later or were given up
	Page   int
	Next   int // 0: no more
	Manage bool
	Away   courier.QueueReason // why none of the queues can be asked; "" when one can
	// Unknown is set when the queue whose tasks are listed can't be asked.
	Unknown bool
	// Warnings are troubles in which messages go out all the same.
	Warnings []courier.QueueReason
}

func (s *Server) showQueues(c *fiber.Ctx) error {
	if err := s.require(c, policies.Queue, policies.Read); err != nil {
		return err
	}
	d := queuePage{Queue: c.Query("queue", "mail"), State: courier.TaskState(c.Query("state")), States: courier.TaskStates, Page: min(max(1, c.QueryInt("page", 1)), maxQueuePage)}
	if !slices.Contains(courier.TaskStates, d.State) {
		d.State = courier.TaskRetry
	}
	ctx, cancel := context.WithTimeout(s.ctx(c), queueTime)
	defer cancel()
	var err error
	if d.Manage, err = s.policy.Allows(policies.Request{Roles: s.caller(c).Roles, Object: policies.Queue, Action: policies.Manage}); err != nil {
		return err
	}
	var listed []queueTask
	caller := s.caller(c)
	wait := beside(func() (err error) {
		listed, err = s.tasks(ctx, caller, d.Queue, d.State, d.Page)
		return err
	})
	d.Queues, err = s.queue.Overview(ctx)
	unlisted := wait()
	if err != nil {
		return err
	}
	for _, q := range d.Queues {
		if q.Name == d.Queue {
			d.All = q.Retry + q.Scheduled + q.Archived
		}
		if q.Warning != "" && !slices.Contains(d.Warnings, q.Warning) {
			d.Warnings = append(d.Warnings, q.Warning)
		}
	}
	status := fiber.StatusOK
	if d.Away = noneAnswers(d.Queues); d.Away != "" {
		// The page stands without the queue: messages wait in the outbox meanwhile, and that is what it says.
		status = fiber.StatusServiceUnavailable
	} else {
		d.Tasks = listed
		if d.Unknown = fault.CodeOf(unlisted) == fault.Unavailable; unlisted != nil && !d.Unknown {
			return unlisted
		}
	}
	if len(d.Tasks) == courier.TaskPageSize {
		d.Next = d.Page + 1
	}
	return s.render(c, view{Page: "operation/queues", Fragment: "operation/queue_part", Title: s.say(c, "nav.queues"), Nav: "queues", Status: status, Data: d})
}

// queueTask is a task with whom its message is for, as far as the reader may know.
type queueTask struct {
	courier.TaskInfo
	For access.Addressee
	// Tries is how many attempts were made at the message, or, of a task without one, by the queue.
	Tries int
}

// tasks reads a page of the tasks of a queue in a state.
func (s *Server) tasks(ctx context.Context, caller account.Caller, queue string, state courier.TaskState, page int) ([]queueTask, error) {
	list, err := s.queue.Tasks(ctx, queue, state, page)
	if err != nil {
		return nil, err
	}
	var messages []uuid.UUID
	for _, t := range list {
		if t.MessageID != uuid.Nil {
			messages = append(messages, t.MessageID)
		}
	}
	of, err := s.accesses.Addressees(ctx, caller, messages)
	if err != nil {
		return nil, err
	}
	tasks := make([]queueTask, len(list))
	for i, t := range list {
		tasks[i] = queueTask{TaskInfo: t, Tries: t.Retried}
		if a, known := of[t.MessageID]; known {
			tasks[i].For, tasks[i].Tries = a, a.Attempts
		}
	}
	return tasks, nil
}

// channelOf is the channel whose messages a queue holds.
var channelOf = map[string]courier.Channel{"mail": courier.Email, "sms": courier.SMS}

// runQueue has everything done now that waits in a queue: the outbox forgets when the next tries were to be, then the queue
// runs its tasks.
func (s *Server) runQueue(c *fiber.Ctx) error {
	if err := s.require(c, policies.Queue, policies.Manage); err != nil {
		return err
	}
	queue := c.Params("queue")
	channel, known := channelOf[queue]
	if !known {
		return fault.New(fault.NotFound, "queue.unknown")
	}
	if err := s.courier.HurryAll(s.ctx(c), channel); err != nil {
		return err
	}
	n, err := s.queue.RunAll(s.ctx(c), queue)
	if err != nil {
		return err
	}
	if err := s.audit.Write(s.ctx(c), s.db, s.caller(c).Actor(), audit.Record{Action: audit.QueueRun, Subject: queue + " " + strconv.Itoa(n)}); err != nil {
		return err
	}
	return s.redirect(c, "/queues?queue="+url.QueryEscape(queue)+"&state="+url.QueryEscape(string(courier.TaskPending)), "toast.queue_run")
}

// noneAnswers is why no queue can be asked, "" when one can.
func noneAnswers(queues []courier.QueueInfo) (why courier.QueueReason) {
	for _, q := range queues {
		if why = q.Away; why == "" {
			return ""
		}
	}
	return why
}

// runTask has a task done now: the outbox forgets when the message's next try was to be, then the queue runs it.
func (s *Server) runTask(c *fiber.Ctx) error {
	run := func(ctx context.Context, queue, task string) error {
		if err := ofMessage(ctx, task, s.courier.Hurry); err != nil {
			return err
		}
		return s.queue.RunNow(ctx, queue, task)
	}
	return s.onTask(c, run, audit.QueueTaskRun, "toast.task_run")
}

// deleteTask takes a task out of the queue and cancels its message. In this order: what the queue refuses, or does not
// know, must not be cancelled, and certainly not without an entry in the log. Should cancelling fail, the outbox queues
// the message again.
func (s *Server) deleteTask(c *fiber.Ctx) error {
	remove := func(ctx context.Context, queue, task string) error {
		if err := s.queue.Delete(ctx, queue, task); err != nil {
			return err
		}
		return ofMessage(ctx, task, s.courier.Cancel)
	}
	return s.onTask(c, remove, audit.QueueTaskDeleted, "toast.task_deleted")
}

// ofMessage does something to the message that a task is named after.
func ofMessage(ctx context.Context, task string, do func(ctx context.Context, id uuid.UUID) error) error {
	name, _, _ := strings.Cut(task, ":")
	if id := uuid.FromStringOrNil(name); id != uuid.Nil {
		return do(ctx, id)
	}
	return nil
}

func (s *Server) onTask(c *fiber.Ctx, do func(ctx context.Context, queue, id string) error, action audit.Action, done string) error {
	if err := s.require(c, policies.Queue, policies.Manage); err != nil {
		return err
	}
	queue, task := c.Params("queue"), c.Params("task")
	if err := do(s.ctx(c), queue, task); err != nil {
		return err
	}
	// The queue is not in the database, so this is the one entry that is not in a tx with what it tells of.
	if err := s.audit.Write(s.ctx(c), s.db, s.caller(c).Actor(), audit.Record{Action: action, Subject: queue + " " + task}); err != nil {
		return err
	}
	return s.redirect(c, "/queues?queue="+url.QueryEscape(queue)+"&state="+url.QueryEscape(posted(c, "state")), done)
}

// mailboxSize is how many messages the mailbox page shows.
const mailboxSize = 100

// readMailbox wants the right to read the mailbox, and every role that guards the system: with the links in it somebody
// could sign in as anybody. 404 when there is none.
func (s *Server) readMailbox(c *fiber.Ctx) ([]courier.Mail, error) {
	if !s.hasMailbox {
		return nil, fault.New(fault.NotFound, "page")
	}
	if err := s.require(c, policies.Mailbox, policies.Read); err != nil {
		return nil, err
	}
	if !approval.GuardsAll(s.caller(c).Roles) {
		return nil, policies.ErrForbidden
	}
	return s.courier.Mailbox(s.ctx(c), mailboxSize)
}

// fromLoopback says whether the request comes from this machine itself, not through a proxy.
func (s *Server) fromLoopback(c *fiber.Ctx) bool {
	peer, ok := netip.AddrFromSlice(c.Context().RemoteIP())
	return ok && peer.Unmap().IsLoopback() && proxied(c) == ""
}

type mailboxPage struct {
	Mails []courier.Mail
	Open  *courier.Mail
}

func (s *Server) showMailbox(c *fiber.Ctx) error {
	mails, err := s.readMailbox(c)
	if err != nil {
		return err
	}
	d := mailboxPage{Mails: mails}
	if i := indexOfMail(mails, c.Query("id")); i >= 0 {
		d.Open = &mails[i]
	} else if len(mails) > 0 {
		d.Open = &mails[0]
	}
	return s.render(c, view{Page: "operation/mailbox", Title: s.say(c, "nav.mailbox"), Nav: "mailbox", Data: d})
}

func (s *Server) mailboxJSON(c *fiber.Ctx) error {
	mails, err := s.readMailbox(c)
	if err != nil {
		return err
	}
	if mails == nil {
		mails = []courier.Mail{}
	}
	raw, err := json.Marshal(mails)
	if err != nil {
		return err
	}
	c.Type("json", "utf-8")
	return c.Send(raw)
}

// mailHTML shows the HTML part of a mail as a page of its own that may do nothing: no script, no request but for
// the firm's mark, no form.
func (s *Server) mailHTML(c *fiber.Ctx) error {
	mails, err := s.readMailbox(c)
	if err != nil {
		return err
	}
	i := indexOfMail(mails, c.Params("id"))
	if i < 0 || mails[i].HTML == "" {
		return fault.New(fault.NotFound, "page")
	}
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; sandbox; frame-ancestors 'self'")
	c.Set(fiber.HeaderXFrameOptions, "SAMEORIGIN")
	c.Type("html", "utf-8")
	mark := ""
	if s.logo != nil {
		mark = s.logo.Address
	}
	return c.SendString(mails[i].Page(mark))
}

func indexOfMail(mails []courier.Mail, id string) int {
	return slices.IndexFunc(mails, func(m courier.Mail) bool { return m.ID.String() == id })
}
