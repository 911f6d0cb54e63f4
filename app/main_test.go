package main

import (
	"os"
	"testing"
)

// atExit undoes what tests share: the browser, the programs that were built.
var atExit []func()

func TestMain(m *testing.M) {
	code := m.Run()
	for _, undo := range atExit {
		undo()
	}
	os.Exit(code)
}
