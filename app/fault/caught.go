package fault

import (
	"fmt"
	"runtime/debug"
)

// Caught runs f and turns a panic into an error, so that a panic does not end the process for all users.
func Caught(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}
