// Package accounttest has what tests of other packages need of accounts.
package accounttest

import "github.com/alexedwards/argon2id"

// Quick is a cost of passwords for tests that are about something else.
var Quick = argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
