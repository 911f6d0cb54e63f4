package blob

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/uptrace/bun"

	"kontor/app/store"
)

// Scan is what is known of malware in a blob.
type Scan string

// What is known of a blob. Only a blob that a scanner has looked at is clean.
const (
	ScanOff      Scan = "off"       // there was no scanner
	ScanWaiting  Scan = "waiting"   // it will be scanned in a moment, and is given out to nobody until then
	ScanClean    Scan = "clean"     // nothing was found
	ScanTooLarge Scan = "too_large" // not scanned, since it is larger than the scanner looks at
	ScanAway     Scan = "away"      // not scanned, since the scanner is away; it is tried again
	ScanInfected Scan = "infected"  // malware was found; it is given out to nobody
)

// Verdict is what a scanner says.
type Verdict struct {
	Scan      Scan   // ScanClean, ScanTooLarge or ScanInfected
	Signature string // of what was found; "" if nothing was, or if it has no name
}

// Scanner looks for malware. It is safe for concurrent use.
type Scanner interface {
	// Scan reads all bytes and says what is in them. An error means that nobody knows: that the scanner is away, or that the
	// bytes can't be read.
	Scan(ctx context.Context, all io.Reader) (Verdict, error)
}

// Withheld is the reason for which such a blob is given out to nobody; nil: it is given out. Errors: ErrWaiting, ErrInfected.
func (s Scan) Withheld() error {
	switch s {
	case ScanWaiting:
		return ErrWaiting
	case ScanInfected:
		return ErrInfected
	default:
		return nil
	}
}

// OnInfected sets what is done, in the tx that records it, when malware is found in a blob. Uploads that become this blob
// afterwards see that it is infected. It is set before the service is used.
func (s *Service) OnInfected(do func(ctx context.Context, tx bun.Tx, b Blob) error) { s.infected = do }

const (
	// What is not larger is scanned before the answer to its upload, if that takes no longer.
	soonSize = 8 << 20 // bytes
	soonTime = 2 * time.Second

	// While the scanner is away a blob is tried again after as long as it has been away already, within these limits.
	minWait = time.Minute
	maxWait = 15 * time.Minute

	// patience is how often in a row a scanner may be away until nothing more is asked of it in one run: a single file may
	// be to blame, but not that many.
	patience = 3

	writeTime = 10 * time.Second
)

// scanTime is how long a scan may take. Another process may try again after it.
func scanTime(size int64) time.Duration {
	return 4*time.Minute + time.Duration(size/PartSize)*time.Second
}

// Scan scans the blobs that are due: first those for which people wait, then those for which the scanner was away, then those from
// before there was a scanner. Several processes may call it at once: each blob is scanned by one of them. If that process is
// killed, the blob is scanned again after scanTime.
func (s *Service) Scan(ctx context.Context) error {
	if s.scanner == nil {
		return s.scanOff(ctx)
	}
	for away := 0; ; {
		r, err := s.nextScan(ctx, away < patience)
		if err != nil || r == nil {
			return err
		}
		if away >= patience {
			err = s.settle(ctx, *r, s.later(*r))
		} else {
			var asked Scan
			if asked, err = s.scan(ctx, *r); asked == ScanAway {
				away++
			} else {
				away = 0
			}
		}
		if err != nil {
			return err
		}
	}
}

// scanOff ends waiting for a scanner that is not set any more. A process whose settings lag behind leaves time to the others.
func (s *Service) scanOff(ctx context.Context) error {
	_, err := s.db.NewUpdate().Table("blob").Set(`scan = ?`, ScanOff).Set(`scan_at = NULL`).Set(`scanned_at = NULL`).
		Where(`scan IN (?)`, bun.List([]Scan{ScanWaiting, ScanAway})).Where(`scan_at <= ?`, s.now().Add(-maxWait)).Exec(ctx)
	return err
}

// scanSoon scans a new blob after its tx, if it is small. Scan does what is left to do.
func (s *Service) scanSoon(ctx context.Context, b Blob) {
	if s.scanner == nil || b.Scan != ScanWaiting || b.Size > soonSize {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), soonTime)
	defer cancel()
	r, err := s.claim(ctx, func(q *bun.SelectQuery) { s.due(q, ScanWaiting).Where(`id = ?`, b.ID) })
	if err == nil && r != nil {
		_, err = s.scan(ctx, *r)
	}
	if err != nil {
		s.log.Warn("a document is not scanned yet; it is tried again", "error", err)
	}
}

// nextScan claims a blob that is due; nil: none is. old says whether blobs from before there was a scanner are due, too.
func (s *Service) nextScan(ctx context.Context, old bool) (*blobRow, error) {
	choices := []func(q *bun.SelectQuery){
		func(q *bun.SelectQuery) { s.due(q, ScanWaiting).Order("scan_at") },
		func(q *bun.SelectQuery) { s.due(q, ScanAway).Order("scan_at") },
	}
	if old {
		choices = append(choices, func(q *bun.SelectQuery) { q.Where(`scan = 'off'`) }) // as the index has it
	}
	return s.claim(ctx, choices...)
}

// due narrows a query to the blobs with a state that are due.
func (s *Service) due(q *bun.SelectQuery, state Scan) *bun.SelectQuery {
	return q.Where(`scan = ?`, state).Where(`scan_at <= ?`, s.now())
}

// claim takes the first blob of the first choice that has one from the other processes, until its scan must have ended; nil: there
// is none.
func (s *Service) claim(ctx context.Context, choices ...func(q *bun.SelectQuery)) (claimed *blobRow, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		claimed = nil
		for _, choice := range choices {
			var r blobRow
			q := tx.NewSelect().Model(&r).Limit(1)
			choice(q)
			if s.db.IsPostgres() {
				q.For("UPDATE SKIP LOCKED")
			}
			err := q.Scan(ctx)
			if store.IsNoRows(err) {
				continue
			}
			if err != nil {
				return err
			}
			until := s.now().Add(scanTime(r.Size))
			if r.ScanAt = &until; r.Scan == ScanOff {
				r.Scan = ScanWaiting
			}
			claimed = &r
			_, err = tx.NewUpdate().Model(&r).Column("scan", "scan_at").WherePK().Exec(ctx)
			return err
		}
		return nil
	})
	return claimed, err
}

// scan scans a blob that was claimed, and records what is known of it then. asked is what the scanner has said, ScanAway if it was
// away, "" if it was not asked to the end.
func (s *Service) scan(ctx context.Context, r blobRow) (asked Scan, err error) {
	b, err := r.blob()
	if err != nil {
		return "", err
	}
	o, err := s.owner(ctx, s.db, r.OwnerID)
	if errors.Is(err, ErrGone) {
		return "", s.settle(ctx, r, outcome{scan: r.Scan, scannedAt: r.ScannedAt}) // its owner is being deleted, with all blobs
	}
	if err != nil {
		return "", err
	}
	limited, cancel := context.WithTimeout(ctx, scanTime(r.Size))
	defer cancel()
	bytes := s.reader(limited, o, b.ID, b.parts)
	all := &watched{r: bytes.Section(0, bytes.Size())}
	v, err := s.scanner.Scan(limited, all)
	_ = bytes.Close()
	now := s.now()
	switch {
	case err == nil && all.failed == nil && (v.Scan == ScanClean || v.Scan == ScanTooLarge || v.Scan == ScanInfected):
		return v.Scan, s.settle(ctx, r, outcome{scan: v.Scan, signature: v.Signature, scannedAt: &now})
	case ctx.Err() != nil: // there was no time; somebody else goes on
		return "", s.settle(ctx, r, outcome{scan: r.Scan, scannedAt: r.ScannedAt, next: &now})
	case all.failed != nil:
		s.log.Warn("a document can't be read for a scan; it is tried again", "error", all.failed)
		next := now.Add(minWait)
		if errors.Is(all.failed, ErrGone) {
			next = now.Add(maxWait)
		}
		return "", s.settle(ctx, r, outcome{scan: r.Scan, scannedAt: r.ScannedAt, next: &next})
	}
	s.log.Warn("a document is not scanned, since the scanner is away; it is tried again", "error", err)
	return ScanAway, s.settle(ctx, r, s.later(r))
}

// watched reads and remembers whether that failed.
type watched struct {
	r      io.Reader
	failed error
}

// Read reads the next bytes.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.failed = err
	}
	return n, err
}

// outcome is what becomes of a blob that was claimed.
type outcome struct {
	scan            Scan
	signature       string
	scannedAt, next *time.Time
}

// later is the outcome for a blob whose scanner is away.
func (s *Service) later(r blobRow) outcome {
	now := s.now()
	since := &now
	if r.Scan == ScanAway && r.ScannedAt != nil {
		since = r.ScannedAt
	}
	next := now.Add(min(max(now.Sub(*since), minWait), maxWait))
	return outcome{scan: ScanAway, scannedAt: since, next: &next}
}

// settle records an outcome, unless the claim has passed to another process meanwhile.
func (s *Service) settle(ctx context.Context, r blobRow, o outcome) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime) // what is known is kept, also at the end of a process
	defer cancel()
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		n, err := store.Affected(tx.NewUpdate().Table("blob").Set(`scan = ?`, o.scan).Set(`signature = ?`, o.signature).
			Set(`scanned_at = ?`, o.scannedAt).Set(`scan_at = ?`, o.next).Where(`id = ?`, r.ID).Where(`scan_at = ?`, r.ScanAt).Exec(ctx))
		if err != nil || n == 0 || o.scan != ScanInfected {
			return err
		}
		b, err := s.Blob(ctx, tx, r.ID)
		if err != nil {
			return err
		}
		s.log.Warn("malware was found in a document; nobody gets it", "signature", b.Signature)
		if s.infected == nil {
			return nil
		}
		return s.infected(ctx, tx, b)
	})
}
