package courier

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/uptrace/bun"
)

// TestKinds: each kind is listed once, with all of its data.
func TestKinds(t *testing.T) {
	seen := map[Kind]bool{}
	for _, k := range kinds {
		if seen[k.kind] {
			t.Errorf("%s is listed twice", k.kind)
		}
		seen[k.kind] = true
		if k.channel != Email && k.channel != SMS {
			t.Errorf("%s goes by %q", k.kind, k.channel)
		}
		if k.sample == nil {
			t.Errorf("%s has no sample", k.kind)
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
	void := func(context.Context, bun.IDB, Message) (Content, error) { return Content{Void: true}, nil }
	for _, left := range Kinds() {
		s := &Service{composers: map[Kind]Composer{}}
		for _, kind := range Kinds() {
			s.Register(map[Kind]Composer{kind: void})
		}
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		delete(s.composers, left)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), string(left)) {
			t.Errorf("without a composer of %s the check says %v", left, err)
		}
	}
}
