package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"

	"kontor/app/await"
	"kontor/app/courier/couriertest"
	"kontor/app/store"
)

// crew are specialist users who add customers, send again, look, and delete for good, and end users who register,
// whatever happens. What fails is sent again with the same form, as a person does, until it is answered for.
type crew struct {
	f    *faulty
	t    *testing.T
	over chan struct{}
	all  sync.WaitGroup

	mu        sync.Mutex
	customers []*added
	answers   map[string]int // "503 of POST /customers" → how often
}

// added is a customer whose adding was answered for.
type added struct {
	email, mobile, path string
	again               int  // how often the invitation was sent again
	deleted             bool // whose answer arrived
	registered          bool // likewise
	busy                bool // a visitor works with it
}

func newCrew(f *faulty) *crew {
	return &crew{f: f, t: f.t, over: make(chan struct{}), answers: map[string]int{}}
}

// work lets n people work until finish.
func (c *crew) work(n int) {
	for i := range n {
		m := c.member(uint64(i + 1))
		m.signIn("admin@kontor.local")
		c.all.Go(func() {
			for k := 0; ; k++ {
				select {
				case <-c.over:
					return
				default:
					m.act(k)
				}
			}
		})
	}
}

// finish waits until everybody has finished what they were at.
func (c *crew) finish() {
	close(c.over)
	c.all.Wait()
}

// member is one of the crew, or an end user, with a browser of their own.
type member struct {
	*crew
	number uint64
	random *rand.Rand
	client *http.Client
}

func (c *crew) member(number uint64) *member {
	jar, _ := cookiejar.New(nil)                                                                            // never fails
	return &member{crew: c, number: number, random: rand.New(rand.NewPCG(number, 1)), client: &http.Client{ //nolint:gosec // repeatable on purpose
		Jar: jar, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// act does one thing.
func (m *member) act(k int) {
	switch m.random.IntN(10) {
	default:
		m.add(k)
	case 5:
		m.look()
	case 6:
		if a := m.pick(func(a *added) bool { return !a.registered }); a != nil {
			m.sendAgain(a)
		}
	case 7:
		if a := m.pick(func(a *added) bool { return a.again == 0 && !a.registered && m.invited(a) }); a != nil {
			m.register(a)
		}
	case 8:
		if a := m.pick(func(*added) bool { return true }); a != nil {
			m.remove(a)
		}
	}
}

// pick takes a customer that nobody is at and that is not deleted; release gives it back.
func (m *member) pick(fits func(*added) bool) *added {
	m.mu.Lock()
	defer m.mu.Unlock()
	for range 5 {
		if len(m.customers) == 0 {
			return nil
		}
		a := m.customers[m.random.IntN(len(m.customers))]
		if !a.busy && !a.deleted && fits(a) {
			a.busy = true
			return a
		}
	}
	return nil
}

func (m *member) release(a *added, change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
	a.busy = false
}

func (m *member) add(k int) {
	a := &added{email: fmt.Sprintf("p%d-%d@kunde.example", m.number, k)}
	if k%2 == 0 {
		a.mobile = fmt.Sprintf("+49151%d%07d", m.number, k)
	}
	form := m.form("/customers/new?type=person", "#new-customer")
	form.Set("first_name", "Person")
	form.Set("last_name", fmt.Sprintf("Number %d-%d", m.number, k))
	form.Set("email", a.email)
	form.Set("mobile", a.mobile)
	at := m.until(http.MethodPost, "/customers", form, http.StatusSeeOther)
	m.mu.Lock()
	defer m.mu.Unlock()
	a.path = strings.TrimSuffix(customerPath.FindString(at.location), "/")
	if !assert.NotEmpty(m.t, a.path) {
		return
	}
	m.customers = append(m.customers, a)
}

var (
	customerPath = regexp.MustCompile(`/customers/[0-9a-f-]{36}`)
	accessPath   = regexp.MustCompile(`/customers/[0-9a-f-]{36}/accesses/[0-9a-f-]{36}`)
)

func (m *member) look() {
	for _, path := range []string{"/customers", "/customers?q=number", "/attention", "/transactions"} {
		m.until(http.MethodGet, path, nil, http.StatusOK)
	}
}

func (m *member) sendAgain(a *added) {
	page := m.until(http.MethodGet, a.path+"/authorisations", nil, http.StatusOK)
	again := accessPath.FindString(page.body) + "/resend"
	m.until(http.MethodPost, again, m.hidden(page, `form:has([name="_csrf"])`), http.StatusSeeOther, http.StatusTooManyRequests)
	m.release(a, func() { a.again++ })
}

func (m *member) remove(a *added) {
	page := m.until(http.MethodGet, a.path+"/delete", nil, http.StatusOK)
	form := m.hidden(page, `form[action$="/delete"]`)
	doc, _ := goquery.NewDocumentFromReader(strings.NewReader(page.body)) // a reader of a string never fails
	form.Set("confirm", doc.Find(`[name="confirm"]`).AttrOr("placeholder", ""))
	// Not found means that an earlier try succeeded and its answer was lost.
	m.until(http.MethodPost, a.path+"/delete", form, http.StatusSeeOther, http.StatusNotFound)
	m.release(a, func() { a.deleted = true })
}

// register does what the end user does with the mail and the SMS.
func (m *member) register(a *added) {
	user := m.member(m.number)
	mail, sms := m.arrived(a)
	link, err := url.Parse(linkIn(m.t, plainPart(m.t, mail[0])))
	assert.NoError(m.t, err)
	page := user.until(http.MethodGet, link.Path, nil, http.StatusOK)
	form := user.hidden(page, `form:has([name="password"])`)
	form.Set("password", goodPassword)
	form.Set("password_repeat", goodPassword)
	if a.mobile != "" {
		form.Set("code", codeIn(m.t, sms[0].Text))
	}
	// A page in place of the redirect means that an earlier try succeeded and its answer was lost.
	user.until(http.MethodPost, link.Path, form, http.StatusSeeOther, http.StatusOK, http.StatusGone)
	m.release(a, func() { a.registered = true })
}

func (m *member) signIn(login string) answer {
	form := m.form("/login", `form:has([name="login"])`)
	form.Set("login", login)
	form.Set("password", goodPassword)
	return m.until(http.MethodPost, "/login", form, http.StatusSeeOther)
}

// form is what stands in a form of a page already: hidden fields, and what is chosen.
func (m *member) form(path, selector string) url.Values {
	return m.hidden(m.until(http.MethodGet, path, nil, http.StatusOK), selector)
}

func (m *member) hidden(page answer, selector string) url.Values {
	doc, _ := goquery.NewDocumentFromReader(strings.NewReader(page.body)) // a reader of a string never fails
	values := url.Values{}
	doc.Find(selector).First().Find(`input[type="hidden"], input[checked], option[selected]`).Each(func(_ int, in *goquery.Selection) {
		name := in.AttrOr("name", in.Closest("select").AttrOr("name", ""))
		values.Set(name, in.AttrOr("value", ""))
	})
	assert.True(m.t, values.Has("_csrf"), "no form %s on %s", selector, page.body)
	return values
}

// answer is what came back.
type answer struct {
	status         int
	location, body string
}

// patience is how long somebody goes on trying one thing.
const patience = 3 * time.Minute

// until sends the same request until the answer has one of the statuses, at each try to any of the web processes.
// No answer, or one that says to try later, is an ordinary day; anything else is not.
func (m *member) until(method, path string, form url.Values, statuses ...int) (a answer) {
	for began := time.Now(); time.Since(began) < patience; {
		var err error
		a, err = m.try(method, path, form)
		if err != nil {
			m.count("no answer", method, path)
			m.breathe()
			continue
		}
		m.count(fmt.Sprint(a.status), method, path)
		for _, s := range statuses {
			if a.status == s && !strings.HasPrefix(a.location, "/login?") { // sent back to sign in
				return a
			}
		}
		switch a.status {
		case http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusTooManyRequests:
			assert.Contains(m.t, a.body, "<h1", "%s %s", method, path)
		default:
			m.t.Errorf("%s %s answered %d to %q: %s", method, path, a.status, a.location, mainText(a.body))
			return a
		}
		m.breathe()
	}
	m.t.Errorf("%s %s: not done in %s; the last answer was %d: %s", method, path, patience, a.status, mainText(a.body))
	return a
}

// breathe is what a person does before they press the button again.
func (m *member) breathe() { time.Sleep(100 * time.Millisecond) }

func (m *member) try(method, path string, form url.Values) (a answer, err error) {
	web := m.f.web[m.random.IntN(len(m.f.web))]
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, web+path, body)
	if err != nil {
		return a, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", m.f.settings["BASE_URL"])
	}
	res, err := m.client.Do(req)
	if err != nil {
		return a, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header.Get("Location"), string(raw)}, err
}

var ids = regexp.MustCompile(`[0-9a-f-]{36}|/register/.*`)

func (m *member) count(what, method, path string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	path, _, _ = strings.Cut(path, "?")
	m.answers[what+" of "+method+" "+ids.ReplaceAllString(path, "…")]++
}

func mainText(html string) string {
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(html))
	if err != nil {
		return html
	}
	return strings.Join(strings.Fields(doc.Find("main").Text()), " ")
}

// arrived is what was taken for a customer's end user: the mails and SMS.
func (c *crew) arrived(a *added) (mails []couriertest.Received, texts []couriertest.ReceivedSMS) {
	for _, m := range c.f.smtp.Mails() {
		if m.To == a.email && m.Accepted {
			mails = append(mails, m)
		}
	}
	for _, s := range c.f.gateway.Messages() {
		if a.mobile != "" && s.To == a.mobile && s.Accepted {
			texts = append(texts, s)
		}
	}
	return mails, texts
}

func (c *crew) invited(a *added) bool {
	mails, texts := c.arrived(a)
	return len(mails) > 0 && (a.mobile == "" || len(texts) > 0)
}

// everythingArrived waits for the mail and the SMS of every customer that is there. Each message has one Message-ID,
// however often it was sent, and few were sent twice.
func (c *crew) everythingArrived() {
	var missing []string
	arrived := await.Within(4*time.Minute, func() bool {
		missing = nil
		for _, a := range c.customers {
			if !a.deleted && !c.invited(a) {
				missing = append(missing, a.email)
			}
		}
		return len(missing) == 0
	})
	assert.True(c.t, arrived, "%d of %d were not invited: %v", len(missing), len(c.customers), missing)
	copies, mails := 0, 0
	for _, a := range c.customers {
		got, _ := c.arrived(a)
		kinds := map[string]bool{}
		for _, m := range got {
			kinds[m.Message(c.t).Header.Get("Message-Id")] = true
		}
		assert.LessOrEqual(c.t, len(kinds), 1+a.again, "%s got %d different mails, and they were sent again %d times", a.email, len(kinds), a.again)
		mails += len(kinds)
		copies += len(got) - len(kinds)
	}
	c.t.Logf("%d customers, %d mails of theirs, %d copies, %d SMS", len(c.customers), mails, copies, len(c.f.gateway.Messages()))
}

// customersAreThere looks at each customer that was added, and at each that was deleted.
func (c *crew) customersAreThere() {
	m := c.member(1000)
	m.signIn("admin@kontor.local")
	for _, a := range c.customers {
		if a.deleted {
			m.until(http.MethodGet, a.path+"/data", nil, http.StatusNotFound)
			continue
		}
		page := m.until(http.MethodGet, a.path+"/authorisations", nil, http.StatusOK)
		assert.Contains(c.t, page.body, a.email, "is not on the page of its customer")
	}
}

// registeredSignIn lets everybody who registered sign in.
func (c *crew) registeredSignIn() {
	n := 0
	for _, a := range c.customers {
		if !a.registered || a.deleted {
			continue
		}
		n++
		//nolint:gosec // a count
		assert.Equal(c.t, "/portal", c.member(2000+uint64(n)).signIn(a.email).location, "%s registered, and signing in leads", a.email)
	}
	c.t.Logf("%d registered and sign in", n)
}

// deletedAreGone waits until the deletions are through, and looks for what they left.
func (c *crew) deletedAreGone(ctx context.Context, db *store.DB) {
	n := 0
	for _, a := range c.customers {
		if !a.deleted {
			continue
		}
		n++
		await.True(c.t, "the deletion of "+a.email, func() bool {
			left := 1
			err := db.NewRaw(`SELECT (SELECT COUNT(*) FROM customer WHERE id = ?) + (SELECT COUNT(*) FROM access WHERE email = ?)`,
				strings.TrimPrefix(a.path, "/customers/"), a.email).Scan(ctx, &left)
			return err == nil && left == 0
		})
	}
	c.t.Logf("%d deleted for good", n)
}

// said logs what the pages answered, most often first in no order.
func (c *crew) said() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t.Logf("answers: %v", c.answers)
}
