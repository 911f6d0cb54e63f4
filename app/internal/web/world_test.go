package web

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"golang.org/x/net/html"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/attention"
	"kontor/app/authorisation"
	"kontor/app/bulk"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/customerimport"
	"kontor/app/document"
	"kontor/app/document/documenttest"
	"kontor/app/fault"
	"kontor/app/firm"
	"kontor/app/handover"
	"kontor/app/heartbeat"
	"kontor/app/history"
	"kontor/app/internal/web/kit"
	"kontor/app/job"
	"kontor/app/lang"
	"kontor/app/note"
	policykeeping "kontor/app/policy"
	"kontor/app/savedview"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/app/template"
	"kontor/app/transaction"
	"kontor/policies"
	"kontor/views"
)

// Handler is the Fiber app, for tests that need no network.
func (s *Server) Handler() *fiber.App { return s.app }

// world is the whole web side over real services on an SQLite file. Only the queue is made up, and the clock stands
// still until it is told otherwise. Mail and SMS go to the built-in mailbox.
type world struct {
	*Server
	*accounttest.Firm
	tasks         *madeUpQueue
	customers     *customer.Service
	accesses      *access.Service
	policyService *policykeeping.Service
	firm          *firm.Service
	templates     *template.Service
	jobs          *job.Service
	handovers     *handover.Service
	notes         *note.Service
	imports       *customerimport.Service
	bulk          *bulk.Service
	transactions  *transaction.Service
	documents     *document.Service
	admin         account.Caller
	noWorker      time.Time // when one was seen last; zero while there is one
	customer      uuid.UUID // of Kühn, administered by the admin
	processor     uuid.UUID // who becomes an additional processor of the transaction that furnish makes, or Nil
	dumped        dumped    // what was dumped last
}

// dumped is a dump with what SQLite counted then. The count is another one after anybody has written to the database.
type dumped struct {
	counter *sql.Conn // nil until something was dumped, and on PostgreSQL, which counts for all databases together
	count   int
	tables  []string
	text    string
}

const (
	strong     = accounttest.Strong
	adminEmail = "anna@kanzlei.example"
	baseURL    = accounttest.BaseURL
)

// dream is a kind of job that can be cancelled.
const dream job.Kind = "dream"

// madeUpQueue has one task to be tried again; away makes it not answer.
type madeUpQueue struct {
	away     bool
	silent   string // the name of a queue that does not answer
	troubles []courier.QueueTrouble
	done     []string
	task     courier.TaskInfo
}

var errAway = fault.New(fault.Unavailable, "queue.away")

func (q *madeUpQueue) Troubles(context.Context) []courier.QueueTrouble { return q.troubles }

func (q *madeUpQueue) Known() []courier.QueueTrouble { return q.troubles }

func (q *madeUpQueue) answer() error {
	if q.away {
		return errAway
	}
	return nil
}

func (q *madeUpQueue) Overview(context.Context) ([]courier.QueueInfo, error) {
	all := []courier.QueueInfo{{Name: "mail", Retry: 1, Processed: 1200, Failed: 7}, {Name: "sms"}}
	for i := range all {
		if q.away || q.silent == all[i].Name {
			all[i] = courier.QueueInfo{Name: all[i].Name, Away: courier.QueueFull}
		}
	}
	return all, nil
}

func (q *madeUpQueue) Tasks(_ context.Context, queue string, state courier.TaskState, _ int) ([]courier.TaskInfo, error) {
	if queue != "mail" && queue != "sms" {
		return nil, fault.New(fault.NotFound, "queue.unknown")
	}
	if queue == q.silent {
		return nil, errAway
	}
	if queue == "mail" && state == courier.TaskRetry && q.task.ID != "" {
		return []courier.TaskInfo{q.task}, q.answer()
	}
	return nil, q.answer()
}

func (q *madeUpQueue) RunNow(_ context.Context, queue, id string) error {
	return q.note("run", queue, id)
}

func (q *madeUpQueue) Delete(_ context.Context, queue, id string) error {
	return q.note("delete", queue, id)
}

func (q *madeUpQueue) RunAll(_ context.Context, queue string) (int, error) {
	q.done = append(q.done, "run all "+queue)
	return 3000, q.answer()
}

func (q *madeUpQueue) note(what, queue, id string) error {
	if id != q.task.ID {
		return fault.New(fault.NotFound, "queue.task_unknown")
	}
	q.done = append(q.done, what+" "+queue+" "+id)
	return q.answer()
}

// alone is a process that has no neighbours, or has found what a test says.
type alone struct{ found heartbeat.Finding }

func (a *alone) Finding() heartbeat.Finding { return a.found }

// newWorld builds it; change may alter the options before the server is made.
func newWorld(t testing.TB, change ...func(*Options)) *world {
	t.Helper()
	return newWorldOn(t, storetest.SQLite(t), change...)
}

func newWorldOn(t testing.TB, db *store.DB, change ...func(*Options)) *world {
	t.Helper()
	f := accounttest.NewFirm(t, db, time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), func(o *courier.Options) { o.Zone = time.UTC })
	w := &world{Firm: f, jobs: f.Jobs}
	t.Cleanup(func() {
		if w.dumped.counter != nil {
			assert.NoError(t, w.dumped.counter.Close())
		}
	})
	w.jobs.Handle(dream, job.Handler{
		Step:   func(context.Context, job.Job) (job.Progress, error) { return job.Progress{Finished: true}, nil },
		Cancel: func(context.Context, bun.Tx, job.Job) error { return nil },
	})
	w.tasks = &madeUpQueue{task: courier.TaskInfo{
		ID: accounttest.ID().String() + ":1", State: courier.TaskRetry, Retried: 2, LastError: "unreachable", NextRun: f.Now(),
	}}
	w.customers = customer.New(customer.Options{
		DB: db, Now: f.Now, Decider: f.Decider, Audit: f.Audit, Courier: f.Post, Accounts: f.Accounts, Jobs: w.jobs,
	})
	t.Cleanup(func() { // no change forgets that the customer's row sums up its accesses
		if f.DB.PingContext(f.Ctx) != nil { // closed by the test
			return
		}
		corrected, err := w.customers.CorrectAccessSummaries(f.Ctx)
		require.NoError(t, err)
		assert.Zero(t, corrected, "customers whose row does not sum up their accesses")
	})
	w.accesses = access.New(access.Options{
		DB: db, Now: f.Now, Key: f.Key, Decider: f.Decider, Accounts: f.Accounts, Courier: f.Post, Audit: f.Audit, Approvals: f.Approvals,
		Customers: w.customers, BaseURL: baseURL,
	})
	w.transactions = transaction.New(transaction.Options{DB: db, Now: f.Now, Decider: f.Decider, Audit: f.Audit, Customers: w.customers})
	w.documents = documenttest.New(t, f, w.customers, w.transactions)
	w.notes = note.New(note.Options{DB: db, Now: f.Now, Audit: f.Audit, Customers: w.customers})
	w.handovers = handover.New(handover.Options{
		DB: db, Now: f.Now, Zone: time.UTC, Decider: f.Decider, Audit: f.Audit, Accounts: f.Accounts, Approvals: f.Approvals,
		Customers: w.customers, Transactions: w.transactions, Jobs: w.jobs,
	})
	w.imports = customerimport.New(customerimport.Options{
		DB: db, Now: f.Now, Key: f.Key, Decider: f.Decider, Customers: w.customers, Accesses: w.accesses, Accounts: f.Accounts,
		Audit: f.Audit, Jobs: w.jobs,
	})
	w.policyService = policykeeping.New(policykeeping.Options{
		DB: db, Now: f.Now, Decider: f.Decider, Audit: f.Audit, Approvals: f.Approvals, Customers: w.customers, Transactions: w.transactions,
	})
	authorisations := authorisation.New(authorisation.Options{
		DB: db, Now: f.Now, Key: f.Key, Decider: f.Decider, Audit: f.Audit, Accounts: f.Accounts, Approvals: f.Approvals,
		Customers: w.customers, Accesses: w.accesses, Transactions: w.transactions,
	})
	w.bulk = bulk.New(bulk.Options{
		DB: db, Now: f.Now, Transactions: w.transactions, Customers: w.customers, Authorisations: authorisations, Accesses: w.accesses,
		Accounts: f.Accounts, Audit: f.Audit, Jobs: w.jobs,
	})
	w.templates = template.New(template.Options{DB: db, Now: f.Now, Decider: f.Decider, Audit: f.Audit})
	o := Options{
		DB: db, Now: f.Now, Key: f.Key, Log: slog.New(slog.DiscardHandler), Decider: f.Decider, Audit: f.Audit, Courier: f.Post, Queue: w.tasks,
		Jobs: w.jobs, Approvals: f.Approvals, Accounts: f.Accounts, Customers: w.customers, Accesses: w.accesses,
		Transactions: w.transactions, Documents: w.documents, Handovers: w.handovers, Imports: w.imports, Bulk: w.bulk, ImportMax: 8 << 20, Policies: w.policyService,
		Authorisations: authorisations,
		Histories: history.New(history.Options{
			Audit: f.Audit, Courier: f.Post, Customers: w.customers, Accesses: w.accesses, Transactions: w.transactions, Notes: w.notes,
		}),
		Templates: w.templates,
		Views:     savedview.New(savedview.Options{DB: db, Now: f.Now, Decider: f.Decider}),
		Attention: attention.New(attention.Options{
			DB: db, Now: f.Now, Zone: time.UTC, Decider: f.Decider, Customers: w.customers, Accesses: w.accesses, Transactions: w.transactions,
			Offers: w.policyService, Courier: f.Post, Approvals: f.Approvals, Deputies: w.handovers, Queue: w.tasks,
			NoWorker: func() time.Time { return w.noWorker },
		}),
		Pages: views.Pages(), Static: views.Static(), Locales: views.Locales(), BaseURL: baseURL,
		Zone: time.UTC, Mailbox: true, MetricsOpen: true,
		Schema: func(context.Context) error { return nil }, Processes: &alone{},
	}
	beginning(firm.Start{})(&o)
	for _, alter := range change {
		alter(&o)
	}
	w.firm, f.Sets = o.Firm, o.Firm
	var err error
	w.Server, err = New(o)
	must(t, err)
	must(t, w.policyService.Load(f.Ctx))
	must(t, o.Firm.Load(f.Ctx))
	must(t, w.policyService.Offer(f.Ctx))
	_, _, err = f.Accounts.CreateFirst(f.Ctx, adminEmail, "Anna Berg", strong)
	must(t, err)
	a, _, err := f.Accounts.ByEmail(f.Ctx, db, adminEmail)
	must(t, err)
	w.admin = account.Caller{ID: a.ID, Name: a.Name, Roles: policies.FirmRoles}
	cu, _, err := w.customers.Add(f.Ctx, w.admin, customer.Draft{
		Type: customer.Person, Data: customer.Data{FirstName: "Berta", LastName: "Kühn", Locale: "de"},
	}, nil)
	must(t, err)
	w.customer = cu.ID
	return w
}

// beginning makes a firm for which the environment says this. Without a name and a language it has those of the tests.
func beginning(start firm.Start) func(*Options) {
	start.Name, start.Locale = cmp.Or(start.Name, accounttest.FirmName), cmp.Or(start.Locale, lang.English)
	return func(o *Options) {
		o.Firm = firm.New(firm.Options{DB: o.DB, Now: o.Now, Decider: o.Decider, Audit: o.Audit, Log: o.Log, Start: start})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	require.NoError(t, err)
}

// invite makes an access and returns the link's token and the code of its messages.
func (w *world) invite(email, mobile string) (token, code string) {
	w.Helper()
	_, err := w.accesses.Create(context.Background(), w.admin, w.customer,
		access.Form{FirstName: "Berta", LastName: "Kühn", Email: email, Mobile: mobile, Locale: "de"}, "")
	must(w.TB, err)
	w.deliver()
	for _, m := range w.box() {
		if m.To == email && token == "" {
			token = linkTo("register", m.Text)
		}
		if m.Channel == courier.SMS && code == "" {
			code = regexp.MustCompile(`[` + secret.Alphabet + `]{4}-[` + secret.Alphabet + `]{4}`).FindString(m.Text)
		}
	}
	require.NotEmpty(w, token, "no link came to %s", email)
	return token, code
}

func (w *world) box() []courier.Mail {
	w.Helper()
	mails, err := w.Post.Mailbox(context.Background(), 500)
	must(w.TB, err)
	return mails
}

// deliver sends what is queued, as the worker would.
func (w *world) deliver() {
	w.Helper()
	var queued []courier.Message
	must(w.TB, w.DB.NewSelect().Model(&queued).Where("state = ?", courier.Queued).Scan(context.Background()))
	for _, m := range queued {
		v, err := w.Post.Deliver(context.Background(), courier.Ticket{MessageID: m.ID, Channel: m.Channel, Run: m.Run})
		require.NoError(w, err, "deliver")
		require.False(w, v.Retry, "deliver: %+v", v)
	}
}

func linkTo(page, text string) string {
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(baseURL) + `/` + page + `/([\w-]{43})\r?$`).FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	return m[1]
}

// dump is every row of some tables: two equal dumps mean that nothing was written to them in between. The tables are only read
// if something was written to the database since they were dumped last.
func (w *world) dump(tables ...string) string {
	w.Helper()
	if w.DB.Dialect().Name() != dialect.SQLite {
		return w.read(tables)
	}
	if w.dumped.counter == nil {
		conn, err := w.DB.DB.DB.Conn(context.Background())
		must(w.TB, err)
		w.dumped.counter = conn
	}
	var count int
	must(w.TB, w.dumped.counter.QueryRowContext(context.Background(), "PRAGMA data_version").Scan(&count))
	if w.dumped.count != count || !slices.Equal(w.dumped.tables, tables) {
		w.dumped.count, w.dumped.tables, w.dumped.text = count, tables, w.read(tables)
	}
	return w.dumped.text
}

// read is every row of some tables, as they are now.
func (w *world) read(tables []string) string {
	var b strings.Builder
	for _, table := range tables {
		b.WriteString(table + "\n" + strings.Join(w.linesOf(table), "\n") + "\n")
	}
	return b.String()
}

func (w *world) linesOf(table string) (lines []string) {
	rows, err := w.DB.QueryContext(context.Background(), "SELECT * FROM "+table)
	must(w.TB, err)
	defer func() { must(w.TB, rows.Close()) }()
	columns, err := rows.Columns()
	must(w.TB, err)
	for rows.Next() {
		cells := make([]any, len(columns))
		for i := range cells {
			cells[i] = new(any)
		}
		must(w.TB, rows.Scan(cells...))
		var line strings.Builder
		for _, c := range cells {
			_, _ = io.WriteString(&line, asText(*(c.(*any)))+"|")
		}
		lines = append(lines, line.String())
	}
	must(w.TB, rows.Err())
	slices.Sort(lines)
	return lines
}

// browser is one person's browser: cookies and language.
type browser struct {
	*world
	cookies  map[string]string
	language string
}

func (w *world) browser() *browser {
	return &browser{world: w, cookies: map[string]string{}, language: "en"}
}

type answer struct {
	*http.Response
	body string
}

// do sends a request as a browser that visits BASE_URL would, and keeps its cookies.
func (b *browser) do(method, path string, form url.Values, headers ...string) answer {
	b.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequest(method, path, body)
	r.Host = strings.TrimPrefix(baseURL, "https://")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept-Language", b.language)
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res, err := b.Handler().Test(r, 10_000)
	must(b.TB, err)
	raw, err := io.ReadAll(res.Body)
	must(b.TB, err)
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 || c.Value == "" {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return answer{res, string(raw)}
}

func (b *browser) get(path string, headers ...string) answer {
	b.Helper()
	return b.do(http.MethodGet, path, nil, headers...)
}

// token is the CSRF token that this browser's pages carry.
func (b *browser) token() string {
	b.Helper()
	page := b.get("/password/forgotten")
	m := regexp.MustCompile(`name="_csrf" value="([^"]+)"`).FindStringSubmatch(page.body)
	require.NotNil(b, m, "no token on the page: %s", page.body)
	return html.UnescapeString(m[1])
}

// send posts a form with the token.
func (b *browser) send(path string, pairs ...string) answer {
	b.Helper()
	form := url.Values{kit.CSRFField: {b.token()}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return b.do(http.MethodPost, path, form)
}

func (b *browser) signIn(login, password string) *browser {
	b.Helper()
	a := b.send("/login", "login", login, "password", password)
	require.Equal(b, http.StatusSeeOther, a.StatusCode, "sign in as %s: %s", login, a.text())
	return b
}

func (w *world) signedIn() *browser {
	w.Helper()
	return w.browser().signIn(adminEmail, strong)
}

// text is what a person reads on the page.
func (a answer) text() string {
	doc, err := html.Parse(strings.NewReader(a.body))
	if err != nil {
		return a.body
	}
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data + " ")
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(doc)
	return strings.Join(strings.Fields(b.String()), " ")
}

func (a answer) want(t testing.TB, status int, texts ...string) {
	t.Helper()
	require.Equal(t, status, a.StatusCode, "status, want : %s", a.text())
	for _, text := range texts {
		assert.Contains(t, a.text(), text, "is not on the page")
	}
}

func (a answer) goesTo(t testing.TB, path string) {
	t.Helper()
	require.Equal(t, http.StatusSeeOther, a.StatusCode, "to %q, %s", a.Header.Get("Location"), a.text())
	require.Equal(t, path, a.Header.Get("Location"), "want 303 %s", a.text())
}

func asText(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case []byte:
		return string(v)
	case string:
		return v
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}

// TestDump: what was written since the last dump is in the next one, also when other tables were dumped in between.
func TestDump(t *testing.T) {
	w := newWorld(t)
	before := w.dump("note", "customer")
	require.Equal(t, before, w.dump("note", "customer"))
	_, err := w.DB.ExecContext(w.Ctx, "UPDATE customer SET city = 'Ulm'")
	require.NoError(t, err)
	require.Contains(t, w.dump("customer"), "Ulm")
	require.NotEqual(t, before, w.dump("note", "customer"))
	require.Equal(t, w.read([]string{"note", "customer"}), w.dump("note", "customer"))
}
