// Package accounttest has test helpers for packages that need accounts.
package accounttest

import "github.com/alexedwards/argon2id"

// Quick is a low password hashing cost for tests that are not about hashing.
var Quick = argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
