package courier

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
)

// TestKinds: each kind is listed once, with all of its data.
func TestKinds(t *testing.T) {
	seen := map[Kind]bool{}
	for _, k := range kinds {
		assert.False(t, seen[k.kind], "%s is listed twice", k.kind)
		seen[k.kind] = true
		if k.channel != Email && k.channel != SMS {
			t.Errorf("%s goes by %q", k.kind, k.channel)
		}
		assert.NotNil(t, k.sample)
	}
}

// TestCleanKinds: no text of any kind's data can add a line to a message, whoever typed it.
func TestCleanKinds(t *testing.T) {
	for _, k := range kinds {
		data := reflect.New(reflect.TypeOf(k.sample)).Elem()
		for i := range data.NumField() {
			if data.Field(i).Kind() == reflect.String {
				data.Field(i).SetString("one\r\ntwo\x00")
			}
		}
		cleaned := reflect.ValueOf(data.Interface().(Data).clean("Kontor"))
		for i := range cleaned.NumField() {
			if f := cleaned.Field(i); f.Kind() == reflect.String && f.String() != "one two" {
				t.Errorf("%s: %s is %q", k.kind, cleaned.Type().Field(i).Name, f.String())
			}
		}
	}
}

// TestSecretsOfKinds: every part of a message that grants access is removed from the other side's answers. The samples
// have links that end in a token, and codes.
func TestSecretsOfKinds(t *testing.T) {
	for _, k := range kinds {
		secrets := k.sample.secrets()
		data := reflect.ValueOf(k.sample)
		for i := range data.NumField() {
			value := data.Field(i)
			if value.Kind() != reflect.String {
				continue
			}
			s := value.String()
			name := data.Type().Field(i).Name
			if (name == "Code" || strings.HasSuffix(s, "/token")) && !slices.Contains(secrets, s) {
				t.Errorf("%s: %s may come back in an answer: %s", k.kind, name, s)
			}
			if strings.HasSuffix(s, "/token") && !slices.Contains(secrets, "token") {
				t.Errorf("%s: the token of %s may come back in an answer", k.kind, name)
			}
		}
	}
}

// TestCheck: a kind without a composer prevents the program from starting.
func TestCheck(t *testing.T) {
	void := Each(func(context.Context, bun.IDB, Message) (Content, error) { return Content{Void: true}, nil })
	for _, left := range allKinds() {
		s := &Service{composers: map[Kind]Composer{}}
		for _, kind := range allKinds() {
			s.Register(map[Kind]Composer{kind: void})
		}
		require.NoError(t, s.Check())
		s.Register(map[Kind]Composer{left: void})
		err := s.Check()
		require.Error(t, err, "with two composers of %s the check says %v", left, err)
		assert.Contains(t, err.Error(), string(left))
		s.twice = nil
		delete(s.composers, left)
		err = s.Check()
		require.Error(t, err, "without a composer of %s the check says %v", left, err)
		assert.Contains(t, err.Error(), string(left))
	}
}

// allKinds lists the kinds.
func allKinds() []Kind {
	all := make([]Kind, len(kinds))
	for i, k := range kinds {
		all[i] = k.kind
	}
	return all
}
