package operation

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/fault"
	"kontor/app/internal/web/kit"
	"kontor/policies"
)

// queueTime limits the requests to the queues for the page. They run at the same time, so a frozen queue delays the page
// by this time at most.
const queueTime = 2 * time.Second

// maxQueuePage is the last page that can be requested.
const maxQueuePage = 10_000

// queuePage is the data of the operator's page.
type queuePage struct {
	Queues []courier.QueueInfo
	Queue  string
	State  courier.TaskState
	States []courier.TaskState
	Tasks  []queueTask
	All    int // tasks of the queue that wait for a later time or were given up
	Page   int
	More   bool // there is a next page
	Manage bool
	Away   courier.QueueReason // why no queue can be asked; "" if at least one can
	// Unknown is set when the queue whose tasks are listed can't be asked.
	Unknown bool
	// Warnings are problems that do not stop messages.
	Warnings []courier.QueueReason
	Jobs     []pageJob
}

// Next is the address of the next page of tasks, "" if there is none.
func (d queuePage) Next() string {
	if !d.More {
		return ""
	}
	q := kit.NewQuery("/queues")
	q.Add("queue", d.Queue)
	q.Add("state", string(d.State))
	q.Add("page", strconv.Itoa(d.Page+1))
	return q.String()
}

func (s *Screens) showQueues(c *fiber.Ctx) error {
	if err := s.Require(c, policies.ObjectQueue, policies.Read); err != nil {
		return err
	}
	d := queuePage{Queue: queueNamed(c.Query("queue")), State: courier.TaskState(c.Query("state")), States: courier.TaskStates, Page: min(max(1, c.QueryInt("page", 1)), maxQueuePage)}
	if !slices.Contains(courier.TaskStates, d.State) {
		d.State = courier.TaskRetry
	}
	ctx, cancel := context.WithTimeout(s.Ctx(c), queueTime)
	defer cancel()
	var err error
	if d.Manage, err = s.Policy.Allows(policies.Request{Roles: s.Caller(c).Roles, Object: policies.ObjectQueue, Action: policies.Manage}); err != nil {
		return err
	}
	var listed []queueTask
	caller := s.Caller(c)
	wait := kit.Beside(func() (err error) {
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
		// The page is shown without the queue. It says that messages wait in the outbox meanwhile.
		status = fiber.StatusServiceUnavailable
	} else {
		d.Tasks = listed
		if d.Unknown = fault.CodeOf(unlisted) == fault.Unavailable; unlisted != nil && !d.Unknown {
			return unlisted
		}
	}
	d.More = len(d.Tasks) == courier.TaskPageSize && d.Page < maxQueuePage
	if d.Jobs, err = s.listJobs(s.Ctx(c)); err != nil {
		return err
	}
	return s.Render(c, kit.View{Page: "operation/queues", Fragment: "operation/queue_part", Title: s.Say(c, "nav.queues"), Nav: "queues", Status: status, Data: d})
}

// queueNamed is the queue whose tasks the page lists. The page always lists jobs below them.
func queueNamed(asked string) string {
	if asked == "" || asked == "jobs" {
		return "mail"
	}
	return asked
}

// queueTask is a task with the recipient of its message, as far as the caller may see that.
type queueTask struct {
	courier.TaskInfo
	For access.Addressee
	// Tries is the number of attempts for the message, or, for a task without a message, of the queue.
	Tries int
}

// tasks reads a page of the tasks of a queue in a state.
func (s *Screens) tasks(ctx context.Context, caller account.Caller, queue string, state courier.TaskState, page int) ([]queueTask, error) {
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

// channelOf is the channel of a queue.
var channelOf = map[string]courier.Channel{"mail": courier.Email, "sms": courier.SMS}

// runQueue runs all waiting tasks of a queue now. It clears the time of the next attempt in the outbox first, and then
// makes the queue run its tasks.
func (s *Screens) runQueue(c *fiber.Ctx) error {
	if err := s.Require(c, policies.ObjectQueue, policies.Manage); err != nil {
		return err
	}
	queue := c.Params("queue")
	channel, known := channelOf[queue]
	if !known {
		return fault.New(fault.NotFound, "queue.unknown")
	}
	if err := s.courier.HurryAll(s.Ctx(c), channel); err != nil {
		return err
	}
	n, err := s.queue.RunAll(s.Ctx(c), queue)
	if err != nil {
		return err
	}
	if err := s.Audit.Write(s.Ctx(c), s.db, s.Caller(c).Actor(), audit.Record{Action: audit.QueueRun, Subject: queue + " " + strconv.Itoa(n)}); err != nil {
		return err
	}
	return s.Redirect(c, "/queues?queue="+url.QueryEscape(queue)+"&state="+url.QueryEscape(string(courier.TaskPending)), "toast.queue_run")
}

// noneAnswers is the reason why no queue can be asked, "" if at least one can.
func noneAnswers(queues []courier.QueueInfo) (why courier.QueueReason) {
	for _, q := range queues {
		if why = q.Away; why == "" {
			return ""
		}
	}
	return why
}

// runTask runs a task now. It clears the time of the message's next attempt in the outbox first, and then makes the queue
// run the task.
func (s *Screens) runTask(c *fiber.Ctx) error {
	run := func(ctx context.Context, queue, task string) error {
		if err := ofMessage(ctx, task, s.courier.Hurry); err != nil {
			return err
		}
		return s.queue.RunNow(ctx, queue, task)
	}
	return s.onTask(c, run, audit.QueueTaskRun, "toast.task_run")
}

// deleteTask removes a task from the queue and cancels its message, in this order: if the queue refuses or does not know
// the task, the message must not be cancelled without an entry in the log. If cancelling fails, the outbox queues the
// message again.
func (s *Screens) deleteTask(c *fiber.Ctx) error {
	remove := func(ctx context.Context, queue, task string) error {
		if err := s.queue.Delete(ctx, queue, task); err != nil {
			return err
		}
		return ofMessage(ctx, task, s.courier.Cancel)
	}
	return s.onTask(c, remove, audit.QueueTaskDeleted, "toast.task_deleted")
}

// ofMessage calls do with the message whose id begins the task's name.
func ofMessage(ctx context.Context, task string, do func(ctx context.Context, id uuid.UUID) error) error {
	name, _, _ := strings.Cut(task, ":")
	if id := uuid.FromStringOrNil(name); id != uuid.Nil {
		return do(ctx, id)
	}
	return nil
}

func (s *Screens) onTask(c *fiber.Ctx, do func(ctx context.Context, queue, id string) error, action audit.Action, done string) error {
	if err := s.Require(c, policies.ObjectQueue, policies.Manage); err != nil {
		return err
	}
	queue, task := c.Params("queue"), c.Params("task")
	if err := do(s.Ctx(c), queue, task); err != nil {
		return err
	}
	// The queue is not in the database. So this is the only log entry that is not in one transaction with the change it
	// describes.
	if err := s.Audit.Write(s.Ctx(c), s.db, s.Caller(c).Actor(), audit.Record{Action: action, Subject: queue + " " + task}); err != nil {
		return err
	}
	return s.Redirect(c, "/queues?queue="+url.QueryEscape(queue)+"&state="+url.QueryEscape(kit.Posted(c, "state")), done)
}
