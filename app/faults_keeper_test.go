package main

import (
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// keeper starts a process again whenever it ends, as a service manager does.
type keeper struct {
	start       func() *process
	over, ended chan struct{}

	mu      sync.Mutex
	process *process
}

func (k *keeper) now() *process {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.process
}

func (k *keeper) signal(s syscall.Signal) { _ = k.now().cmd.Process.Signal(s) }

const panicked = 2 // the exit code of a Go program that panics

func (k *keeper) run(t testing.TB) {
	defer close(k.ended)
	for {
		p := k.now()
		select {
		case <-k.over:
			return
		case <-p.done:
		}
		assert.NotEqual(t, panicked, p.cmd.ProcessState.ExitCode(), "%s ended with %s", p.name, p.cmd.ProcessState)
		select {
		case <-k.over:
			return
		case <-time.After(300 * time.Millisecond):
		}
		k.mu.Lock()
		k.process = k.start()
		k.mu.Unlock()
	}
}

func (k *keeper) stop() {
	close(k.over)
	<-k.ended
	k.now().kill()
}
