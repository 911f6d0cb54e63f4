package transaction

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/entry"
	"kontor/app/fault"
	"kontor/app/store"
	"kontor/policies"
)

// OtherKind is the kind of transactions for which no kind was chosen. It can't be retired.
const OtherKind = "other"

// KindForm is the input of template administrators: fields key, name_en, name_de.
type KindForm struct {
	Key            string // "" derives a key from the English name; never changed afterwards
	NameEN, NameDE string
}

// ErrKindNotFound says that the kind does not exist.
var ErrKindNotFound = fault.New(fault.NotFound, "kind.not_found")

// kindsFor returns the kinds for which the caller may do action with these relations to a transaction or its customer.
func (s *Service) kindsFor(c account.Caller, r policies.Relation, action policies.Action) (policies.KindSet, error) {
	scope, err := s.decider.Scope(c.Roles, policies.ObjectTransaction, action)
	return scope.For(r), err
}

// Kinds lists all kinds in their order, including retired ones. It needs no permission: everybody who sees a
// transaction sees the name of its kind.
func (s *Service) Kinds(ctx context.Context) ([]Kind, error) { return AllKinds(ctx, s.db) }

// Known returns the vocabulary of policies: it says whether a kind with a key exists, retired or not.
func (s *Service) Known(ctx context.Context) (policies.Vocabulary, error) {
	kinds, err := s.Kinds(ctx)
	return func(key string) bool {
		return slices.ContainsFunc(kinds, func(k Kind) bool { return k.Key == key })
	}, err
}

// Choices returns the kinds that the caller may choose for a new transaction of the customer; none when the caller may
// not add one. customer.ErrNotFound.
func (s *Service) Choices(ctx context.Context, c account.Caller, customerID uuid.UUID) ([]Kind, error) {
	if _, err := s.customers.Authorise(ctx, s.db, c, customerID, wantCustomer); err != nil {
		return nil, err
	}
	related, err := s.customers.Relation(ctx, s.db, c, customerID)
	if err != nil {
		return nil, err
	}
	return s.choose(ctx, c, related, policies.Create, "")
}

// ChoicesOf returns the kinds that the caller may choose for a transaction that they process: its present kind, and the
// active kinds with which they could still process it.
func (s *Service) ChoicesOf(ctx context.Context, c account.Caller, t Transaction) ([]Kind, error) {
	return s.choose(ctx, c, t.Relation, policies.Process, t.Kind)
}

func (s *Service) choose(ctx context.Context, c account.Caller, related policies.Relation, action policies.Action, own string) ([]Kind, error) {
	may, err := s.kindsFor(c, related, action)
	if err != nil || may.Empty() {
		return nil, err
	}
	kinds, err := s.Kinds(ctx)
	return slices.DeleteFunc(kinds, func(k Kind) bool { return k.Key != own && (!k.Active || !may.Has(k.Key)) }), err
}

// MayKeepKinds says whether the caller may read the list of kinds, and whether they may change it.
func (s *Service) MayKeepKinds(c account.Caller) (read, manage bool, err error) {
	if read, err = s.decider.Allows(policies.Request{Roles: c.Roles, Object: policies.ObjectTemplate, Action: policies.Read}); err != nil {
		return false, false, err
	}
	manage, err = s.decider.Allows(policies.Request{Roles: c.Roles, Object: policies.ObjectTemplate, Action: policies.Manage})
	return read, manage, err
}

func (s *Service) requireKinds(c account.Caller) error {
	return s.decider.Require(policies.Request{Roles: c.Roles, Object: policies.ObjectTemplate, Action: policies.Manage})
}

// AddKind adds a kind at the end of the list, before OtherKind. Errors: policies.ErrForbidden; Invalid at name_en, name_de
// ("required", "too_long", "control_characters"), key ("kind.key_malformed", "kind.key_taken").
func (s *Service) AddKind(ctx context.Context, c account.Caller, f KindForm) (Kind, error) {
	if err := s.requireKinds(c); err != nil {
		return Kind{}, err
	}
	k, form := validateKind(f)
	k.Key = entry.Key(f.Key)
	if k.Key == "" {
		k.Key = keyOf(k.NameEN)
	}
	if !policies.WellFormedKind(k.Key) && k.NameEN != "" {
		form.Add("key", "kind.key_malformed")
	}
	if err := form.Err(); err != nil {
		return Kind{}, err
	}
	k.Active, k.Version = true, 1
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		if k.Position, err = s.nextPosition(ctx, tx); err != nil {
			return err
		}
		if err := s.insertKind(ctx, tx, k); err != nil {
			return err
		}
		return s.audit.Write(ctx, tx, c.Actor(), k.record(c.Locale, audit.KindAdded, nil))
	})
	if store.IsUnique(err, "transaction_kind.key") {
		return Kind{}, fault.At("key", "kind.key_taken")
	}
	return k, err
}

// RenameKind changes the names of a kind. Errors: as AddKind, ErrKindNotFound, ErrVersion (with the current kind).
func (s *Service) RenameKind(ctx context.Context, c account.Caller, key string, version int, f KindForm) (Kind, error) {
	new, form := validateKind(f)
	return s.changeKind(ctx, c, key, func(k Kind) (Kind, audit.Action, audit.Changes, error) {
		if err := form.Err(); err != nil {
			return k, "", nil, err
		}
		if k.Version != version {
			return k, "", nil, ErrVersion
		}
		changes := audit.Changes{}
		if k.NameEN != new.NameEN {
			changes["name_en"] = [2]string{k.NameEN, new.NameEN}
		}
		if k.NameDE != new.NameDE {
			changes["name_de"] = [2]string{k.NameDE, new.NameDE}
		}
		if len(changes) == 0 {
			return k, "", nil, nil
		}
		k.NameEN, k.NameDE = new.NameEN, new.NameDE
		return k, audit.KindRenamed, changes, nil
	})
}

// RetireKind makes a kind unavailable for new choices. Transactions and policies that use it keep it. Errors:
// policies.ErrForbidden, ErrKindNotFound, Conflict "kind.other_stays" for OtherKind.
func (s *Service) RetireKind(ctx context.Context, c account.Caller, key string) (Kind, error) {
	return s.switchKind(ctx, c, key, false, audit.KindRetired)
}

// ReactivateKind makes a kind available again. Errors: as RetireKind.
func (s *Service) ReactivateKind(ctx context.Context, c account.Caller, key string) (Kind, error) {
	return s.switchKind(ctx, c, key, true, audit.KindReactivated)
}

func (s *Service) switchKind(ctx context.Context, c account.Caller, key string, active bool, action audit.Action) (Kind, error) {
	return s.changeKind(ctx, c, key, func(k Kind) (Kind, audit.Action, audit.Changes, error) {
		if key == OtherKind && !active {
			return k, "", nil, fault.New(fault.Conflict, "kind.other_stays")
		}
		if k.Active == active {
			return k, "", nil, nil
		}
		k.Active = active
		return k, action, nil, nil
	})
}

// changeKind runs one change of a kind in a tx; an empty action means that nothing changes.
func (s *Service) changeKind(
	ctx context.Context, c account.Caller, key string, change func(k Kind) (Kind, audit.Action, audit.Changes, error),
) (k Kind, err error) {
	if err := s.requireKinds(c); err != nil {
		return Kind{}, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var action audit.Action
		var changes audit.Changes
		if k, err = s.lockKind(ctx, tx, key); err != nil {
			return err
		}
		if k, action, changes, err = change(k); err != nil || action == "" {
			return err
		}
		k.Version++
		if err := s.updateKind(ctx, tx, k); err != nil {
			return err
		}
		return s.audit.Write(ctx, tx, c.Actor(), k.record(c.Locale, action, changes))
	})
	return k, err
}

// MoveKind moves a kind one place up or down in the list. At the end of the list it does nothing. Errors:
// policies.ErrForbidden, ErrKindNotFound.
func (s *Service) MoveKind(ctx context.Context, c account.Caller, key string, up bool) error {
	if err := s.requireKinds(c); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		kinds, err := s.lockKinds(ctx, tx)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(kinds, func(k Kind) bool { return k.Key == key })
		to := at + 1
		if up {
			to = at - 1
		}
		switch {
		case at < 0:
			return ErrKindNotFound
		case to < 0 || to >= len(kinds):
			return nil
		}
		kinds[at], kinds[to] = kinds[to], kinds[at]
		for i := range kinds {
			kinds[i].Position = (i + 1) * 10
			if err := s.placeKind(ctx, tx, kinds[i]); err != nil {
				return err
			}
		}
		return s.audit.Write(ctx, tx, c.Actor(), kinds[to].record(c.Locale, audit.KindMoved, nil))
	})
}

// record returns a log entry about the kind, which is named in the language of whoever changes it.
func (k Kind) record(locale string, action audit.Action, changes audit.Changes) audit.Record {
	r := audit.Record{Action: action, SubjectID: k.LogID(), Subject: k.Name(locale)}
	if changes != nil {
		r.Detail = changes
	}
	return r
}

// maxKindName is the maximum length of a kind's name, in characters.
const maxKindName = 60

func validateKind(f KindForm) (k Kind, form *fault.Form) {
	form = &fault.Form{}
	for _, n := range []struct {
		field, value string
		to           *string
	}{{"name_en", f.NameEN, &k.NameEN}, {"name_de", f.NameDE, &k.NameDE}} {
		clean, complaint := customer.CleanLine(n.value)
		switch {
		case complaint != "":
			form.Add(n.field, complaint)
		case !entry.Says(clean):
			form.Add(n.field, "required")
		case utf8.RuneCountInString(clean) > maxKindName:
			form.AddError(fault.At(n.field, "too_long").With("max", maxKindName))
		}
		*n.to = clean
	}
	return k, form
}

// keyOf derives a key from an English name: "Tax return" becomes tax_return.
func keyOf(name string) string {
	var b strings.Builder
	for _, r := range store.SortKey(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
	}
	key := b.String()
	return strings.Trim(key[:min(len(key), 40)], "_")
}
