package policy

// What the benchmarks need of this package. They are outside of it, because the demo firm edits its policy with it.
var (
	DocumentOf = document
	PutDraft   = putDraft
	Exchange   = exchange
	Allow      = allow
	Deny       = deny
)
