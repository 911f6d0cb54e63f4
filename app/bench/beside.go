package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"regexp"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/valyala/fasthttp"

	"kontor/policies"
)

// The kinds of requests of those who write beside a mix.
const (
	kindAdd     = "add"     // a customer
	kindDelete  = "delete"  // a customer that was added
	kindPublish = "publish" // a policy
)

// How often they write.
const (
	addEvery     = 100 * time.Millisecond
	deleteAfter  = 10 // customers that were added
	publishEvery = 2 * time.Second
)

// writers add, delete and publish beside a mix.
type writers struct {
	*mix
	keeper *browser // adds and deletes customers
	policy *browser // publishes
}

// newWriters signs the writers in.
func (m *mix) newWriters() (*writers, error) {
	emails := []string{specialist(mixPeople + 1), policyAdministrator}
	if err := givePasswords(m.ctx, m.settings, emails...); err != nil {
		return nil, err
	}
	all, err := signInAll(m.ctx, m.web[0].address, emails...)
	if err != nil {
		return nil, err
	}
	return &writers{m, all[emails[0]], all[emails[1]]}, nil
}

// write works until ctx ends.
func (w *writers) write(ctx context.Context, r *mixReport) {
	var all sync.WaitGroup
	all.Go(func() { w.keep(ctx, r) })
	all.Go(func() { w.publishAgain(ctx, r) })
	all.Wait()
}

// timed notes how long something took. An error that comes because ctx has ended is none.
func (w *writers) timed(ctx context.Context, r *mixReport, kind string, do func() error) {
	began := time.Now()
	err := do()
	if err != nil && ctx.Err() != nil {
		return
	}
	if first := r.add(kind, time.Since(began), err); first {
		w.say("%s: %v", kind, err)
	}
}

// keep adds customers, and deletes one of them from time to time.
func (w *writers) keep(ctx context.Context, r *mixReport) {
	tick := time.NewTicker(addEvery)
	defer tick.Stop()
	var path string
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		w.timed(ctx, r, kindAdd, func() (err error) {
			path, err = w.keeper.post(ctx, w.clients[0], w.keeper.newCustomer())
			return err
		})
		if n%deleteAfter == 0 {
			w.timed(ctx, r, kindDelete, func() error { return w.delete(ctx, customerPath.FindString(path)) })
		}
	}
}

var (
	customerPath   = regexp.MustCompile(`/customers/[0-9a-f-]{36}`)
	customerNumber = regexp.MustCompile(`\bK-[0-9]+\b`)
)

// delete deletes a customer permanently.
func (w *writers) delete(ctx context.Context, path string) error {
	page, err := w.keeper.visit(ctx, w.clients[0], path+"/delete")
	if err != nil {
		return err
	}
	_, err = w.keeper.post(ctx, w.clients[0], request{
		method: fasthttp.MethodPost, path: path + "/delete", status: fasthttp.StatusSeeOther,
		form: map[string][]string{"_csrf": {w.keeper.token}, "confirm": {customerNumber.FindString(page)}},
	})
	return err
}

// toggled is the rule that is added and removed again.
var toggled = policies.Rule{
	Role: policies.Auditor, Relation: "*", Object: policies.ObjectTemplate, Kind: "*", Action: policies.Read, Effect: policies.Allow,
}

// publishAgain publishes a version with another rule, and then one without it, again and again.
func (w *writers) publishAgain(ctx context.Context, r *mixReport) {
	tick := time.NewTicker(publishEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		w.timed(ctx, r, kindPublish, func() error { return w.publish(ctx, true) })
		w.timed(ctx, r, kindPublish, func() error { return w.publish(context.WithoutCancel(ctx), false) })
	}
}

// draftEdit finds the number of the draft's last change, which each form that changes the draft carries.
var draftEdit = regexp.MustCompile(`name="edit" value="([0-9]+)"`)

func (w *writers) publish(ctx context.Context, with bool) error {
	t := toggled
	change, form := "/policies/draft/rules", map[string][]string{
		"role": {string(t.Role)}, "relation": {t.Relation}, "object": {string(t.Object)}, "kind": {t.Kind}, "action": {string(t.Action)}, "effect": {t.Effect},
	}
	if !with {
		change, form = change+"/remove", map[string][]string{"rule": {t.String()}}
	}
	for _, step := range []struct {
		path string
		form map[string][]string
	}{{change, form}, {"/policies/draft/publish", map[string][]string{"comment": {"bench"}}}} {
		page, err := w.policy.visit(ctx, w.clients[0], "/policies/draft")
		if err != nil {
			return err
		}
		edit := draftEdit.FindStringSubmatch(page)
		if edit == nil {
			return errors.New("the draft says no number of its last change")
		}
		step.form["_csrf"], step.form["edit"] = []string{w.policy.token}, []string{html.UnescapeString(edit[1])}
		if _, err := w.policy.post(ctx, w.clients[0], request{
			method: fasthttp.MethodPost, path: step.path, status: fasthttp.StatusSeeOther, form: step.form,
		}); err != nil {
			return err
		}
	}
	return nil
}

// printBeside writes how long the requests of a mix took without and with writers beside.
func printBeside(to io.Writer, alone, beside *mixReport) error {
	_, _ = fmt.Fprintln(to)
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	cells(w, "p99 ms alone", "p99 ms beside", "beside/alone", " kind")
	quiet := map[string]mixLine{}
	for _, l := range alone.lines() {
		quiet[l.Row] = l
	}
	for _, l := range beside.lines() {
		if q, both := quiet[l.Row]; both && l.Row != "all" {
			cells(w, fmt.Sprintf("%.2f", q.High), fmt.Sprintf("%.2f", l.High), fmt.Sprintf("%.2f", l.High/q.High), " "+l.Row)
		}
	}
	return w.Flush()
}
