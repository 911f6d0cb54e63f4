package main

import (
	"slices"
	"testing"
)

// reasons says why packages use what belongs to another, by package.
type reasons map[string]string

// rule is to whom a table belongs.
type rule struct {
	owner   string
	writers reasons
	readers reasons
}

// tables says to whom each table of the database belongs and who else uses it. "found" stands where nothing but habit is the
// reason.
var tables = map[string]rule{
	"access": {
		owner:   "app/access",
		writers: reasons{"app/demo": "found"},
		readers: reasons{"app/customer": "found", "app/account": "found", "app/attention": "found", "app/authorisation": "found", "app/handover": "found", "app/policy": "found", "app/transaction": "found"},
	},
	"access_code": {
		owner: "app/access",
	},
	"account": {
		owner:   "app/account",
		writers: reasons{"app/demo": "found"},
		readers: reasons{"app": "found", "app/access": "found", "app/approval": "found", "app/attention": "found", "app/authorisation": "found", "app/customer": "found", "app/demo/demotest": "found", "app/handover": "found", "app/policy": "found", "app/transaction": "found"},
	},
	"account_role": {
		owner:   "app/account",
		writers: reasons{"app/demo": "found"},
		readers: reasons{"app/approval": "found", "app/authorisation": "found", "app/policy": "found"},
	},
	"administrator_switch": {
		owner: "app/customer",
	},
	"approval": {
		owner:   "app/approval",
		readers: reasons{"app/metrics": "found"},
	},
	"audit": {
		owner:   "app/audit",
		writers: reasons{"app/demo": "found"},
		readers: reasons{"app/handover": "found"},
	},
	"authorisation_removal": {
		owner: "app/authorisation",
	},
	"bun_migrations": {
		owner: "migrations",
	},
	"channel_pace": {
		owner: "app/courier",
	},
	"channel_refusal": {
		owner: "app/courier",
	},
	"channel_state": {
		owner: "app/courier",
	},
	"counter": {
		owner:   "app/customer",
		writers: reasons{"app/demo": "found", "app/transaction": "found"},
	},
	"customer": {
		owner:   "app/customer",
		writers: reasons{"app/demo": "found"},
		readers: reasons{"app": "found", "app/access": "found", "app/account": "found", "app/assignment": "found", "app/attention": "found", "app/authorisation": "found", "app/demo/demotest": "found", "app/handover": "found", "app/policy": "found", "app/transaction": "found"},
	},
	"customer_administrator": {
		owner:   "app/assignment",
		writers: reasons{"app/demo": "found"},
		readers: reasons{"app/customer": "found", "app/access": "found", "app/attention": "found", "app/authorisation": "found", "app/handover": "found", "app/policy": "found", "app/transaction": "found"},
	},
	"customer_search": {
		owner: "app/customer",
	},
	"deletion": {
		owner: "app/customer",
	},
	"deputy": {
		owner:   "app/handover",
		readers: reasons{"app/account": "found", "app/authorisation": "found", "app/policy": "found"},
	},
	"erasure_log": {
		owner: "app/erasure",
	},
	"former_address": {
		owner: "app/account",
	},
	"guard_event": {
		owner: "app/approval",
	},
	"handover": {
		owner: "app/handover",
	},
	"handover_target": {
		owner: "app/handover",
	},
	"installation": {
		owner: "app/heartbeat",
	},
	"installation_id": {
		owner: "app/heartbeat",
	},
	"known_browser": {
		owner: "app/account",
	},
	"link": {
		owner: "app/secret",
	},
	"mailbox": {
		owner: "app/courier",
	},
	"message": {
		owner:   "app/courier",
		writers: reasons{"app/demo": "found"},
		readers: reasons{"app/customer": "found", "app/access": "found"},
	},
	"message_attempt": {
		owner:   "app/courier",
		writers: reasons{"app/demo": "found"},
	},
	"message_stall": {
		owner: "app/courier",
	},
	"message_status": {
		owner: "app/courier",
	},
	"policy_draft": {
		owner: "app/policy",
	},
	"policy_expectation": {
		owner: "app/policy",
	},
	"policy_offer": {
		owner: "app/policy",
	},
	"policy_version": {
		owner:   "app/policy",
		readers: reasons{"app/account": "found"},
	},
	"process": {
		owner: "app/heartbeat",
	},
	"refused_address": {
		owner: "app/courier",
	},
	"search_word": {
		owner:   "app/customer",
		writers: reasons{"app/demo": "found"},
	},
	"session": {
		owner: "app/account",
	},
	"sign_in_throttle": {
		owner: "app/account",
	},
	"transaction_kind": {
		owner:   "app/transaction",
		readers: reasons{"app/policy": "found"},
	},
	"transaction_processor": {
		owner:   "app/assignment",
		readers: reasons{"app/authorisation": "found", "app/customer": "found", "app/handover": "found", "app/policy": "found", "app/transaction": "found"},
	},
	"transaction_search": {
		owner:   "app/transaction",
		writers: reasons{"app/demo": "found"},
	},
	"transaction_visible": {
		owner:   "app/assignment",
		writers: reasons{"app/demo": "found"},
		readers: reasons{"app/attention": "found", "app/policy": "found", "app/transaction": "found"},
	},
	"transactions": {
		owner:   "app/transaction",
		writers: reasons{"app/demo": "found", "app/handover": "found"},
		readers: reasons{"app/assignment": "found", "app/attention": "found", "app/authorisation": "found", "app/policy": "found"},
	},
}

// use is what a package does with a table.
type use struct {
	table, room string
	writes      bool
}

// TestTables: each table has one owner, which alone writes it, and whoever else reads it is declared in the table tables.
// A table without an owner fails, and so does a declaration that nobody needs.
func TestTables(t *testing.T) {
	names := tableNames(t)
	found := tableUses(t, names)
	for _, name := range names {
		rule, known := tables[name]
		if !known {
			t.Errorf("table %s has no owner", name)
			continue
		}
		if _, ok := found[use{name, rule.owner, true}]; !ok {
			t.Errorf("%s is said to own table %s, and does not write it", rule.owner, name)
		}
		for _, declared := range []struct {
			reasons reasons
			writes  bool
		}{{rule.writers, true}, {rule.readers, false}} {
			for room := range declared.reasons {
				if _, ok := found[use{name, room, declared.writes}]; !ok {
					t.Errorf("table %s: %s is declared (writes: %t), and does not use it so", name, room, declared.writes)
				}
			}
		}
	}
	for name := range tables {
		if !slices.Contains(names, name) {
			t.Errorf("there is no table %s", name)
		}
	}
	for u, where := range found {
		rule, verb := tables[u.table], "reads"
		allowed := rule.owner == u.room || rule.writers[u.room] != ""
		if u.writes {
			verb = "writes"
		} else {
			allowed = allowed || rule.readers[u.room] != ""
		}
		if !allowed {
			t.Errorf("%s %s table %s of %s: %s", u.room, verb, u.table, rule.owner, where)
		}
	}
}
