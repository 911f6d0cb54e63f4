// Package audit keeps the log: who did what to which customer, when, from which address. An entry is written in the tx
// of the action that it describes. It contains no secrets and no passwords. Personal data is deleted with its customer.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// Action says what was done, as "<thing>.<past participle>"; views/locales has a text for each ("audit.<action>").
type Action string

// Actions.
const (
	CustomerCreated   Action = "customer.created"
	CustomerUpdated   Action = "customer.updated"
	CustomerDeleting  Action = "customer.deletion_requested"
	CustomerDeleted   Action = "customer.deleted"  // the receipt of a permanent deletion
	CustomersImported Action = "customer.imported" // an import that has ended, with its counts
	BulkDone          Action = "bulk.done"         // a bulk act that has ended, with its counts
	BulkReturned      Action = "bulk.returned"     // one that was taken back
	AccessCreated     Action = "access.created"
	AccessUpdated     Action = "access.updated"
	AccessResent      Action = "access.resent"
	AccessWithdrawn   Action = "access.withdrawn" // an invitation that had not left yet
	AccessDeactivated Action = "access.deactivated"
	AccessReactivated Action = "access.reactivated"
	AccessRemoved     Action = "access.removed"
	AccessRegistered  Action = "access.registered"
	AccessCodeAsked   Action = "access.code_asked"
	AccessLinkAsked   Action = "access.link_asked"
	// AccessAddressFreed: the courier may try an address again that refused mail.
	AccessAddressFreed Action = "access.address_freed"

	AccountCreated        Action = "account.created"
	AccountUpdated        Action = "account.updated"
	AccountRolesChanged   Action = "account.roles_changed"
	AccountDeactivated    Action = "account.deactivated"
	AccountReactivated    Action = "account.reactivated"
	AccountPasswordSet    Action = "account.password_set"
	AccountPasswordAsked  Action = "account.password_asked"
	AccountEmailAsked     Action = "account.email_asked"
	AccountEmailChanged   Action = "account.email_changed"
	AccountSignedIn       Action = "account.signed_in"
	AccountSignedOut      Action = "account.signed_out"
	AccountSignedOutAll   Action = "account.signed_out_everywhere"
	AccountSessionEnded   Action = "account.session_ended"
	AccountSessionsEnded  Action = "account.sessions_ended"
	AccountUnlocked       Action = "account.unlocked" // wrong passwords no longer count
	AccountLinkSent       Action = "account.link_sent"
	AccountAddressFreed   Action = "account.address_freed"
	QueueTaskRun          Action = "queue.task_run"
	QueueRun              Action = "queue.run_all"
	QueueTaskDeleted      Action = "queue.task_deleted"
	JobCancelled          Action = "job.cancelled"
	AdministratorAdded    Action = "administrator.appointed"
	AdministratorRemoved  Action = "administrator.dismissed"
	ProcessorAdded        Action = "processor.entrusted"
	ProcessorRemoved      Action = "processor.relieved"
	DeputyNamed           Action = "deputy.named"
	DeputyEnded           Action = "deputy.ended"
	HandoverStarted       Action = "handover.started"
	HandoverFinished      Action = "handover.finished"
	HandoverStopped       Action = "handover.stopped"
	AuthorisationRestored Action = "authorisation.restored"

	NoteWritten  Action = "note.written"
	NoteChanged  Action = "note.changed"
	NoteRemoved  Action = "note.removed"
	NoteRestored Action = "note.restored"

	TransactionCreated Action = "transaction.created"
	TransactionUpdated Action = "transaction.updated"
	TransactionMoved   Action = "transaction.status_changed"
	TransactionViewed  Action = "transaction.viewed" // an end user opened it for the first time

	ElementAdded      Action = "element.added"
	ElementChanged    Action = "element.changed"
	ElementMoved      Action = "element.moved"
	ElementDuplicated Action = "element.duplicated"
	ElementTrashed    Action = "element.trashed"
	ElementRestored   Action = "element.restored"
	DocumentUploaded  Action = "document.uploaded"
	DocumentReplaced  Action = "document.replaced"
	DocumentInfected  Action = "document.infected" // a virus was found in it
	VersionRestored   Action = "document.version_restored"
	SlotAnswered      Action = "slot.answered"
	SlotNotApplicable Action = "slot.not_applicable"
	SlotAccepted      Action = "slot.accepted"
	SlotRejected      Action = "slot.rejected"
	CommentWritten    Action = "comment.written"

	KindAdded       Action = "kind.added"
	KindRenamed     Action = "kind.renamed"
	KindMoved       Action = "kind.moved"
	KindRetired     Action = "kind.retired"
	KindReactivated Action = "kind.reactivated"

	TemplateAdded       Action = "template.added"
	TemplateChanged     Action = "template.changed"   // its settings
	TemplatePublished   Action = "template.published" // a version of its structure
	TemplateDuplicated  Action = "template.duplicated"
	TemplateRetired     Action = "template.retired"
	TemplateReactivated Action = "template.reactivated"
	TemplateImported    Action = "template.imported"
	TemplateExported    Action = "template.exported"

	ApprovalProposed Action = "approval.proposed"
	ApprovalApproved Action = "approval.approved"
	ApprovalPassed   Action = "approval.passed"
	ApprovalStopped  Action = "approval.stopped"
	ApprovalExpired  Action = "approval.expired"
	ApprovalVoid     Action = "approval.void"

	// These actions change nothing and may occur in large numbers, so they are counted, see Saw.
	SignInFailed    Action = "sign_in.failed"         // a wrong password for an account
	SignInUnknown   Action = "sign_in.unknown"        // no such login; the log never contains what was typed
	PasswordGuessed Action = "sign_in.password_wrong" // a wrong password of a person who is signed in or has opened a link
	SignInSlowed    Action = "sign_in.slowed"         // refused without a check, after too many attempts
	RequestRefused  Action = "request.refused"        // 403: no permission
	RequestForeign  Action = "request.foreign"        // 403: from another site, or without the CSRF token
	ReportRefused   Action = "request.report_refused" // a delivery report with a wrong signature
	Downloaded      Action = "data.downloaded"        // data was downloaded as a file

	PolicyProposed           Action = "policy.proposed"
	PolicyPublished          Action = "policy.published"
	PolicyRestored           Action = "policy.restored"
	PolicyReset              Action = "policy.reset"
	DatabaseRestored         Action = "database.restored"
	PolicyOfferDismissed     Action = "policy.offer_dismissed"
	PolicyExpectationAdded   Action = "policy.expectation_added"
	PolicyExpectationRemoved Action = "policy.expectation_removed"

	FirmUpdated        Action = "firm.updated"
	FirmMarkSet        Action = "firm.mark_set"
	FirmMarkRemoved    Action = "firm.mark_removed"
	FirmHolidayAdded   Action = "firm.holiday_added"
	FirmHolidaysAdded  Action = "firm.holidays_added" // the public ones of a federal state, with their number
	FirmHolidayRemoved Action = "firm.holiday_removed"
	FirmPhraseAdded    Action = "firm.phrase_added"
	FirmPhraseChanged  Action = "firm.phrase_changed"
	FirmPhraseRemoved  Action = "firm.phrase_removed"
	FirmPhraseMoved    Action = "firm.phrase_moved"
)

// Actor is the person who performed an action.
type Actor struct {
	ID        uuid.UUID // Nil: Kontor itself, or a person who has not proved who they are
	Name      string
	Address   string // IP address
	RequestID string // for the security lines; not stored in the log
}

// Entry is one line of the log.
type Entry struct {
	bun.BaseModel `bun:"table:audit"`

	ID         uuid.UUID     `bun:"id,pk"`
	At         time.Time     `bun:"at"`
	ActorID    uuid.NullUUID `bun:"actor_id"`
	Actor      string        `bun:"actor"`
	Action     Action        `bun:"action"`
	CustomerID uuid.NullUUID `bun:"customer_id"`
	SubjectID  uuid.NullUUID `bun:"subject_id"`
	Subject    string        `bun:"subject"`
	Detail     string        `bun:"detail"`
	Address    string        `bun:"address"`
	// TransactionID is set if the entry may only be read by people who may see that transaction.
	TransactionID uuid.NullUUID `bun:"transaction_id"`

	// Only for counted entries, see Saw: how often it was counted, the last time, and the key of the row. Bucket is ""
	// for all other entries.
	Times  int64      `bun:"times"`
	LastAt *time.Time `bun:"last_at"`
	Bucket string     `bun:"bucket,nullzero"`
	Fold   string     `bun:"fold,nullzero"`
}

// Changes are the changed fields, each with its old and new value.
type Changes map[string][2]string

// Changes decodes an entry's detail; nil when the detail contains no changes.
func (e Entry) Changes() Changes {
	var c Changes
	if json.Unmarshal([]byte(e.Detail), &c) != nil {
		return nil
	}
	return c
}

// Counts decodes a receipt's detail; nil when the detail contains no counts.
func (e Entry) Counts() map[string]int64 {
	var c map[string]int64
	if json.Unmarshal([]byte(e.Detail), &c) != nil {
		return nil
	}
	return c
}

// Record describes an action for Write.
type Record struct {
	Action     Action
	CustomerID uuid.UUID // Nil: no customer
	SubjectID  uuid.UUID
	Subject    string
	Detail     any // Changes, counts, or nil
	// TransactionID is the transaction that the entry is about; Nil: none.
	TransactionID uuid.UUID
}

// Log writes and reads entries.
type Log struct {
	db       *store.DB
	now      store.Clock
	security *security
	seen     seen
	limits   limits
}

// New makes the log. Its security lines are discarded until Tell sets a logger.
func New(db *store.DB, now store.Clock) *Log {
	return &Log{db: db, now: now, security: newSecurity(now), seen: newSeen(), limits: limitsOf()}
}

// Write adds entries inside the tx of the actions that they describe.
func (l *Log) Write(ctx context.Context, tx bun.IDB, by Actor, records ...Record) error {
	entries := make([]Entry, len(records))
	for i, r := range records {
		var err error
		if entries[i], err = l.entry(by, r); err != nil {
			return err
		}
	}
	if err := store.InsertAll(ctx, tx, entries); err != nil {
		return err
	}
	store.AfterCommit(ctx, func() {
		for _, r := range records {
			l.security.tell(Sighting{Action: r.Action, By: by, SubjectID: r.SubjectID})
		}
	})
	return nil
}

func (l *Log) entry(by Actor, r Record) (e Entry, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return e, err
	}
	e = Entry{
		ID: id, At: l.now(), ActorID: store.NullID(by.ID), Actor: by.Name, Address: by.Address, Action: r.Action,
		CustomerID: store.NullID(r.CustomerID), SubjectID: store.NullID(r.SubjectID), Subject: r.Subject,
		TransactionID: store.NullID(r.TransactionID), Times: 1,
	}
	if r.Detail != nil {
		detail, err := json.Marshal(r.Detail)
		if err != nil {
			return e, fmt.Errorf("audit detail: %w", err)
		}
		e.Detail = string(detail)
	}
	return e, nil
}

// changesRead is how many of the newest entries LastChanges reads.
const changesRead = 100

// LastChanges returns for each field of a subject the newest entry that changed it. It reads only the last hundred
// entries about the subject. The caller has authorised it: whoever may change the subject may see this.
func (l *Log) LastChanges(ctx context.Context, subject uuid.UUID) (map[string]Entry, error) {
	var entries []Entry
	err := l.db.NewSelect().Model(&entries).Where(`subject_id = ?`, subject).Order(`id DESC`).Limit(changesRead).Scan(ctx)
	last := map[string]Entry{}
	for _, e := range entries {
		for field := range e.Changes() {
			if _, newer := last[field]; !newer {
				last[field] = e
			}
		}
	}
	return last, err
}
