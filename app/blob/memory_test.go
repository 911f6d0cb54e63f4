package blob

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// errPower is what a memory answers when its power is gone.
var errPower = errors.New("the power is gone")

// memory is a Store in memory whose power can fail.
type memory struct {
	mu      sync.Mutex
	objects map[string][]byte
	// left is how many operations still work; the next one fails, and all after it. torn says that the one that fails has
	// its effect before it fails. Negative: all work.
	left int
	torn bool
}

func newMemory() *memory { return &memory{objects: map[string][]byte{}, left: -1} }

// step says whether an operation has its effect, and its error.
func (m *memory) step() (effect bool, err error) {
	if m.left < 0 {
		return true, nil
	}
	if m.left == 0 {
		torn := m.torn
		m.torn = false // the power is gone now
		return torn, errPower
	}
	m.left--
	return true, nil
}

func (m *memory) do(f func()) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	effect, err := m.step()
	if effect {
		f()
	}
	return err
}

func (m *memory) Put(_ context.Context, name string, data []byte) error {
	return m.do(func() { m.objects[name] = bytes.Clone(data) })
}

func (m *memory) Get(_ context.Context, name string, into []byte) ([]byte, error) {
	var found []byte
	var ok bool
	if err := m.do(func() { found, ok = m.objects[name] }); err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrAbsent
	}
	return append(into, found...), nil
}

func (m *memory) Delete(_ context.Context, name string) error {
	return m.do(func() {
		maps.DeleteFunc(m.objects, func(n string, _ []byte) bool { return n == name || strings.HasPrefix(n, name+"/") })
	})
}

func (m *memory) List(_ context.Context, folder string, each func(Object) error) error {
	var names []string
	if err := m.do(func() { names = slices.Sorted(maps.Keys(m.objects)) }); err != nil {
		return err
	}
	for _, n := range names {
		if folder == "" || strings.HasPrefix(n, folder+"/") {
			if err := each(Object{Name: n, Size: int64(len(m.objects[n])), WrittenAt: time.Time{}}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) Ready(context.Context) error { return m.do(func() {}) }

func (m *memory) names() []string { return slices.Sorted(maps.Keys(m.objects)) }
