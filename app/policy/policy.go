// Package policy keeps the policies that package policies decides with: published versions, the draft, what must hold
// for publishing, and what a draft would change.
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
	Comment     string        `bun:"comment"`   // of Kontor itself it is one of the Comments: a text id
	AuthorID    uuid.NullUUID `bun:"author_id"` // not valid: Kontor itself
	Author      string        `bun:"author"`
	Proposer    string        `bun:"proposer"` // who proposed it, where it took two; else ""
	Restored    *int          `bun:"restored"` // the version that it publishes anew
	PublishedAt time.Time     `bun:"published_at"`
}

// Own says whether Kontor itself published the version.
func (v Version) Own() bool { return !v.AuthorID.Valid }

// Document is the policy without its comments.
func (v Version) Document() policies.Document { return document(v.Text) }

// document reads a text that was checked when it was stored.
func document(text string) policies.Document {
	d, err := policies.Parse(text, policies.AnyKind)
	if err != nil { // the text of a version of this program that knew other words
		return policies.Document{}
	}
	return d
}

// Draft is the one draft that all policy administrators share. Nothing of it is in force.
type Draft struct {
	Text      string
	Edit      int     // rises with each change; 0: nobody has ever changed it
	Published Version // in force
	Base      int     // the version it began from
	// Added and Removed are the lines in which it differs from what is published.
	Added, Removed []string
	ChangedBy      string // who made the last change
	Steps          []Step // the last changes, oldest first
	// Proposed says that somebody has asked for it to be published as it is.
	Proposed   bool
	ProposedBy uuid.UUID
	Proposer   string
	Comment    string // of the proposal
}

// Document is the draft without its comments.
func (d Draft) Document() policies.Document { return document(d.Text) }

// Changed says whether publishing it would change anything, be it a comment in the text.
func (d Draft) Changed() bool { return d.Text != d.Published.Text }

// Stale says that somebody has published since the draft was begun: it must be put on the new version first.
func (d Draft) Stale() bool { return d.Changed() && d.Base != d.Published.Number }

// Since are the changes that somebody who saw the draft at an edit does not know.
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
	Edit    int       `json:"edit"` // the draft's after it
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Added   []string  `json:"added,omitempty"`
	Removed []string  `json:"removed,omitempty"`
	Before  string    `json:"before"` // the text before it
	Base    int       `json:"base"`   // the version that the text began from
}

const (
	// maxSteps is how many changes can be taken back.
	maxSteps = 20
	// MaxText is the length of a policy text, in bytes.
	MaxText = 100_000
	// MaxComment is the length of a comment, in characters.
	MaxComment = 500
)

var (
	// ErrBehind is the answer to a change of a draft that somebody else has changed meanwhile. Args: by, the name.
	ErrBehind = fault.New(fault.Conflict, "policy.behind")
	// ErrBase says that another version was published since the draft was begun. Args: version, by.
	ErrBase = fault.New(fault.Conflict, "policy.base")
	// ErrNothing says that there is nothing to publish, propose or take back.
	ErrNothing = fault.New(fault.Conflict, "policy.nothing")
	// ErrGone says that the line to change is not in the draft any more.
	ErrGone = fault.New(fault.Conflict, "policy.gone")
	// ErrExpectation says that an expectation does not hold. Args: count.
	ErrExpectation = fault.New(fault.Conflict, "policy.expectation_fails")
	// ErrLockout says that nobody who can sign in would be left who may read and manage policies.
	ErrLockout = fault.New(fault.Conflict, "policy.lockout")
	// ErrSecond says that the publisher could come by a right alone: they may propose it, and a second person approves it.
	ErrSecond = fault.New(fault.Conflict, "policy.second")
	// ErrVersion is the answer to the number of a version that there is not.
	ErrVersion = fault.New(fault.NotFound, "policy.version")
)

// What stands as comment at the versions that Kontor itself publishes: text ids, since each reader has a language.
const (
	CommentFirst = "policy.comment_first" // version 1 of an installation
	CommentReset = "policy.comment_reset" // of Reset
)

// Comments lists them.
var Comments = []string{CommentFirst, CommentReset}

// Label is the version as people see it, in both languages.
func (v Version) Label() string { return "Version " + strconv.Itoa(v.Number) }
