package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/valyala/fasthttp"
)

// answerWithin is how long an answer may take. The program gives up earlier.
const answerWithin = 60 * time.Second

// newClient makes a client of one process with at most so many connections. It keeps them open and sends no request
// twice.
func newClient(address string, connections int) *fasthttp.HostClient {
	return &fasthttp.HostClient{
		Addr: address, MaxConns: connections, MaxConnWaitTimeout: answerWithin, MaxIdleConnDuration: answerWithin,
		ReadTimeout: answerWithin, WriteTimeout: answerWithin, MaxIdemponentCallAttempts: 1,
		RetryIfErr: func(*fasthttp.Request, int, error) (resetTimeout, retry bool) { return false, false },
	}
}

// browser is a person who is signed in.
type browser struct {
	base    string // http://host:port of the process
	cookies map[string]string
	token   string // the CSRF token that this person's forms carry
}

// csrf finds the CSRF token in a page with a form.
var csrf = regexp.MustCompile(`name="_csrf" value="([^"]+)"`)

// openSignIn opens the sign-in page in a new browser, and returns its form, filled in by a person.
func openSignIn(ctx context.Context, client *fasthttp.HostClient, email string) (b *browser, form request, err error) {
	b = &browser{base: "http://" + client.Addr, cookies: map[string]string{}}
	page, err := b.visit(ctx, client, "/login")
	if err != nil {
		return nil, request{}, err
	}
	values := url.Values{"login": {email}, "password": {password}}
	if m := csrf.FindStringSubmatch(page); m != nil {
		values.Set("_csrf", html.UnescapeString(m[1]))
	}
	return b, request{method: fasthttp.MethodPost, path: "/login", form: values, status: fasthttp.StatusSeeOther}, nil
}

// sendSignIn sends a person's sign-in form.
func (b *browser) sendSignIn(ctx context.Context, client *fasthttp.HostClient, form request) error {
	_, err := b.send(ctx, client, form)
	if err == nil && b.cookies["kontor-session"] == "" {
		err = errors.New("there is no session")
	}
	if err != nil {
		return fmt.Errorf("sign in as %s: %w", form.form.Get("login"), err)
	}
	return nil
}

// signIn signs a person in, as their browser does: it opens the sign-in page and sends its form.
func signIn(ctx context.Context, client *fasthttp.HostClient, email string) (*browser, error) {
	b, form, err := openSignIn(ctx, client, email)
	if err != nil {
		return nil, err
	}
	if err := b.sendSignIn(ctx, client, form); err != nil {
		return nil, err
	}
	// Every page of a session with a form has its token.
	page, err := b.visit(ctx, client, "/account")
	if err != nil {
		return nil, err
	}
	m := csrf.FindStringSubmatch(page)
	if m == nil {
		return nil, fmt.Errorf("sign in as %s: no page has a CSRF token", email)
	}
	b.token = html.UnescapeString(m[1])
	return b, nil
}

// request is a request of a person.
type request struct {
	method string
	path   string // with its query
	typed  bool   // HTMX sends it while somebody types
	form   url.Values
	status int // of the expected answer
}

// get is a request for a page.
func get(path string) request {
	return request{method: fasthttp.MethodGet, path: path, status: fasthttp.StatusOK}
}

// write fills in a request as the person's browser sends it.
func (b *browser) write(to *fasthttp.Request, r request) {
	to.Header.SetMethod(r.method)
	to.SetRequestURI(b.base + r.path)
	to.Header.SetUserAgent("bench")
	for name, value := range b.cookies {
		to.Header.SetCookie(name, value)
	}
	if r.typed {
		to.Header.Set("HX-Request", "true")
	}
	if r.form != nil {
		to.Header.SetContentType("application/x-www-form-urlencoded")
		to.Header.Set("Origin", b.base)
		to.SetBodyString(r.form.Encode())
	}
}

// send makes a request, keeps the cookies of the answer, and returns the body. Another status than the expected one is an
// error.
func (b *browser) send(ctx context.Context, client *fasthttp.HostClient, r request) (page string, err error) {
	err = b.exchange(ctx, client, r, func(res *fasthttp.Response) { page = string(res.Body()) })
	return page, err
}

// post sends a form in the same way, and returns where the answer leads.
func (b *browser) post(ctx context.Context, client *fasthttp.HostClient, r request) (location string, err error) {
	err = b.exchange(ctx, client, r, func(res *fasthttp.Response) { location = string(res.Header.Peek(fasthttp.HeaderLocation)) })
	return location, err
}

func (b *browser) exchange(ctx context.Context, client *fasthttp.HostClient, r request, read func(*fasthttp.Response)) error {
	req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(res)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	b.write(req, r)
	if err := client.Do(req, res); err != nil {
		return fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	if res.StatusCode() != r.status {
		return unexpected(r, res)
	}
	for name, line := range res.Header.Cookies() {
		var cookie fasthttp.Cookie
		if err := cookie.ParseBytes(line); err != nil {
			return err
		}
		if b.cookies[string(name)] = string(cookie.Value()); cookie.MaxAge() < 0 || len(cookie.Value()) == 0 {
			delete(b.cookies, string(name))
		}
	}
	read(res)
	return nil
}

// visit opens a page.
func (b *browser) visit(ctx context.Context, client *fasthttp.HostClient, path string) (string, error) {
	return b.send(ctx, client, get(path))
}

func unexpected(r request, res *fasthttp.Response) error {
	return fmt.Errorf("%s %s: status %d in place of %d", r.method, r.path, res.StatusCode(), r.status)
}

// next finds the address of the next page in a page of the overview. It is the only one that goes on after a row.
var next = regexp.MustCompile(`href="(/customers\?[^"]*\bafter=[^"]*)"`)

// deepPage is the number of the page that deep looks for.
const deepPage = 40

// deep opens the overview, goes on page by page, and returns the address of page deepPage, or of the last one if there are
// fewer. It calls seen with each page before.
func deep(ctx context.Context, client *fasthttp.HostClient, b *browser, seen func(page string)) (path string, err error) {
	path = "/customers"
	for range deepPage - 1 {
		page, err := b.visit(ctx, client, path)
		if err != nil {
			return "", err
		}
		seen(page)
		m := next.FindStringSubmatch(page)
		if m == nil {
			return path, nil
		}
		path = html.UnescapeString(m[1])
	}
	return path, nil
}

// newCustomer is the form that adds a customer, as a person sends it. The key is the form's own, so that a form that is
// sent twice adds one customer. No message goes to a telephone.
func (b *browser) newCustomer() request {
	key := uuid.Must(uuid.NewV7()).String()
	return request{method: fasthttp.MethodPost, path: "/customers", status: fasthttp.StatusSeeOther, form: url.Values{
		"_csrf": {b.token}, "submission": {key}, "type": {"person"}, "salutation": {"ms"}, "first_name": {"Anna"}, "last_name": {added},
		"street": {"Hauptstraße 1"}, "postal_code": {"50667"}, "city": {"Köln"}, "country": {"DE"}, "locale": {"de"},
		"email": {"anna." + strings.ReplaceAll(key, "-", "") + "@example.org"},
	}}
}
