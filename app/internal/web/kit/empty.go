package kit

import (
	"kontor/app/transaction"
)

// Emptiness is why a list has no rows. It follows from the filter and from what the viewer may see, never from what is
// there: whoever may not see all is told the same whether there is something that they may not see or not.
type Emptiness string

const (
	NothingYet     Emptiness = "yet"     // there is nothing: said only to who would see all of it
	NothingVisible Emptiness = "visible" // nothing that the viewer may see
	NothingMatches Emptiness = "matches" // nothing that the search and the filters let through
)

// EmptinessOf says why a list has no rows: whether a search or filter narrows it, and whether the viewer sees all of it.
func EmptinessOf(narrowed, seesAll bool) Emptiness {
	switch {
	case narrowed:
		return NothingMatches
	case seesAll:
		return NothingYet
	}
	return NothingVisible
}

// Empty is what stands in the place of a list's rows. Its texts are those of the list's name: "empty.<list>.yet" and
// "empty.<list>.visible".
type Empty struct {
	List  string
	Why   Emptiness
	Hint  string // text id of a sentence below, "" for none
	Clear string // address without search and filters
	Next  string // address of the next step, where the viewer may take it
	Do    string // text id of its button
	Icon  string
	Bare  bool              // it stands in a sheet already
	Found *transaction.Page // what else was found: a screen reader hears it with the sentence
}

// Title is the text id of the sentence.
func (e Empty) Title() string {
	if e.Why == NothingMatches {
		return "empty.nothing_matches"
	}
	return "empty." + e.List + "." + string(e.Why)
}
