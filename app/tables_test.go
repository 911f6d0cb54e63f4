package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// rule is to whom a table belongs. The owner alone writes it; other packages get what they need to know from the owner's
// functions, and read the table themselves only in joins that a list needs to be fast, or that a decision needs to be one
// query. Each of these is a line here with its reason. An expression that the owner hands out for others' queries, such as
// account.FactsOf, is the owner's reading.
type rule struct {
	owner   string
	readers reasons
	writers reasons // only if there is no other way
}

// reasons says by package why it uses what belongs to another.
type reasons map[string]string

// demoData are made by the hundred thousand, past the services.
var demoData = reasons{"app/demo": "demo data in bulk"}

// bareHandler is what the program is compared with: the same queries, without the program.
const bareHandler = "the same queries without the program"

// people are made for tests in a fraction of the time that a password takes.
var people = reasons{"app/demo": "demo data in bulk", "app/account/accounttest": "people of tests"}

var tables = map[string]rule{
	// Accounts:
	"account": {owner: "app/account", writers: people, readers: reasons{
		"app/access":        "an access with its account's address and last sign-in",
		"app/approval":      "who can approve; package account stands on it",
		"app/authorisation": "people by name, with what they are assigned",
		"app/bench":         bareHandler,
		"app/bulk":          "the people to choose from, and their names",
		"app/customer":      "whether an administrator is active, and whose customers can be asked for",
		"app/document":      "the names of who gave, reviewed and commented",
		"app/demo/demotest": "a benchmark's specialist user",
		"app/handover":      "people by name, with what they are assigned",
		"app/note":          "the name of who wrote a note",
		"app/policy":        "people by name, with what a draft changes for them",
		"app/transaction":   "the name of who is responsible",
	}},
	"account_role": {owner: "app/account", writers: people, readers: reasons{
		"app/approval":      "who can approve; package account stands on it",
		"app/authorisation": "people by role",
		"app/bench":         bareHandler,
	}},
	"former_address":   {owner: "app/account"},
	"preference":       {owner: "app/account"},
	"known_browser":    {owner: "app/account"},
	"session":          {owner: "app/account", readers: reasons{"app/bench": bareHandler}},
	"sign_in_throttle": {owner: "app/account"},
	"link":             {owner: "app/secret"},

	// Approvals and the log:
	"approval":    {owner: "app/approval"},
	"guard_event": {owner: "app/approval"},
	"saved_view":  {owner: "app/savedview"},

	// The firm:
	"firm":         {owner: "app/firm"},
	"firm_setting": {owner: "app/firm"},
	"firm_holiday": {owner: "app/firm"},
	"firm_phrase":  {owner: "app/firm"},

	"blob_key":        {owner: "app/blob"},
	"blob":            {owner: "app/blob", readers: reasons{"app/document": "size and type of a version, and what is known of malware in it"}},
	"upload":          {owner: "app/blob"},
	"blob_garbage":    {owner: "app/blob"},
	"element":         {owner: "app/document"},
	"element_version": {owner: "app/document"},
	"element_comment": {owner: "app/document"},
	// What transactions are made from:
	"template":         {owner: "app/template"},
	"template_version": {owner: "app/template"},

	"note": {owner: "app/note", writers: demoData},
	"audit": {owner: "app/audit", writers: demoData, readers: reasons{
		"app/handover": "what deputies arranged and is still so",
	}},

	// Customers:
	"customer": {owner: "app/customer", writers: demoData, readers: reasons{
		"app/access":        "the portal; the lock of a customer's accesses",
		"app/account":       "sessions: whether an end user has a customer; package customer stands on it",
		"app/assignment":    "the lock of a customer's index; package customer stands on it",
		"app/attention":     "lists name the customer",
		"app/authorisation": "lists name the customer",
		"app/bench":         bareHandler,
		"app/document":      "no manifest is written for a customer that is being deleted",
		"app/handover":      "lists name the customer",
		"app/note":          "which entries of the log about notes somebody may see",
		"app/policy":        "what a draft changes, counted by type of customer",
		"app/transaction":   "lists name the customer and leave out those being deleted",
	}},
	"customer_search":       {owner: "app/customer", writers: demoData},
	"search_word":           {owner: "app/customer", writers: demoData},
	"administrator_switch":  {owner: "app/customer"},
	"recent_customer":       {owner: "app/customer"},
	"deletion":              {owner: "app/customer"},
	"customer_import":       {owner: "app/customerimport"},
	"customer_import_chunk": {owner: "app/customerimport"},
	"bulk_act":              {owner: "app/bulk"},
	"bulk_row":              {owner: "app/bulk"},
	"counter":               {owner: "app/store"},

	// Accesses:
	"access": {owner: "app/access", writers: demoData, readers: reasons{
		"app/account":     "sessions: whether an account is an end user's; package access stands on it",
		"app/attention":   "the list of invitations",
		"app/bench":       bareHandler,
		"app/customer":    "who may; search texts; duplicates; package access stands on it",
		"app/handover":    "what deputies arranged and is still so",
		"app/policy":      "what a draft changes for end users",
		"app/transaction": "who may",
	}},
	"access_code": {owner: "app/access"},

	// Transactions:
	"transactions": {owner: "app/transaction", writers: demoData, readers: reasons{
		"app/assignment":    "the index is made of them; package transaction stands on it",
		"app/attention":     "the list of overdue ones",
		"app/authorisation": "lists of who processes which",
		"app/document":      "a manifest names the transaction",
		"app/handover":      "lists of what a person has",
		"app/policy":        "what a draft changes, counted by kind",
	}},
	"transaction_search": {owner: "app/transaction", writers: demoData},
	"transaction_kind":   {owner: "app/transaction"},

	// Assignments:
	"customer_administrator": {owner: "app/assignment", writers: demoData, readers: reasons{
		"app/access":        "what an end user is to the customers of the portal",
		"app/authorisation": "lists of who administers which",
		"app/customer":      "who may; customers without an active administrator",
		"app/handover":      "lists of what a person has",
		"app/policy":        "what a draft changes for whom",
		"app/transaction":   "who may; who can be responsible",
	}},
	"transaction_processor": {owner: "app/assignment", readers: reasons{
		"app/authorisation": "lists of who processes which",
		"app/customer":      "who may",
		"app/handover":      "lists of what a person has",
		"app/policy":        "what a draft changes for whom",
		"app/transaction":   "who may; who can be responsible",
	}},
	"transaction_visible": {owner: "app/assignment", writers: demoData, readers: reasons{
		"app/attention":   "the list of overdue ones",
		"app/policy":      "what a draft changes for whom",
		"app/transaction": "lists",
	}},
	"authorisation_removal": {owner: "app/authorisation"},
	"handover":              {owner: "app/handover"},
	"handover_target":       {owner: "app/handover"},
	"deputy": {owner: "app/handover", readers: reasons{
		"app/account":       "sessions: for whom a person stands in; package handover stands on it",
		"app/authorisation": "lists of who is what to a customer",
		"app/policy":        "what a draft changes for whom",
	}},

	// Policies:
	"policy_draft":       {owner: "app/policy"},
	"policy_expectation": {owner: "app/policy"},
	"policy_offer":       {owner: "app/policy"},
	"policy_version": {owner: "app/policy", readers: reasons{
		"app/account": "roles are given by the newest one, in the same tx; package policy stands on it",
	}},

	// Messages:
	"message": {owner: "app/courier", writers: demoData, readers: reasons{
		"app/access": "for whom messages are",
	}},
	"message_attempt": {owner: "app/courier", writers: demoData},
	"message_stall":   {owner: "app/courier"},
	"message_status":  {owner: "app/courier"},
	"refused_address": {owner: "app/courier"},
	"mailbox":         {owner: "app/courier"},
	"channel_pace":    {owner: "app/courier"},
	"channel_refusal": {owner: "app/courier"},
	"channel_state":   {owner: "app/courier"},

	// Jobs:
	"job": {owner: "app/job"},

	// The installation:
	"process":         {owner: "app/heartbeat"},
	"installation":    {owner: "app/heartbeat"},
	"installation_id": {owner: "app/heartbeat"},
	"erasure_log":     {owner: "app/erasure"},
	"bun_migrations":  {owner: "migrations"},
}

// use is what a package does with a table.
type use struct {
	table, pkg string
	writes     bool
}

// TestTables: each table has one owner, and only the owner writes it. Every other package that reads it must be declared
// in the table tables. A table without an owner fails, and so does an unused declaration.
func TestTables(t *testing.T) {
	names := tableNames(t)
	found := tableUses(t, names)
	for _, name := range names {
		rule, known := tables[name]
		if !assert.True(t, known, "table %s has no owner", name) {
			continue
		}
		_, ok := found[use{name, rule.owner, true}]
		assert.True(t, ok, "%s is said to own table %s, and does not write it", rule.owner, name)
		for _, declared := range []struct {
			reasons reasons
			writes  bool
		}{{rule.writers, true}, {rule.readers, false}} {
			for pkg := range declared.reasons {
				_, ok := found[use{name, pkg, declared.writes}]
				assert.True(t, ok, "table %s: %s is declared (writes: %t), and does not use it so", name, pkg, declared.writes)
			}
		}
	}
	for name := range tables {
		assert.Contains(t, names, name, "there is no table")
	}
	for u, where := range found {
		rule, verb := tables[u.table], "reads"
		allowed := rule.owner == u.pkg || rule.writers[u.pkg] != ""
		if u.writes {
			verb = "writes"
		} else {
			allowed = allowed || rule.readers[u.pkg] != ""
		}
		assert.True(t, allowed, "%s %s table %s of %s: %s", u.pkg, verb, u.table, rule.owner, where)
	}
}
