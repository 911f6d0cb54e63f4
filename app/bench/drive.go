package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// load is what drive does: the same kind of request again and again, on a number of connections. Each connection sends
// the next request as soon as the answer to the last one is there.
type load struct {
	address     string
	connections int
	duration    time.Duration
	status      int                     // of the expected answer
	repeat      func(*fasthttp.Request) // fills in the next request; called by all connections at once
}

// outcome is the result of drive. Only answers with the expected status count.
type outcome struct {
	took    []time.Duration // ascending
	elapsed time.Duration
	body    int // bytes of the last answer's body
	failed  int
	failure error // the first one
}

// perSecond is the number of answers in a second.
func (o outcome) perSecond() float64 {
	if o.elapsed <= 0 {
		return 0
	}
	return float64(len(o.took)) / o.elapsed.Seconds()
}

// drive sends requests until the duration is over or ctx ends, and at least one on each connection.
func drive(ctx context.Context, l load) outcome {
	client := newClient(l.address, l.connections)
	defer client.CloseIdleConnections()
	parts := make([]outcome, l.connections)
	var all sync.WaitGroup
	begin := time.Now()
	for i := range parts {
		all.Go(func() { parts[i] = l.connection(ctx, client, begin.Add(l.duration)) })
	}
	all.Wait()
	sum := outcome{elapsed: time.Since(begin)}
	for _, p := range parts {
		sum.took = append(sum.took, p.took...)
		sum.failed += p.failed
		sum.body = max(sum.body, p.body)
		if sum.failure == nil {
			sum.failure = p.failure
		}
	}
	slices.Sort(sum.took)
	return sum
}

// connection is what one connection does until end.
func (l load) connection(ctx context.Context, client *fasthttp.HostClient, end time.Time) (o outcome) {
	req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(res)
	for begin := time.Now(); ; {
		req.Reset()
		l.repeat(req)
		err := client.Do(req, res)
		now := time.Now()
		if err == nil && res.StatusCode() != l.status {
			err = fmt.Errorf("%s %s: status %d in place of %d", req.Header.Method(), req.URI().RequestURI(), res.StatusCode(), l.status)
		}
		if err == nil {
			o.took = append(o.took, now.Sub(begin))
			o.body = len(res.Body())
		} else {
			o.failed++
			if o.failure == nil {
				o.failure = err
			}
		}
		if begin = now; ctx.Err() != nil || !now.Before(end) {
			return o
		}
	}
}

// percentile returns the smallest duration that at least the share p of all is not above. sorted is ascending. Without
// durations it is 0.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(p * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}
