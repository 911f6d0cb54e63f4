package document

import (
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/blob"
	"kontor/app/fault"
)

// State is how far a slot is; "" for other elements. Locale keys "slot_state.<state>".
type State string

// The states of a slot.
const (
	Open     State = "open"     // nothing was given yet
	Answered State = "answered" // given, or said that it does not apply; waiting for review if an end user did it
	Accepted State = "accepted"
	Rejected State = "rejected" // it is to be answered again
)

// Element is a folder, a slot or a document of a transaction.
type Element struct {
	ID            uuid.UUID
	TransactionID uuid.UUID
	CustomerID    uuid.UUID
	ParentID      uuid.UUID // Nil: at the root
	Position      int
	Depth         int // 0 at the root
	Type          Type
	Name, Help    string
	Planned       bool // it came from a template
	// Internal says that end users never see it: because of itself or of a folder in which it is. OwnInternal is itself.
	Internal, OwnInternal bool
	Options
	Answer   Answer
	Required bool
	Due      string // ISO 8601 date, or ""
	Types    []string
	State    State
	Reason   string // of the rejection
	Reviewer string
	Reviewed *time.Time
	Latest   *Version // nil: nothing was given
	Versions int      // how many were given
	Comments int      // those that the caller may see
	Version  int
	Inside   Progress // of a folder, its slots that the caller sees
	Trashed  *time.Time
}

// Version is what was given for a slot or a document at one time.
type Version struct {
	ID            uuid.UUID
	Number        int // 1 for the first one
	BlobID        uuid.UUID
	File          string    // name of the file; "" for an answer that is no document
	Size          int64     // bytes
	Type          string    // media type
	Scan          blob.Scan // what is known of malware in the document
	Text          string    // an answer that is no document; "" when the caller may not read contents
	NotApplicable bool
	Firm          bool // given by the firm
	By            string
	ByID          uuid.UUID
	At            time.Time
}

// Given says whether the document is given out: not while it is being scanned for malware, nor if some was found in it.
func (v Version) Given() bool { return v.Scan.Withheld() == nil }

// IsDocument says whether the version is a document.
func (v Version) IsDocument() bool { return v.BlobID != uuid.Nil }

// Progress says how far slots are.
type Progress struct {
	Asked    int // required slots
	Answered int // of these, answered or accepted
	ToReview int // slots that an end user has answered and nobody has reviewed
}

// Open is how many required slots are open.
func (p Progress) Open() int { return p.Asked - p.Answered }

func (p *Progress) add(other Progress) {
	p.Asked += other.Asked
	p.Answered += other.Answered
	p.ToReview += other.ToReview
}

// Infected says that malware was found in the document that counts.
func (e Element) Infected() bool { return e.Latest != nil && e.Latest.Scan == blob.ScanInfected }

// progress is that of the element alone.
func (e Element) progress() (p Progress) {
	if e.Type != Slot {
		return p
	}
	done := e.State == Answered || e.State == Accepted
	if e.Required {
		p.Asked = 1
		if done {
			p.Answered = 1
		}
	}
	if e.State == Answered && e.Latest != nil && !e.Latest.Firm {
		p.ToReview = 1
	}
	return p
}

// Rights are what the caller may do in a transaction.
type Rights struct {
	Process, Upload, Answer, Review, Comment bool
	Contents                                 bool // open documents and answers
	Internal                                 bool // see what is internal
	Firm                                     bool // the caller acts for the firm, not for the customer
	Closed                                   bool // nothing can be changed
}

// TrashLife is how long what was moved to the trash can be put back.
const TrashLife = 30 * 24 * time.Hour

// maxInTransaction is how many elements a transaction may have.
const maxInTransaction = 5000

// The limits of texts, in characters.
const (
	MaxText   = 4000 // an answer, or a comment
	MaxReason = 1000
)

var (
	// ErrNotFound says that the element does not exist, is in the trash, or is not for the caller's eyes.
	ErrNotFound = fault.New(fault.NotFound, "element.not_found")
	// ErrClosed says that the transaction is closed, so nothing in it can be changed.
	ErrClosed = fault.New(fault.Conflict, "element.closed")
	// ErrFixed says that it is not possible with this element: its template does not allow it, it is somebody else's, or it would be in itself.
	ErrFixed = fault.New(fault.Conflict, "element.fixed")
	// ErrAccepted says that what was accepted can't be changed by the one who gave it.
	ErrAccepted = fault.New(fault.Conflict, "element.accepted")
	// ErrNameTaken says that another element in the same folder has the name.
	ErrNameTaken = fault.At("name", "element.name_taken")
	// ErrVersion says that somebody else has changed the element meanwhile.
	ErrVersion = fault.New(fault.Conflict, "version")
	// ErrNothing says that there is nothing to review: nothing was given, or it was reviewed meanwhile.
	ErrNothing = fault.New(fault.Conflict, "element.nothing_to_review")
)

// arrange puts elements into the order of the tree: each folder before what is in it, those with the same parent by position. It
// sets depth, what is internal, and the progress of folders. Elements whose parent is not among them are left out.
func arrange(list []Element) []Element {
	in := map[uuid.UUID][]Element{}
	for _, e := range list {
		in[e.ParentID] = append(in[e.ParentID], e)
	}
	tree := make([]Element, 0, len(list))
	var walk func(parent uuid.UUID, depth int, internal bool) Progress
	walk = func(parent uuid.UUID, depth int, internal bool) (sum Progress) {
		slices.SortFunc(in[parent], func(a, b Element) int {
			if a.Position != b.Position {
				return a.Position - b.Position
			}
			return slices.Compare(a.ID[:], b.ID[:])
		})
		for _, e := range in[parent] {
			e.Depth, e.Internal = depth, internal || e.OwnInternal
			at := len(tree)
			tree = append(tree, e)
			p := e.progress()
			if e.Type == Folder && depth < MaxDepth {
				tree[at].Inside = walk(e.ID, depth+1, e.Internal)
				p.add(tree[at].Inside)
			}
			if !e.Internal {
				sum.add(p)
			}
		}
		return sum
	}
	walk(uuid.Nil, 0, false)
	return tree
}

// progressOf counts a whole tree: its slots that end users see, so both sides read the same.
func progressOf(tree []Element) (p Progress) {
	for _, e := range tree {
		if !e.Internal {
			p.add(e.progress())
		}
	}
	return p
}
