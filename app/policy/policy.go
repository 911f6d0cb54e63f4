// Package policy stores the policies for package policies: published versions, the draft, the expectations that must
// hold for publishing, and what a draft would change.
package policy

import (
	"strconv"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/fault"
	"kontor/policies"
)

// Version is a published policy. The one with the highest number is in force.
type Version struct {
	bun.BaseModel `bun:"table:policy_version"`

	Number      int           `bun:"version,pk"`
	Text        string        `bun:"text"`
	Comment     string        `bun:"comment"`   // CommentFirst or CommentReset (a text id) for versions of Kontor itself
	AuthorID    uuid.NullUUID `bun:"author_id"` // not valid: Kontor itself
	Author      string        `bun:"author"`
	Proposer    string        `bun:"proposer"` // the proposer, if a second person was needed; else ""
	Restored    *int          `bun:"restored"` // the older version that this one publishes again
	PublishedAt time.Time     `bun:"published_at"`
}

// Own says whether Kontor itself published the version.
func (v Version) Own() bool { return !v.AuthorID.Valid }

// Document is the policy without its comments.
func (v Version) Document() policies.Document { return document(v.Text) }

// document parses a text that was checked when it was stored.
func document(text string) policies.Document {
	d, err := policies.Parse(text, policies.AnyKind)
	if err != nil { // the text was written by a version of the program with another vocabulary
		return policies.Document{}
	}
	return d
}

// Draft is the draft that all policy administrators share. It is not in force.
type Draft struct {
	Text      string
	Edit      int     // increases with each change; 0: nobody has ever changed the draft
	Published Version // in force
	Base      int     // the version from which the draft began
	// Added and Removed are the lines in which the draft differs from the published version.
	Added, Removed []string
	ChangedBy      string // who made the last change
	Steps          []Step // the last changes, oldest first
	// Proposed says that somebody has proposed to publish the draft as it is.
	Proposed   bool
	ProposedBy uuid.UUID
	Proposer   string
	Comment    string // of the proposal
}

// Document is the draft without its comments.
func (d Draft) Document() policies.Document { return document(d.Text) }

// Changed says whether publishing the draft would change anything, even if only a comment in the text.
func (d Draft) Changed() bool { return d.Text != d.Published.Text }

// Stale says that another version was published after the draft was begun. The draft must be rebased first.
func (d Draft) Stale() bool { return d.Changed() && d.Base != d.Published.Number }

// Since returns the changes after this edit, which a person who saw the draft at this edit does not know.
func (d Draft) Since(edit int) (unknown []Step) {
	for _, s := range d.Steps {
		if s.Edit > edit {
			unknown = append(unknown, s)
		}
	}
	return unknown
}

// Step is one change of the draft.
type Step struct {
	Edit    int       `json:"edit"` // the draft's edit after the change
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Added   []string  `json:"added,omitempty"`
	Removed []string  `json:"removed,omitempty"`
	Before  string    `json:"before"` // the text before the change
	Base    int       `json:"base"`   // the base version of that text
}

const (
	// maxSteps is the number of changes that Undo can revert.
	maxSteps = 20
	// maxText is the maximum length of a policy text, in bytes.
	maxText = 100_000
	// maxComment is the maximum length of a comment, in characters.
	maxComment = 500
)

var (
	// ErrBehind says that somebody else has changed the draft meanwhile. Args: by, the name.
	ErrBehind = fault.New(fault.Conflict, "policy.behind")
	// ErrBase says that another version was published after the draft was begun. Args: version, by.
	ErrBase = fault.New(fault.Conflict, "policy.base")
	// ErrNothing says that there is nothing to publish, propose or undo.
	ErrNothing = fault.New(fault.Conflict, "policy.nothing")
	// ErrGone says that the draft no longer contains the line to change.
	ErrGone = fault.New(fault.Conflict, "policy.gone")
	// ErrExpectation says that an expectation does not hold. Args: count.
	ErrExpectation = fault.New(fault.Conflict, "policy.expectation_fails")
	// ErrLockout says that under the new policy nobody who can sign in may read and manage policies.
	ErrLockout = fault.New(fault.Conflict, "policy.lockout")
	// ErrSecond says that the publisher would gain a right without a second person. They may propose the draft instead.
	ErrSecond = fault.New(fault.Conflict, "policy.second")
	// ErrVersion says that there is no version with this number.
	ErrVersion = fault.New(fault.NotFound, "policy.version")
)

// The comments of versions that Kontor itself publishes. They are text ids, because each reader has a language.
const (
	CommentFirst = "policy.comment_first" // version 1 of an installation
	CommentReset = "policy.comment_reset" // a version that Reset published
)

// Label returns the name of the version for screens, the same in both languages.
func (v Version) Label() string { return "Version " + strconv.Itoa(v.Number) }
