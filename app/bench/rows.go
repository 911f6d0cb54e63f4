package main

import (
	"context"
	"net/url"
	"regexp"
	"strings"

	"github.com/valyala/fasthttp"
)

// row is a kind of request that is measured by itself.
type row struct {
	name string
	as   string // the person's e-mail address
	request
	adds bool // each request adds a customer, so none is like another
}

// rows lists what is measured, in this order. deepPath is the address of a page far behind the first one. The row that
// adds customers comes last, because messages to them go out afterwards.
func rows(deepPath string) []row {
	list := []row{
		{name: "overview", as: firstSpecialist, request: get("/customers")},
		{name: "overview/deep", as: firstSpecialist, request: get(deepPath)},
		{name: "overview/all", as: userAdministrator, request: get("/customers")}, // with both badges of the navigation
	}
	for _, text := range []string{"stein", "weber", "anna.mueller.1", "müller köln", "qwertzuiop", "x", "Anna Müller"} {
		list = append(list, row{name: "search/" + words(text), as: firstSpecialist, request: get(with("/customers", "q", text))})
	}
	for _, text := range []string{"stein", "xylander", "qwertzuiop", "v-15"} {
		r := get(with("/search", "q", text))
		r.typed = true
		list = append(list, row{name: "typed/" + words(text), as: firstSpecialist, request: r})
	}
	list = append(list,
		row{name: "attention/many", as: firstSpecialist, request: get("/attention")},
		row{name: "attention/all", as: userAdministrator, request: get("/attention")},
		row{name: "specialists", as: userAdministrator, request: get("/specialists")},
	)
	for _, person := range []struct{ sees, email string }{{"many", firstSpecialist}, {"few", lastSpecialist}, {"all", auditor}} {
		for _, filter := range []struct{ name, field, value string }{
			{name: "first"}, {"status", "status", "open"}, {"kind", "kind", "loan_application"},
			{"rare", "q", "xylander"}, {"two_words", "q", "müller grundst"},
		} {
			list = append(list, row{
				name: "transactions/" + person.sees + "/" + filter.name, as: person.email,
				request: get(with("/transactions", filter.field, filter.value)),
			})
		}
	}
	return append(list, row{name: "add", as: firstSpecialist, adds: true, request: request{method: fasthttp.MethodPost, path: "/customers", status: fasthttp.StatusSeeOther}})
}

// words makes text a part of a name without blanks.
func words(text string) string { return strings.ReplaceAll(text, " ", "_") }

// with adds a parameter to an address. Without a name there is none.
func with(path, name, value string) string {
	if name == "" {
		return path
	}
	return path + "?" + url.Values{name: {value}}.Encode()
}

// chosen returns the rows whose names match.
func chosen(list []row, names *regexp.Regexp) (some []row) {
	for _, r := range list {
		if names.MatchString(r.name) {
			some = append(some, r)
		}
	}
	return some
}

// people are the browsers of those who are signed in, by e-mail address.
type people map[string]*browser

// signInAll signs people in at a process.
func signInAll(ctx context.Context, address string, emails ...string) (people, error) {
	client := newClient(address, 1)
	defer client.CloseIdleConnections()
	all := people{}
	for _, email := range emails {
		b, err := signIn(ctx, client, email)
		if err != nil {
			return nil, err
		}
		all[email] = b
	}
	return all, nil
}

// repeat returns a function that fills in the row's next request.
func (r row) repeat(all people, compressed bool) func(*fasthttp.Request) {
	b := all[r.as]
	return func(req *fasthttp.Request) {
		next := r.request
		if r.adds {
			next = b.newCustomer()
		}
		b.write(req, next)
		if compressed {
			req.Header.Set("Accept-Encoding", "br")
		}
	}
}
