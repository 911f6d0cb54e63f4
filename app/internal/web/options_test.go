package web

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/secret"
)

// TestOptionsAreComplete: New names each part that it was not given. Otherwise the part would be a nil pointer until
// somebody opens a page that needs it.
func TestOptionsAreComplete(t *testing.T) {
	var all Options
	newWorld(t, func(o *Options) { all = *o })
	optional := map[string]bool{"Tour": true}
	var required []string
	for f := range reflect.TypeFor[Options]().Fields() {
		switch f.Type.Kind() {
		case reflect.Pointer, reflect.Interface, reflect.Func, reflect.Struct:
		default: // a setting, or a list that may be empty
			continue
		}
		without := all
		reflect.ValueOf(&without).Elem().FieldByIndex(f.Index).SetZero()
		_, err := New(without)
		if optional[f.Name] {
			assert.NoError(t, err, "without %s", f.Name)
			continue
		}
		required = append(required, f.Name)
		assert.EqualError(t, err, "the web server was not given: "+f.Name, "without %s", f.Name)
	}
	require.GreaterOrEqual(t, len(required), 20, "parts that New needs")
	_, err := New(Options{})
	assert.EqualError(t, err, "the web server was not given: "+strings.Join(required, ", "), "without any part")
	without := all
	without.Queue, without.Processes = (*madeUpQueue)(nil), (*alone)(nil)
	without.Key = secret.Key{}
	_, err = New(without)
	assert.EqualError(t, err, "the web server was not given: Queue, Key, Processes", "with pointers to nothing in interfaces")
}
