//go:build !race

package storetest

// Race says that the race detector watches: everything takes several times as long then, so tests that try a great many
// cases try fewer.
const Race = false
