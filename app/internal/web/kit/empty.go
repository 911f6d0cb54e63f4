package kit

// Emptiness is the reason why a list has no rows. It depends on the filter and on what the viewer may see, never on which
// rows exist. So viewers who may not see everything can't find out whether there are rows that are hidden from them.
type Emptiness string

const (
	NothingYet     Emptiness = "yet"     // no rows exist: only for viewers who may see all rows
	NothingVisible Emptiness = "visible" // no rows that the viewer may see
	NothingMatches Emptiness = "matches" // no rows match the search and the filters
)

// EmptinessOf returns the reason why a list has no rows. narrowed: a search or filter applies; seesAll: the viewer may
// see all rows.
func EmptinessOf(narrowed, seesAll bool) Emptiness {
	switch {
	case narrowed:
		return NothingMatches
	case seesAll:
		return NothingYet
	}
	return NothingVisible
}

// Empty is shown in place of a list's rows. Its texts are named after the list: "empty.<list>.yet" and
// "empty.<list>.visible".
type Empty struct {
	List  string
	Why   Emptiness
	Hint  string // text id of a second sentence, "" for none
	Clear string // address of the list without search and filters
	Next  string // address of the next step, if the viewer may take it
	Do    string // text id of the button for Next
	Icon  string
	Bare  bool   // the list is inside a sheet already
	Found *Found // the transactions that the same search finds: a screen reader announces them with the sentence
}

// Found is how many rows a search finds.
type Found struct {
	Count  int
	Capped bool // there are more than Count
}

// Title is the text id of the main sentence.
func (e Empty) Title() string {
	if e.Why == NothingMatches {
		return "empty.nothing_matches"
	}
	return "empty." + e.List + "." + string(e.Why)
}
