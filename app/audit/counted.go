package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// Sighting is an event that changed nothing but is worth recording: a failed sign-in, a refused request, a download.
// Anybody can cause thousands of them per second, so they are counted. There is one row for each action, person,
// subject, network address and hour, see newPending.
type Sighting struct {
	Action     Action
	By         Actor
	CustomerID uuid.UUID // Nil: none
	SubjectID  uuid.UUID // the account it was about; Nil: none
	Subject    string
	Place      string // method and pattern of the route, never a URL with its parameters
}

// Limits for the rows of one action in one hour. The first rowsExact rows are exact. Then, up to rowsCoarse, one row
// stands for all addresses of a person and subject. All further sightings share one row. So a flood from any number of
// addresses costs at most rowsCoarse+1 rows per hour and action. Processes that write at the same moment do not see
// each other's rows yet, so each further process may add as many.
const (
	rowsExact  = 200
	rowsCoarse = 400
	// places is how many different routes a row lists.
	places = 10
	// pendingMost is how many rows are kept in memory at most until they are written.
	pendingMost = 5000
)

// flushAfter is how long sightings are collected before they are written.
const flushAfter = time.Second

// keepNobodys is how long rows are kept that are about no account and no customer. They contain only a network address.
const keepNobodys = 90 * 24 * time.Hour

// pending is a row to be inserted, or to be added to an existing row.
type pending struct {
	Sighting
	bucket      string
	folds       [levels]string // its keys within the bucket, from the exact one to the one that everybody shares
	level       int            // the index in folds of the key that is used
	times       int64
	first, last time.Time
	places      []string
}

// The levels of accuracy, from exact to everyone.
const (
	levels   = 3
	everyone = levels - 1
)

func (p *pending) fold() string { return p.folds[p.level] }

// seen collects the sightings that are not written yet.
type seen struct {
	mu     sync.Mutex
	rows   map[[2]string]*pending // by bucket and fold
	inHour map[string]int         // rows by bucket
	nudge  chan struct{}

	writing sync.Mutex // one flush at a time
	exist   Existing
}

// Existing returns which of these accounts exist, and prevents their deletion until the tx ends.
type Existing func(ctx context.Context, tx bun.IDB, accounts []uuid.UUID) (map[uuid.UUID]bool, error)

func newSeen() seen {
	return seen{rows: map[[2]string]*pending{}, inHour: map[string]int{}, nudge: make(chan struct{}, 1)}
}

// Ask sets the function that says which accounts still exist. A sighting is written up to a second later, and must not
// store data about a person who was deleted in that second. The feature that manages accounts calls Ask when it is
// created.
func (l *Log) Ask(f Existing) { l.seen.exist = f }

// Saw counts a sighting. It only takes a lock: Keep writes the row within a second, or the next Flush does. If that
// fails, the request that was refused is not affected.
func (l *Log) Saw(s Sighting) {
	l.security.tell(s)
	l.seen.add(s, l.now())
}

func (b *seen) add(s Sighting, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := newPending(s, now)
	p.fitIn(func(fold string) bool { return b.rows[[2]string{p.bucket, fold}] != nil }, func() int {
		if len(b.rows) >= pendingMost {
			return rowsCoarse
		}
		return b.inHour[p.bucket]
	})
	b.keep(p)
	b.wake()
}

// keep inserts a row, or adds it to the existing one.
func (b *seen) keep(p *pending) {
	key := [2]string{p.bucket, p.fold()}
	if there := b.rows[key]; there != nil {
		there.add(p)
		return
	}
	b.rows[key] = p
	b.inHour[p.bucket]++
}

func (b *seen) wake() {
	select {
	case b.nudge <- struct{}{}:
	default: // Keep is already woken
	}
}

func newPending(s Sighting, now time.Time) *pending {
	who := s.By.ID.String() + "/" + s.SubjectID.String() + "/" + s.CustomerID.String()
	p := &pending{
		Sighting: s, bucket: string(s.Action) + "/" + now.UTC().Format("2006010215"),
		folds: [levels]string{who + "/" + network(s.By.Address), who, "everyone"}, times: 1, first: now, last: now,
	}
	if s.Place != "" {
		p.places = []string{s.Place}
	}
	return p
}

// fitIn lowers the row's accuracy until its bucket has the row already or has space for it.
func (p *pending) fitIn(there func(fold string) bool, rows func() int) {
	most := [levels]int{rowsExact, rowsCoarse, rowsCoarse + 1}
	for ; p.level < everyone; p.coarser() {
		if there(p.fold()) || rows() < most[p.level] {
			return
		}
	}
}

// coarser lowers the accuracy by one level and clears the fields that would be true for only some of the sightings.
func (p *pending) coarser() {
	p.level++
	p.By.Address = ""
	if p.level == everyone {
		p.By, p.CustomerID, p.SubjectID, p.Subject = Actor{}, uuid.Nil, uuid.Nil, ""
	}
}

func (p *pending) add(more *pending) {
	p.times += more.times
	if more.first.Before(p.first) {
		p.first = more.first
	}
	if more.last.After(p.last) {
		p.last = more.last
	}
	p.places = merge(p.places, more.places)
}

// merge adds the places of b that a does not have yet, up to the limit of a row.
func merge(a, b []string) []string {
	for _, place := range b {
		if len(a) < places && !slices.Contains(a, place) {
			a = append(a, place)
		}
	}
	return a
}

// network returns the /64 network of an IPv6 address, because one subscriber has all its 2^64 addresses. It returns an
// IPv4 address unchanged.
func network(address string) string {
	if ip, err := netip.ParseAddr(address); err == nil && ip.Unmap().Is6() {
		if net, err := ip.WithZone("").Prefix(64); err == nil {
			return net.String()
		}
	}
	return address
}

// Keep writes sightings one second after the first of them, until stop is called, which writes the rest.
func (l *Log) Keep(log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-l.seen.nudge:
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(flushAfter):
			}
			if err := l.Flush(ctx); err != nil && ctx.Err() == nil && store.Outage(err) == nil { // the store logs outages
				log.Warn("the log could not be written", "error", err)
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
		last, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := l.Flush(last); err != nil {
			log.Warn("the log could not be written", "error", err)
		}
	}
}

// Flush writes the sightings collected so far. If that fails, it keeps them for the next time.
func (l *Log) Flush(ctx context.Context) error {
	l.seen.writing.Lock()
	defer l.seen.writing.Unlock()
	rows := l.seen.take()
	if len(rows) == 0 {
		return nil
	}
	err := l.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return l.put(ctx, tx, rows) })
	if err != nil {
		l.seen.giveBack(rows)
		return fmt.Errorf("write what was seen: %w", err)
	}
	return nil
}

func (b *seen) take() []*pending {
	b.mu.Lock()
	defer b.mu.Unlock()
	rows := make([]*pending, 0, len(b.rows))
	for _, p := range b.rows {
		rows = append(rows, p)
	}
	clear(b.rows)
	clear(b.inHour)
	slices.SortFunc(rows, func(x, y *pending) int { // the same order in all processes, against deadlocks
		return strings.Compare(x.bucket+" "+x.fold(), y.bucket+" "+y.fold())
	})
	return rows
}

func (b *seen) giveBack(rows []*pending) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range rows {
		if len(b.rows) < pendingMost {
			b.keep(p)
		}
	}
	b.wake()
}

// Count is Saw for events that must be recorded, such as a download: the row is written before Count returns.
func (l *Log) Count(ctx context.Context, s Sighting) error {
	p := newPending(s, l.now())
	err := l.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return l.put(ctx, tx, []*pending{p}) })
	if err == nil {
		l.security.tell(s)
	}
	return err
}

// put writes rows inside a tx. Rows of the same bucket are adjacent.
func (l *Log) put(ctx context.Context, tx bun.Tx, rows []*pending) error {
	if err := l.onlyExisting(ctx, tx, rows); err != nil {
		return err
	}
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].bucket == rows[0].bucket {
			n++
		}
		if err := putBucket(ctx, tx, rows[0].bucket, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// onlyExisting removes the details of sightings whose accounts no longer exist.
func (l *Log) onlyExisting(ctx context.Context, tx bun.IDB, rows []*pending) error {
	var ids []uuid.UUID
	for _, p := range rows {
		for _, id := range []uuid.UUID{p.By.ID, p.SubjectID} {
			if id != uuid.Nil && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	if len(ids) == 0 || l.seen.exist == nil {
		return nil
	}
	there, err := l.seen.exist(ctx, tx, ids)
	if err != nil {
		return err
	}
	for _, p := range rows {
		if p.By.ID != uuid.Nil && !there[p.By.ID] || p.SubjectID != uuid.Nil && !there[p.SubjectID] {
			for p.level < everyone {
				p.coarser()
			}
		}
	}
	return nil
}

// putBucket writes the rows of a bucket. If another process writes to the bucket at the same moment, common rows are
// counted correctly, but the bucket may get a few rows more than its limit.
func putBucket(ctx context.Context, tx bun.Tx, bucket string, rows []*pending) error {
	var there []Entry
	err := tx.NewSelect().Model(&there).Column("fold", "detail").Where("bucket = ?", bucket).Scan(ctx)
	if err != nil {
		return err
	}
	listed := make(map[string][]string, len(there)) // places by fold
	for _, e := range there {
		listed[e.Fold] = e.Places()
	}
	for _, p := range rows {
		p.fitIn(func(fold string) bool { _, ok := listed[fold]; return ok }, func() int { return len(listed) })
		listed[p.fold()] = merge(listed[p.fold()], p.places)
		if err := putRow(ctx, tx, p, listed[p.fold()]); err != nil {
			return err
		}
	}
	return nil
}

func putRow(ctx context.Context, tx bun.Tx, p *pending, listed []string) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	e := Entry{
		ID: id, At: p.first, ActorID: store.NullID(p.By.ID), Actor: p.By.Name, Address: p.By.Address, Action: p.Action,
		CustomerID: store.NullID(p.CustomerID), SubjectID: store.NullID(p.SubjectID), Subject: p.Subject,
		Times: p.times, LastAt: &p.last, Bucket: p.bucket, Fold: p.fold(),
	}
	if len(listed) > 0 {
		detail, err := json.Marshal(listed)
		if err != nil {
			return err
		}
		e.Detail = string(detail)
	}
	_, err = tx.NewInsert().Model(&e).On("CONFLICT (bucket, fold) WHERE bucket IS NOT NULL DO UPDATE").
		Set("times = ?TableAlias.times + EXCLUDED.times").Set("last_at = EXCLUDED.last_at").Set("detail = EXCLUDED.detail").Exec(ctx)
	return err
}

// Places returns the routes that a counted entry is about; nil for every other entry.
func (e Entry) Places() []string {
	var list []string
	if e.Bucket == "" && e.Fold == "" || json.Unmarshal([]byte(e.Detail), &list) != nil {
		return nil
	}
	return list
}

// Various says whether a counted entry stands for several addresses.
func (e Entry) Various() bool { return e.Bucket != "" && e.Address == "" }

// Prune deletes counted entries that are about no account and no customer after 90 days.
func (l *Log) Prune(ctx context.Context) error {
	_, err := l.db.NewDelete().Model((*Entry)(nil)).Where("bucket IS NOT NULL").Where("actor_id IS NULL").
		Where("subject_id IS NULL").Where("customer_id IS NULL").Where("at < ?", l.now().Add(-keepNobodys)).Exec(ctx)
	return err
}
